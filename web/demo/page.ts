// The page once the notes are open: which of its panes is to be seen, and what happens to a note.
import type { Masq } from '@masq/client'
import { conflictView } from './conflict.js'
import { Devices } from './devices.js'
import { announce, button, byId, h } from './dom.js'
import { type DraftEvent, Drafts } from './drafts.js'
import { Editor } from './editor.js'
import { errorText } from './errors.js'
import { List } from './list.js'
import { called, type Note } from './note.js'
import { type ClearedEvent, Notebook, type NotebookEvent } from './notebook.js'
import { Notices } from './notices.js'
import { inStore } from './store.js'
import { focusToast, toast } from './toast.js'
import { iso, t } from './words.js'

/** Page is everything once the notes are open. */
export class Page {
  readonly #main = byId('main')
  readonly #drafts: Drafts
  readonly #list: List
  readonly #devices: Devices
  readonly #notices: Notices
  #editor: Editor | undefined
  #shown = '' // the id of the note in the main pane
  #lost: ReadonlyMap<string, Note> = new Map() // what was deleted with the browser's data
  #well = true // notes can be saved, as far as the status says

  constructor(
    readonly masq: Masq,
    readonly book: Notebook,
    sync: string,
    join: (link: string) => void,
  ) {
    this.#drafts = new Drafts(book, (event) => this.#heard(event))
    this.#list = new List(book, this.#drafts, (id) => this.#open(id))
    this.#devices = new Devices(masq, () => book.notes.size, join, sync)
    this.#notices = new Notices({ devices: () => this.#devices.show(), restore: () => this.#bringBack() })
    masq.addEventListener('status', () => this.#statusChanged())
    book.addEventListener('change', (e) => this.#changed(e as NotebookEvent))
    book.addEventListener('reset', () => this.#reset())
    book.addEventListener('cleared', (e) => this.#cleared((e as ClearedEvent).notes))
    byId('new-note').addEventListener('click', () => this.#create())
    addEventListener('popstate', () => (history.state?.note ? undefined : this.showList()))
    addEventListener('keydown', (e) => this.#escape(e))
    addEventListener('visibilitychange', () => void this.#drafts.flush())
    addEventListener('beforeunload', (e) => this.#drafts.unsaved && e.preventDefault())
    this.#statusChanged()
  }

  /** showList shows the list; on a wide screen, the main pane says what to do. */
  showList(): void {
    const from = this.#shown
    this.leave()
    if (this.#list.size === 0) this.#showEmpty()
    else {
      document.body.dataset.pane = 'list'
      this.#main.replaceChildren(h('p', { class: 'hint choose' }, t('choose')))
    }
    if (from && !byId('toast').contains(document.activeElement)) this.#list.focus(from)
  }

  /** leave closes the note that is open. */
  leave(): void {
    this.#closeEditor()
    this.#shown = ''
    this.#list.select('')
  }

  #closeEditor(): void {
    if (!this.#editor) return
    this.#editor.close()
    this.#drafts.close(this.#editor.draft)
    this.#editor = undefined
  }

  #showEmpty(): void {
    document.body.dataset.pane = 'empty'
    this.#main.replaceChildren(
      h(
        'section',
        { class: 'empty', 'aria-labelledby': 'empty-title' },
        h('h2', { id: 'empty-title' }, t('emptyTitle')),
        h('p', {}, t('emptyText')),
        h(
          'div',
          { class: 'actions' },
          button(t('writeNote'), () => this.#create(), { class: 'primary' }),
          !inStore(this.masq.status) && button(t('addDevice'), () => void this.#devices.add()),
        ),
      ),
    )
  }

  #create(): void {
    this.#edit(...Notebook.fresh())
  }

  /** open shows a note in the main pane: its editor, or its versions when it has several. */
  #open(id: string): void {
    const note = this.book.notes.get(id) ?? this.#drafts.get(id)?.note
    if (!note) return this.showList()
    const others = this.book.versions.get(id)
    if (!others || this.#drafts.get(id)?.unsaved) return this.#edit(id, note)
    this.#enter(id)
    const view = conflictView(
      this.book,
      id,
      [note, ...others],
      () => this.#back(),
      () => this.#open(id),
    )
    this.#main.replaceChildren(view)
    view.querySelector('h2')?.focus()
  }

  #edit(id: string, note: Note): void {
    this.#enter(id)
    const actions = { back: () => this.#back(), remove: (id: string) => void this.#remove(id) }
    this.#editor = new Editor(this.#drafts.open(id, note), this.book.notes.has(id), actions)
    this.#main.replaceChildren(this.#editor.el)
    this.#editor.focus()
  }

  // A note gets a step of its own in the browser's history, so that a phone's back gesture leads to the list.
  #enter(id: string): void {
    this.#closeEditor()
    if (!history.state?.note) history.pushState({ note: true }, '')
    document.body.dataset.pane = 'note'
    this.#shown = id
    this.#list.select(id)
  }

  #back(): void {
    if (history.state?.note) history.back()
    else this.showList()
  }

  #escape(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.isComposing || !this.#main.contains(document.activeElement)) return
    if (this.#shown) this.#back()
  }

  async #remove(id: string): Promise<void> {
    await this.#drafts.get(id)?.flush()
    const note = this.#drafts.get(id)?.note ?? this.book.notes.get(id)
    const stored = this.book.notes.has(id)
    try {
      if (stored) await this.book.remove(id)
    } catch (error) {
      return toast(t('notDeleted', { why: errorText(error) }))
    }
    const failed = this.#drafts.get(id)?.error !== undefined
    this.#drafts.drop(id)
    this.#back()
    if (!note || (!stored && !failed)) return // nothing was ever written
    this.#list.update(id)
    this.#offerBack(t('deleted', { note: called(note) }), id, note)
    focusToast()
  }

  #offerBack(text: string, id: string, note: Note): void {
    toast(text, { label: t('undo'), run: () => void this.#restore(id, note) }, () => this.#list.focus(id))
  }

  // What cannot be brought back is offered again.
  async #restore(id: string, note: Note): Promise<void> {
    try {
      await this.book.put([[id, note]])
      this.#list.focus(id)
    } catch (error) {
      this.#offerBack(t('notRestored', { why: errorText(error) }), id, note)
    }
  }

  #changed({ id, from, previous }: NotebookEvent): void {
    this.#followEmpty()
    const note = this.book.notes.get(id)
    if (note && from !== 'here' && from !== 'versions') this.#drafts.get(id)?.take(note, from)
    if (id !== this.#shown || from === 'here') return
    if (from === 'versions') this.#versionsChanged(id)
    else if (!note && previous && !this.#drafts.get(id)?.unsaved) {
      this.#back()
      this.#offerBack(deletedBy(from, called(previous)), id, previous)
    }
  }

  // The first note brings the list, the last one takes it away.
  #followEmpty(): void {
    const { pane } = document.body.dataset
    if ((pane === 'empty') !== (this.#list.size === 0) && !this.#shown && pane !== 'join') this.showList()
  }

  // Somebody who is typing is not interrupted: saving then keeps the versions apart.
  #versionsChanged(id: string): void {
    if (this.#drafts.get(id)?.unsaved) return
    this.#open(id)
    if (this.book.versions.has(id)) announce(t('hasVersions'))
  }

  // Everything was read anew. What is being written stays, and is saved.
  #reset(): void {
    const shown = this.#shown
    const note = this.book.notes.get(shown)
    if (note) this.#drafts.get(shown)?.take(note, 'tab')
    else if (shown && !this.#drafts.get(shown)?.unsaved) this.#back()
    this.#followEmpty()
  }

  #cleared(notes: ReadonlyMap<string, Note>): void {
    this.#lost = new Map([...notes].filter(([id]) => !this.#drafts.get(id)?.unsaved))
    this.#notices.tellCleared(this.#lost.size)
  }

  async #bringBack(): Promise<void> {
    await this.book.put(this.#lost)
    this.#lost = new Map()
  }

  #statusChanged(): void {
    const { status } = this.masq
    const well = (status.store === 'local' || status.store === 'embedded') && status.error !== 'E_VERSION'
    if (well && !this.#well) this.#drafts.retry()
    this.#well = well
    this.#notices.take(status)
  }

  #heard(event: DraftEvent): void {
    if (event.type === 'state') this.#list.update(event.draft.id)
    else if (event.type === 'clash') toast(changedBy(event.from))
    else if (event.type === 'unseen') toast(t('changedElsewhere'))
    else if (!this.#drafts.unsaved) toast(t('savedAfterAll'))
  }
}

function deletedBy(from: string, note: string): string {
  if (from === 'tab') return t('deletedInTab', { note })
  return from === 'device' ? t('deletedOnDevice', { note }) : t('deletedOn', { note, device: iso(from) })
}

function changedBy(from: string): string {
  if (from === 'tab') return t('changedInTab')
  return from === 'device' ? t('changedOnDevice') : t('changedOn', { device: iso(from) })
}
