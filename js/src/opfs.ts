// Keeps the engine's blocks behind the contract of core/storage, large ones in files (files.ts), all else in IndexedDB. A block in a
// file is read in a quarter of the time. It is a bundle of its own, so that the contract's conformance suite runs against it.
//
// IndexedDB decides: its transaction is the commit. Before it begins, the blocks are in a file and flushed; with it comes where they are.
// Who is fenced there has written nothing but where nothing was. So a frozen Worker does no harm when it thaws, and nobody has to ask
// for a file that another Worker has: what IndexedDB names is flushed, and is read without the handle.
//
// Room in a file is used again when three things are known:
//   - Nobody else writes there: this Worker has the file's handle.
//   - What was there is not needed, whatever comes: a strict commit has followed the one that deleted it. Had that one been lost, the
//     block would be back.
//   - No other Worker's commit that names it is still to come. A Worker that had the file before may have ended with a commit under way.
//     That is decided when a strict commit with adds has succeeded that began with the handle open: it is a fence (core/ledger), which
//     whoever was before does not pass. What is read of IndexedDB after that, the survey, says what is in use.
// Before that, blocks are put behind the end of the file.

import { BlockFiles, type HeldFile, type Place } from './files.js'
import { BlockStore, KEYS, StorageError, answered, explain, opened, type StoredBlock } from './storage.js'

/** Version 1 is storage.ts, whose clients would take an entry for an empty block: they fail with `version`. */
const SCHEMA = 2
const BLOCKS = 'blocks'

/** The first class of blocks that are never changed, and so may be in files: see core/storage. */
const FIRST = 2 * 2 ** 48

/** A block of fewer bytes is not worth a flush. */
const LEAST = 4096

/** What BlockStore's commit is given. */
interface Commit {
  adds: StoredBlock[]
  puts: StoredBlock[]
  dels: number[]
  relaxed: boolean
  after: number
}

/** Numbered blocks in one IndexedDB database, and in files. For dedicated Workers: elsewhere there is nothing in files. */
export class OpfsStore implements Pick<BlockStore, keyof BlockStore> {
  #blocks: BlockStore
  #files: BlockFiles
  #least: number
  #places = new Map<number, Place>() // of blocks; what is not in it IndexedDB knows
  #leaving = new Set<Place>() // of blocks that are deleted, until that is sure and lasts
  #freed = new Set<Place>() // of these, whose deletion has only to last
  #commits = 0
  #surveyed = false // or it is being done

  /** As BlockStore's. */
  onlost: ((why: StorageError) => void) | undefined

