// All that a scenario uses, which it ends: the server, stores and browsers.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Device } from './device.mjs'
import { Store } from './stores.mjs'
import { Tap } from './tap.mjs'

const pictures = new URL('../../.build/smoke/', import.meta.url).pathname

/** Stage is where one scenario takes place. Pictures go into a folder called name. */
export class Stage {
  #dir = mkdtempSync(join(tmpdir(), 'masq-smoke-'))
  #shots
  devices = []
  stores = []
  tap = new Tap(join(this.#dir, 'frames'))

  constructor(name) {
    this.#shots = join(pictures, name)
    rmSync(this.#shots, { recursive: true, force: true })
  }

  /** origin is where the application is. */
  get origin() {
    return this.tap.origin
  }

  /** device makes a browser; store is the local store of its computer, if there is one. */
  device(name, look, store) {
    const device = new Device({ name, look, store, profile: join(this.#dir, name), shots: this.#shots })
    this.devices.push(device)
    return device
  }

  /** store starts a local store. The folder of its data is called by its number: paths have a limit. */
  async store(name) {
    const store = new Store(name, join(this.#dir, `store${this.stores.length}`), this.tap.sync)
    this.stores.push(store)
    await store.start()
    return store
  }

  /** failed takes a last picture of every browser. */
  async failed() {
    await Promise.allSettled(this.devices.map((device) => device.shot('failed')))
  }

  /** stop ends everything that runs, as far as it has not ended. */
  async stop() {
    for (const parts of [this.devices, this.stores, [this.tap]])
      await Promise.allSettled(parts.map((part) => part.stop()))
  }

  /** close deletes what was stored, too. */
  async close() {
    await this.stop()
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 10 })
  }
}
