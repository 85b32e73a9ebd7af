// The code that draws QR codes is fetched when it is needed: from the package's chunk, or from beside the script.

import { script } from './options.js'

declare const MASQ_SCRIPT: boolean // set by the build: whether this is the file for a script tag

/** Resolves with the module qr.ts. */
export function loadQR(): Promise<typeof import('./qr.js')> {
  return MASQ_SCRIPT ? import(new URL('qr.js', script).href) : import('./qr.js')
}
