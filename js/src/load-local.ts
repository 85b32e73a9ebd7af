// The code that speaks to a local store is fetched when it is needed: from the package's chunk, or from beside the script.

import { script } from './options.js'

declare const MASQ_SCRIPT: boolean // set by the build: whether this is the file for a script tag

/** Resolves with the module local.ts. */
export function loadLocal(): Promise<typeof import('./local.js')> {
  return MASQ_SCRIPT ? import(new URL('local.js', script).href) : import('./local.js')
}
