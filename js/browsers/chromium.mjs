// Chromium, by its DevTools protocol as playwright-core speaks it.
import { chromium } from 'playwright-core'
import { Processes } from './processes.mjs'
import { RUN_MS, Tab, within } from './tab.mjs'

/** Chromium is one, with the data in the folder profile; if `apart`, each of its tabs is in private browsing of its own. */
export class Chromium {
  static title = 'Chromium'
  #profile
  #processes
  #browser
  #apart

  constructor({ profile, apart = false }) {
    this.#profile = profile
    this.#apart = apart
  }

  async start() {
    const flags = [
      '--headless',
      '--ignore-certificate-errors',
      '--remote-debugging-port=0',
      '--no-first-run',
      '--lang=en-US',
      '--window-size=1280,800',
      `--user-data-dir=${this.#profile}`,
    ]
    if (process.getuid() === 0) flags.push('--no-sandbox') // it refuses to start otherwise
    this.#processes = new Processes(process.env.CHROME ?? 'chromium', [...flags, 'about:blank'])
    const address = await this.#processes.says(/DevTools listening on (ws:\S+)/)
    this.#browser = await chromium.connectOverCDP(address)
    this.version = this.#browser.version()
  }

  /** tab opens another, empty one. */
  async tab() {
    if (!this.#apart) return new ChromiumTab(await this.#browser.contexts()[0].newPage())
    const context = await this.#browser.newContext()
    return new ChromiumTab(await context.newPage(), context)
  }

  /** processes is those that pages are in. */
  processes() {
    return this.#processes.list().filter(({ command }) => command.includes('--type=renderer'))
  }

  /** close ends it as its user would. */
  async close() {
    const session = await this.#browser.newBrowserCDPSession()
    await session.send('Browser.close').catch(() => undefined)
    await this.#processes.gone()
  }

  /** kill ends it at once. */
  async kill() {
    this.#processes?.kill()
    await this.#processes?.gone()
  }
}

class ChromiumTab extends Tab {
  #page
  #context

  constructor(page, context) {
    super()
    page.setDefaultTimeout(RUN_MS)
    page.on('dialog', (dialog) => void dialog.accept())
    this.#page = page
    this.#context = context
  }

  goto(url) {
    return this.#page.goto(url)
  }

  reload() {
    return this.#page.reload()
  }

  back() {
    return this.#page.goBack()
  }

  /** hears has pages of this tab call a listener here, by a name. */
  hears(name, listener) {
    return this.#page.exposeFunction(name, listener)
  }

  settle(expression) {
    return this.#page.evaluate(expression)
  }

  async png() {
    return (await this.#page.screenshot()).toString('base64')
  }

  async close() {
    await within(RUN_MS, 'closing a tab', (this.#context || this.#page).close())
  }
}
