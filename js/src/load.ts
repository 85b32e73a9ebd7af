// What not every page needs is fetched when it is needed: from the package's chunks, or from beside the script. These modules
// import nothing at run time that the rest of the client has too (there would be two MasqErrors): they are handed it.

import { script } from './options.js'

declare const MASQ_SCRIPT: boolean // set by the build: whether this is the file for a script tag

/** Resolves with the module local.ts. */
export function loadLocal(): Promise<typeof import('./local.js')> {
  return MASQ_SCRIPT ? import(new URL('local.js', script).href) : import('./local.js')
}

/** Resolves with the module pairing.ts. */
export function loadPairing(): Promise<typeof import('./pairing.js')> {
  return MASQ_SCRIPT ? import(new URL('pairing.js', script).href) : import('./pairing.js')
}

/** Resolves with the Worker's code. */
export async function loadWorkerCode(): Promise<string> {
  if (!MASQ_SCRIPT) return (await import('./worker-text.js')).default
  const response = await fetch(new URL('worker.js', script))
  if (!response.ok) throw new Error('worker.js is not beside the script')
  return response.text()
}
