// The local store's side of first contact, for programs in its place: written out from core/PROTOCOL.md.
import { createCipheriv, createECDH, createHash, hkdfSync } from 'node:crypto'

const lv = (s: string): Buffer => Buffer.concat([Buffer.from([s.length >> 8, s.length & 255]), Buffer.from(s)])
const bytes = (text: string): Buffer => Buffer.from(text, 'base64url')

export class StoreSide {
  /** The share that the page is shown. */
  readonly share: string
  readonly #own = createECDH('prime256v1')
  readonly #origin: string
  readonly #commitment: Buffer

  constructor(origin: string, commitment: string) {
    this.#origin = origin
    this.#commitment = bytes(commitment)
    this.share = this.#own.generateKeys('base64url')
  }

  /** Takes in what the page reveals. Throws if that is not what it has committed to. */
  open(key: string, nonce: string): { digits: string; seal: (token: Buffer) => string } {
    const revealed = [bytes(key), bytes(nonce)]
    if (!this.#hash(...revealed).equals(this.#commitment)) throw new Error('not what the page has committed to')
    const transcript = this.#hash(this.#commitment, bytes(this.share), ...revealed)
    const digits = String(BigInt(`0x${transcript.toString('hex')}`) % 1_000_000n).padStart(6, '0')
    const secret = this.#own.computeSecret(revealed[0]!)
    const under = Buffer.from(hkdfSync('sha256', secret, transcript, 'masq-contact/1 token', 32))
    const seal = (token: Buffer): string => {
      const cipher = createCipheriv('aes-256-gcm', under, Buffer.alloc(12))
      return Buffer.concat([cipher.update(token), cipher.final(), cipher.getAuthTag()]).toString('base64url')
    }
    return { digits, seal }
  }

  #hash(...parts: Buffer[]): Buffer {
    const about = [lv('masq-contact/1'), lv(this.#origin), Buffer.from([6277 >> 8, 6277 & 255])]
    return createHash('sha256')
      .update(Buffer.concat([...about, ...parts]))
      .digest()
  }
}
