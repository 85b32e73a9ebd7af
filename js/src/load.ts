// What not every page needs is fetched when it is needed: from the package's chunks, or from beside the script. These modules
// import nothing at run time that the rest of the client has too (there would be two MasqErrors): they are handed it.

import { MasqError } from './errors.js'
import { beside } from './options.js'

declare const MASQ_SCRIPT: boolean // set by the build: whether this is the file for a script tag

const MISSING = 'A part of Masq could not be loaded. Serve all of dist/ from one folder, then reload the page.'

/** Resolves with the module local.ts. */
export function loadLocal(): Promise<typeof import('./local.js')> {
  return part('local.js', (url) => (MASQ_SCRIPT ? import(url) : import('./local.js')))
}

/** Resolves with the module pairing.ts. */
export function loadPairing(): Promise<typeof import('./pairing.js')> {
  return part('pairing.js', (url) => (MASQ_SCRIPT ? import(url) : import('./pairing.js')))
}

/** Resolves with the Worker's code. */
export async function loadWorkerCode(): Promise<string> {
  if (!MASQ_SCRIPT) return (await import('./worker-text.js')).default
  const url = beside('worker.js') ?? 'worker.js'
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
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
