// Keeps the engine's blocks in IndexedDB, behind the contract of core/storage. It is a bundle of its own too
// (dist/storage.js, global MasqStorage), so that the contract's conformance suite runs against it.

/**
 * Why storage failed: another engine wrote to the same data, there is no room, the store is closed, a newer version has the
 * data, the browser does not know why, it does not answer, or something else.
 */
export type StorageCause = 'exists' | 'quota' | 'closed' | 'version' | 'unknown' | 'late' | 'other'

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

/** How long IndexedDB may take. Safari is known never to answer at times; whoever waits then begins anew. */
const ANSWER_MS = 30_000
/** An UnknownError at opening (a process of the browser's that has gone) mostly passes. */
const OPEN_PAUSES_MS = [100, 1000]

/** Opens, and again where that may help; each try may take 30 s. Rejects with StorageError. */
export async function opened<T>(open: () => Promise<T>): Promise<T> {
  const once = (): Promise<T> => answered(open()).catch((e: unknown) => Promise.reject(explain(e)))
  for (const pause of OPEN_PAUSES_MS) {
    try {
      return await once()
    } catch (e) {
      if ((e as StorageError).reason !== 'unknown') throw e
    }
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
  return once()
}

/** Resolves as `p` does. Rejects with StorageError when that takes over 30 s; what was asked for may still be done. */
export function answered<T>(p: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new StorageError('late', 'IndexedDB does not answer'))
    const timer = setTimeout(late, ANSWER_MS)
    p.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** What a transaction does. It returns what makes the result when all is done; `refuse` has nothing done, for a reason. */
type Work<T> = (blocks: IDBObjectStore, refuse: (why: unknown) => void) => () => T

/** Numbered blocks in one IndexedDB database. */
export class BlockStore {
  #db: IDBDatabase | undefined

  /** Called once: `other`, the browser took the data away (the user cleared it); `version`, a newer version of the page needs it. */
  onlost: ((why: StorageError) => void) | undefined

  constructor(db: IDBDatabase) {
    this.#db = db
    // Whoever deletes or upgrades the database would wait for ever if it stayed open.
    db.onversionchange = (e) => this.#lose(e.newVersion === null ? GONE : NEWER)
    db.onclose = () => this.#lose(GONE)
  }

  /** Opens the database, which it makes if there is none. Rejects with StorageError. */
  static open(name: string): Promise<BlockStore> {
    return opened(() => BlockStore.#open(name))
  }

  static #open(name: string): Promise<BlockStore> {
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
   * Makes all of the changes or none: `adds` must not exist yet and `after` must, unless it is 0 (else `exists`), `puts`
   * replace, `dels` may be missing.
   * Resolves when they are on stable storage, or, if `relaxed`, when the operating system has them.
   */
  commit(adds: StoredBlock[], puts: StoredBlock[], dels: number[], relaxed: boolean, after: number): Promise<void> {
    return this.#do('readwrite', relaxed, (blocks, refuse) => {
      if (after) {
        const there = blocks.getKey(after)
        there.onsuccess = () => {
          if (!there.result) refuse(new StorageError('exists', 'another engine wrote'))
        }
      }
      for (const b of adds) blocks.add(exact(b.data), b.id)
      for (const b of puts) blocks.put(exact(b.data), b.id)
      for (const id of dels) blocks.delete(id)
      if (!after && mayCommit()) blocks.transaction.commit?.()
      return () => undefined
    })
  }

  /** Resolves with the blocks in the order of `ids`, undefined where there is none. */
  load(ids: number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#do('readonly', true, (blocks) => {
      const requests = ids.map((id) => blocks.get(id) as IDBRequest<Uint8Array | undefined>)
      return () => requests.map((r) => r.result)
    })
  }

  /** Resolves with the numbers of all blocks, ascending. */
  list(): Promise<number[]> {
    return this.#do('readonly', true, (blocks) => {
      const request = blocks.getAllKeys() as IDBRequest<number[]>
      return () => request.result
    })
  }

  /** Lets go of the data; what is under way still ends. Further calls reject with `closed`. */
  close(): void {
    this.#db?.close()
    this.#db = undefined
  }

  #lose(why: StorageError): void {
    this.close()
    this.onlost?.(why)
    this.onlost = undefined
  }

  #do<T>(mode: IDBTransactionMode, relaxed: boolean, work: Work<T>): Promise<T> {
    return answered(this.#run(mode, relaxed, work))
  }

  #run<T>(mode: IDBTransactionMode, relaxed: boolean, work: Work<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: () => T
      let tx: IDBTransaction | undefined
      const refuse = (e: unknown): void => {
        reject(explain(e))
        abort(tx)
      }
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
        result = work(tx.objectStore(BLOCKS), refuse)
      } catch (e) {
        refuse(e) // or what was asked for before the failure would be done
      }
    })
  }
}

/**
 * Whether a transaction that writes may be told that nothing follows, which spares a turn of the event loop. Not in WebKit: when the
 * Worker is ended before the transaction has started, one that was told so is never aborted, and all others wait for it. Not in
 * Firefox: when an add fails that is not the last request, one that was told so writes all the rest and completes. Not when reading
 * either: Chromium then completes before large blocks have arrived.
 */
function mayCommit(): boolean {
  return /\bChrome\//.test(navigator.userAgent)
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
  UnknownError: 'unknown',
}

const GONE = /* @__PURE__ */ new StorageError('other', 'the browser took the data away')
const NEWER = /* @__PURE__ */ new StorageError('version', 'another tab has a newer version')

/** What went wrong with IndexedDB. */
export function explain(e: unknown): StorageError {
  if (e instanceof StorageError) return e
  const name = (e as DOMException | null)?.name ?? 'AbortError'
  return new StorageError(causes[name] ?? 'other', `IndexedDB: ${name}`)
}
