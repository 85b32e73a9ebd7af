// The local store, spoken to by JSON-RPC over a WebSocket on localhost: one connection at a time, and another when it falls.

import { Access, RETRY_MS, UNPROVEN } from './access.js'
import type { MasqError } from './errors.js'
import { fieldOf, list, operation, readStatus, valueOf } from './local-json.js'
import { CUT, type Json, type Rpc } from './rpc.js'
import type { StoreStatus } from './status.js'
import type { Page, Range, Store, StoreEvents, Told, Write } from './store.js'
import type { About, Beginning, Tools } from './tools.js'
import { Watches } from './watches.js'

interface Waiter {
  at: number
  resolve: (rpc: Rpc) => void
  reject: (e: MasqError) => void
}

/** How long an operation waits for a store that is away. */
const AWAY_MS = 10_000
const RETRY_MS_MAX = 5000
const CUTS_MAX = 10 // an operation that was cut off so often is not asked again: it may be what breaks the connection
const PENDING_CHARACTERS_MAX = 64 << 20
const CLOSE_MS_MAX = 5000
const QUIET_MS = 10_000 // without a word, while an answer is due, after which the store is asked whether it is there
const DENIED = 4018 // close code: access was taken away

export class LocalStore implements Store {
  /** Resolves when this page is in for the first time. Rejects with MasqError when that is not to be. */
  readonly ready: Promise<void>
  readonly #tools: Tools
  readonly #events: StoreEvents
  readonly #begin: Beginning // what it has become since; Access changes it, too
  readonly #access: Access
  readonly #watches: Watches
  #status: StoreStatus
  #rpc: Rpc | undefined // while this page is in
  readonly #waiters: Waiter[] = []
  #timer: ReturnType<typeof setTimeout> | undefined // of the waiter that has waited longest
  #probed = false
  #pending = 0
  #characters = 0
  #idle: (() => void) | undefined
  #ended: MasqError | undefined
  #nudge: () => void = () => undefined
  readonly #listening = new AbortController()
  #settle!: { in: () => void; out: (e: MasqError) => void }

