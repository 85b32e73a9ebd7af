// The store as this page sees it: its state, kept up to date, and what can be asked of it. It connects again by itself.
import { CUT, Rpc } from '../../js/src/rpc.js'
import { StoreError } from './errors.js'
import { exchange, forget, kept, type Opener, prove } from './session.js'
import type { State } from './state.js'

/**
 * Phase is how the page stands with the store:
 * locked: it has no session; opening; live; away: the store does not answer, and is tried again.
 */
export type Phase = 'locked' | 'opening' | 'live' | 'away'

/**
 * Why a page is locked: it was opened without the link; the link, or the code that was typed, was not good any more; the store has
 * been restarted.
 */
export type Why = 'no-link' | 'old-link' | 'wrong-code' | 'restarted'

const retryMs = [500, 1000, 2000, 5000]
const openingMs = 10_000

// Close codes of the store.
const unknownSession = 4002
const shutOut = 4018

const failure = (code: string, _?: string, said?: unknown): StoreError => new StoreError(code, String(said ?? ''))
const close = (rpc: Rpc): void => rpc.close()
const nothing = (): undefined => undefined

/** Store tells changed whenever something is different. */
export class Store {
  phase: Phase = 'opening'
  why: Why = 'no-link'
  state: State | undefined
  #opening: Promise<Rpc> | undefined // the connection, from when it is asked for until it has ended
  #rpc: Rpc | undefined // the same, once it is open
  #tries = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #url: string
  #opener: Opener | undefined
  readonly #changed: () => void

  constructor(url: string, secret: string | undefined, changed: () => void) {
    this.#url = url
    this.#opener = secret ? { secret } : undefined
    this.#changed = changed
    addEventListener('visibilitychange', () => document.hidden || this.retry())
    void this.#open()
  }

  /** call asks something of the store. Rejects with StoreError. */
  async call<T = unknown>(method: string, params: object = {}): Promise<T> {
    if (this.phase !== 'live' || !this.#rpc) throw new StoreError('E_AWAY')
    try {
      return (await this.#rpc.call(method, JSON.stringify(params))) as T
    } catch (error) {
      throw error === CUT ? new StoreError('E_AWAY') : error
    }
  }

  /** unlock begins a session with what `masq open` gave. */
  unlock(opener: Opener): void {
    this.#opener = opener
    this.why = 'no-link'
    this.#changed()
    this.#drop() // its end is none of ours any more
    void this.#open()
  }

  /** retry connects now if the store is away. */
  retry(): void {
    if (this.phase === 'away' && !this.#opening) void this.#open()
  }

  async #open(): Promise<void> {
    clearTimeout(this.#timer)
    if (!this.#opener && !kept()) return this.#lock('no-link')
    const opening = (this.#opening = Rpc.open(this.#url, openingMs, failure))
    this.#timer = setTimeout(() => void opening.then(close, nothing), openingMs)
    const rpc = await opening.catch(nothing)
    if (opening !== this.#opening) return
    if (!rpc) return this.#lost()
    this.#rpc = rpc
    rpc.onnote = (method, params) => rpc === this.#rpc && method === 'state' && this.#take(params as unknown as State)
    void rpc.closed.then((code) => {
      if (rpc === this.#rpc) code === unknownSession || code === shutOut ? this.#refused() : this.#lost()
    })
    await this.#enter(rpc)
  }

  async #enter(rpc: Rpc): Promise<void> {
    const opener = this.#opener
    try {
      if (opener) await exchange(rpc, opener)
      else await prove(rpc, kept() ?? { id: '', key: '' })
      const state = await rpc.call('state')
      if (rpc !== this.#rpc) return
      this.#opener = undefined
      this.#tries = 0
      this.phase = 'live'
      clearTimeout(this.#timer)
      this.#take(state as unknown as State)
    } catch (error) {
      if (rpc !== this.#rpc) return
      if (error instanceof StoreError && error.code === 'E_AUTH') this.#refused()
      else if (opener && 'code' in opener && error instanceof StoreError && error.code === 'E_VALUE') this.#refused()
      else rpc.close() // if it has not closed already; it is tried again
    }
  }

  // refused: the link, the code or the session is not known to the store. With the session it is tried again after the others.
  #refused(): void {
    const opener = this.#opener
    this.#drop()
    this.#opener = undefined
    if (!opener) forget()
    if (kept()) void this.#open()
    else this.#lock(!opener ? 'restarted' : 'code' in opener ? 'wrong-code' : 'old-link')
  }

  #drop(): void {
    void this.#opening?.then(close, nothing)
    this.#opening = this.#rpc = undefined
  }

  #take(state: State): void {
    this.state = state
    this.#changed()
  }

  #lost(): void {
    this.#opening = this.#rpc = undefined
    this.phase = 'away'
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#open(), retryMs[Math.min(this.#tries++, retryMs.length - 1)])
    this.#changed()
  }

  #lock(why: Why): void {
    clearTimeout(this.#timer)
    this.phase = 'locked'
    this.why = why
    this.state = undefined
    this.#changed()
  }
}
