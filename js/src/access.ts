// Getting into the local store: connecting to it, proving a token to each other, and asking the user for one.

import type { MasqError } from './errors.js'
import type { Grant } from './grants.js'
import { base64, base64url, fromBase64, isStores, lv, proofOf, tokenKey } from './proof.js'
import { CUT, Rpc } from './rpc.js'
import type { About, Beginning, Tools } from './tools.js'

const PORT = 6277
const ADDRESS = `ws://localhost:${PORT}/v1`
const API = 2
/**
 * How long the store may take to connect, and to prove that it is one. Where there is none the computer says so at once; a busy
 * one answers late, and an application that had begun without it by then would never come to it by itself.
 */
const ANSWER_MS = 3000
const PROMPT_MS = 10 * 60_000 // the user is looking at the browser's prompt
/** How long until the store is tried again, at first. */
export const RETRY_MS = 500
const BUSY_TRIES = 5
/** After so many exchanges in a row that came to nothing, there is a pause before each further one, and only a click begins it. */
const TRIES_MAX = 3
const PAUSE_MS = 10 * 60_000

/** What fails here when the other side is not the store that knows this page. */
export const UNPROVEN = new Error('not the store that this page knows')
const NEEDS_DIGITS = 'there is data here, so `digits` is needed'
const PAUSE = 'wait ten minutes'
let warned = false

export class Access {
  readonly #begin: Beginning
  readonly #tools: Tools
  readonly #about: About
  readonly #asking: (digits?: string) => void
  #dialled: Rpc | undefined // the connection, in or not
  #abort = new AbortController()

  /** `asking` hears when the user is asked, and of the digits that this page may show. */
  constructor(tools: Tools, about: About, begin: Beginning, asking: (digits?: string) => void) {
    this.#tools = tools
    this.#about = about
    this.#begin = begin
    this.#asking = asking
  }

  /** Access was taken away: it is not tried again until the user asks for it. */
  async revoke(): Promise<void> {
    this.#begin.grant = await this.#tools.saveGrant({ revoked: true })
  }

  /** Ends the connection, and whatever is under way. */
  end(e: MasqError): void {
    this.#abort.abort(e)
    this.#dialled?.close()
  }

