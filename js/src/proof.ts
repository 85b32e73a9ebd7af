// Proving a token, both ways, without sending it: core/PROTOCOL.md, "The local store".

const utf8 = new TextEncoder()

/** `b` in base64url without padding. */
export function base64url(b: Uint8Array): string {
  return base64(b).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** `b` in base64. */
export function base64(b: Uint8Array): string {
  if ('toBase64' in b) return (b as unknown as { toBase64(): string }).toBase64()
  let s = ''
  for (let at = 0; at < b.length; at += 0x8000) s += String.fromCharCode(...b.subarray(at, at + 0x8000))
  return btoa(s)
}

/** The bytes of base64 or base64url. Throws for what is neither. */
export function fromBase64(text: unknown): Uint8Array<ArrayBuffer> {
  if (typeof text !== 'string') throw new TypeError('not base64')
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
}

/** A token's key, of which scripts can make nothing but proofs. */
export async function tokenKey(raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  if (raw.length !== 32) throw new TypeError('not a key')
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  raw.fill(0)
  return key
}

/** Whether `mac` is the store's proof. */
export function isStores(
  key: CryptoKey,
  cn: Uint8Array,
  sn: Uint8Array,
  mac: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, mac, said('store', cn, sn))
}

/** This side's proof: an application's, or the manager's. */
export async function proofOf(
  key: CryptoKey,
  cn: Uint8Array,
  sn: Uint8Array,
  side: 'client' | 'manager',
): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, said(side, cn, sn)))
}

function said(side: string, cn: Uint8Array, sn: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array([...utf8.encode(`masq-store/1 ${side}`), ...lv(location.origin), ...cn, ...sn])
}

/** Text in UTF-8 behind its length as 16 bits. */
export function lv(text: string): number[] {
  const b = utf8.encode(text)
  return [b.length >> 8, b.length & 255, ...b]
}
