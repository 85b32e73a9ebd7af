// A tab's operations: written down when they are called, sent at the end of the turn or before, kept until they are answered, and
// asked again when there is a new engine.

import {
  ActionType,
  Verb,
  WATCHES_MAX,
  readTabAction,
  writeOp,
  type Ask,
  type RawChange,
  type StatusAction,
  type TabAction,
} from './codec.gen.js'
import { Writer, messages } from './codec.js'
import { MasqError } from './errors.js'
import { Empty, NOTHING, NOWHERE, type Found } from './empty.js'
import { Leadership, randomId } from './leader.js'
import type { Options } from './options.js'

/** What a reply says. Bytes in it are views into a message of this tab's own. */
export type Answer = Extract<TabAction, { type: ActionType.Reply }>
type ChangedAction = Extract<TabAction, { type: ActionType.Changed }>
type PairingAction = Extract<TabAction, { type: ActionType.Pairing }>

interface Pending {
  n: number
  bytes: Uint8Array | undefined // until its turn ends, undefined
  from: number
  to: number
  sent: boolean
  once: boolean // of a pairing, which lives and dies with one engine
  resolve: (a: Answer) => void
  reject: (e: MasqError) => void
}

interface Watch {
  prefix: string
  position: number // how far it has been told
  reset: boolean // whether the reset that comes first tells it nothing
  told: WatchEvents
}

/** What a watch hears. */
export interface WatchEvents {
  changes(c: RawChange[]): void
  /** The data is another than before: what it has been told is void. */
  cleared(): void
}

/** What a Client tells the Masq that it belongs to. */
export interface ClientEvents {
  /** There is nothing yet, and reads are answered. */
  empty(): void
  status(s: StatusAction): void
  /** The engine failed. If not `final`, there will be another. */
  failed(e: MasqError, final: boolean): void
  /** The browser's data was cleared, and this tab goes on with none. */
  cleared(): void
  /** An engine of another version has the data: everything rejects with `e` until it has gone. */
  held(e: MasqError): void
  /** Another tab has a newer version of Masq. */
  newer(): void
  /** See LeadershipEvents. */
  moved(): Promise<boolean>
}

/** Unanswered operations of one tab: above this many bytes, E_BUSY. */
const PENDING_BYTES_MAX = 64 << 20
/** What is asked in one turn is sent at its end, or when it has this many bytes: the engine then works while the turn goes on. */
const TURN_BYTES = 16 << 10
const CLOSE_MS_MAX = 5000

export class Client {
  readonly #leadership: Leadership
  readonly #events: ClientEvents
  readonly id = randomId()
  #n = 0
  #empty = new Empty()
  #turn = new Writer()
  #pending = new Map<number, Pending>()
  #pendingBytes = 0
  #unsent: Pending[] = []
  #watches = new Map<number, Watch>()
  #pairings = new Map<number, (p: PairingAction | MasqError) => void>()
  #data = '' // which data the engine has
  #held: MasqError | undefined // why there is no engine for this tab
  #ended: MasqError | undefined
  #idle: (() => void) | undefined // called when nothing is pending

