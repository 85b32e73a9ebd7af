// How this page and the store know each other: the page exchanges the secret of `masq open` for a session, once, and from
// then on both prove that they have its key and neither sends it.
import { type Rpc, StoreError } from './rpc.js'

/** Session is what the store gives for the secret. It is good until the store stops. */
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

/** exchange gets a session for a secret and keeps it. The connection is in from then on. */
export async function exchange(rpc: Rpc, secret: string): Promise<void> {
  const session = await rpc.call<Session>('exchange', { secret })
  sessionStorage.setItem(place, JSON.stringify({ id: session.id, key: session.key }))
}

/** prove has the store prove that it knows the session, and then proves it to the store. Either failure is E_AUTH. */
export async function prove(rpc: Rpc, { id, key }: Session): Promise<void> {
  const hmac = await crypto.subtle.importKey('raw', bytes(key), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])
  const cn = crypto.getRandomValues(new Uint8Array(32))
  const answer = await rpc.call<{ sn: string; mac: string }>('prove', { id, cn: text(cn) })
  const sn = bytes(answer.sn)
  const known = await crypto.subtle.verify('HMAC', hmac, bytes(answer.mac), transcript('store', cn, sn))
  if (!known) throw new StoreError('E_AUTH')
  const mac = new Uint8Array(await crypto.subtle.sign('HMAC', hmac, transcript('manager', cn, sn)))
  await rpc.call('proof', { mac: text(mac) })
}

// transcript is what is signed: "masq-store/1 store" (or "… manager") ‖ lv(origin) ‖ cn ‖ sn.
function transcript(side: 'store' | 'manager', cn: Uint8Array, sn: Uint8Array): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder()
  const app = encoder.encode(location.origin)
  return Uint8Array.of(
    ...encoder.encode('masq-store/1 ' + side),
    ...[app.length >> 8, app.length & 255],
    ...app,
    ...cn,
    ...sn,
  )
}

const text = (data: Uint8Array): string =>
  btoa(String.fromCharCode(...data))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')

const bytes = (base64url: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64url.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
