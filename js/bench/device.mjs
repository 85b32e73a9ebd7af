// A device: a Chromium with a profile of its own that stays on the disk.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { place } from './systems.mjs'

const waitMs = 60_000

/** Thrown when a page has not answered in time, or has failed by itself. */
export class NoAnswer extends Error {}

/** freshFolder empties a folder for what a run leaves behind, and returns its path. */
export function freshFolder(name) {
  const folder = join(place, 'profiles', name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

export class Device {
  #context
  #failed

  /** patience is how many ms a page may take to answer. */
  constructor(profile, patience = waitMs) {
    this.profile = profile
    this.patience = patience
  }

  /** version is what the browser calls itself. */
  static async version() {
    const browser = await chromium.launch({ executablePath: process.env.CHROME })
    const version = `Chromium ${browser.version()}`
    await browser.close()
    return version
  }

  /** start opens the browser. open takes it to a page. */
  async start() {
    this.#context = await chromium.launchPersistentContext(this.profile, {
      executablePath: process.env.CHROME,
      args: ['--host-resolver-rules=MAP localhost:6277 127.0.0.1:9, MAP localhost 127.0.0.1'], // without a local store
    })
    this.#context.setDefaultTimeout(this.patience)
    this.page = this.#context.pages()[0] ?? (await this.#context.newPage())
    this.#failed = new Promise((_, reject) =>
      this.page.on('pageerror', (error) => reject(new NoAnswer(`its page failed: ${error.message}`))),
    )
    this.#failed.catch(() => undefined)
    if (process.env.DEBUG) this.page.on('console', (message) => console.error(message.text()))
  }

  /** open goes to a page and returns what its opened does: times, in ms from the beginning of the navigation. */
  async open(url) {
    await this.page.goto(url, { waitUntil: 'commit' })
    return this.#opened()
  }

  async reload() {
    await this.page.reload({ waitUntil: 'commit' })
    return this.#opened()
  }

  /** run calls one of the functions of the page's window.bench. */
  run(name, ...args) {
    return this.#orFailed(
      name,
      this.page.evaluate(([name, args]) => window.bench[name](...args), [name, args]),
    )
  }

  /** adapter calls one of the functions of the page's adapter. */
  adapter(name, ...args) {
    return this.#orFailed(
      name,
      this.page.evaluate(([name, args]) => window.bench.adapter[name](...args), [name, args]),
    )
  }

  async stop() {
    await this.#context?.close()
    this.#context = undefined
  }

  /** memory is what the page's process has for itself, its Workers and their WebAssembly included, in MB. */
  async memory() {
    return Math.max(...(await this.#renderers()).map(({ id }) => ownMemory(id)))
  }

  /** cpu is { process: how long the processors have worked for it so far }, all its threads together, in ms, of those that have pages. */
  async cpu() {
    return Object.fromEntries((await this.#renderers()).map(({ id, cpuTime }) => [id, cpuTime * 1000]))
  }

  /**
   * throttle makes the main thread of this page, and of what it goes to, slower by a factor. Chromium throttles no other thread: a Worker's
   * own session answers that this is for pages alone.
   */
  async throttle(rate) {
    const session = await this.#context.newCDPSession(this.page)
    await session.send('Emulation.setCPUThrottlingRate', { rate })
  }

  /** storage is what the page has stored on the disk, in kB. */
  storage() {
    return ['IndexedDB', 'File System', 'Local Storage']
      .map((folder) => bytesIn(join(this.profile, 'Default', folder)) / 1000)
      .reduce((a, b) => a + b)
  }

  async #renderers() {
    const session = await this.#context.browser().newBrowserCDPSession()
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    await session.detach()
    return processInfo.filter(({ type }) => type === 'renderer')
  }

  async #opened() {
    await this.page.waitForFunction(() => window.bench)
    return this.#orFailed(
      'opened',
      this.page.evaluate(() => window.bench.opened),
    )
  }

  #orFailed(what, promise) {
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new NoAnswer(`no answer to ${what} within ${this.patience / 1000} s`)),
        this.patience,
      )
    })
    const answer = promise.catch((cause) => {
      throw new NoAnswer(`its page failed at ${what}: ${cause.message.split('\n')[0]}`, { cause })
    })
    return Promise.race([answer, this.#failed, late]).finally(() => clearTimeout(timer))
  }
}

/** grown is the ms between two answers of cpu, of the process that worked most: the browser keeps others ready. */
export function grown(before, after) {
  return Math.max(...Object.entries(after).map(([id, ms]) => ms - (before[id] ?? 0)))
}

/** ownMemory is a process's memory in MB; on Linux without what it shares with others. */
function ownMemory(pid) {
  const maps = `/proc/${pid}/smaps_rollup`
  if (!existsSync(maps))
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024
  const parts = readFileSync(maps, 'utf8').matchAll(/^Private_\w+: +(\d+) kB$/gm)
  return [...parts].reduce((kib, [, part]) => kib + Number(part), 0) / 1024
}

function bytesIn(folder) {
  try {
    return readdirSync(folder, { recursive: true })
      .map((name) => statSync(join(folder, name)))
      .reduce((n, stat) => n + (stat.isFile() ? stat.blocks * 512 : 0), 0)
  } catch {
    return 0 // there is no such folder
  }
}
