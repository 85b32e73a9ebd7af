// The store as this page sees it: its state, kept up to date, and what can be asked of it. It connects again by itself.
import { Rpc, StoreError } from './rpc.js'
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

/** Store tells changed whenever something is different. */
export class Store {
  phase: Phase = 'opening'
  why: Why = 'no-link'
  state: State | undefined
  #rpc: Rpc | undefined
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
    this.#open()
  }

  /** call asks something of the store. */
  call<T = unknown>(method: string, params: object = {}): Promise<T> {
    if (this.phase !== 'live' || !this.#rpc) return Promise.reject(new StoreError('E_AWAY'))
    return this.#rpc.call<T>(method, params)
  }

  /** unlock begins a session with a secret of `masq open`. */
  unlock(secret: string): void {
    this.#secret = secret
    const old = this.#rpc
    this.#rpc = undefined // its end is none of ours any more
    old?.close()
    this.#open()
  }

  /** retry connects now if the store is away. */
  retry(): void {
    if (this.phase === 'away' && !this.#rpc) this.#open()
  }

  #open(): void {
    clearTimeout(this.#timer)
    if (!this.#secret && !kept()) return this.#lock('no-link')
    const rpc = new Rpc(this.#url, {
      opened: () => void this.#enter(rpc),
      notified: (method, params) => rpc === this.#rpc && method === 'state' && this.#take(params as State),
      closed: (code) =>
        rpc === this.#rpc && (code === unknownSession || code === shutOut ? this.#refused() : this.#lost()),
    })
    this.#rpc = rpc
    this.#timer = setTimeout(() => rpc.close(), openingMs)
  }

  async #enter(rpc: Rpc): Promise<void> {
    const secret = this.#secret
    try {
      if (secret) await exchange(rpc, secret)
      else await prove(rpc, kept() ?? { id: '', key: '' })
      const state = await rpc.call<State>('state')
      if (rpc !== this.#rpc) return
      this.#secret = undefined
      this.#tries = 0
      this.phase = 'live'
      clearTimeout(this.#timer)
      this.#take(state)
    } catch (error) {
      if (rpc !== this.#rpc) return
      if (error instanceof StoreError && error.code === 'E_AUTH') this.#refused()
      else rpc.close() // if it has not closed already; it is tried again
    }
  }

  // refused: the secret or the session is not known to the store. With the other of the two it is tried again.
  #refused(): void {
    const [rpc, secret] = [this.#rpc, this.#secret]
    this.#rpc = undefined
    rpc?.close()
    this.#secret = undefined
    if (!secret) forget()
    if (kept()) this.#open()
    else this.#lock(secret ? 'old-link' : 'restarted')
  }

  #take(state: State): void {
    this.state = state
    this.#changed()
  }

  #lost(): void {
    this.#rpc = undefined
    this.phase = 'away'
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), retryMs[Math.min(this.#tries++, retryMs.length - 1)])
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