  /** Resolves with a connection that is in. Rejects with MasqError, UNPROVEN or CUT. */
  async open(): Promise<Rpc> {
    const { grant, click } = this.#begin
    if (!grant.key || (click && grant.revoked) || this.#unmet(grant)) return this.#askUser()
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
      const { id, key } = this.#begin.grant as Required<Grant>
      const [, { sn, mac }] = await this.#soon([
        this.#hello(rpc),
        rpc.call('prove', JSON.stringify({ id, cn: base64url(cn) })),
      ])
      const nonce = said(sn)
      if (nonce.length !== 32 || !(await isStores(key, cn, nonce, said(mac)))) throw UNPROVEN
      rpc.trusted = true
      const proof = JSON.stringify({ mac: base64url(await proofOf(key, cn, nonce, 'client')) })
      await this.#soon([rpc.call('proof', proof)]).catch(async (e: MasqError) => {
        if (e.code !== 'E_AUTH') throw e
        await this.revoke() // the store, which is the one, does not take our token any more
        throw this.denied()
      })
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

  /** One tab asks for all of this browser's; the others wait for what it hears. */
  async #askUser(): Promise<Rpc> {
    const { locks } = navigator
    const { failure } = this.#tools
    const begin = this.#begin
    if (begin.typing && !begin.digits) throw failure('E_OPTIONS', NEEDS_DIGITS)
    const name = 'masq-local-store:ask'
    const before = begin.grant.id
    const work = async (): Promise<Rpc> => {
      const grant = (begin.grant = await this.#tools.readGrant())
      if (grant.id !== before && !grant.revoked && !this.#unmet(grant)) return this.#enter() // another tab got it
      if (grant.refused && !begin.click) throw this.denied()
      for (let busy = 1; ; busy++) {
        const { tries = 0, tried = 0 } = begin.grant
        if (tries >= TRIES_MAX && Math.abs(Date.now() - tried) < PAUSE_MS) throw failure('E_DENIED', PAUSE)
        try {
          return await this.#request()
        } catch (e) {
          // The request of a page that has just gone may still be there, or another browser's is.
          if ((e as MasqError).code !== 'E_BUSY' || busy === BUSY_TRIES) throw e
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
        this.#abort.signal.throwIfAborted()
      }
    }
    const got = await locks.request(name, { ifAvailable: true }, (lock) => lock && work())
    if (got) return got
    this.#asking()
    return locks.request(name, { signal: this.#abort.signal }, work)
  }

  /**
   * Asks the user, in the Store manager, by first contact. Nobody has proved anything yet: nothing goes out but how the application
   * introduces itself, and it takes the digits that the user types, where those are needed, to go on.
   */
  async #request(): Promise<Rpc> {
    const { typing, use, once } = this.#begin
    const { meet } = this.#tools
    const rpc = await this.#connect()
    let revealed = false
    try {
      await this.#soon([this.#hello(rpc)])
      const request = async (params: object): Promise<unknown> =>
        (await this.#soon([rpc.call('request', JSON.stringify(params))]))[0].key
      const helpers = { base64, base64url, fromBase64, lv, tokenKey }
      const { digits, reveal, picture, open } = await meet(helpers, PORT, this.#about, request).catch(strange)
      await this.#count()
      revealed = true
      rpc.onnote = (method) => method === 'asking' && this.#asking(typing ? undefined : digits)
      const answer = rpc.call('reveal', JSON.stringify({ ...reveal, ...(typing && { typing }) }))
      const [{ token }] = await Promise.all([answer, typing && this.#compare(digits, rpc)])
      const got = await open(token).catch(strange)
      const clean = { first: !typing, tries: 0, refused: false, revoked: false, ...(use && { used: true }) }
      this.#begin.grant = await this.#tools.saveGrant({ ...got, ...clean })
      rpc.trusted = true
      const { description } = this.#about
      const more = { ...(description && { description }), ...(picture && { icon: picture }) }
      if (description || picture) void rpc.call('describe', JSON.stringify(more)).catch(() => undefined)
      return rpc
    } catch (e) {
      rpc.close()
      const { code } = e as MasqError
      const no = code === 'E_DENIED' || code === 'E_EXPIRED'
      if (no || (revealed && once && !this.#abort.signal.aborted)) await this.#tools.saveGrant({ refused: true })
      throw no ? this.denied() : e
    }
  }

  /** Whether the store was trusted on first use, which is not enough for the data that there is. */
  #unmet({ first }: Grant): boolean {
    return this.#begin.typing && first === true
  }

  /** Counts a try before it is one: the page may go away in the middle of it. */
  async #count(): Promise<void> {
    const { tries = 0, refused = false } = this.#begin.grant
    const more = { tries: tries + 1, tried: Date.now(), refused: refused || tries + 1 >= TRIES_MAX }
    this.#begin.grant = await this.#tools.saveGrant(more)
  }

  /** Has the user type the digits. Rejects if they are other ones. */
  async #compare(digits: string, rpc: Rpc): Promise<void> {
    const typed = await this.#begin.digits!()
    if (typed === undefined) throw this.denied()
    if (String(typed).replace(/\s/g, '') !== digits) throw this.#tools.failure('E_AUTH')
    await rpc.call('compared')
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

  /** What is refused rejects with this. */
  denied(): MasqError {
    return this.#tools.failure('E_DENIED')
  }
}

/** Bytes of an answer that nobody has proved yet. */
function said(text: unknown): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64(text)
  } catch {
    return unproven()
  }
}

/** Fails with e, if it is not for what the other side has said. */
function strange(e: unknown): never {
  throw e === CUT || (e as MasqError).code ? e : UNPROVEN
}

function unproven(): never {
  throw UNPROVEN
}
