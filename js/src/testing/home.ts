// The devices in memory, and each application's data there: its blocks, and its engine while somebody has it open.

import type { StoreKey } from '../keys.js'
import type { ToTab, ToWorker } from '../messages.js'
import type { Options } from '../options.js'
import type { Platform } from '../platform.js'
import { StorageError } from '../storage.js'
import { Hub } from '../worker.js'
import { clock } from './clock.js'
import { MemoryConnections } from './connections.js'
import { MemoryBlocks, type Disk } from './memory.js'
import { crypto } from './node.js'
import { Relay } from './relay.js'
import { engineModule } from './wasm-file.js'

/** An object that has it open. */
export interface Tab {
  version: number
  hear(m: ToTab): void
}

const newKey = (): StoreKey => ({ key: crypto.getRandomValues(new Uint8Array(32)), id: crypto.randomUUID() })

/** One application's data on one device. */
export class Home {
  #device: MemoryDevice
  #disk: Disk = new Map()
  #key = newKey()
  #connections: MemoryConnections | undefined
  #blocks: MemoryBlocks | undefined
  #hub: Hub | undefined
  #engine = 0
  #opened = (): void => undefined // the engine has begun
  #options: Options | undefined
  #tabs = new Map<number, Tab>()

  constructor(device: MemoryDevice) {
    this.#device = device
  }

  /** Whether one object alone has it open. */
  get single(): boolean {
    return this.#tabs.size === 1
  }

  /** Opens it for an object. */
  open(options: Options, client: number, tab: Tab): void {
    this.#options = options
    this.#tabs.set(client, tab)
    this.#hub ??= this.#start(options)
    this.#hello(client, tab)
  }

  take(m: ToWorker): void {
    this.#hub?.take(m)
  }

  leave(client: number): void {
    this.take({ t: 'bye', client })
    if (this.#tabs.delete(client) && this.#tabs.size === 0) this.#stop()
  }

  /** The device has lost its network, or has it again. */
  network(there: boolean): void {
    if (!there) this.#connections?.cut()
    this.take({ t: 'online', client: 0, online: there })
  }

  /** The data is gone, and who has it open goes on with none. */
  clear(): void {
    this.#disk = new Map()
    this.#key = newKey()
    if (!this.#hub) return
    this.#blocks?.onlost?.(new StorageError('other', 'the data was deleted'))
    this.#stop()
    this.#hub = this.#start(this.#options!)
    for (const [client, tab] of this.#tabs) this.#hello(client, tab)
  }

  #hello(client: number, { version, hear }: Tab): void {
    const postMessage = (m: ToTab): void => {
      if (m.t === 'opened' || m.t === 'failed') this.#opened()
      clock.soon(() => hear(m))
    }
    this.#hub!.take({ t: 'hello', client, version }, { postMessage })
  }

  #start({ app, name, url, sync }: Options): Hub {
    this.#engine++
    const { key, id } = this.#key
    const platform: Platform = {
      open: async () => (this.#blocks = new MemoryBlocks(this.#disk)),
      key: async () => ({ key: key.slice(), id }), // the engine wipes it
      connections: (events) => (this.#connections = new MemoryConnections(events, () => this.#device.relay)),
    }
    const hub = new Hub(
      { t: 'init', engine: this.#engine, app, name, url, sync, wasm: '', pin: '', ahead: true },
      platform,
    )
    const compiled = engineModule().catch(() => undefined) // the engine then says what is missing
    void compiled.then((module) => hub.take({ t: 'module', module }))
    void clock.hold(new Promise<void>((resolve) => (this.#opened = resolve)))
    if (!this.#device.relay) hub.take({ t: 'online', client: 0, online: false })
    return hub
  }

  #stop(): void {
    this.#opened()
    this.#blocks?.close()
    this.#connections?.close()
    this.#hub = undefined
  }
}

/** A device: its name says which. */
export class MemoryDevice {
  #homes = new Map<string, Home>()
  #relay: Relay
  #there = true

  constructor(relay: Relay) {
    this.#relay = relay
  }

  /** The Sync Server, if it can be reached. */
  get relay(): Relay | undefined {
    return this.#there ? this.#relay : undefined
  }

  network(there: boolean): void {
    this.#there = there
    for (const home of this.#homes.values()) home.network(there)
  }

  home(app: string): Home {
    const home = this.#homes.get(app) ?? new Home(this)
    this.#homes.set(app, home)
    return home
  }
}
