// A device of the smoke test: a Chromium with a profile of its own, used by clicking and typing as a user would.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const waitMs = 10_000
const shots = new URL('../../.build/smoke/', import.meta.url).pathname
mkdirSync(shots, { recursive: true })

/** until waits for a condition: the value that look answers, once it is neither false nor undefined. */
export async function until(what, look, limitMs = waitMs) {
  const end = Date.now() + limitMs
  for (;;) {
    const value = await look()
    if (value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

/** Device is one browser. profile is the folder of its data, options what Playwright makes it look like. */
export class Device {
  #context
  #shot = 0

  constructor(name, profile, options) {
    Object.assign(this, { name, profile, options })
  }

  /** start opens the browser with one page at url. */
  async start(url) {
    this.#context = await chromium.launchPersistentContext(this.profile, {
      executablePath: process.env.CHROME,
      ...this.options,
    })
    this.#context.setDefaultTimeout(waitMs)
    this.page = this.#context.pages()[0] ?? (await this.#context.newPage())
    this.#listen(this.page)
    await this.page.goto(url)
  }

  /** tab opens another page at url. */
  async tab(url) {
    const page = await this.#context.newPage()
    this.#listen(page)
    await page.goto(url)
    return page
  }

  /** stop closes the browser; what it stored stays. */
  async stop() {
    await this.#context?.close()
    this.#context = undefined
  }

  // What a page complains about shows in the test's output.
  #listen(page) {
    page.on('pageerror', (error) => console.error(`${this.name}: ${error.stack ?? error}`))
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) console.error(`${this.name}: ${message.text()}`)
    })
  }

  async shot(state) {
    const number = String(++this.#shot).padStart(2, '0')
    await this.page.screenshot({ path: join(shots, `${this.name}-${number}-${state}.png`) })
  }

  button(name, page = this.page) {
    return page.getByRole('button', { name, exact: true })
  }

  /** write makes a new note, and waits until it is saved. */
  async write(title, text) {
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

  /** invite shows an invite and answers its link. */
  async invite() {
    await this.page.locator('#sync').click()
    await this.button('Add a device').click()
    const link = this.page.getByRole('textbox', { name: 'Invite link' })
    await this.page.getByRole('img', { name: 'The invite link as a QR code' }).locator('svg').waitFor()
    await this.shot('invite')
    return link.inputValue()
  }

  /** compare waits for the digits, and answers them with the other device's name. */
  async compare() {
    await this.page.getByRole('heading', { name: 'The same digits on both devices?' }).waitFor()
    return {
      digits: await this.page.locator('#digits').textContent(),
      other: await this.page.locator('#other-name').textContent(),
    }
  }

  /** online waits until the page says that it is in sync. */
  async online() {
    await this.backToList()
    await this.page.locator('#sync').filter({ hasText: 'In sync with' }).waitFor()
  }

  /** mark stores something in the clear, so that the search for such things can be seen to work. */
  async mark() {
    this.marker = `marker of the ${this.name}`
    await this.page.evaluate(async (marker) => {
      const open = indexedDB.open('marker', 1)
      open.onupgradeneeded = () => open.result.createObjectStore('s').put(marker, 1)
      await new Promise((resolve, reject) => Object.assign(open, { onsuccess: resolve, onerror: reject }))
      open.result.close()
    }, this.marker)
  }

  async saved() {
    await this.page.getByText('Saved on this device').waitFor()
  }

  /** backToList leaves a note where the screen has room for one thing only. */
  async backToList() {
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
