// First contact with what may be the local store, or a program of somebody else's on its port: core/PROTOCOL.md, "The local store".
// Both sides get six digits and a key, which they have in common only if nobody stands in between.

const LABEL = 'masq-contact/1'
const ICON_BYTES_MAX = 32 << 10
const REQUEST_ICON_MAX = 2 << 10 // the store reads at most 4 KiB of a stranger's at a time
const ICON_MS_MAX = 2000
const P256 = { name: 'ECDH', namedCurve: 'P-256' }

/** An exchange, when both shares are known here. */
export interface Met {
  digits: string
  /** What the other side is told now: its share opens the commitment. */
  reveal: { key: string; nonce: string }
  /** The icon as a data: URL, if it is too long for a request; else ''. */
  picture: string
  /** Opens the token that the other side gives. Rejects if it is not sealed under the key of this exchange. */
  open(sealed: unknown): Promise<{ id: string; key: CryptoKey }>
}

/** What the chunk of the local store lends to this one. */
export type Helpers = Pick<typeof import('./proof.js'), 'base64' | 'base64url' | 'fromBase64' | 'lv' | 'tokenKey'>

/**
 * Exchanges keys with what is at `port`. `request` hands the other side the application's name and icon with this side's commitment, and
 * resolves with its share. Rejects if that is none.
 */
export async function meet(
  { base64, base64url, fromBase64, lv, tokenKey }: Helpers,
  port: number,
  { name, icon }: { name: string; icon: string },
  request: (params: object) => Promise<unknown>,
): Promise<Met> {
  const { subtle } = crypto
  const about = [...lv(LABEL), ...lv(location.origin), port >> 8, port & 255]
  const hash = async (...parts: Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> => {
    const all = new Uint8Array([...about, ...parts.flatMap((p) => [...p])])
    return new Uint8Array(await subtle.digest('SHA-256', all))
  }
  const own = await subtle.generateKey(P256, false, ['deriveBits'])
  const share = new Uint8Array(await subtle.exportKey('raw', own.publicKey))
  const nonce = crypto.getRandomValues(new Uint8Array(32))
  const commitment = await hash(share, nonce)
  const image = await dataURL(icon, base64)
  const short = image.length <= REQUEST_ICON_MAX
  const app = { name, ...(image && short && { icon: image }) }
  const store = fromBase64(await request({ app, commitment: base64url(commitment) }))
  const salt = await hash(commitment, store, share, nonce)
  const other = await subtle.importKey('raw', store, P256, false, [])
  const shared = await subtle.deriveBits({ ...P256, public: other }, own.privateKey, 256)
  const secret = await subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey'])
  const hkdf = { name: 'HKDF', hash: 'SHA-256', salt, info: new TextEncoder().encode(`${LABEL} token`) }
  const aes = { name: 'AES-GCM', length: 256, iv: new Uint8Array(12) } // the key is for one message alone
  const key = await subtle.deriveKey(hkdf, secret, aes, false, ['decrypt'])
  return {
    digits: String(salt.reduce((n, byte) => (n * 256 + byte) % 1e6, 0)).padStart(6, '0'),
    reveal: { key: base64url(share), nonce: base64url(nonce) },
    picture: short ? '' : image,
    open: async (sealed) => {
      const token = new Uint8Array(await subtle.decrypt(aes, key, fromBase64(sealed)))
      return { id: base64url(token.subarray(0, 8)), key: await tokenKey(token.slice(8)) }
    },
  }
}

/** The icon as a data: URL; '' if it cannot be had, or is large. */
async function dataURL(icon: string, base64: Helpers['base64']): Promise<string> {
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
