// Keeps the engine's blocks in IndexedDB, behind the contract of core/storage. It is a bundle of its own too
// (dist/storage.js, global MasqStorage), so that the contract's conformance suite runs against it.

/** Why storage failed: the block exists already, there is no room, the store is closed, or something else. */
export type StorageCause = 'exists' | 'quota' | 'closed' | 'version' | 'other'

/** What every method of BlockStore rejects with. */
export class StorageError extends Error {
  override name = 'StorageError'
  constructor(
    readonly reason: StorageCause,
    message: string,
  ) {
    super(message)
  }
}

/** A block with its number, which fits in 53 bits. */
export interface StoredBlock {
  id: number
  data: Uint8Array
}

const SCHEMA = 1
const BLOCKS = 'blocks'
/** The object store in which keys.ts keeps the wrapped store key. */
export const KEYS = 'keys'

/** Numbered blocks in one IndexedDB database. */
export class BlockStore {
  #db: IDBDatabase | undefined

  /** Called once when the browser takes the data away (the user cleared it) or another version of the page needs it. */
  onlost: (() => void) | undefined

  private constructor(db: IDBDatabase) {
    this.#db = db
    db.onversionchange = () => this.#lose() // else whoever deletes or upgrades the database would wait for ever
    db.onclose = () => this.#lose()
  }

  /** Opens the database, which it makes if there is none. Rejects with StorageError. */
  static open(name: string): Promise<BlockStore> {
    return new Promise((resolve, reject) => {
      let request: IDBOpenDBRequest
      try {
        request = indexedDB.open(name, SCHEMA)
      } catch (e) {
        reject(explain(e)) // Firefox throws here when storage is switched off
        return
      }
      request.onupgradeneeded = () => {
        request.result.createObjectStore(BLOCKS)
        request.result.createObjectStore(KEYS)
      }
      request.onblocked = () =>
        reject(new StorageError('other', 'another tab is still using an older version of this data: close it'))
      request.onerror = () => reject(explain(request.error))
      request.onsuccess = () => resolve(new BlockStore(request.result))
    })
  }

  /** The database, for keys.ts. */
  get db(): IDBDatabase {
    if (!this.#db) throw new StorageError('closed', 'storage is closed')
    return this.#db
  }

  /**
   * Makes all of the changes or none: `adds` must not exist yet (else `exists`), `puts` replace, `dels` may be missing.
   * Resolves when they are on stable storage, or, if `relaxed`, when the operating system has them.
   */
  commit(adds: StoredBlock[], puts: StoredBlock[], dels: number[], relaxed: boolean): Promise<void> {
    return this.#run('readwrite', relaxed, (blocks) => {
      for (const b of adds) blocks.add(exact(b.data), b.id)
      for (const b of puts) blocks.put(exact(b.data), b.id)
      for (const id of dels) blocks.delete(id)
      return () => undefined
    })
  }

  /** Resolves with the blocks in the order of `ids`, undefined where there is none. */
  load(ids: number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#run('readonly', true, (blocks) => {
      const requests = ids.map((id) => blocks.get(id) as IDBRequest<Uint8Array | undefined>)
      return () => requests.map((r) => r.result)
    })
  }

  /** Resolves with the numbers of all blocks, ascending. */
  list(): Promise<number[]> {
    return this.#run('readonly', true, (blocks) => {
      const request = blocks.getAllKeys() as IDBRequest<number[]>
      return () => request.result
    })
  }

  /** Lets go of the data; what is under way still ends. Further calls reject with `closed`. */
  close(): void {
    this.#db?.close()
    this.#db = undefined
  }

  #lose(): void {
    this.close()
    this.onlost?.()
    this.onlost = undefined
  }

  #run<T>(mode: IDBTransactionMode, relaxed: boolean, work: (blocks: IDBObjectStore) => () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: () => T
      let tx: IDBTransaction | undefined
      try {
        tx = this.db.transaction(BLOCKS, mode, { durability: relaxed ? 'relaxed' : 'strict' })
        tx.oncomplete = () => {
          try {
            resolve(result())
          } catch (e) {
            reject(explain(e))
          }
        }
        tx.onabort = () => reject(explain(tx!.error))
        result = work(tx.objectStore(BLOCKS))
        // Spares a turn of the event loop. Not when reading: Chromium then completes before large blocks have arrived.
        if (mode === 'readwrite') tx.commit?.()
      } catch (e) {
        reject(explain(e))
        abort(tx) // or what was asked for before the failure would be done
      }
    })
  }
}

function abort(tx: IDBTransaction | undefined): void {
  try {
    tx?.abort()
  } catch {
    // it has ended already
  }
}

/** The bytes of a view and nothing of what else is in its buffer: a structured clone would take all of that along. */
function exact(b: Uint8Array): Uint8Array {
  return b.byteLength === b.buffer.byteLength ? b : b.slice()
}

const causes: Record<string, StorageCause> = {
  ConstraintError: 'exists',
  QuotaExceededError: 'quota',
  InvalidStateError: 'closed',
  VersionError: 'version',
}

/** What went wrong with IndexedDB. */
export function explain(e: unknown): StorageError {
  if (e instanceof StorageError) return e
  const name = (e as DOMException | null)?.name ?? 'AbortError'
  return new StorageError(causes[name] ?? 'other', `IndexedDB: ${name}`)
}
