// The notes of this user: what Masq keeps below note/, held in memory and kept current.
import type { Change, Masq, Reset } from '@masq/client'
import { blank, type Note, parse, same } from './note.js'

const prefix = 'note/'
const batchMost = 500 // notes that are written at once

/** NotebookEvent tells that a note, or its versions, changed. previous is there when the note was deleted. */
export class NotebookEvent extends Event {
  constructor(
    readonly id: string,
    /** 'here', 'tab', 'device', or the name of the device that it came from. */
    readonly from: string,
    readonly previous?: Note,
  ) {
    super('change')
  }
}

/** ClearedEvent tells that the browser's data was deleted below this page. notes are those that it had. */
export class ClearedEvent extends Event {
  constructor(readonly notes: ReadonlyMap<string, Note>) {
    super('cleared')
  }
}

/**
 * Notebook holds every note and says when one changes (a NotebookEvent named change), when all may have (an Event named reset), and
 * when they were deleted with the browser's data (a ClearedEvent).
 */
export class Notebook extends EventTarget {
  readonly notes = new Map<string, Note>()
  /** versions has the other versions of notes that two devices changed at the same time, newest first. */
  readonly versions = new Map<string, Note[]>()
  #newer: Set<string> | undefined // ids that are newer than what list is about to answer
  readonly #masq: Masq

  private constructor(masq: Masq) {
    super()
    this.#masq = masq
  }

  /** open reads all notes and follows them from then on. */
  static async open(masq: Masq): Promise<Notebook> {
    const book = new Notebook(masq)
    const stop = masq.watch(prefix, (told) => void book.#take(told))
    try {
      await book.#read()
    } catch (error) {
      stop()
      throw error
    }
    return book
  }

  async #read(): Promise<void> {
    const newer = (this.#newer = new Set())
    const all = await this.#masq.list({ prefix })
    if (this.#newer !== newer) return // there was a reset meanwhile, which reads anew
    this.#newer = undefined
    const ids = new Set(all.map(([key]) => key.slice(prefix.length)))
    for (const id of this.notes.keys()) if (!ids.has(id) && !newer.has(id)) this.notes.delete(id)
    for (const [key, value] of all) {
      const id = key.slice(prefix.length)
      if (!newer.has(id)) this.notes.set(id, parse(value))
    }
    await this.checkVersions()
  }

  async #take(told: Change | Reset): Promise<void> {
    if (told.type === 'reset') return this.#reset(told.reason)
    const { from, deleted, conflicts, value } = told
    const id = told.key.slice(prefix.length)
    const previous = this.notes.get(id)
    this.#newer?.add(id)
    if (deleted) this.notes.delete(id)
    else this.notes.set(id, signed(parse(value), from))
    this.dispatchEvent(new NotebookEvent(id, from, deleted ? previous : undefined))
    if (conflicts > 0 || this.versions.has(id)) await this.#checkVersion(id)
  }

  // What this page has may be of no worth any more: it is read anew. Until that is done the old stays on the screen.
  async #reset(reason: string): Promise<void> {
    const before = new Map(this.notes)
    for (let waitMs = 500; ; waitMs = Math.min(2 * waitMs, 10_000)) {
      try {
        await this.#read()
        break
      } catch {
        await new Promise((resolve) => setTimeout(resolve, waitMs)) // there must be a new engine first
      }
    }
    this.dispatchEvent(new Event('reset'))
    const gone = [...before].filter(([id]) => !this.notes.has(id))
    if (reason === 'cleared') this.dispatchEvent(new ClearedEvent(new Map(gone)))
  }

  /** checkVersions asks whether there are other versions of some notes, of all by default. */
  async checkVersions(ids: Iterable<string> = this.notes.keys()): Promise<void> {
    await Promise.all([...ids].map((id) => this.#checkVersion(id)))
  }

  async #checkVersion(id: string): Promise<void> {
    const before = this.versions.get(id) ?? []
    const now = await this.#others(id).catch(() => before)
    if (JSON.stringify(now) === JSON.stringify(before)) return
    if (now.length > 0) this.versions.set(id, now)
    else this.versions.delete(id)
    this.dispatchEvent(new NotebookEvent(id, 'versions'))
  }

  async #others(id: string): Promise<Note[]> {
    return (await this.#masq.conflicts(prefix + id)).map(parse)
  }

  /** own is what this device calls itself; with a local store applications do not know that. */
  get own(): string {
    return this.#masq.status.self.name
  }

  /**
   * save writes a note, and copies as notes of their own, and returns when all are durable. Versions that arrived meanwhile and that
   * nobody has seen are not overwritten unseen: they become notes of their own, too, and save returns how many.
   */
  async save(id: string, note: Note, copies: Note[] = []): Promise<number> {
    const others = (await this.#others(id)).filter((other) => !same(other, note))
    const unseen = others.filter((other) => !copies.some((copy) => same(copy, other)))
    await this.keep(id, note, [...copies, ...unseen])
    return unseen.length
  }

  /** keep settles a conflict: note stays under id, and each of others becomes a note of its own. */
  async keep(id: string, note: Note, others: Note[]): Promise<void> {
    const copies = await Promise.all(others.map(async (copy) => [await copyId(id, copy), copy] as const))
    await this.put([[id, { ...note, by: this.own }], ...copies])
  }

  /** remove deletes a note. */
  async remove(id: string): Promise<void> {
    await this.#masq.del(prefix + id)
  }

  /** put writes notes as they are: new ones, and deleted ones that come back. */
  async put(notes: Iterable<readonly [id: string, note: Note]>): Promise<void> {
    const all = [...notes].map(([id, value]) => ({ type: 'put' as const, key: prefix + id, value }))
    for (let i = 0; i < all.length; i += batchMost) await this.#masq.batch(all.slice(i, i + batchMost))
  }

  /** fresh is an id and an empty note, not stored before something is written into it. */
  static fresh(): [string, Note] {
    return [crypto.randomUUID(), blank(Date.now())]
  }
}

// A note that says nothing of who wrote it is signed by the device that it came from, if that has a name.
const signed = (note: Note, from: string): Note =>
  note.by || ['here', 'tab', 'device'].includes(from) ? note : { ...note, by: from }

/** copyId names the copy of a version by its content, so that two devices which keep the same version make one note of it. */
async function copyId(id: string, note: Note): Promise<string> {
  const bytes = new TextEncoder().encode(id + JSON.stringify(note))
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash.subarray(0, 16), (b) => b.toString(16).padStart(2, '0')).join('')
}
