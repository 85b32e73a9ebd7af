// A browser with the demo, Notes, used by clicking and typing as a user would.
import { Browser } from './browser.mjs'
import { until } from './steps.mjs'

/** Device is a browser in which the user has Notes. */
export class Device extends Browser {
  button(name, page = this.page) {
    return page.getByRole('button', { name, exact: true })
  }

  /** write makes a new note, and waits until it is saved. */
  async write([title, text]) {
    await this.backToList()
    await this.button('New note').click()
    await this.page.getByLabel('Title', { exact: true }).fill(title)
    await this.page.getByLabel('Text', { exact: true }).fill(text)
    await this.saved()
  }

  /** edit gives the note called title another text, and waits until it is saved. */
  async edit(title, text) {
    await this.open(title)
    await this.page.getByLabel('Text', { exact: true }).fill(text)
    await this.saved()
  }

  async open(title) {
    await this.backToList()
    await this.row(title).click()
  }

  row(title, page = this.page) {
    return page.getByRole('navigation', { name: 'Notes' }).getByRole('button').filter({ hasText: title })
  }

  /** sees waits until a note is in the list, and opens it to see that its text is there. */
  async sees([title, text]) {
    await this.backToList()
    await this.row(title).waitFor()
    await this.open(title)
    await until(
      `${this.name} shows “${text}”`,
      async () => (await this.page.getByLabel('Text', { exact: true }).inputValue()) === text,
    )
  }

  /** empty waits until Notes is open and has no note. */
  async empty() {
    await this.page.getByRole('heading', { name: 'Nothing written yet' }).waitFor()
  }

  /** asking waits until Notes says that its user is to allow it into the local store, and returns the digits that it shows. */
  async asking() {
    await this.page.getByRole('heading', { name: 'Allow Notes in the Store manager' }).waitFor()
    const digits = await this.page.locator('#digits').textContent()
    await this.shot('asking')
    return digits
  }

  /** invite shows an invite and returns its link. */
  async invite() {
    await this.page.locator('#sync').click()
    await this.button('Add a device').click()
    const link = this.page.getByRole('textbox', { name: 'Invite link' })
    await this.page.getByRole('img', { name: 'The invite link as a QR code' }).locator('svg').waitFor()
    await this.shot('invite')
    return link.inputValue()
  }

  /** answer opens the browser with an invite's link and goes on as a device called name. */
  async answer(link, name) {
    await this.start(link)
    await this.page.getByRole('heading', { name: 'Connect this device?' }).waitFor()
    if (this.page.url().includes('#')) throw new Error('the page keeps the secret in its address')
    await this.shot('asked')
    await this.page.getByLabel('What this device is called').fill(name)
    await this.button('Continue').click()
  }

  /** compare waits for the digits, and returns them with the other device's name. */
  async compare() {
    await this.page.getByRole('heading', { name: 'The same digits on both devices?' }).waitFor()
    await this.shot('compare')
    return {
      digits: await this.page.locator('#digits').textContent(),
      other: await this.page.locator('#other-name').textContent(),
    }
  }

  /** online waits until this device and all others that have the application say that they are in sync. */
  async online() {
    await this.backToList()
    await until(`the ${this.name} is in sync`, async () => {
      const { devices, upToDate } = await this.#useStore((store) => store.status.counts)
      return devices > 0 && devices === upToDate
    })
    await this.page.locator('#sync').filter({ hasText: 'In sync with' }).waitFor()
  }

  async saved() {
    await this.page.getByText('Saved on this device').waitFor()
  }

  /** backToList goes to the tab, and leaves a note where the screen has room for one thing only. */
  async backToList() {
    await this.page.bringToFront()
    const back = this.button('All notes')
    if (!(await back.isVisible())) return
    await back.click()
    await this.page.getByRole('navigation', { name: 'Notes' }).waitFor()
  }

  /**
   * contents is all that the application's store holds here, other versions of conflicting keys included: entries in the order
   * of their keys.
   */
  contents() {
    return this.#useStore(async (store) => {
      const entries = await store.list()
      return Promise.all(entries.map(async ([key, value]) => ({ key, value, others: await store.conflicts(key) })))
    })
  }

  /** put writes a key, past the application. */
  put(key, value) {
    return this.#useStore((store, args) => store.put(...args), [key, value])
  }

  // The public interface, as a second user of the store on the page that loads it by a script tag.
  async #useStore(use, args) {
    const store = await this.page.evaluateHandle(async () => {
      if (!window.Masq) {
        const script = document.createElement('script')
        script.src = '/masq.global.js'
        const loaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }))
        document.head.append(script)
        await loaded
      }
      return (window.secondUser ??= await window.Masq.connect({ app: { name: 'Notes' } }))
    })
    return store.evaluate(use, args)
  }
}
