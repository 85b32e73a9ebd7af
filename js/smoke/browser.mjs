// A Chromium with a profile of its own.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const waitMs = 60_000

/** looks is what Playwright makes a browser look like. */
export const looks = {
  computer: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
}

/**
 * Browser is one browser. look is one of looks, profile the folder of its data, shots that of its pictures, and store the local store
 * of the computer that it runs on, if there is one.
 */
export class Browser {
  #context // a promise
  #shot = 0
  #requested = []

  constructor({ name, look, profile, shots, store }) {
    Object.assign(this, { name, look, profile, shots, store })
    mkdirSync(shots, { recursive: true })
  }

  /** start opens the browser with one page at url. */
  async start(url) {
    // Each computer has its own localhost:6277, which is none of the one that the test runs on.
    const there = this.store ? this.store.address : '~NOTFOUND'
    this.#context = chromium.launchPersistentContext(this.profile, {
      executablePath: process.env.CHROME,
      args: [`--host-resolver-rules=MAP localhost:6277 ${there}`],
      ...{ handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false }, // the test ends it itself
      ...this.look,
    })
    const context = await this.#context
    context.setDefaultTimeout(waitMs)
    context.on('request', (request) => this.#requested.push(new URL(request.url()).pathname))
    this.page = context.pages()[0] ?? (await context.newPage())
    this.#listen(this.page)
    await this.page.goto(url)
  }

  /** tab opens another page at url. */
  async tab(url) {
    const page = await (await this.#context).newPage()
    this.#listen(page)
    await page.goto(url)
    return page
  }

  /** stop closes the browser; what it stored stays. */
  async stop() {
    const context = this.#context
    this.#context = undefined
    await (await context)?.close()
  }

  /** requested says whether any page or Worker has asked for such a path so far. */
  requested(pattern) {
    return this.#requested.some((path) => pattern.test(path))
  }

  async shot(state, page = this.page) {
    const number = String(++this.#shot).padStart(2, '0')
    await page.mouse.move(0, 0) // or what happens to be under it looks as if it were chosen
    await page.screenshot({ path: join(this.shots, `${this.name}-${number}-${state}.png`) })
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

  // What a page complains about shows in the test's output; that there is no local store where none is meant to be does not.
  #listen(page) {
    page.on('pageerror', (error) => console.error(`${this.name}: ${error.stack ?? error}`))
    page.on('console', (message) => {
      const text = message.text()
      if (!['error', 'warning'].includes(message.type())) return
      if (this.store || !text.includes("'ws://localhost:6277/v1'")) console.error(`${this.name}: ${text}`)
    })
  }
}
