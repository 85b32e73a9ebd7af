// A chunk of its own, loaded for the first pairing, and for first contact with a local store.

import type { ActionType, Ask, OpID, TabAction, Verb } from './codec.gen.js'
import type { MasqError } from './errors.js'

/** @internal */
export { meet } from './contact.js'

/**
 * How far a pairing has got: `waiting` for the other device; `compare`: both users compare the digits and the names and
 * say yes or no; `confirmed`: yes here, not yet there; `paired`: both said yes; `done`: the two are in sync; `failed`.
 */
export type PairingStep = 'waiting' | 'compare' | 'confirmed' | 'paired' | 'done' | 'failed'

const MISSING = 'The QR code cannot be drawn. Serve all of dist/ from one folder, or show the link.'
const EARLY = 'There is nothing to confirm yet. Await `compared`, show digits and name, and ask the user.'

const NO_ADDRESS = 'This page has no address that an invite could lead to. Make the invite in a page that has one.'

type State = Extract<TabAction, { type: ActionType.Pairing }>

/** @internal What a Pairing speaks to the engine by, and what the rest of the client lends to this chunk. */
export interface Talk {
  client: {
    readonly id: number
    ask(op: Ask): Promise<unknown>
    pair(op: Ask, told: (s: State | MasqError) => void): Promise<{ n: number; text: string }>
  }
  /** To which an invite leads; '' if there is none. */
  url: string
  failure(code: string, detail?: string, sentence?: string): MasqError
  loadQR(): Promise<typeof import('./qr.js')>
  fields: typeof import('./fields.js').fields
  steps: typeof import('./codec.gen.js').pairingSteps
  verbs: { invite: Verb.Invite; join: Verb.Join; confirm: Verb.Confirm; cancel: Verb.Cancel }
}

/** What becomes of the data that this device has when it joins; see `confirm`. */
export interface ConfirmOptions {
  bring?: boolean
  discard?: boolean
}

/**
 * A pairing under way, on either side: made by `masq.invite()` or `masq.join()`. Dispatches `change` when a property has
 * changed. A yes is waited for for 60 seconds.
 *
 * ```ts
 * const pairing = await masq.invite()
 * show(pairing.link, await pairing.qr())
 * await pairing.compared                       // now show pairing.digits and pairing.name, and ask
 * await pairing.confirm()                      // the user said yes; or pairing.cancel()
 * await pairing.done
 * ```
 */
export class Pairing extends EventTarget {
  /** The link that the other device opens. */
  readonly link: string
  /** How far it has got. */
  step: PairingStep = 'waiting'
  /** Six digits, the same on both devices, from `compare` on; empty before. */
  digits = ''
  /** The other device's name, from `compare` on; empty before. */
  name = ''
  /** When the present step ends by itself, in Unix milliseconds; 0: it does not. */
  expires = 0
  /**
   * The browser says that there is no network, so the other device cannot be met yet: tell the user. The pairing goes on by
   * itself, if the network comes back before it expires.
   */
  offline = false
  /** Joining: this device has data of its own, and `confirm` must say what becomes of it. */
  hasData = false
  /** Why it failed. */
  error: MasqError | undefined
  /** Resolves when there are digits to compare. Rejects with MasqError when the pairing fails before. */
  readonly compared: Promise<void>
  /** Resolves when the two devices are in sync. Rejects with MasqError when the pairing fails. */
  readonly done: Promise<void>

  #talk: Talk
  #target: OpID
  #settle!: { compared: () => void; done: () => void; fail: (e: MasqError) => void }

  private constructor(talk: Talk, n: number, link: string) {
    super()
    this.#talk = talk
    this.#target = { client: talk.client.id, n }
    this.link = link
    let failCompared: (e: MasqError) => void
    let compared: () => void
    this.compared = new Promise((resolve, reject) => ([compared, failCompared] = [resolve, reject]))
    this.done = new Promise((resolve, reject) => {
      const fail = (e: MasqError): void => (failCompared(e), reject(e))
      this.#settle = { compared, done: resolve, fail }
    })
    this.compared.catch(() => undefined) // who does not ask is not bothered
    this.done.catch(() => undefined)
  }

  /** @internal */
  static async start(talk: Talk, link?: string): Promise<Pairing> {
    const early: (State | MasqError)[] = []
    let told = (s: State | MasqError): void => void early.push(s)
    const { client, url, verbs } = talk
    if (link === undefined && !url) throw talk.failure('E_UNSUPPORTED', 'a sandboxed frame or a file', NO_ADDRESS)
    const op = link === undefined ? { verb: verbs.invite, url } : { verb: verbs.join, link }
    const { n, text } = await client.pair(op, (s) => told(s))
    const pairing = new Pairing(talk, n, link ?? text)
    told = (s) => pairing.#told(s)
    early.forEach(told)
    return pairing
  }

  /** The link as a QR code: an SVG image, black on white with a margin. Rejects with E_WASM if qr.js is not there. */
  async qr(): Promise<string> {
    const { svg } = await this.#talk.loadQR().catch(() => {
      throw this.#talk.failure('E_WASM', 'qr.js', MISSING)
    })
    return svg(this.link)
  }

  /**
   * The user says that digits and name are right. If `hasData`, say what becomes of the data that this device has: with
   * `bring: true` it comes along, with `discard: true` it is deleted here. Rejects with E_DATA if that is needed and not
   * said, with E_BUSY if it is too early, with E_EXPIRED if it is too late, with E_OPTIONS if the options are not understood.
   */
  async confirm(options: ConfirmOptions = {}): Promise<void> {
    const names = { bring: 'boolean', discard: 'boolean' } as const
    const { bring = false, discard = false } = this.#talk.fields<ConfirmOptions>('confirm', options, names)
    if (bring && discard) throw this.#talk.failure('E_OPTIONS', 'bring or discard, not both')
    if (this.step === 'waiting') throw this.#talk.failure('E_BUSY', '', EARLY)
    const { client, verbs } = this.#talk
    await client.ask({ verb: verbs.confirm, target: this.#target, bring, discard })
  }

  /** The user says no, or changes their mind. The other device hears of it, and the link is of no use any more. */
  async cancel(): Promise<void> {
    if (this.step === 'failed' || this.step === 'done') return
    const { client, verbs } = this.#talk
    await client.ask({ verb: verbs.cancel, target: this.#target })
  }

  #told(s: State | MasqError): void {
    if (s instanceof Error) {
      if (this.step === 'failed' || this.step === 'done') return
      this.step = 'failed'
      this.error = s
    } else {
      this.step = this.#talk.steps[s.step] || 'failed'
      Object.assign(this, {
        digits: s.digits || this.digits,
        name: s.name || this.name,
        expires: s.expires,
        hasData: s.hasData,
        offline: s.offline,
      })
      if (this.step === 'failed') this.error = this.#talk.failure(s.code)
    }
    if (this.error) this.#settle.fail(this.error)
    else if (this.step !== 'waiting') this.#settle.compared()
    if (this.step === 'done') this.#settle.done()
    this.dispatchEvent(new Event('change'))
  }
}
