// Firefox, by WebDriver BiDi.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BiDi } from './bidi.mjs'
import { Processes } from './processes.mjs'
import { RUN_MS, Tab, within } from './tab.mjs'

// Nothing but what a test needs: no first page, no update, nothing fetched by itself. It follows the network, as Firefox does
// where it can ask the system, and says yes to a page that asks to keep its data (else it asks the user).
const PREFERENCES = {
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.disable_beforeunload': true,
  'dom.storageManager.prompt.testing': true,
  'dom.storageManager.prompt.testing.allow': true,
  'extensions.getAddons.cache.enabled': false,
  'extensions.update.enabled': false,
  'media.gmp-manager.updateEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.manage-offline-status': true,
  'remote.active-protocols': 1,
  'services.settings.server': 'data:,',
  'toolkit.telemetry.enabled': false,
}

/** Firefox is one, with the data in the folder profile; in private browsing, if `apart`. */
export class Firefox {
  static title = 'Firefox'
  #profile
  #processes
  #bidi

  constructor({ profile, apart = false }) {
    this.#profile = profile
    mkdirSync(profile, { recursive: true })
    const all = { ...PREFERENCES, 'browser.privatebrowsing.autostart': apart }
    const lines = Object.entries(all).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`)
    writeFileSync(join(profile, 'user.js'), lines.join(''))
  }

  async start() {
    const args = ['--headless', '--no-remote', '--remote-debugging-port=0', '--profile', this.#profile]
    this.#processes = new Processes(process.env.FIREFOX ?? 'firefox-esr', args, { MOZ_CRASHREPORTER_DISABLE: '1' })
    const address = await this.#processes.says(/WebDriver BiDi listening on (ws:\S+)/)
    this.#bidi = await BiDi.connect(`${address}/session`)
    const session = this.#bidi.call('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } })
    const { capabilities } = await within(60_000, 'a session', session)
    this.version = capabilities.browserVersion
  }

  /** tab opens another, empty one. */
  async tab() {
    const { context } = await this.#bidi.call('browsingContext.create', { type: 'tab' })
    const tab = new FirefoxTab(this.#bidi, context)
    await tab.size(1280, 800)
    return tab
  }

  /** processes is those that pages are in. */
  processes() {
    return this.#processes.list().filter(({ name }) => /^(Isolated )?Web Co/.test(name))
  }

  /** close ends it as its user would. */
  async close() {
    await this.#bidi.call('browser.close').catch(() => undefined)
    await this.#processes.gone()
  }

  /** kill ends it at once. */
  async kill() {
    this.#processes?.kill()
    await this.#processes?.gone()
    this.#bidi?.close()
  }
}

class FirefoxTab extends Tab {
  #bidi
  #context

  constructor(bidi, context) {
    super()
    this.#bidi = bidi
    this.#context = context
  }

  size(width, height) {
    return this.#call('browsingContext.setViewport', { viewport: { width, height } })
  }

  goto(url) {
    return this.#call('browsingContext.navigate', { url, wait: 'complete' })
  }

  reload() {
    return this.#call('browsingContext.reload', { wait: 'complete' })
  }

  async back() {
    await this.#call('browsingContext.traverseHistory', { delta: -1 })
    await this.until(`document.readyState === 'complete'`)
  }

  async settle(expression, ms) {
    const target = { context: this.#context }
    const params = { expression, target, awaitPromise: true, resultOwnership: 'none' }
    const { result, exceptionDetails } = await within(ms, expression, this.#bidi.call('script.evaluate', params))
    if (exceptionDetails) throw new Error(exceptionDetails.text)
    return result.value
  }

  async png() {
    await this.#call('browsingContext.activate')
    return (await this.#call('browsingContext.captureScreenshot')).data
  }

  close() {
    return this.#call('browsingContext.close')
  }

  #call(method, params = {}) {
    return within(RUN_MS, method, this.#bidi.call(method, { context: this.#context, ...params }))
  }
}
