// The watches of a local store, which live longer than a connection to it: each is subscribed anew on the next one, from where it
// has got to.

import { list, readChange } from './local-json.js'
import { CUT, type Json, type Rpc } from './rpc.js'
import type { Change, Reset, Told } from './store.js'
import type { Tools } from './tools.js'

interface Watch {
  prefix: string
  told: Told
  since: string | undefined // how far it has been told
  n?: number | undefined // the store's number for it on this connection
}

const WATCHES_MAX = 1000
const EARLY_MAX = 10_000

export class Watches {
  readonly #failure: Tools['failure']
  #all = new Set<Watch>()
  readonly #rpc: () => Rpc | undefined // the connection, while this page is in
  #early: [n: number, params: Json][] = [] // notifications for watches whose number is not known yet
  #subscribing = 0

  constructor(failure: Tools['failure'], rpc: () => Rpc | undefined) {
    this.#failure = failure
    this.#rpc = rpc
  }

  /** Tells of changes behind the position `since`, from now on without it; returns what ends it. Throws E_BUSY for too many. */
  add(prefix: string, told: Told, since?: string): () => void {
    if (this.#all.size >= WATCHES_MAX) throw this.#failure('E_BUSY', `${WATCHES_MAX} watches`)
    const w: Watch = { prefix, told, since }
    this.#all.add(w)
    const rpc = this.#rpc()
    if (rpc) void this.#subscribe(rpc, w)
    return () => {
      if (this.#all.delete(w)) this.#unsubscribe(w)
    }
  }

  /** Subscribes all on a connection. */
  on(rpc: Rpc): void {
    for (const w of this.#all) void this.#subscribe(rpc, w)
  }

  /** The connection has ended: the next one has other numbers. */
  off(): void {
    this.#early = []
    for (const w of this.#all) w.n = undefined
  }

  /** Ends all. */
  clear(): void {
    this.#all.clear()
  }

  /** Takes a `changed` notification. Throws CUT for too many of watches that are not known. */
  changed(params: Json): void {
    for (const w of this.#all) if (w.n === params.watch) return this.#tell(w, params)
    if (this.#subscribing > 0 && this.#early.push([Number(params.watch), params]) > EARLY_MAX) throw CUT
  }

  async #subscribe(rpc: Rpc, w: Watch): Promise<void> {
    this.#subscribing++
    try {
      const { watch, position } = await rpc.call('watch', JSON.stringify({ prefix: w.prefix, since: w.since }))
      w.n = Number(watch)
      w.since ??= String(position)
      if (!this.#all.has(w)) this.#unsubscribe(w)
      const early = this.#early.filter(([n]) => n === w.n)
      this.#early = this.#early.filter(([n]) => n !== w.n)
      for (const [, params] of early) this.#tell(w, params)
    } catch (e) {
      if (e !== CUT && this.#all.delete(w)) reportError(e)
    } finally {
      if (--this.#subscribing === 0) this.#early = []
    }
  }

  #unsubscribe(w: Watch): void {
    if (w.n !== undefined)
      void this.#rpc()
        ?.call('unwatch', `{"watch":${w.n}}`)
        .catch(() => undefined)
  }

  #tell(w: Watch, params: Json): void {
    const changes: (Change | Reset)[] = list(params.changes).map(readChange)
    if (params.reset) changes.unshift({ type: 'reset', reason: 'lost' })
    w.since = String(params.position)
    if (this.#all.has(w)) w.told(changes)
  }
}
