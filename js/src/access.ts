// Getting into the local store: connecting to it, proving a token to each other, and asking the user for one.

import type { MasqError } from './errors.js'
import type { Grant } from './grants.js'
import { base64, base64url, fromBase64, isStores, proofOf, tokenKey } from './proof.js'
import { Rpc } from './rpc.js'
import type { About, Beginning, Tools } from './tools.js'

const ADDRESS = 'ws://localhost:6277/v1'
const API = 1
/**
 * How long the store may take to connect, and to prove that it is one. Where there is none the computer says so at once; a busy
 * one answers late, and an application that had begun without it by then would never come to it by itself.
 */
const ANSWER_MS = 3000
const PROMPT_MS = 10 * 60_000 // the user is looking at the browser's prompt
/** How long until the store is tried again, at first. */
export const RETRY_MS = 500
const BUSY_TRIES = 5
const ICON_BYTES_MAX = 32 << 10
const REQUEST_ICON_MAX = 2 << 10 // a request has at most 4 KiB; what is longer is shown once the page is in
const ICON_MS_MAX = 2000

/** What fails here when the other side is not the store that knows this page. */
export const UNPROVEN = new Error('not the store that this page knows')
let warned = false

export class Access {
  readonly #begin: Beginning
  readonly #tools: Tools
  readonly #about: About
  readonly #asking: () => void
  #dialled: Rpc | undefined // the connection, in or not
  #abort = new AbortController()

  /** `asking` hears when the user is asked. */
  constructor(tools: Tools, about: About, begin: Beginning, asking: () => void) {
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
    if (!grant.key || (click && grant.revoked)) return this.#askUser()
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
    const begin = this.#begin
    const name = 'masq-local-store:ask'
    const before = begin.grant.id
    const work = async (): Promise<Rpc> => {
      const grant = (begin.grant = await this.#tools.readGrant())
      if (grant.id !== before && !grant.revoked) return this.#enter() // another tab got it
      if (grant.refused && !begin.click) throw this.denied()
      for (let tries = 1; ; tries++) {
        try {
          return await this.#request()
        } catch (e) {
          // The request of a page that has just gone may still be there, or another browser's is.
          if ((e as MasqError).code !== 'E_BUSY' || tries === BUSY_TRIES) throw e
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

  /** Asks the user, in the Store manager. */
  async #request(): Promise<Rpc> {
    const icon = this.#icon()
    const rpc = await this.#connect()
    try {
      await this.#soon([this.#hello(rpc)])
      rpc.onnote = (method) => method === 'asking' && this.#asking()
      const { name, description } = this.#about
      const picture = await icon
      const short = picture.length <= REQUEST_ICON_MAX
      const app = { name, ...(description && { description }), ...(picture && short && { icon: picture }) }
      const { id, key } = await rpc.call('request', JSON.stringify({ app }))
      if (typeof id !== 'string' || id.length !== 11) throw UNPROVEN
      const use = this.#begin.use && { used: true }
      const got = { id, key: await tokenKey(key).catch(unproven), refused: false, revoked: false, ...use }
      this.#begin.grant = await this.#tools.saveGrant(got)
      rpc.trusted = true
      if (!short) void rpc.call('setIcon', JSON.stringify({ icon: picture })).catch(() => undefined)
      return rpc
    } catch (e) {
      rpc.close()
      const { code } = e as MasqError
      if (code === 'E_DENIED' || code === 'E_EXPIRED') {
        await this.#tools.saveGrant({ refused: true })
        throw this.denied()
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

function unproven(): never {
  throw UNPROVEN
}
