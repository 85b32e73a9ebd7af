// The Store manager in a browser, used by clicking and typing as a user would.

/** Manager is a tab with it. */
export class Manager {
  #page
  #browser

  /** open opens the manager of the browser's computer, with the link that `masq open` makes. */
  static async open(browser) {
    const manager = new Manager()
    manager.#browser = browser
    manager.#page = await browser.tab(await browser.store.link())
    await manager.#heading('Applications')
    if (manager.#page.url().includes('masq-open')) throw new Error('the manager keeps the secret in its address')
    return manager
  }

  close() {
    return this.#page.close()
  }

  /** allow says yes to the application that asks from origin, when both show the same digits. */
  async allow(origin, state, digits) {
    await this.#goTo('Applications')
    const request = this.#page.getByRole('article').filter({ hasText: origin })
    const shown = await request.locator('.shared b [aria-hidden]').textContent()
    if (shown !== digits) throw new Error(`the manager shows ${shown}, the application ${digits}`)
    const allow = request.getByRole('button', { name: /^Allow/ })
    await allow.click({ trial: true }) // nobody can hit it in the moment in which it appears
    await this.#shot(state)
    await allow.click()
    await request.waitFor({ state: 'detached' })
    await this.#page.getByRole('heading', { name: 'On this computer', exact: true }).waitFor()
    await this.#shot('allowed')
  }

  /** addComputer shows a link for another store, and returns it. */
  async addComputer() {
    await this.#goTo('Devices')
    await this.#button('Add a computer').click()
    return this.#link()
  }

  /** openOnPhone shows a link to an application for a device without a store, and returns it. */
  async openOnPhone(app) {
    await this.#goTo('Applications')
    const item = this.#page.getByRole('listitem').filter({ hasText: app })
    await item.getByRole('button', { expanded: false }).click()
    await this.#shot('application')
    await item.getByRole('button', { name: /^Open on my phone/ }).click()
    await this.#page.getByRole('img', { name: 'The pairing link as a QR code' }).waitFor()
    return this.#link()
  }

  /** join answers the link of another store. */
  async join(link) {
    await this.#goTo('Devices')
    await this.#button('I have a pairing link').click()
    await this.#shot('paste')
    await this.#page.getByRole('textbox', { name: 'Pairing link' }).fill(link)
    await this.#button('Continue').click()
    await this.#heading('Join the devices of whoever made this link?')
    await this.#shot('join')
    await this.#button('Join').click()
  }

  /** readDigits waits for the digits that are to be typed on the other computer, and returns them. */
  async readDigits() {
    await this.#heading('Type these digits on the other computer')
    await this.#shot('digits')
    return this.#digits()
  }

  /** letIn types the digits that the other computer shows. name is what that is called. */
  async letIn(name, digits) {
    await this.#heading(`Let ${name} in?`)
    await this.#page.getByLabel('Six digits').fill(digits)
    await this.#shot('let-in')
    await this.#button('Let it in').click()
  }

  /** compare waits for the digits that both sides show, and returns them. */
  async compare() {
    await this.#heading('The same digits on both devices?')
    await this.#shot('compare')
    return this.#digits()
  }

  /** yes gives this side's yes, by the button of that name. */
  async yes(name) {
    await this.#button(name).click()
  }

  /** connected waits for the end of a pairing with the device called name. */
  async connected(name) {
    await this.#heading(`Connected with ${name}`)
    await this.#shot('connected')
    await this.#button('Done').click()
  }

  /** devices waits until each of the devices is online and has everything: an object with what else is said of each, by name. */
  async devices(devices) {
    await this.#goTo('Devices')
    for (const [name, more] of Object.entries(devices)) {
      const row = this.#page.getByRole('listitem').filter({ hasText: name })
      await row.filter({ hasText: 'Online · has everything' }).filter({ hasText: more }).waitFor()
    }
    await this.#shot('devices')
  }

  async #goTo(view) {
    await this.#page.bringToFront()
    await this.#page.getByRole('link', { name: view }).first().click()
    await this.#heading(view)
  }

  async #link() {
    const field = this.#page.getByRole('textbox', { name: 'Pairing link' })
    await field.waitFor()
    await this.#shot('link')
    return field.inputValue()
  }

  #heading(name) {
    return this.#page.getByRole('heading', { name }).first().waitFor()
  }

  async #digits() {
    return this.#page.locator('.digits [aria-hidden]').textContent()
  }

  #button(name) {
    return this.#page.getByRole('button', { name, exact: true })
  }

  #shot(state) {
    return this.#browser.shot(`manager-${state}`, this.#page)
  }
}