  constructor(tools: Tools, about: About, begin: Beginning, events: StoreEvents) {
    this.#tools = tools
    this.#begin = begin
    this.#access = new Access(tools, about, begin, (digits) =>
      this.#tell({ ...this.#status, store: 'asking', asking: { digits } }),
    )
    this.#watches = new Watches(tools.failure, () => this.#rpc)
    this.#events = events
    this.#status = tools.blank('away')
    this.ready = new Promise((resolve, reject) => (this.#settle = { in: resolve, out: reject }))
    this.ready.catch(() => undefined)
    addEventListener('online', this.#wake, this.#listening)
    tools.host.onVisibility(this.#wake, this.#listening)
    queueMicrotask(() => void this.#run()) // whoever makes it has it when it hears from it
  }

  /** What was told last. */
  get status(): StoreStatus {
    return this.#status
  }

  async get(key: string): Promise<unknown> {
    return valueOf(await this.#ask('get', `{"key":${JSON.stringify(key)}}`))
  }

  async write(writes: Write[], relaxed: boolean): Promise<void> {
    const more = relaxed ? ',"durability":"relaxed"' : ''
    const [first] = writes
    if (writes.length > 1) await this.#ask('batch', `{"operations":[${writes.map(operation).join()}]${more}}`)
    else if (first!.value === undefined) await this.#ask('del', `{"key":${JSON.stringify(first!.key)}${more}}`)
    else await this.#ask('put', `{"key":${JSON.stringify(first!.key)},${fieldOf(first!)}${more}}`)
  }

  /** Writes what a key has not got yet; where it has another value both are kept. */
  async import(writes: Write[]): Promise<void> {
    await this.#ask('import', `{"operations":[${writes.map(operation).join()}]}`)
  }

  /** How many more bytes the store keeps for this application. An older store has no limit. */
  async room(): Promise<number> {
    return Number((await this.#ask('room', '{}').catch(() => ({ bytes: Infinity }))).bytes)
  }

  async list(range: Range): Promise<Page> {
    const { entries, more } = await this.#ask('list', given(range))
    return { entries: list(entries).map((e) => [String(e.key), valueOf(e)]), more: more === true }
  }

  async count(range: Parameters<Store['count']>[0]): Promise<number> {
    return Number((await this.#ask('count', given(range))).count)
  }

  async conflicts(key: string): Promise<unknown[]> {
    const { entries } = await this.#ask('conflicts', `{"key":${JSON.stringify(key)}}`)
    return list(entries).map(valueOf)
  }

  watch(prefix: string, told: Told, since?: string): () => void {
    if (this.#ended) throw this.#ended
    return this.#watches.add(prefix, told, since)
  }

  /** How far the store's log has got. */
  async position(): Promise<string> {
    const { watch, position } = await this.#ask('watch', '{"prefix":""}')
    await this.#ask('unwatch', `{"watch":${Number(watch)}}`)
    return String(position)
  }

  /** The user asks for this store again: tries at once, and asks for access anew if that was taken away. */
  async again(): Promise<void> {
    if (this.#rpc) return
    this.#begin.click = true
    const tried = new Promise<void>((resolve, reject) => (this.#settle = { in: resolve, out: reject }))
    this.#nudge()
    await tried
  }

  /** Comes in anew, with the token that this browser has got meanwhile. */
  async enterAnew(): Promise<void> {
    this.#begin.grant = await this.#tools.readGrant()
    this.#rpc?.close()
    this.#nudge()
  }

  async close(): Promise<void> {
    if (this.#ended) return
    const idle = new Promise<void>((resolve) => (this.#idle = resolve))
    if (this.#pending > 0) await this.#tools.within(CLOSE_MS_MAX, idle)
    this.end(this.#tools.failure('E_CLOSED'))
  }

  end(e: MasqError): void {
    if (this.#ended) return
    this.#ended = e
    this.#listening.abort()
    clearTimeout(this.#timer)
    this.#rpc = undefined
    this.#watches.clear()
    this.#settle.out(e)
    this.#access.end(e)
    this.#reject(e)
    this.#nudge()
  }

  /** Gets in, stays in, and gets in again, until the end. */
  async #run(): Promise<void> {
    for (let wait = RETRY_MS; !this.#ended; wait = Math.min(wait * 2, RETRY_MS_MAX)) {
      let version: MasqError | undefined
      let denied = this.#begin.grant.revoked === true && !this.#begin.click
      try {
        if (!denied) {
          const rpc = await this.#access.open()
          if (this.#ended) return rpc.close()
          wait = RETRY_MS
          denied = await this.#stay(rpc)
        }
      } catch (e) {
        if (this.#ended) return
        const error = this.#masqError(e)
        this.#settle.out(error)
        if (this.#begin.once) return this.#events.failed(error)
        denied = error.code === 'E_DENIED' || error.code === 'E_EXPIRED'
        if (error.code === 'E_VERSION') version = error
      }
      if (this.#ended) return
      this.#begin.click = false
      this.#tell({
        ...this.#status,
        store: denied ? 'denied' : 'away',
        asking: undefined,
        error: version?.code,
        sync: 'off',
        counts: { ...this.#status.counts, online: 0 },
      })
      if (denied || version) this.#reject(version ?? this.#access.denied())
      await this.#pause(denied ? undefined : wait * (0.5 + Math.random()))
    }
  }

  /** Lives on a connection until it falls. Resolves with whether access was taken away. */
  async #stay(rpc: Rpc): Promise<boolean> {
    this.#rpc = rpc
    rpc.onnote = (method, params) => this.#note(method, params)
    this.#watches.on(rpc)
    void rpc.call('status').then(
      (s) => this.#note('status', s),
      (e: unknown) => e !== CUT && this.#tell({ ...this.#tools.blank('local'), error: (e as MasqError).code }),
    )
    this.#settle.in()
    this.#begin.click = this.#begin.once = false
    for (const w of this.#waiters.splice(0)) w.resolve(rpc)
    const quiet = setInterval(() => this.#checkQuiet(rpc), QUIET_MS / 2)
    const code = await rpc.closed
    clearInterval(quiet)
    this.#rpc = undefined
    this.#watches.off()
    this.#probed = false
    if (code !== DENIED) return false
    await this.#access.revoke()
    return true
  }

  /** A store that hangs does not close the connection. */
  #checkQuiet(rpc: Rpc): void {
    const silent = rpc.waiting && performance.now() - rpc.heard > QUIET_MS
    if (silent && this.#probed) return rpc.close()
    if (silent) void rpc.call('hello').catch(() => undefined)
    this.#probed = silent
  }

  /** Calls a method when this page is in, and again when the connection fell before it was answered. */
  async #ask(method: string, params: string): Promise<Json> {
    if (this.#characters > PENDING_CHARACTERS_MAX) throw this.#tools.failure('E_BUSY', 'await what you put')
    this.#pending++
    this.#characters += params.length
    try {
      for (let cuts = 0; cuts < CUTS_MAX; cuts++) {
        if (this.#ended) throw this.#ended
        const rpc = this.#rpc ?? (await this.#back())
        try {
          return await rpc.call(method, params)
        } catch (e) {
          if (e !== CUT) throw e
        }
      }
      throw this.#tools.failure('E_STORE_AWAY', 'the connection is not stable')
    } finally {
      this.#characters -= params.length
      if (--this.#pending === 0) this.#idle?.()
    }
  }

  /** Waits until this page is in (again). While the user decides that may take long, else AWAY_MS. */
  #back(): Promise<Rpc> {
    return new Promise((resolve, reject) => {
      if (this.#status.store === 'denied') return reject(this.#access.denied())
      this.#waiters.push({ at: performance.now(), resolve, reject })
      if (this.#waiters.length === 1) this.#giveUpLater()
    })
  }

  #giveUpLater(): void {
    clearTimeout(this.#timer)
    const [first] = this.#waiters
    if (!first) return
    this.#timer = setTimeout(
      () => {
        const late = performance.now() - AWAY_MS
        while (this.#status.store !== 'asking' && this.#waiters[0] && this.#waiters[0].at <= late)
          this.#waiters.shift()!.reject(this.#tools.failure('E_STORE_AWAY'))
        this.#giveUpLater()
      },
      Math.max(first.at + AWAY_MS - performance.now(), 50),
    )
  }

  #reject(e: MasqError): void {
    for (const w of this.#waiters.splice(0)) w.reject(e)
  }

  #note(method: string, params: Json): void {
    if (method === 'status') this.#tell(readStatus(params, this.#tools.blank('local')))
    if (method === 'changed') this.#watches.changed(params)
  }

  #tell(s: StoreStatus): void {
    if (this.#ended) return
    this.#status = s
    this.#events.status(s)
  }

  #pause(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms)
      this.#nudge = () => (clearTimeout(timer), resolve())
    })
  }

  #wake = (): void => {
    if (!this.#tools.host.hidden() && this.#status.store === 'away') this.#nudge()
  }

  #masqError(e: unknown): MasqError {
    if (e !== CUT && e !== UNPROVEN) return this.#tools.asMasqError(e)
    return this.#tools.failure('E_STORE_AWAY', e === UNPROVEN ? UNPROVEN.message : '')
  }
}

/** What is empty, false or 0 is the default. */
function given(range: Partial<Range>): string {
  return JSON.stringify(range, (k, v: unknown) => (k === '' || v ? v : undefined))
}
