// The local store, spoken to by JSON-RPC over a WebSocket on localhost. A chunk of its own, loaded when there is one to speak
// to: it imports nothing that the rest of the client has too (there would be two MasqErrors), but gets it as Tools.

import type { MasqError } from './errors.js'
import type { Grant } from './grants.js'
import { base64, base64url, fromBase64, isStores, proofOf, tokenKey } from './proof.js'
import { CUT, Rpc, type Failure, type Json } from './rpc.js'
import type { Status, StoreStatus, SyncState } from './status.js'
import type { Change, Page, Range, Store, StoreEvents, Told, Write } from './store.js'

export { useLocalStore } from './migrate.js'

/** What the rest of the client lends to this chunk. */
export interface Tools {
  failure: Failure
  asMasqError(e: unknown): MasqError
  permission(): Promise<PermissionState>
  host: Pick<typeof import('./host.js'), 'hidden' | 'onVisibility' | 'policy'>
  readGrant(): Promise<Grant>
  saveGrant(change: Partial<Grant>): Promise<Grant>
  within<T>(ms: number, p: Promise<T>): Promise<T | void>
  blank(store: Status['store']): StoreStatus
  moved: MasqError // ends a store that is not in charge any more
}

/** How the application introduces itself. */
export interface About {
  name: string
  description: string
  icon: string // URL, or ''
}

/** How a LocalStore begins. */
export interface Beginning {
  grant: Grant
  /** Gives up, once and for all, when it cannot get in at first. Else it goes on trying. */
  once: boolean
  /** The user has just asked for it: the browser may prompt, and a store that said no is asked again. */
  click: boolean
  /** Getting access means that the origin's data is there from now on. */
  use: boolean
}

interface Watch {
  prefix: string
  told: Told
  since: string | undefined // how far it has been told
  n: number | undefined // the store's number for it on this connection
}

interface Waiter {
  at: number
  resolve: (rpc: Rpc) => void
  reject: (e: MasqError) => void
}

const ADDRESS = 'ws://localhost:6277/v1'
const API = 1
/** How long an operation waits for a store that is away. */
export const AWAY_MS = 10_000
/**
 * How long the store may take to connect, and to prove that it is one. Where there is none the computer says so at once; a busy
 * one answers late, and an application that had begun without it by then would never come to it by itself.
 */
const ANSWER_MS = 3000
const PROMPT_MS = 10 * 60_000 // the user is looking at the browser's prompt
const RETRY_MS = 500
const RETRY_MS_MAX = 5000
const BUSY_TRIES = 5
const CUTS_MAX = 10 // an operation that was cut off so often is not asked again: it may be what breaks the connection
const ICON_BYTES_MAX = 32 << 10
const ICON_MS_MAX = 2000
const PENDING_CHARACTERS_MAX = 64 << 20
const WATCHES_MAX = 1000
const EARLY_MAX = 10_000
const CLOSE_MS_MAX = 5000
const QUIET_MS = 10_000 // without a word, while an answer is due, after which the store is asked whether it is there
const DENIED = 4018 // close code: access was taken away

export class LocalStore implements Store {
  /** Resolves when this page is in for the first time. Rejects with MasqError when that is not to be. */
  readonly ready: Promise<void>
  readonly #tools: Tools
  readonly #events: StoreEvents
  readonly #about: About
  #begin: Beginning
  #grant: Grant
  #status: StoreStatus
  #rpc: Rpc | undefined // while this page is in
  #dialled: Rpc | undefined // the connection, in or not
  #waiters: Waiter[] = []
  #timer: ReturnType<typeof setTimeout> | undefined // of the waiter that has waited longest
  #watches = new Set<Watch>()
  #early: [n: number, params: Json][] = [] // notifications for watches whose number is not known yet
  #subscribing = 0
  #probed = false
  #pending = 0
  #characters = 0
  #idle: (() => void) | undefined
  #ended: MasqError | undefined
  #abort = new AbortController()
  #nudge: () => void = () => undefined
  #unlisten: () => void
  #settle!: { in: () => void; out: (e: MasqError) => void }

