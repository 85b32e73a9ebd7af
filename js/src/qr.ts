// A chunk of its own, loaded when a QR code is asked for.

import encodeQR from 'qr'

/** `text` as a QR code, an SVG image. */
export function svg(text: string): string {
  return encodeQR(text, 'svg', { ecc: 'medium', border: 4 })
}
