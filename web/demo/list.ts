// The list of notes, with its search.
import { announce, byId, h, icon } from './dom'
import { byRank, contains, excerpt, headline, type Note, when } from './note'
import type { Notebook } from './notebook'

interface Row {
  li: HTMLLIElement
  button: HTMLButtonElement
  shown: string // what the row was last drawn from
}

/** List shows the notes of a notebook and says which one was chosen. */
export class List {
  private readonly ul = byId<HTMLUListElement>('notes')
  private readonly search = byId<HTMLInputElement>('search')
  private readonly noMatch = byId('no-match')
  private readonly rows = new Map<string, Row>()
  private current = ''

  constructor(
    private readonly book: Notebook,
    private readonly open: (id: string) => void,
  ) {
    book.addEventListener('change', () => this.draw())
    this.search.addEventListener('input', () => this.searched())
    this.ul.addEventListener('keydown', (e) => this.arrow(e))
    this.draw()
  }

  /** select marks the note that is open; '' marks none. */
  select(id: string): void {
    this.current = id
    this.draw()
  }

  /** focus goes to a note's row, or to the search field when it has none. */
  focus(id: string): void {
    const row = this.rows.get(id) ?? this.rows.values().next().value
    if (row) row.button.focus()
    else byId('new-note').focus()
  }

  private matches(): [string, Note][] {
    const query = this.search.value.trim()
    return [...this.book.notes].filter(([, note]) => contains(note, query)).sort(byRank)
  }

  private searched(): void {
    const n = this.draw()
    announce(`${n} of ${this.book.notes.size} notes`)
  }

  private draw(): number {
    const found = this.matches()
    const focused = document.activeElement
    const keep = new Set(found.map(([id]) => id))
    for (const [id, row] of this.rows) {
      if (keep.has(id)) continue
      row.li.remove()
      this.rows.delete(id)
    }
    found.forEach(([id, note], i) => {
      const { li } = this.row(id, note)
      if (this.ul.children[i] !== li) this.ul.insertBefore(li, this.ul.children[i] ?? null)
    })
    // A row that moved has lost the focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement && this.ul.contains(focused))
      focused.focus()
    this.noMatch.hidden = found.length > 0 || this.book.notes.size === 0
    this.noMatch.textContent = `No note contains “${this.search.value.trim()}”.`
    return found.length
  }

  private row(id: string, note: Note): Row {
    const row = this.rows.get(id) ?? this.addRow(id)
    const versions = 1 + (this.book.versions.get(id)?.length ?? 0)
    const time = when(note.edited, Date.now())
    const shown = JSON.stringify([headline(note), excerpt(note), note.pinned, versions, time])
    row.button.ariaCurrent = id === this.current ? 'true' : null
    if (shown === row.shown) return row
    row.shown = shown
    row.button.replaceChildren(
      h('span', { class: 'headline' }, headline(note)),
      h('span', { class: 'excerpt' }, h('time', {}, time), ' ', excerpt(note)),
      h(
        'span',
        { class: 'marks' },
        versions > 1 && h('span', { class: 'versions' }, `${versions} versions`),
        note.pinned && icon('pin'),
        note.pinned && h('span', { class: 'unseen' }, 'pinned'),
      ),
    )
    return row
  }

  private addRow(id: string): Row {
    const button = h('button', { type: 'button', onclick: () => this.open(id) })
    const row = { li: h('li', {}, button), button, shown: '' }
    this.rows.set(id, row)
    return row
  }

  // Up and down go from note to note; Tab does, too.
  private arrow(event: KeyboardEvent): void {
    const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key] as
      'nextElementSibling' | undefined
    const li = document.activeElement?.closest('li')?.[step ?? 'nextElementSibling']
    if (!step || !li) return
    event.preventDefault()
    li.querySelector('button')?.focus()
  }
}