  constructor(tools: Tools, about: About, begin: Beginning, events: StoreEvents) {
    this.#tools = tools
    this.#about = about
    this.#begin = begin
    this.#grant = begin.grant
    this.#events = events
    this.#status = tools.blank('away')
    this.ready = new Promise((resolve, reject) => (this.#settle = { in: resolve, out: reject }))
    this.ready.catch(() => undefined)
    addEventListener('online', this.#wake)
    this.#unlisten = tools.host.onVisibility(this.#wake)
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

  async list(range: Range): Promise<Page> {
    // What is empty, false or 0 is the default.
    const params = JSON.stringify(range, (k, v: unknown) => (k === '' || v ? v : undefined))
    const { entries, more } = await this.#ask('list', params)
    return { entries: list(entries).map((e) => [String(e.key), valueOf(e)]), more: more === true }
  }

  async conflicts(key: string): Promise<unknown[]> {
    const { entries } = await this.#ask('conflicts', `{"key":${JSON.stringify(key)}}`)
    return list(entries).map(valueOf)
  }

  watch(prefix: string, told: Told, since?: string): () => void {
    if (this.#ended) throw this.#ended
    if (this.#watches.size >= WATCHES_MAX) throw this.#tools.failure('E_BUSY', `${WATCHES_MAX} watches`)
    const w: Watch = { prefix, told, since, n: undefined }
    this.#watches.add(w)
    if (this.#rpc) void this.#subscribe(this.#rpc, w)
    return () => {
      if (this.#watches.delete(w)) this.#unsubscribe(w)
    }
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
    this.#begin = { ...this.#begin, click: true }
    const tried = new Promise<void>((resolve, reject) => (this.#settle = { in: resolve, out: reject }))
    this.#nudge()
    await tried
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
    removeEventListener('online', this.#wake)
    this.#unlisten()
    clearTimeout(this.#timer)
    this.#abort.abort(e)
    this.#watches.clear()
    this.#settle.out(e)
    this.#rpc = undefined
    this.#dialled?.close()
    this.#reject(e)
    this.#nudge()
  }

  /** Gets in, stays in, and gets in again, until the end. */
  async #run(): Promise<void> {
    for (let wait = RETRY_MS; !this.#ended; wait = Math.min(wait * 2, RETRY_MS_MAX)) {
      let denied = this.#grant.revoked === true && !this.#begin.click
      try {
        if (!denied) {
          const rpc = await this.#getIn()
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
      }
      if (this.#ended) return
      this.#begin = { ...this.#begin, click: false }
      this.#tell({
        ...this.#status,
        store: denied ? 'denied' : 'away',
        sync: 'off',
        counts: { ...this.#status.counts, online: 0 },
      })
      if (denied) this.#reject(this.#denied())
      await this.#pause(denied ? undefined : wait * (0.5 + Math.random()))
    }
  }

  async #getIn(): Promise<Rpc> {
    const { click } = this.#begin
    if (!this.#grant.key || (click && this.#grant.revoked)) return this.#askUser()
    try {
      return await this.#enter()
    } catch (e) {
      if (click && e === UNPROVEN) return this.#askUser() // it does not know us, or is not the store that did
      throw e
    }
  }

  /** Proves the token to each other. */
  async #enter(): Promise<Rpc> {
    const rpc = await this.#connect()
    try {
      const cn = crypto.getRandomValues(new Uint8Array(32))
      const key = this.#grant.key!
      const [, { sn, mac }] = await this.#soon([
        this.#hello(rpc),
        rpc.call('prove', JSON.stringify({ id: this.#grant.id, cn: base64url(cn) })),
      ])
      const nonce = said(sn)
      if (nonce.length !== 32 || !(await isStores(key, cn, nonce, said(mac)))) throw UNPROVEN
      rpc.trusted = true
      const proof = JSON.stringify({ mac: base64url(await proofOf(key, cn, nonce)) })
      await this.#soon([rpc.call('proof', proof)]).catch((e) => this.#outIf(e, 'E_AUTH'))
      return rpc
    } catch (e) {
      rpc.close()
      throw e
    }
  }

  async #hello(rpc: Rpc): Promise<void> {
    const { name, api } = await rpc.call('hello')
    if (name !== 'masq') throw UNPROVEN
    if (api !== API) throw this.#tools.failure('E_VERSION', 'the local store')
  }

  /** Waits for all, but not for long. */
  async #soon<T extends unknown[]>(answers: [...{ [I in keyof T]: Promise<T[I]> }]): Promise<T> {
    const got = await this.#tools.within(ANSWER_MS, Promise.all(answers))
    if (!got) throw UNPROVEN
    return got as T
  }

  async #connect(): Promise<Rpc> {
    const { failure, permission } = this.#tools
    const state = await permission()
    if (state === 'denied' || (state === 'prompt' && !this.#begin.click))
      throw failure('E_STORE_AWAY', 'the browser does not let this page connect to localhost: allow it')
    const unlisten = this.#listenForPolicy()
    try {
      return (this.#dialled = await Rpc.open(ADDRESS, state === 'prompt' ? PROMPT_MS : ANSWER_MS, failure))
    } finally {
      unlisten()
    }
  }

  /** Lives on a connection until it falls. Resolves with whether access was taken away. */
  async #stay(rpc: Rpc): Promise<boolean> {
    this.#rpc = rpc
    rpc.onnote = (method, params) => this.#note(method, params)
    for (const w of this.#watches) void this.#subscribe(rpc, w)
    void rpc.call('status').then(
      (s) => this.#tell(readStatus(s, this.#tools.blank('local'))),
      (e: unknown) => e !== CUT && this.#tell({ ...this.#tools.blank('local'), error: (e as MasqError).code }),
    )
    this.#settle.in()
    this.#begin = { ...this.#begin, click: false, once: false }
    const waiters = this.#waiters
    this.#waiters = []
    for (const w of waiters) w.resolve(rpc)
    const quiet = setInterval(() => this.#checkQuiet(rpc), QUIET_MS / 2)
    const code = await rpc.closed
    clearInterval(quiet)
    this.#rpc = undefined
    this.#early = []
    this.#probed = false
    for (const w of this.#watches) w.n = undefined
    if (code !== DENIED) return false
    this.#grant = await this.#tools.saveGrant({ revoked: true })
    return true
  }

  /** A store that hangs does not close the connection. */
  #checkQuiet(rpc: Rpc): void {
    const silent = rpc.waiting && performance.now() - rpc.heard > QUIET_MS
    if (silent && this.#probed) return rpc.close()
    if (silent) void rpc.call('hello').catch(() => undefined)
    this.#probed = silent
  }

  /** The store, which is the one, does not take our token any more. */
  async #outIf(e: unknown, code: string): Promise<never> {
    if ((e as MasqError).code !== code) throw e
    this.#grant = await this.#tools.saveGrant({ revoked: true })
    throw this.#denied()
  }

  /** One tab asks for all of this browser's; the others wait for what it hears. */
  async #askUser(): Promise<Rpc> {
    const { locks } = navigator
    const name = 'masq-local-store:ask'
    const before = this.#grant.id
    const work = async (): Promise<Rpc> => {
      this.#grant = await this.#tools.readGrant()
      if (this.#grant.id !== before && !this.#grant.revoked) return this.#enter() // another tab got it
      if (this.#grant.refused && !this.#begin.click) throw this.#denied()
      for (let tries = 1; ; tries++) {
        try {
          return await this.#request()
        } catch (e) {
          // The request of a page that has just gone may still be there, or another browser's is.
          if ((e as MasqError).code !== 'E_BUSY' || tries === BUSY_TRIES) throw e
        }
        await this.#pause(RETRY_MS)
        if (this.#ended) throw this.#ended
      }
    }
    const got = await locks.request(name, { ifAvailable: true }, (lock) => lock && work())
    if (got) return got
    this.#tell({ ...this.#status, store: 'asking' })
    return locks.request(name, { signal: this.#abort.signal }, work)
  }

  /** Asks the user, in the Store manager. */
  async #request(): Promise<Rpc> {
    const icon = this.#icon()
    const rpc = await this.#connect()
    try {
      await this.#soon([this.#hello(rpc)])
      rpc.onnote = (method) => method === 'asking' && this.#tell({ ...this.#status, store: 'asking' })
      const { name, description } = this.#about
      const app = { name, ...(description && { description }), ...((await icon) && { icon: await icon }) }
      const { id, key } = await rpc.call('request', JSON.stringify({ app }))
      if (typeof id !== 'string' || id.length !== 11) throw UNPROVEN
      const used = this.#begin.use ? { used: true } : {}
      this.#grant = await this.#tools.saveGrant({
        ...{ id, key: await keyOf(key), refused: false, revoked: false },
        ...used,
      })
      rpc.trusted = true
      return rpc
    } catch (e) {
      rpc.close()
      const { code } = e as MasqError
      if (code === 'E_DENIED' || code === 'E_EXPIRED') {
        await this.#tools.saveGrant({ refused: true })
        throw this.#denied()
      }
      throw e
    }
  }

  /** The icon as a data: URL; '' if it cannot be had, or is large. */
  async #icon(): Promise<string> {
    const { icon } = this.#about
    if (icon === '' || icon.startsWith('data:')) return icon.length <= ICON_BYTES_MAX ? icon : ''
    try {
      const response = await fetch(icon, { signal: AbortSignal.timeout(ICON_MS_MAX) })
      const type = response.headers.get('content-type')?.split(';')[0]?.trim() ?? ''
      const url = `data:${type};base64,${base64(new Uint8Array(await response.arrayBuffer()))}`
      return response.ok && type.startsWith('image/') && url.length <= ICON_BYTES_MAX ? url : ''
    } catch {
      return ''
    }
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
      throw this.#tools.failure('E_STORE_AWAY', 'the connection falls again and again')
    } finally {
      this.#characters -= params.length
      if (--this.#pending === 0) this.#idle?.()
    }
  }

  /** Waits until this page is in (again). While the user decides that may take long, else AWAY_MS. */
  #back(): Promise<Rpc> {
    return new Promise((resolve, reject) => {
      if (this.#status.store === 'denied') return reject(this.#denied())
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
    const waiters = this.#waiters
    this.#waiters = []
    for (const w of waiters) w.reject(e)
  }

  async #subscribe(rpc: Rpc, w: Watch): Promise<void> {
    this.#subscribing++
    try {
      const { watch, position } = await rpc.call('watch', JSON.stringify({ prefix: w.prefix, since: w.since }))
      w.n = Number(watch)
      w.since ??= String(position)
      if (!this.#watches.has(w)) this.#unsubscribe(w)
      const early = this.#early.filter(([n]) => n === w.n)
      this.#early = this.#early.filter(([n]) => n !== w.n)
      for (const [, params] of early) this.#changed(w, params)
    } catch (e) {
      if (e !== CUT && this.#watches.delete(w)) reportError(e)
    } finally {
      if (--this.#subscribing === 0) this.#early = []
    }
  }

  #unsubscribe(w: Watch): void {
    if (w.n !== undefined) void this.#rpc?.call('unwatch', `{"watch":${w.n}}`).catch(() => undefined)
  }

  #note(method: string, params: Json): void {
    if (method === 'status') return this.#tell(readStatus(params, this.#tools.blank('local')))
    if (method !== 'changed') return
    for (const w of this.#watches) if (w.n === params.watch) return this.#changed(w, params)
    if (this.#subscribing > 0 && this.#early.push([Number(params.watch), params]) > EARLY_MAX) throw CUT
  }

  #changed(w: Watch, params: Json): void {
    const changes = list(params.changes).map(readChange)
    w.since = String(params.position)
    if (this.#watches.has(w)) w.told(changes)
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

  #listenForPolicy(): () => void {
    const told = (e: Event): void => {
      if (!(e as SecurityPolicyViolationEvent).blockedURI.startsWith('ws://localhost')) return
      if (!warned) console.warn(`masq: to use a local store, add ${ADDRESS.slice(0, -3)} to the policy's connect-src`)
      warned = true
    }
    const policy = this.#tools.host.policy()
    policy.addEventListener('securitypolicyviolation', told)
    return () => setTimeout(() => policy.removeEventListener('securitypolicyviolation', told))
  }

  #denied(): MasqError {
    return this.#tools.failure('E_DENIED')
  }

  #masqError(e: unknown): MasqError {
    if (e !== CUT && e !== UNPROVEN) return this.#tools.asMasqError(e)
    return this.#tools.failure('E_STORE_AWAY', e === UNPROVEN ? UNPROVEN.message : '')
  }
}

/** Bytes of an answer that nobody has proved yet. */
function said(text: unknown): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64(text)
  } catch {
    throw UNPROVEN
  }
}

function keyOf(text: unknown): Promise<CryptoKey> {
  return tokenKey(text).catch(() => Promise.reject(UNPROVEN))
}

const UNPROVEN = new Error('what answers there cannot prove to be the store that this page knows')
let warned = false

function readStatus(s: Json, blank: StoreStatus): StoreStatus {
  const n = (name: string): number => Number(s[name] ?? 0)
  return {
    ...blank,
    sync: String(s.sync) as SyncState,
    error: (s.error as Status['error']) || undefined,
    entries: n('entries'),
    toSend: n('toSend'),
    toReceive: Boolean(s.toReceive),
    recovery: s.recovery === true,
    counts: { devices: n('devices'), online: n('online'), upToDate: n('upToDate') },
  }
}

function readChange(c: Json): Change {
  const deleted = !('value' in c || 'bytes' in c)
  const previous = c.previous === undefined ? undefined : valueOf(c.previous as Json)
  const from = c.from === 'here' || c.from === 'tab' ? c.from : 'device'
  const conflicts = Number(c.conflicts ?? 0)
  return { type: 'change', key: String(c.key), value: valueOf(c), previous, deleted, conflicts, from }
}

function valueOf(e: Json): unknown {
  return 'bytes' in e ? fromBase64(e.bytes) : e.value
}

function list(x: unknown): Json[] {
  if (!Array.isArray(x)) throw CUT
  return x as Json[]
}

function operation(w: Write): string {
  const key = JSON.stringify(w.key)
  return w.value === undefined ? `{"type":"del","key":${key}}` : `{"type":"put","key":${key},${fieldOf(w)}}`
}

/** A value as it stands in an object of JSON-RPC. */
export function fieldOf({ value }: Pick<Write, 'value'>): string {
  return typeof value === 'string' ? `"value":${value}` : `"bytes":"${base64(value!)}"`
}
