// What this origin knows of the local store: one record in a database of its own, so that the decision where the data is
// stands apart from the data.

import { answered, explain, opened, type StorageError } from './storage.js'

/** The record. Nothing in it: the local store was never spoken to. */
export interface Grant {
  /** The token: its id, and its key, with which nothing can be done but proving it. */
  id?: string
  key?: CryptoKey
  /** The origin's data is in the local store. From then on no embedded store is opened for it. */
  used?: boolean
  /** There is embedded data that has been moved and has to be deleted. */
  leftover?: boolean
  /** The store was trusted on first use: nobody has typed digits that it showed. */
  first?: boolean
  /** How many exchanges in a row got as far as digits and not to a yes, and when the last one began, in Unix milliseconds. */
  tries?: number
  tried?: number
  /** The user said no when asked for access, or it was asked for too often: nobody asks again by itself. */
  refused?: boolean
  /** The user took access away. */
  revoked?: boolean
}

/** The database's name: no application's, for theirs begin with "masq:". */
export const GRANTS = 'masq-local-store'
const STORE = 'grant'
const RECORD = 0

/** Resolves with the record. Rejects with StorageError. */
export async function readGrant(): Promise<Grant> {
  if (!(await exists(GRANTS))) return {}
  const found = await run<Grant | undefined>('readonly', (s) => s.get(RECORD))
  return found ?? {}
}

/** Changes the record; it is on stable storage when it resolves with what it is then. Rejects with StorageError. */
export async function saveGrant(change: Partial<Grant>): Promise<Grant> {
  const all = { ...(await readGrant()), ...change }
  await run('readwrite', (s) => s.put(all, RECORD))
  return all
}

/** Whether there is a database, without making one. Rejects with StorageError. */
export function exists(name: string): Promise<boolean> {
  return opened(async () => ('databases' in indexedDB ? (await databases()).includes(name) : opens(name)))
}

/** The names of this origin's databases. */
export async function databases(): Promise<(string | undefined)[]> {
  return (await indexedDB.databases()).map((d) => d.name)
}

function opens(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = indexedDB.open(name)
    request.onupgradeneeded = () => request.transaction!.abort()
    request.onsuccess = () => (request.result.close(), resolve(true))
    request.onerror = () => resolve(false)
  })
}

/** Deletes a database; who still has it open is told to close it. */
export function deleteDatabase(name: string): Promise<void> {
  return answered(
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name)
      request.onsuccess = () => resolve()
      request.onerror = () => reject(explain(request.error) satisfies StorageError)
    }),
  )
}

function run<T>(mode: IDBTransactionMode, work: (s: IDBObjectStore) => IDBRequest): Promise<T> {
  return opened(() => runOnce(mode, work))
}

function runOnce<T>(mode: IDBTransactionMode, work: (s: IDBObjectStore) => IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    const open = indexedDB.open(GRANTS, 1)
    open.onupgradeneeded = () => open.result.createObjectStore(STORE)
    open.onerror = () => reject(open.error as Error)
    open.onsuccess = () => {
      const db = open.result
      const tx = db.transaction(STORE, mode, { durability: 'strict' })
      const request = work(tx.objectStore(STORE))
      tx.oncomplete = () => (db.close(), resolve(request.result as T))
      tx.onabort = () => (db.close(), reject(tx.error as Error))
    }
  })
}
