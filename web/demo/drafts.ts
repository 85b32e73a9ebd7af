// What has been typed. It is saved by itself a moment later; while that fails it is tried again and again, whether the note is on the
// screen or not, so that nothing typed is lost as long as the page is open.
import { codeOf } from './errors.js'
import { merge, type Note } from './note.js'
import type { Notebook } from './notebook.js'

const saveAfterMs = 300
const retryMs = { first: 1000, most: 15_000 }
const hopeless = ['E_TOOBIG', 'E_VALUE'] // saving the same again would fail again

/** DraftState says how far a draft has got. */
export type DraftState = 'saved' | 'changed' | 'saving' | 'failed'

/** Draft is one note while somebody writes it. It dispatches change when its state or, from elsewhere, its content changes. */
export class Draft extends EventTarget {
  state: DraftState = 'saved'
  /** Why saving failed, as long as nothing has been saved since. */
  error: unknown
  /** The note as it is on the screen. */
  note: Note
  /** Whether an editor shows it. */
  open = true
  #copies: Note[] = [] // versions that could not be joined with this one: saved with it, as notes of their own
  #wanted = false // there is something that no save has taken yet
  #timer: ReturnType<typeof setTimeout> | undefined
  #saving: Promise<void> = Promise.resolve()
  #waitMs = retryMs.first

  /** base is the note as it is stored, on which what is typed builds. */
  #base: Note
  readonly #book: Notebook
  readonly #told: (event: DraftEvent) => void

  constructor(
    readonly id: string,
    base: Note,
    book: Notebook,
    told: (event: DraftEvent) => void,
  ) {
    super()
    this.#base = base
    this.#book = book
    this.#told = told
    this.note = base
  }

  /** unsaved says whether something typed is not stored yet. */
  get unsaved(): boolean {
    return this.state !== 'saved'
  }

  /** edited is when the stored note was. */
  get edited(): number {
    return this.#base.edited
  }

  /** write takes what was typed. */
  write(note: Note): void {
    this.note = note
    this.#wanted = true
    if (this.state !== 'failed') this.#become('changed')
    this.#later(saveAfterMs)
  }

  /** take is told of a newer stored note. What was typed meanwhile stays; what cannot be joined becomes a note of its own. */
  take(theirs: Note, from: string): void {
    const base = this.#base
    this.#base = theirs
    if (!this.unsaved) {
      this.note = theirs
      this.dispatchEvent(new Event('change'))
      return
    }
    const { note, clash } = merge(base, this.note, theirs)
    if (clash) {
      this.#copies.push(theirs)
      this.#told({ type: 'clash', from })
    }
    this.write(note)
    this.dispatchEvent(new Event('change'))
  }

  /** flush saves at once what is not saved. */
  flush(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#wanted) this.#saving = this.#saving.then(() => this.#save())
    return this.#saving
  }

  /** retry saves at once what could not be saved before: what was in the way may be gone. */
  retry(): void {
    if (this.state === 'failed') void this.flush()
  }

  /** drop forgets what was typed: the note is deleted. */
  drop(): void {
    clearTimeout(this.#timer)
    this.#wanted = false
    this.#become('saved')
  }

  async #save(): Promise<void> {
    if (!this.#wanted) return
    const [base, copies] = [this.#base, this.#copies]
    const note = { ...this.note, edited: Date.now() }
    const failedBefore = this.error !== undefined
    this.#wanted = false
    this.#copies = []
    this.#become('saving')
    try {
      const unseen = await this.#book.save(this.id, note, copies)
      if (this.#base === base) this.#base = note
      this.error = undefined
      this.#waitMs = retryMs.first
      this.#become(this.#wanted ? 'changed' : 'saved')
      if (unseen > 0) this.#told({ type: 'unseen' })
      if (failedBefore) this.#told({ type: 'recovered' })
    } catch (error) {
      this.#wanted = true
      this.#copies = [...copies, ...this.#copies]
      this.error = error
      this.#become('failed')
      if (!hopeless.includes(codeOf(error))) this.#later((this.#waitMs = Math.min(2 * this.#waitMs, retryMs.most)))
    }
  }

  #later(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.flush(), ms)
  }

  #become(state: DraftState): void {
    if (this.state === state) return
    this.state = state
    this.dispatchEvent(new Event('change'))
    this.#told({ type: 'state', draft: this })
  }
}

/**
 * DraftEvent tells of what the page shows beside the editor: a draft's state, that two changed the same lines, that a version nobody had
 * seen was kept, and that what could not be saved is.
 */
export type DraftEvent =
  { type: 'state'; draft: Draft } | { type: 'clash'; from: string } | { type: 'unseen' } | { type: 'recovered' }

/** Drafts has the draft of each note that is open or not saved. */
export class Drafts {
  readonly #all = new Map<string, Draft>()
  readonly #book: Notebook
  readonly #told: (event: DraftEvent) => void

  constructor(book: Notebook, told: (event: DraftEvent) => void) {
    this.#book = book
    this.#told = told
  }

  /** open returns a note's draft: the one with what could not be saved yet, if there is one. */
  open(id: string, note: Note): Draft {
    const draft = this.#all.get(id) ?? new Draft(id, note, this.#book, (event) => this.#hear(event))
    draft.open = true
    this.#all.set(id, draft)
    return draft
  }

  /** close lets go of a draft as soon as it is saved. */
  close(draft: Draft): void {
    draft.open = false
    void draft.flush()
    this.#forget(draft)
  }

  get(id: string): Draft | undefined {
    return this.#all.get(id)
  }

  /** failed has the drafts that could not be saved. */
  get failed(): Draft[] {
    return [...this.#all.values()].filter((draft) => draft.error !== undefined)
  }

  /** unsaved says whether anything typed is not stored yet. */
  get unsaved(): boolean {
    return [...this.#all.values()].some((draft) => draft.unsaved)
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#all.values()].map((draft) => draft.flush()))
  }

  retry(): void {
    for (const draft of this.#all.values()) draft.retry()
  }

  /** drop forgets a deleted note's draft. */
  drop(id: string): void {
    this.#all.get(id)?.drop()
    this.#all.delete(id)
  }

  #hear(event: DraftEvent): void {
    if (event.type === 'state') this.#forget(event.draft)
    this.#told(event)
  }

  #forget(draft: Draft): void {
    if (!draft.open && !draft.unsaved) this.#all.delete(draft.id)
  }
}
