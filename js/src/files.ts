// Blocks in files of the origin private file system. A file is written by whoever has its access handle, which one Worker at a time has:
// neither a lock that was stolen nor a frozen tab changes that. What lies where is for opfs.ts to know.
//
// No file is ever removed: whoever removed one that another has begun to use would take its blocks. An empty one is used again.
//
// A browser keeps the names of files in a database of its own, and flush() writes a file's bytes, not its name: Chromium leaves that to
// the operating system, which writes it within a minute. Nothing is written to a file before its name is that old.

import { Extents, type Extent } from './extents.js'
import { StorageError } from './storage.js'

/** Where a block is. */
export interface Place extends Extent {
  file: FileID
}

/** A file's name is made of it: when it was made, in Unix milliseconds, and a random number. */
export interface FileID {
  born: number
  random: number
}

/** What lib.dom.d.ts leaves to Workers. */
interface AccessHandle {
  read(to: Uint8Array, options: { at: number }): number
  write(from: Uint8Array, options: { at: number }): number
  flush(): void
  getSize(): number
  truncate(size: number): void
  close(): void
}
type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<AccessHandle> }

const FOLDER = 'masq'
const AGAIN_MS = 1000 // so long a file that another Worker had is not asked for again
const SETTLED_MS = 60_000 // so old is a file's name when it is on the disk
const TRIM = 1 << 20 // a file is cut when this much at its end is free
const READS = 5 // of a file that is written to meanwhile

/** A file that this Worker has the handle of. */
export class HeldFile {
  readonly #extents: Extents
  readonly #start: number // all before it was there when the handle was opened
  #surveyed = false

  constructor(
    readonly id: FileID,
    readonly handle: AccessHandle,
  ) {
    this.#extents = new Extents(handle.getSize())
    this.#start = this.#extents.end
  }

  /** Writes a block behind all that is in use, or where there is room since the survey. It is on the disk after a flush. */
  write(data: Uint8Array): Place {
    const { at, size } = this.#extents.take(data.byteLength)
    try {
      if (this.handle.write(data, { at }) !== size) throw new StorageError('quota', 'a file takes no more')
    } catch (e) {
      this.#extents.give({ at, size })
      throw e
    }
    return { file: this.id, at, size }
  }

  /** Returns a block, undefined if the file ends before it. */
  read({ at, size }: Extent): Uint8Array | undefined {
    const data = new Uint8Array(size)
    return this.handle.read(data, { at }) === size ? data : undefined
  }

  has({ file: { born, random } }: Place): boolean {
    return born === this.id.born && random === this.id.random
  }

