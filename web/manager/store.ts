// The store as this page sees it: its state, kept up to date, and what can be asked of it. It connects again by itself.
import { CUT, Rpc } from '../../js/src/rpc.js'
import { StoreError } from './errors.js'
import { exchange, forget, kept, prove } from './session.js'
import type { State } from './state.js'

/**
 * Phase is how the page stands with the store:
 * locked: it has no session; opening; live; away: the store does not answer, and is tried again.
 */
export type Phase = 'locked' | 'opening' | 'live' | 'away'

/** Why a page is locked: it was opened without the link; the link was not good any more; the store has been restarted. */
export type Why = 'no-link' | 'old-link' | 'restarted'

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
  #secret: string | undefined
  readonly #changed: () => void

  constructor(url: string, secret: string | undefined, changed: () => void) {
    this.#url = url
    this.#secret = secret
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

  /** unlock begins a session with a secret of `masq open`. */
  unlock(secret: string): void {
    this.#secret = secret
    this.#drop() // its end is none of ours any more
    void this.#open()
  }

  /** retry connects now if the store is away. */
  retry(): void {
    if (this.phase === 'away' && !this.#opening) void this.#open()
  }

  async #open(): Promise<void> {
    clearTimeout(this.#timer)
    if (!this.#secret && !kept()) return this.#lock('no-link')
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
    const secret = this.#secret
    try {
      if (secret) await exchange(rpc, secret)
      else await prove(rpc, kept() ?? { id: '', key: '' })
      const state = await rpc.call('state')
      if (rpc !== this.#rpc) return
      this.#secret = undefined
      this.#tries = 0
      this.phase = 'live'
      clearTimeout(this.#timer)
      this.#take(state as unknown as State)
    } catch (error) {
      if (rpc !== this.#rpc) return
      if (error instanceof StoreError && error.code === 'E_AUTH') this.#refused()
      else rpc.close() // if it has not closed already; it is tried again
    }
  }

  // refused: the secret or the session is not known to the store. With the other of the two it is tried again.
  #refused(): void {
    const secret = this.#secret
    this.#drop()
    this.#secret = undefined
    if (!secret) forget()
    if (kept()) void this.#open()
    else this.#lock(secret ? 'old-link' : 'restarted')
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