  constructor(options: Options, events: ClientEvents) {
    this.#events = events
    this.#leadership = new Leadership(options, this.id, {
      ...events,
      leads: () => this.#empty.look(options.app, () => events.empty()),
      begins: () => this.#empty.end(),
      welcome: () => this.#askAgain(),
      opened: (data) => this.#watchAgain(data),
      out: (bytes) => this.#out(bytes),
      failed: (code, detail, final) => this.#failed(new MasqError(code, detail), final),
      held: () => this.#hold(),
      refused: (e) => this.#failed(e, true),
      waiting: () => this.#pending.size > 0,
    })
  }

  /** Asks the engine. Rejects with MasqError. What `op` refers to may change after the call. */
  ask(op: Ask): Promise<Answer> {
    this.#empty.end()
    return new Promise((resolve, reject) => this.#put(++this.#n, op, resolve, reject))
  }

  /** Asks the engine to read, unless it is known that there is nothing. */
  async read(op: Ask): Promise<Found> {
    return this.#empty.now ? NOTHING : this.ask(op)
  }

  /** Tells of changes from now on. Returns what ends it. Throws MasqError. */
  watch(prefix: string, told: WatchEvents): () => void {
    if (this.#ended) throw this.#ended
    if (this.#watches.size >= WATCHES_MAX) throw new MasqError('E_BUSY', `${WATCHES_MAX} watches`)
    const n = ++this.#n
    const since = this.#empty.now ? NOWHERE : 0
    this.#watches.set(n, { prefix, position: since, reset: since > 0, told })
    const failed = (e: MasqError): void => {
      if (this.#watches.delete(n) && e.code !== 'E_CLOSED') reportError(e)
    }
    this.#put(n, { verb: Verb.Watch, prefix, since }, () => undefined, failed)
    return () => {
      if (!this.#watches.delete(n) || this.#ended) return
      this.#put(
        ++this.#n,
        { verb: Verb.Unwatch, target: { client: this.id, n } },
        () => undefined,
        () => undefined,
      )
    }
  }

  /** Asks for an invite or a join; `told` hears how it goes on, or of an error that ends it. */
  async pair(op: Ask, told: (p: PairingAction | MasqError) => void): Promise<Answer> {
    const n = this.#n + 1
    this.#pairings.set(n, told)
    try {
      return await this.ask(op)
    } catch (e) {
      this.#pairings.delete(n)
      throw e
    }
  }

  /** See Leadership. */
  seize(): Promise<void> {
    return this.#leadership.seize()
  }

  get alone(): boolean {
    return this.#leadership.alone
  }

  /** Waits for what is pending, not for long, lets the engine end well if it is this tab's, and ends. */
  async close(): Promise<void> {
    if (this.#ended) return
    const idle = new Promise<void>((resolve) => (this.#idle = resolve))
    if (this.#pending.size > 0 && !this.#held) await within(CLOSE_MS_MAX, idle)
    if (this.#leadership.leader && !this.#ended)
      await within(
        CLOSE_MS_MAX,
        this.ask({ verb: Verb.Shutdown }).catch(() => undefined),
      )
    this.end(new MasqError('E_CLOSED'))
  }

  /** Ends at once: everything pending rejects with `e`, and so does every later op. */
  end(e: MasqError): void {
    if (this.#ended) return
    this.#ended = e
    this.#leadership.close()
    this.#watches.clear()
    this.#interrupt(e)
    this.#reject(e, () => true)
  }

  #put(n: number, op: Ask, resolve: Pending['resolve'], reject: Pending['reject']): void {
    const none = this.#ended ?? (op.verb === Verb.Watch ? undefined : this.#held)
    if (none) return reject(none)
    if (this.#pendingBytes > PENDING_BYTES_MAX) return reject(new MasqError('E_BUSY', 'await what you put'))
    const from = this.#turn.length
    writeOp(this.#turn, { ...op, client: this.id, n })
    const to = this.#turn.length
    const once = op.verb === Verb.Invite || op.verb === Verb.Join || op.verb === Verb.Confirm || op.verb === Verb.Cancel
    const p: Pending = { n, bytes: undefined, from, to, sent: false, once, resolve, reject }
    this.#pending.set(n, p)
    this.#pendingBytes += to - from
    if (this.#unsent.push(p) === 1) queueMicrotask(() => this.#send())
    if (to > TURN_BYTES) this.#send()
  }

  /** Sends what was asked in this turn, in one message. */
  #send(): void {
    const unsent = this.#unsent
    this.#unsent = []
    if (this.#turn.length === 0) return
    const bytes = this.#turn.take()
    const sent = this.#leadership.post(bytes)
    for (const p of unsent) {
      p.bytes = bytes.subarray(p.from, p.to)
      p.sent = sent
    }
  }

  /** A new engine: it gets everything that was not answered. */
  #askAgain(): void {
    this.#held = undefined
    this.#interrupt(new MasqError('E_INTERRUPTED'))
    const w = new Writer()
    for (const p of this.#pending.values()) {
      if (!p.bytes) continue // of this turn, which ends with #send
      w.raw(p.bytes)
      p.sent = true
    }
    if (w.length > 0) this.#leadership.post(w.take())
  }

  /** And the watches, from where they were. In other data there is no such place: it is followed from its beginning. */
  #watchAgain(data: string): void {
    const cleared = this.#data !== '' && this.#data !== data
    this.#data = data
    const w = new Writer()
    for (const [n, watch] of this.#watches) {
      if (cleared) Object.assign(watch, { position: 0, reset: false })
      if (!this.#pending.has(n))
        writeOp(w, { client: this.id, n, verb: Verb.Watch, prefix: watch.prefix, since: watch.position })
    }
    if (w.length > 0) this.#leadership.post(w.take())
    if (!cleared) return
    this.#events.cleared()
    for (const watch of [...this.#watches.values()]) if (!this.#ended) watch.told.cleared()
  }

  #hold(): void {
    if (this.#held || this.#ended) return
    const e = (this.#held = new MasqError('E_VERSION', 'in another tab'))
    this.#interrupt(e)
    this.#rejectAsked(e)
    this.#events.held(e)
  }

  #out(bytes: Uint8Array): void {
    for (const m of messages(bytes)) {
      if (this.#ended) return // by a listener
      const a = readTabAction(m)
      if (a.type === ActionType.Reply) this.#reply(a)
      else if (a.type === ActionType.Changed) this.#changed(a)
      else if (a.type === ActionType.Status) this.#events.status(a)
      else this.#pairing(a)
    }
  }

  #reply(a: Answer): void {
    const watch = this.#watches.get(a.n)
    if (watch) watch.position = Math.max(watch.position, a.number)
    const p = this.#pending.get(a.n)
    if (!p) return
    // Unless it names a key, of which alone the value is lost, the engine has ended, and says next why.
    if ((moved(a.code) || (a.code === 'E_DAMAGED' && !a.text)) && !p.once) return
    this.#done(p)
    if (a.code) p.reject(new MasqError(a.code))
    else p.resolve(a)
  }

  #changed(a: ChangedAction): void {
    const watch = this.#watches.get(a.n)
    if (!watch) return
    watch.position = a.position
    watch.told.changes(watch.reset ? a.changes.filter((c) => c.key) : a.changes)
    watch.reset = false
  }

  #pairing(a: PairingAction): void {
    this.#pairings.get(a.n)?.(a)
  }

  #done(p: Pending): void {
    this.#pending.delete(p.n)
    this.#pendingBytes -= p.to - p.from
    if (this.#pending.size === 0) this.#idle?.()
  }

  #failed(e: MasqError, final: boolean): void {
    this.#empty.end()
    if (final) this.end(e)
    this.#interrupt(new MasqError('E_INTERRUPTED'))
    if (moved(e.code) && !final) return // what is pending is asked of the next engine
    this.#rejectAsked(e)
    this.#events.failed(e, final)
  }

  /** All but watches, which the next engine is asked for. */
  #rejectAsked(e: MasqError): void {
    this.#reject(e, (p) => !this.#watches.has(p.n))
  }

  /** Ends the pairings that an engine which is gone knew of. */
  #interrupt(e: MasqError): void {
    this.#reject(e, (p) => p.once && p.sent)
    for (const [n, told] of this.#pairings) {
      if (this.#pending.has(n)) continue // not asked yet
      this.#pairings.delete(n)
      told(e)
    }
  }

  #reject(e: MasqError, which: (p: Pending) => boolean): void {
    for (const p of [...this.#pending.values()].filter(which)) {
      this.#done(p)
      p.reject(e)
    }
  }
}

/** Whether another engine has the data, or is about to: it fenced this one, or the tab that ran this one closed it. */
function moved(code: string): boolean {
  return code === 'E_FENCED' || code === 'E_CLOSED'
}

/** Waits for `p`, but not longer than `ms`. */
export function within<T>(ms: number, p: Promise<T>): Promise<T | void> {
  return Promise.race([p, new Promise<void>((resolve) => setTimeout(resolve, ms))])
}