  /** Has the room of a block used for others. */
  give(place: Extent): void {
    if (place.at < this.#start && !this.#surveyed) return // the survey will find it
    this.#extents.give(place)
    this.#trim()
  }

  /** Takes for free what was there at the start and is in none of `used`. */
  survey(used: Extent[]): void {
    if (this.#surveyed) return
    this.#surveyed = true
    const old = used.filter(({ at }) => at < this.#start)
    this.#extents.giveAllBut(old, this.#start)
    this.#trim()
  }

  #trim(): void {
    const { end } = this.#extents
    try {
      if (this.handle.getSize() >= end + TRIM) this.handle.truncate(end)
    } catch {
      // it stays longer than it has to be
    }
  }
}

/** The files of one store. */
export class BlockFiles {
  #name: string
  #begun: Promise<void> | undefined
  #folder: Promise<FileSystemDirectoryHandle | undefined> = Promise.resolve(undefined) // undefined: the browser has none
  #held = new Map<string, HeldFile>()
  #asked = new Map<string, number>() // when a file was asked for in vain
  #making = false
  #closed = false

  /** Nothing is asked for before it is needed: a store without large blocks has no files. */
  constructor(name: string) {
    this.#name = name
  }

  /** Asks for the files that there are. Resolves when that is done. */
  begin(): Promise<void> {
    return (this.#begun ??= this.#begin().catch(() => undefined))
  }

  /**
   * Writes blocks; they are on the disk when it returns. It returns undefined if there is no file to write to, and sees to it that
   * later there is. Throws StorageError `quota` or a QuotaExceededError when there is no room.
   */
  write(all: Uint8Array[]): Place[] | undefined {
    const file = this.#target()
    if (!file) {
      void this.#make()
      return undefined
    }
    const places: Place[] = []
    try {
      for (const data of all) places.push(file.write(data))
      file.handle.flush()
      return places
    } catch (e) {
      for (const place of places) file.give(place)
      if (['StorageError', 'QuotaExceededError'].includes((e as Error).name)) throw e
      this.#drop(file) // what is wrong with it may be wrong again
      return undefined
    }
  }

  /** Resolves with a block, or undefined if it is not there. Rejects with StorageError if its file cannot be read now. */
  async read(place: Place): Promise<Uint8Array | undefined> {
    const name = nameOf(place.file)
    if (!this.#held.has(name)) await this.#ask(name)
    const held = this.#held.get(name)
    return held ? held.read(place) : this.#readElsewhere(name, place)
  }

  /** The files that are held now. */
  held(): HeldFile[] {
    return [...this.#held.values()]
  }

  /** Has the room of a block used for others. */
  give(place: Place): void {
    this.#held.get(nameOf(place.file))?.give(place)
  }

  /** Lets go of all files. */
  close(): void {
    this.#closed = true
    for (const file of this.held()) this.#drop(file)
  }

  /** The oldest file, if its name is on the disk. */
  #target(): HeldFile | undefined {
    const settled = Date.now() - SETTLED_MS
    const files = this.held().filter(({ id }) => id.born <= settled)
    return files.sort((a, b) => a.id.born - b.id.born)[0]
  }

  #drop(file: HeldFile): void {
    this.#held.delete(nameOf(file.id))
    file.handle.close()
  }

  async #begin(): Promise<void> {
    this.#folder = folderOf(this.#name).catch(() => undefined)
    const folder = await this.#folder
    const names: string[] = []
    if (folder) for await (const name of folder.keys()) names.push(name)
    await Promise.all(names.map((name) => this.#hold(name)))
  }

  /** Makes a file, unless one waits for its time. */
  async #make(): Promise<void> {
    if (this.#making || this.#closed) return
    this.#making = true
    await this.begin()
    const now = Date.now()
    const random = crypto.getRandomValues(new Uint32Array(1))[0]!
    if (!this.held().some(({ id }) => id.born <= now)) await this.#hold(nameOf({ born: now, random }), true)
    this.#making = false
  }

  /** Asks for a file that another Worker had. */
  async #ask(name: string): Promise<void> {
    await this.begin()
    const asked = this.#asked.get(name) ?? -AGAIN_MS
    if (!this.#held.has(name) && performance.now() - asked >= AGAIN_MS) await this.#hold(name)
  }

  /** Opens a file's handle, if nobody else has it. Never rejects. */
  async #hold(name: string, create = false): Promise<void> {
    const id = parse(name)
    if (!id) return
    this.#asked.set(name, performance.now())
    try {
      const file = (await (await this.#folder)?.getFileHandle(name, { create })) as FileHandle | undefined
      const handle = await file?.createSyncAccessHandle()
      if (this.#closed) handle?.close()
      else if (handle) this.#held.set(name, new HeldFile(id, handle))
    } catch {
      // another Worker has it, there is none, or the browser has no such handles
    }
  }

  /** Reads without the handle: another Worker has it. What that one flushed is there. */
  async #readElsewhere(name: string, { at, size }: Extent): Promise<Uint8Array | undefined> {
    for (let reads = 1; ; reads++)
      try {
        const file = await (await (await this.#folder)!.getFileHandle(name)).getFile()
        const data = await file.slice(at, at + size).arrayBuffer()
        return data.byteLength === size ? new Uint8Array(data) : undefined
      } catch (e) {
        const { name } = e as Error
        if (name === 'NotFoundError') return undefined
        // Chromium does not read from a file that has been written to since getFile
        if (name !== 'NotReadableError' || reads === READS) throw new StorageError('other', `a file of blocks: ${name}`)
      }
  }
}

async function folderOf(name: string): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle(FOLDER, { create: true })
  return folder.getDirectoryHandle(encodeURIComponent(name), { create: true })
}

const nameOf = ({ born, random }: FileID): string => `${born}-${random}`

function parse(name: string): FileID | undefined {
  const parts = /^(\d+)-(\d+)$/.exec(name)
  return parts ? { born: Number(parts[1]), random: Number(parts[2]) } : undefined
}