  private constructor(db: IDBDatabase, least: number) {
    this.#files = new BlockFiles(db.name)
    this.#least = least
    this.#blocks = new BlockStore(db)
    this.#blocks.onlost = (why) => {
      this.#files.close()
      this.onlost?.(why)
    }
  }

  /** Opens the database, which it makes if there is none. Blocks of `least` bytes may be in files. Rejects with StorageError. */
  static open(name: string, least = LEAST): Promise<OpfsStore> {
    return opened(async () => new OpfsStore(await openDatabase(name), least))
  }

  /** Opens the files that there are. Nobody need wait for that: what is written before is in IndexedDB. */
  ready(): Promise<void> {
    return this.#files.begin()
  }

  /** The database, for keys.ts. */
  get db(): IDBDatabase {
    return this.#blocks.db
  }

  /** As BlockStore's. */
  async commit(
    adds: StoredBlock[],
    puts: StoredBlock[],
    dels: number[],
    relaxed: boolean,
    after: number,
  ): Promise<void> {
    this.#commits++
    const held = this.#files.held()
    const placed = this.#write([...adds, ...puts])
    const left = this.#leave([...puts.map(({ id }) => id), ...dels])
    const freed = [...this.#freed, ...left]
    try {
      await this.#record({ adds, puts, dels, relaxed, after }, placed)
    } catch (e) {
      this.#failed(e as StorageError, placed, left)
      throw e
    }
    for (const [{ id }, place] of placed) this.#places.set(id, place)
    for (const place of left) this.#freed.add(place)
    if (relaxed) return
    for (const place of freed) this.#release(place)
    if (adds.length > 0 && !this.#surveyed) void this.#survey(held)
  }

  /** As BlockStore's. */
  async load(ids: number[]): Promise<(Uint8Array | undefined)[]> {
    void this.db // or what is in a file could be read after close
    const known = ids.map((id) => this.#places.get(id))
    const rest = ids.filter((_, i) => !known[i])
    try {
      // In this turn: once a commit has deleted a block, its room may be used.
      const [inFiles, others] = await Promise.all([
        Promise.all(known.map((place) => place && this.#files.read(place))),
        this.#look(rest),
      ])
      return inFiles.map((data, i) => (known[i] ? data : others.shift()))
    } catch (e) {
      throw explain(e)
    }
  }

  /** As BlockStore's. */
  async list(): Promise<number[]> {
    const commits = this.#commits
    const { ids, places } = await this.#entries(true)
    if (places.size > 0) void this.ready()
    if (commits === this.#commits) this.#places = places // else what a commit has deleted would be back
    return ids
  }

  /** As BlockStore's. */
  close(): void {
    this.#files.close()
    this.#blocks.close()
  }

  /** Writes to a file those blocks that are to be in one. */
  #write(blocks: StoredBlock[]): Map<StoredBlock, Place> {
    const large = blocks.filter(({ id, data }) => id >= FIRST && data.byteLength >= this.#least)
    try {
      const places = large.length > 0 ? this.#files.write(large.map(({ data }) => data)) : undefined
      return new Map(places?.map((place, i) => [large[i]!, place]))
    } catch (e) {
      throw explain(e)
    }
  }

  /** Has IndexedDB commit. What is in a file has an empty block there under its number, for what looks numbers up, and an entry. */
  #record(c: Commit, placed: Map<StoredBlock, Place>): Promise<void> {
    return this.#transact(c.relaxed, (blocks, refuse) => {
      const there = c.after ? blocks.getKey(c.after) : undefined
      if (there)
        there.onsuccess = () => {
          if (!there.result) refuse(new StorageError('exists', 'another engine wrote'))
        }
      const write = (b: StoredBlock, how: 'add' | 'put'): void => {
        const place = placed.get(b)
        if (place) blocks[how](entry(b.id, place), entryOf(b.id))
        else if (how === 'put' && b.id >= FIRST) blocks.delete(entryOf(b.id))
        blocks[how](place ? EMPTY : b.data.slice(), b.id)
      }
      for (const b of c.adds) write(b, 'add')
      for (const b of c.puts) write(b, 'put')
      for (const id of c.dels) {
        blocks.delete(id)
        if (id >= FIRST) blocks.delete(entryOf(id))
      }
      if (!there && mayCommit()) blocks.transaction.commit()
    })
  }

  /** Runs a transaction that writes. If `work` throws or refuses, nothing is done. */
  #transact(relaxed: boolean, work: (blocks: IDBObjectStore, refuse: (why: unknown) => void) => void): Promise<void> {
    const all = new Promise<void>((resolve, reject) => {
      const tx = this.db.transaction(BLOCKS, 'readwrite', { durability: relaxed ? 'relaxed' : 'strict' })
      const refuse = (why: unknown): void => {
        reject(explain(why))
        tx.abort()
      }
      tx.oncomplete = () => resolve()
      tx.onabort = () => reject(explain(tx.error))
      try {
        work(tx.objectStore(BLOCKS), refuse)
      } catch (e) {
        refuse(e)
      }
    })
    return answered(all).catch((e: unknown) => Promise.reject(explain(e)))
  }

  /** The places of blocks that a commit replaces or deletes. IndexedDB has to be asked from now on. */
  #leave(ids: number[]): Place[] {
    const left = ids.filter((id) => id >= FIRST).map((id) => this.#places.get(id) ?? { ...UNKNOWN })
    for (const id of ids) this.#places.delete(id)
    for (const place of left) this.#leaving.add(place)
    return left
  }

  /** Takes back what a commit was to do, if it is known that nothing of it was done. Else no room that it names is used again. */
  #failed({ reason }: StorageError, placed: Map<StoredBlock, Place>, left: Place[]): void {
    if (reason !== 'exists' && reason !== 'quota') return
    for (const place of placed.values()) this.#files.give(place)
    for (const place of left) this.#leaving.delete(place)
  }

  #release(place: Place): void {
    if (!this.#freed.delete(place)) return // another commit was faster
    this.#leaving.delete(place)
    this.#files.give(place)
  }

  /** Finds room in files that were held before a fence was written that now lasts. Never rejects. */
  async #survey(held: HeldFile[]): Promise<void> {
    // What is deleted and may be back is in use, wherever it is.
    if ([...this.#leaving].some((place) => place.at === UNKNOWN.at)) return
    this.#surveyed = true
    try {
      const { places } = await this.#entries(false)
      const used = [...places.values(), ...this.#leaving]
      for (const file of held) file.survey(used.filter((place) => file.has(place)))
    } catch {
      this.#surveyed = false
    }
  }

  /** Reads blocks by what IndexedDB says of them. */
  async #look(ids: number[]): Promise<(Uint8Array | undefined)[]> {
    if (ids.length === 0) return []
    const found = await this.#blocks.load(ids)
    const empty = ids.filter((id, i) => id >= FIRST && found[i]?.byteLength === 0)
    if (empty.length === 0) return found
    const entries = (await this.#blocks.load(empty.map(entryOf))) as unknown as (Float64Array | undefined)[]
    const places = new Map(empty.map((id, i) => [id, entries[i]]))
    return Promise.all(
      found.map((data, i) => {
        const place = places.get(ids[i]!)
        return place ? this.#files.read(placeOf(place)) : data
      }),
    )
  }

  /** The places of all blocks that are in files, and, if wanted, the numbers of all blocks. */
  #entries(numbers: boolean): Promise<{ ids: number[]; places: Map<number, Place> }> {
    const read = new Promise<{ ids: number[]; places: Map<number, Place> }>((resolve, reject) => {
      const tx = this.db.transaction(BLOCKS)
      const blocks = tx.objectStore(BLOCKS)
      const ids = numbers ? (blocks.getAllKeys(IDBKeyRange.lowerBound(0)) as IDBRequest<number[]>) : undefined
      const entries = blocks.getAll(IDBKeyRange.upperBound(entryOf(0))) as IDBRequest<Float64Array[]>
      tx.onabort = () => reject(explain(tx.error))
      tx.oncomplete = () => {
        const places = entries.result.map((e): [number, Place] => [e[0]!, placeOf(e)])
        resolve({ ids: ids?.result ?? [], places: new Map(places) })
      }
    })
    return answered(read).catch((e: unknown) => Promise.reject(explain(e)))
  }
}

const EMPTY = new Uint8Array(0)

/** Where a block is, or was, that is in no file or has not been looked for. */
const UNKNOWN: Place = { file: { born: 0, random: 0 }, at: -1, size: 0 }

/** The number of the entry that says where a block is, and back: below 0, apart from all blocks. */
const entryOf = (id: number): number => -1 - id

function entry(id: number, { file: { born, random }, at, size }: Place): Float64Array {
  return Float64Array.of(id, born, random, at, size)
}

function placeOf([, born, random, at, size]: Float64Array): Place {
  return { file: { born: born!, random: random! }, at: at!, size: size! }
}

/**
 * Whether a transaction may be told that nothing follows, which spares a turn of the event loop. WebKit: see storage.ts. Firefox 153
 * then goes on when an add fails, unless it is the last thing to do, writes the rest, and says that all is done.
 */
function mayCommit(): boolean {
  return /\bChrome\//.test(navigator.userAgent)
}

function openDatabase(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, SCHEMA)
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion > 0) return // a database of storage.ts has both
      request.result.createObjectStore(BLOCKS)
      request.result.createObjectStore(KEYS)
    }
    request.onblocked = () => reject(new StorageError('other', 'another tab does not let go of this data'))
    request.onerror = () => reject(explain(request.error))
    request.onsuccess = () => resolve(request.result)
  })
}
