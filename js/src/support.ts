import { MasqError } from './errors.js'

const NEEDED = ['Worker', 'WebAssembly', 'BroadcastChannel'] as const
const SERVER =
  'Masq needs a browser: a page or a Worker. Call connect() only there; tests without a browser can use @masq/client/testing.'

/** Throws MasqError where Masq cannot run. */
export function checkSupport(): void {
  if (typeof document === 'undefined' && !('WorkerGlobalScope' in globalThis))
    throw new MasqError('E_UNSUPPORTED', 'there is no document', SERVER)
  if (globalThis.isSecureContext === false) throw new MasqError('E_INSECURE')
  const missing = NEEDED.find((name) => !(name in globalThis))
  if (missing) throw lacks(missing)
  if (!globalThis.crypto?.subtle) throw lacks('crypto.subtle')
  if (!navigator.locks) throw lacks('navigator.locks')
  if (!hasIndexedDB()) throw new MasqError('E_STORAGE', 'there is no IndexedDB')
}

function lacks(what: string): MasqError {
  return new MasqError('E_UNSUPPORTED', `it lacks ${what}`)
}

/** Whether there is any. A browser that keeps no data has null in its place, or throws. */
function hasIndexedDB(): boolean {
  try {
    return Boolean(globalThis.indexedDB)
  } catch {
    return false
  }
}
