// The store key: 32 random bytes that seal every block. They lie in IndexedDB, wrapped by a WebCrypto key that never
// leaves the browser: whoever copies single values gets nothing, whoever copies the whole profile gets it all.

import { KEYS, StorageError, answered, type BlockStore } from './storage.js'

const RECORD = 'store'

interface Wrapped {
  key: CryptoKey
  iv: Uint8Array<ArrayBuffer>
  sealed: ArrayBuffer
}

/** The store key, and a name for the data that it seals: cleared data is followed by data of another name. */
export interface StoreKey {
  key: Uint8Array
  id: string
}

/**
 * Resolves with the store key, which it makes on the first call. Rejects with StorageError: `other` when there are blocks
 * but no key to read them, or when the key cannot be unwrapped.
 */
export async function storeKey(store: BlockStore): Promise<StoreKey> {
  const found = await answered(read(store))
  if (found) return unwrap(found)
  const raw = crypto.getRandomValues(new Uint8Array(32))
  const wrapped = await wrap(raw)
  if (await answered(addFirst(store, wrapped))) return { key: raw, id: nameOf(wrapped) }
  return unwrap((await answered(read(store)))!) // another engine was faster
}

/** The nonce of the wrapped key: random, made with the data, and no secret. */
const nameOf = (w: Wrapped): string => w.iv.join('.')

async function wrap(raw: Uint8Array<ArrayBuffer>): Promise<Wrapped> {
  const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  const iv = crypto.getRandomValues(new Uint8Array(12))
  return { key, iv, sealed: await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, raw) }
}

async function unwrap(w: Wrapped): Promise<StoreKey> {
  try {
    const raw = await crypto.subtle.decrypt({ name: 'AES-GCM', iv: w.iv }, w.key, w.sealed)
    if (raw.byteLength === 32) return { key: new Uint8Array(raw), id: nameOf(w) }
  } catch {
    // answered below
  }
  throw new StorageError('other', 'the key to the stored data cannot be read')
}

function read(store: BlockStore): Promise<Wrapped | undefined> {
  return new Promise((resolve, reject) => {
    const request = store.db.transaction(KEYS).objectStore(KEYS).get(RECORD)
    request.onsuccess = () => resolve(request.result as Wrapped | undefined)
    request.onerror = () => reject(new StorageError('other', 'the key to the stored data cannot be read'))
  })
}

/** Writes the first key. Resolves with false if there is one already; a key is never made over blocks sealed by another. */
function addFirst(store: BlockStore, w: Wrapped): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const tx = store.db.transaction([KEYS, 'blocks'], 'readwrite', { durability: 'strict' })
    let orphans = 0
    let raced = false
    const count = tx.objectStore('blocks').count()
    count.onsuccess = () => {
      orphans = count.result
      if (orphans > 0) return
      tx.objectStore(KEYS).add(w, RECORD).onerror = (e) => {
        raced = true
        e.preventDefault()
      }
    }
    tx.oncomplete = () => {
      if (orphans === 0) resolve(!raced)
      else reject(new StorageError('other', 'the key to the stored data is gone'))
    }
    tx.onabort = () =>
      reject(new StorageError(tx.error?.name === 'QuotaExceededError' ? 'quota' : 'other', 'the key could not be kept'))
  })
}
