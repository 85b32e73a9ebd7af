import { MasqError } from './errors.js'
import { storageCode } from './messages.js'
import { StorageError } from './storage.js'

/** Any failure as an error of Masq's. One that nobody foresaw goes to the console. */
export function asMasqError(e: unknown): MasqError {
  if (e instanceof MasqError) return e
  if (e instanceof StorageError) return new MasqError(storageCode(e.reason), e.message)
  // Where the browser keeps no data it refuses all that pages of an origin share: locks and channels, too.
  if (e instanceof DOMException && e.name === 'SecurityError') return new MasqError('E_STORAGE', e.message)
  console.error('masq:', e)
  return new MasqError('E_INTERNAL', String(e).slice(0, 200))
}
