// What a case has: a browser, a site of its own, and on demand a Sync Server, a local store and a second device. All that it has
// begun is ended with it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalStore, SyncServer } from './programs.mjs'
import { restore } from './network.mjs'
import { Site } from './site.mjs'

/** Stage is a case's. */
export class Stage {
  #tabs = []
  #ends = []
  #pictures

  /** `other` is a second browser, Chromium always; `make` makes another of the first one's kind. */
  constructor({ browser, other, make, pictures }) {
    Object.assign(this, { browser, other, make })
    this.#pictures = pictures
  }

  async begin() {
    this.site = await this.also(await Site.open(), (site) => site.close())
  }

  /** also has something ended when the case ends. */
  also(thing, end) {
    this.#ends.push(() => end(thing))
    return thing
  }

  folder() {
    const dir = mkdtempSync(join(tmpdir(), 'masq-browsers-'))
    return this.also(dir, () => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }))
  }

  /** tab opens a page of the site, or another address, in the browser or another. */
  async tab(url = '/', browser = this.browser) {
    const tab = await browser.tab()
    this.#tabs.push(tab)
    await tab.goto(url.startsWith('/') ? this.site.url(url) : url)
    return tab
  }

  /** open opens a page and connects in it, as `masq`. */
  async open(options = '', { url, browser } = {}) {
    const tab = await this.tab(url, browser)
    await connect(tab, options)
    return tab
  }

  /** device opens a page on a second device, which is Chromium. */
  device(options) {
    return this.open(options, { browser: this.other })
  }

  /** close closes a tab. */
  async close(tab) {
    this.#tabs.splice(this.#tabs.indexOf(tab), 1)
    await tab.close()
  }

  /** forget leaves tabs that have gone with their browser. */
  forget() {
    this.#tabs = []
  }

  async syncServer() {
    return this.also(await new SyncServer().start(), (server) => server.stop())
  }

  async localStore(options) {
    return this.also(await new LocalStore(this.folder(), options).start(), (store) => store.stop())
  }

  /** privately starts another browser of this kind in private browsing. */
  async privately() {
    const browser = this.make({ profile: this.folder(), apart: true })
    this.also(browser, () => browser.kill())
    await browser.start()
    return browser
  }

  shot(tab, name) {
    return tab.shot(join(this.#pictures, `${this.browser.constructor.title.toLowerCase()}-${name}.png`))
  }

  /** complaints is what the pages that are open complain about. */
  async complaints() {
    const all = await Promise.all(this.#tabs.map((tab) => tab.run('globalThis.errors ?? []')))
    return all.flat()
  }

  /** end ends everything. It rejects if a tab does not close. */
  async end() {
    restore()
    this.site?.thaw()
    const closed = await Promise.allSettled(this.#tabs.map((tab) => tab.close()))
    for (const end of this.#ends.reverse()) await end()
    const failed = closed.find(({ reason }) => reason)
    if (failed) throw failed.reason
  }
}

/** connect connects in a page, as `masq`. */
export function connect(tab, options = '') {
  return tab.run(`(globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded', ${options} }), 1)`)
}

/** pair pairs two devices that are connected. */
export async function pair(host, guest) {
  const link = await host.run('(globalThis.pairing = await masq.invite()).link')
  await guest.run(`(globalThis.pairing = await masq.join('${link}'), 1)`)
  const digits = '(await pairing.compared, pairing.digits)'
  const [one, two] = await Promise.all([host.run(digits), guest.run(digits)])
  if (one !== two || !/^\d{6}$/.test(one)) throw new Error(`the digits are ${one} and ${two}`)
  await host.run('pairing.confirm()')
  await guest.run('pairing.confirm(pairing.hasData ? { bring: true } : undefined)')
  await Promise.all([host, guest].map((tab) => tab.run('pairing.done.then(() => 1)')))
}

/** until waits for a condition. */
export async function until(condition, ms = 30_000) {
  for (const end = Date.now() + ms; !condition();) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
