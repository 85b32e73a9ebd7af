// The notes of this user: what Masq keeps below note/, held in memory and kept current.
import type { Change, Masq } from '@masq/client'
import { blank, type Note, parse, same } from './note'

const prefix = 'note/'

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

/** Notebook holds every note and says when one changes (a NotebookEvent named change). */
export class Notebook extends EventTarget {
  readonly notes = new Map<string, Note>()
  /** versions has the other versions of notes that two devices changed at the same time, newest first. */
  readonly versions = new Map<string, Note[]>()

  private constructor(private readonly masq: Masq) {
    super()
  }

  /** open reads all notes and follows them from then on. */
  static async open(masq: Masq): Promise<Notebook> {
    const book = new Notebook(masq)
    const changed = new Set<string>() // newer than what list is about to answer
    const stop = masq.watch(prefix, (change) => {
      if (change.type === 'reset') return book.reset()
      changed.add(change.key)
      void book.take(change)
    })
    try {
      for (const [key, value] of await masq.list({ prefix })) {
        if (!changed.has(key)) book.notes.set(key.slice(prefix.length), parse(value))
      }
      await book.checkVersions()
    } catch (error) {
      stop()
      throw error
    }
    return book
  }

  /** reset empties the notebook: this browser's data was cleared. What comes from other devices is told as changes. */
  private reset(): void {
    const ids = [...this.notes.keys()]
    this.notes.clear()
    this.versions.clear()
    for (const id of ids) this.dispatchEvent(new NotebookEvent(id, 'tab'))
  }

  private async take(change: Change): Promise<void> {
    const id = change.key.slice(prefix.length)
    const previous = this.notes.get(id)
    if (change.deleted) this.notes.delete(id)
    else this.notes.set(id, parse(change.value))
    this.dispatchEvent(new NotebookEvent(id, change.from, change.deleted ? previous : undefined))
    if (change.conflicts > 0 || this.versions.has(id)) await this.checkVersion(id)
  }

  /** checkVersions asks whether there are other versions of some notes, of all by default. */
  async checkVersions(ids: Iterable<string> = this.notes.keys()): Promise<void> {
    await Promise.all([...ids].map((id) => this.checkVersion(id)))
  }

  private async checkVersion(id: string): Promise<void> {
    const before = this.versions.get(id) ?? []
    const now = await this.others(id).catch(() => before)
    if (JSON.stringify(now) === JSON.stringify(before)) return
    if (now.length > 0) this.versions.set(id, now)
    else this.versions.delete(id)
    this.dispatchEvent(new NotebookEvent(id, 'versions'))
  }

  private async others(id: string): Promise<Note[]> {
    return (await this.masq.conflicts(prefix + id)).map(parse)
  }

  /**
   * save writes a note, and answers when it is durable. Versions that arrived meanwhile and that nobody has seen are not
   * overwritten unseen: they become notes of their own, and save answers how many.
   */
  async save(id: string, note: Note): Promise<number> {
    const others = (await this.others(id)).filter((other) => !same(other, note))
    await this.write(id, note, others)
    return others.length
  }

  /** keep settles a conflict: note stays under id, and each of others becomes a note of its own. */
  async keep(id: string, note: Note, others: Note[]): Promise<void> {
    await this.write(id, note, others)
  }

  /** add stores a new note and answers its id. */
  async add(note: Note): Promise<string> {
    const id = crypto.randomUUID()
    await this.masq.put(prefix + id, note)
    return id
  }

  /** remove deletes a note. */
  async remove(id: string): Promise<void> {
    await this.masq.del(prefix + id)
  }

  /** restore brings a deleted note back. */
  async restore(id: string, note: Note): Promise<void> {
    await this.masq.put(prefix + id, note)
  }

  private async write(id: string, note: Note, copies: Note[]): Promise<void> {
    const put = (key: string, value: Note) => ({ type: 'put' as const, key: prefix + key, value })
    const puts = copies.map(async (copy) => put(await copyId(id, copy), copy))
    await this.masq.batch([put(id, note), ...(await Promise.all(puts))])
  }

  /** fresh is an id and an empty note, not stored before something is written into it. */
  static fresh(): [string, Note] {
    return [crypto.randomUUID(), blank(Date.now())]
  }
}

/** copyId names the copy of a version by its content, so that two devices which keep the same version make one note of it. */
async function copyId(id: string, note: Note): Promise<string> {
  const bytes = new TextEncoder().encode(id + JSON.stringify(note))
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash.subarray(0, 16), (b) => b.toString(16).padStart(2, '0')).join('')
}
