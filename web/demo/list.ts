// The list of notes, with its search. A change touches the row that it is about, however many there are.
import { announce, byId, h, icon } from './dom.js'
import type { Drafts } from './drafts.js'
import { byRank, contains, excerpt, headline, type Note } from './note.js'
import type { Notebook, NotebookEvent } from './notebook.js'
import { iso, t, when } from './words.js'

interface Row {
  li: HTMLLIElement
  button: HTMLButtonElement
  note: Note | undefined // what it was last drawn from, and
  marks: string // what stood beside it
}

/** List shows the notes of a notebook and says which one was chosen. */
export class List {
  readonly #ul = byId<HTMLUListElement>('notes')
  readonly #search = byId<HTMLInputElement>('search')
  readonly #noMatch = byId('no-match')
  readonly #rows = new Map<string, Row>()
  #order: [id: string, note: Note][] = [] // of the rows, from the first to the last
  #current = ''
  #day = ''
  readonly #book: Notebook
  readonly #drafts: Drafts
  readonly #open: (id: string) => void

  constructor(book: Notebook, drafts: Drafts, open: (id: string) => void) {
    this.#book = book
    this.#drafts = drafts
    this.#open = open
    book.addEventListener('change', (e) => this.update((e as NotebookEvent).id))
    book.addEventListener('reset', () => this.#draw())
    this.#search.addEventListener('input', () => this.#searched())
    this.#ul.addEventListener('keydown', (e) => this.#arrow(e))
    addEventListener('visibilitychange', () => this.#refresh())
    this.#draw()
  }

  /** size is how many notes there are, with those that could not be stored yet. */
  get size(): number {
    return this.#ids().size
  }

  /** select marks the note that is open; '' marks none. */
  select(id: string): void {
    const before = this.#current
    this.#current = id
    for (const changed of new Set([before, id])) this.#mark(changed)
  }

  /** focus goes to a note's row, or to the first one, or to the button for a new one where there is none. */
  focus(id: string): void {
    const row = this.#rows.get(id) ?? this.#rows.get(this.#order[0]?.[0] ?? '')
    if (row) row.button.focus()
    else byId('new-note').focus()
  }

  /** update draws one note's row, and puts it where it belongs. */
  update(id: string): void {
    if (this.#day !== today()) return this.#draw()
    const note = this.#note(id)
    const at = this.#order.findIndex(([other]) => other === id)
    if (at >= 0) this.#order.splice(at, 1)
    if (note && contains(note, this.#query)) this.#place(id, note)
    else this.#drop(id)
    this.#showCount()
  }

  get #query(): string {
    return this.#search.value.trim()
  }

  // A note that could not be stored stands in the list as it was typed.
  #note(id: string): Note | undefined {
    const draft = this.#drafts.get(id)
    return draft?.error === undefined ? this.#book.notes.get(id) : draft.note
  }

  #ids(): Set<string> {
    return new Set([...this.#book.notes.keys(), ...this.#drafts.failed.map((draft) => draft.id)])
  }

  #searched(): void {
    this.#draw()
    announce(t('found', { n: this.#order.length, all: this.size }))
  }

  // Times of the day become days at midnight.
  #refresh(): void {
    if (this.#day !== today()) this.#draw()
  }

  #draw(): void {
    this.#day = today()
    const found = new Map<string, Note>()
    for (const id of this.#ids()) {
      const note = this.#note(id)
      if (note && contains(note, this.#query)) found.set(id, note)
    }
    for (const id of [...this.#rows.keys()]) if (!found.has(id)) this.#drop(id)
    this.#order = [...found].sort(byRank)
    this.#keepFocus(() => {
      let at = this.#ul.firstElementChild
      for (const [id, note] of this.#order) {
        const { li } = this.#row(id, note)
        if (li === at) at = at.nextElementSibling
        else this.#ul.insertBefore(li, at)
      }
    })
    this.#showCount()
  }

  #place(id: string, note: Note): void {
    let [low, high] = [0, this.#order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (byRank(this.#order[middle]!, [id, note]) < 0) low = middle + 1
      else high = middle
    }
    this.#order.splice(low, 0, [id, note])
    const { li } = this.#row(id, note)
    const next = this.#rows.get(this.#order[low + 1]?.[0] ?? '')?.li ?? null
    if (!li.parentNode || li.nextElementSibling !== next) this.#keepFocus(() => this.#ul.insertBefore(li, next))
  }

  #drop(id: string): void {
    this.#rows.get(id)?.li.remove()
    this.#rows.delete(id)
  }

  // A row that moves loses the focus.
  #keepFocus(move: () => void): void {
    const focused = document.activeElement
    move()
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.#ul.contains(focused))
      focused.focus()
  }

  #showCount(): void {
    this.#noMatch.hidden = this.#order.length > 0 || this.size === 0
    this.#noMatch.textContent = t('noMatch', { query: iso(this.#query) })
  }

  #row(id: string, note: Note): Row {
    const row = this.#rows.get(id) ?? this.#addRow(id)
    const versions = 1 + (this.#book.versions.get(id)?.length ?? 0)
    const unsaved = this.#drafts.get(id)?.error !== undefined
    const marks = `${versions} ${unsaved} ${this.#day}`
    if (row.note === note && row.marks === marks) return row
    Object.assign(row, { note, marks })
    row.button.replaceChildren(
      h('span', { class: 'headline' }, headline(note)),
      h('span', { class: 'excerpt' }, h('time', {}, when(note.edited, Date.now())), ' ', excerpt(note)),
      h(
        'span',
        { class: 'marks' },
        unsaved && h('span', { class: 'versions' }, t('unsavedMark')),
        versions > 1 && h('span', { class: 'versions' }, t('versions', { n: versions })),
        note.pinned && icon('pin'),
        note.pinned && h('span', { class: 'unseen' }, t('pinned')),
      ),
    )
    return row
  }

  #addRow(id: string): Row {
    const button = h('button', { type: 'button', onclick: () => this.#open(id) })
    const row = { li: h('li', {}, button), button, note: undefined, marks: '' }
    this.#rows.set(id, row)
    this.#mark(id)
    return row
  }

  #mark(id: string): void {
    const row = this.#rows.get(id)
    if (row) row.button.ariaCurrent = id === this.#current ? 'true' : null
  }

  // Up and down go from note to note; Tab does, too.
  #arrow(event: KeyboardEvent): void {
    const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key] as
      'nextElementSibling' | undefined
    const li = document.activeElement?.closest('li')?.[step ?? 'nextElementSibling']
    if (!step || !li) return
    event.preventDefault()
    li.querySelector('button')?.focus()
  }
}

const today = (): string => new Date().toDateString()
