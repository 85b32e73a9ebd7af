// How this page and the store know each other: the page exchanges what `masq open` gave for a session, once, and from then on both prove that they have its key and neither sends it.
import { base64url, fromBase64, isStores, proofOf, tokenKey } from '../../js/src/proof.js'
import type { Rpc } from '../../js/src/rpc.js'
import { StoreError } from './errors.js'

/** Opener is what `masq open` gives: the secret in its link, or the code that a person types. */
export type Opener = { secret: string } | { code: string }

/** Session is what the store gives for it. It is good until the store stops. */
export interface Session {
  id: string
  key: string
}

const place = 'masq-session' // in sessionStorage: this tab's alone, gone with it

/** kept is the session that this tab has. */
export function kept(): Session | undefined {
  try {
    const { id, key } = JSON.parse(sessionStorage.getItem(place) ?? '') as Partial<Session>
    return typeof id === 'string' && typeof key === 'string' ? { id, key } : undefined
  } catch {
    return undefined
  }
}

/** forget drops the session. */
export const forget = (): void => sessionStorage.removeItem(place)

/** exchange gets a session and keeps it. The connection is in from then on. */
export async function exchange(rpc: Rpc, opener: Opener): Promise<void> {
  const { id, key } = await rpc.call('exchange', JSON.stringify(opener))
  rpc.trusted = true
  sessionStorage.setItem(place, JSON.stringify({ id, key }))
}

/** prove has the store prove that it knows the session, and then proves it to the store. Either failure is E_AUTH. */
export async function prove(rpc: Rpc, session: Session): Promise<void> {
  const key = await tokenKey(fromBase64(session.key))
  const cn = crypto.getRandomValues(new Uint8Array(32))
  const answer = await rpc.call('prove', JSON.stringify({ id: session.id, cn: base64url(cn) }))
  const sn = fromBase64(answer.sn)
  if (!(await isStores(key, cn, sn, fromBase64(answer.mac)))) throw new StoreError('E_AUTH')
  rpc.trusted = true
  const mac = await proofOf(key, cn, sn, 'manager')
  await rpc.call('proof', JSON.stringify({ mac: base64url(mac) }))
}
