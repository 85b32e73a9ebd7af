// A Masq's way to the engine of its device: scripts/build.mjs puts this in the place of ../leader.ts.

import { CODEC_VERSION } from '../codec.gen.js'
import type { Leadership as BrowserLeadership, LeadershipEvents } from '../leader.js'
import type { ToTab } from '../messages.js'
import type { Options } from '../options.js'
import { crypto } from './node.js'
import type { Home } from './home.js'

/** Where the data of a Masq with these options is: the options are the only thing that comes all the way from `connect`. */
export const homes = new WeakMap<Options, Home>()

export class Leadership implements Pick<BrowserLeadership, keyof BrowserLeadership> {
  readonly client: number
  readonly alone = true
  #home: Home
  #events: LeadershipEvents
  #engine = 0 // the engine that has welcomed this
  #closed = false

  constructor(options: Options, client: number, events: LeadershipEvents) {
    this.client = client
    this.#events = events
    this.#home = homes.get(options)!
    this.#home.open(options, client, { version: CODEC_VERSION, hear: (m) => this.#take(m) })
  }

  /** Whether the engine ends with this. */
  get leader(): boolean {
    return this.#home.single
  }

  post(bytes: Uint8Array): boolean {
    if (this.#engine) this.#home.take({ t: 'ops', client: this.client, engine: this.#engine, bytes })
    return this.#engine !== 0
  }

  /** There is no local store to which data could be moved. */
  seize(): Promise<void> {
    return Promise.resolve()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#home.leave(this.client)
  }

  #take(m: ToTab): void {
    if (this.#closed || (m.t !== 'welcome' && m.engine !== this.#engine)) return
    if (m.t === 'out') return this.#events.out(m.bytes)
    if (m.t === 'opened') return this.#events.opened(m.data)
    if (m.t === 'failed') return this.#failed(m.code, m.detail)
    this.#engine = m.engine
    if (m.t === 'welcome') this.#events.welcome()
  }

  /** Memory fails when it is cleared, and then there is another engine. */
  #failed(code: string, detail: string): void {
    this.#engine = 0
    this.#events.failed(code, detail, code !== 'E_STORAGE')
  }
}

export function randomId(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! || 1
}
