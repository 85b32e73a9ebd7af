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
    this.#context = await chromium.launchPersistentContext(this.profile, { executablePath: process.env.CHROME, ...this.options })
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

  async saved() {
    await this.page.getByText('Saved on this device').waitFor()
  }

  /** backToList leaves a note where the screen has room for one thing only. */
  async backToList() {
    const back = this.button('All notes')
    if (await back.isVisible()) await back.click()
  }

  /**
   * contents is all that the application's store holds here, other versions of conflicting keys included, read through the
   * public interface as a second user of the store on the page. Keys with a value and its other versions, in order.
   */
  async contents() {
    return this.page.evaluate(async () => {
      if (!window.Masq) {
        const script = document.createElement('script')
        script.src = '/masq.global.js'
        const loaded = new Promise((resolve, reject) => Object.assign(script, { onload: resolve, onerror: reject }))
        document.head.append(script)
        await loaded
      }
      window.smokeReader ??= await window.Masq.connect({ app: { name: 'Notes' } })
      const entries = await window.smokeReader.list()
      return Promise.all(entries.map(async ([key, value]) => ({ key, value, others: await window.smokeReader.conflicts(key) })))
    })
  }
}
