// What not every page needs is fetched when it is needed: from the package's chunks, or from beside the script. These modules
// import nothing at run time that the rest of the client has too (there would be two MasqErrors): they are handed it.

import { MasqError } from './errors.js'
import { beside } from './options.js'
import { Pin, load, pins } from './pins.js'

declare const MASQ_SCRIPT: boolean // see pins.ts

const MISSING = 'A part of Masq could not be loaded. Serve all of dist/ from one folder.'

/** Resolves with the module local.ts. */
export function loadLocal(): Promise<typeof import('./local.js')> {
  return part('local.js', (url) => (MASQ_SCRIPT ? load(url, Pin.Local) : import('./local.js')))
}

/** Resolves with the module pairing.ts. */
export function loadPairing(): Promise<typeof import('./pairing.js')> {
  return part('pairing.js', (url) => (MASQ_SCRIPT ? load(url, Pin.Pairing) : import('./pairing.js')))
}

/** Resolves with the module qr.ts. */
export function loadQR(): Promise<typeof import('./qr.js')> {
  return part('qr.js', (url) => (MASQ_SCRIPT ? load(url, Pin.QR) : import('./qr.js')))
}

/** Resolves with the Worker's code. */
export async function loadWorkerCode(): Promise<string> {
  if (!MASQ_SCRIPT) return (await import('./worker-text.js')).default
  const url = beside('worker.js') ?? 'worker.js'
  const response = await fetch(url, { integrity: pins[Pin.Worker]! }).catch(() => {
    throw new Error(`${url} is missing, or of another build`)
  })
  return response.text()
}

/** Rejects with E_WASM, which stands for every file of dist/ that is not there. */
async function part<T>(file: string, load: (url: string) => Promise<T>): Promise<T> {
  const url = beside(file) ?? file
  try {
    return await load(url)
  } catch {
    throw new MasqError('E_WASM', MASQ_SCRIPT ? url : file, MISSING)
  }
}
