// Notes: a small real application on Masq. This file opens it and decides which of its panes is to be seen.
//
// Nothing about a note goes into the address, the title or the browser's own storage: those are kept outside of Masq's seal.
import { connect, type Masq, takeInvite } from '@masq/client'
import { conflictView } from './conflict'
import { Devices } from './devices'
import { announce, button, byId, errorText, h } from './dom'
import { Editor } from './editor'
import { showJoin } from './join'
import { List } from './list'
import { headline, type Note } from './note'
import { Notebook, type NotebookEvent } from './notebook'
import { inStore, waiting } from './store'
import { focusToast, toast } from './toast'

/** Page is everything once the notes are open. */
class Page {
  private readonly main = byId('main')
  private readonly list: List
  private readonly devices: Devices
  private editor: Editor | undefined
  private shown = '' // the id of the note in the main pane

  constructor(
    readonly masq: Masq,
    readonly book: Notebook,
  ) {
    this.list = new List(book, (id) => this.open(id))
    this.devices = new Devices(
      masq,
      () => book.notes.size,
      (link) => void join(link),
    )
    book.addEventListener('change', (e) => this.changed(e as NotebookEvent))
    byId('new-note').addEventListener('click', () => this.create())
    addEventListener('popstate', () => (history.state?.note ? undefined : this.showList()))
    addEventListener('keydown', (e) => this.escape(e))
    addEventListener('visibilitychange', () => void this.editor?.flush())
    addEventListener('beforeunload', (e) => this.editor?.unsaved && e.preventDefault())
  }

  /** showList shows the list; on a wide screen, the main pane says what to do. */
  showList(): void {
    const from = this.shown
    this.leave()
    if (this.book.notes.size === 0) this.showEmpty()
    else {
      document.body.dataset.pane = 'list'
      this.main.replaceChildren(h('p', { class: 'hint choose' }, 'Choose a note, or write a new one.'))
    }
    if (from && !byId('toast').contains(document.activeElement)) this.list.focus(from)
  }

  /** leave closes the note that is open. */
  leave(): void {
    void this.editor?.flush()
    this.editor = undefined
    this.shown = ''
    this.list.select('')
  }

  private showEmpty(): void {
    document.body.dataset.pane = 'empty'
    this.main.replaceChildren(
      h(
        'section',
        { class: 'empty', 'aria-labelledby': 'empty-title' },
        h('h2', { id: 'empty-title' }, 'Nothing written yet'),
        h('p', {}, 'Notes you write here stay on your own devices. No account, no cloud.'),
        h(
          'div',
          { class: 'actions' },
          button('Write a note', () => this.create(), { class: 'primary' }),
          !inStore(this.masq.status) && button('Add a device', () => void this.devices.add()),
        ),
      ),
    )
  }

  private create(): void {
    const [id, note] = Notebook.fresh()
    this.edit(new Editor(this.book, id, note, this.actions()))
  }

  /** open shows a note in the main pane: its editor, or its versions when it has several. */
  private open(id: string): void {
    const note = this.book.notes.get(id)
    if (!note) return this.showList()
    const others = this.book.versions.get(id)
    if (!others) return this.edit(new Editor(this.book, id, note, this.actions()))
    this.enter(id)
    const view = conflictView(
      this.book,
      id,
      [note, ...others],
      () => this.back(),
      () => this.open(id),
    )
    this.main.replaceChildren(view)
    view.querySelector('h2')?.focus()
  }

  private edit(editor: Editor): void {
    this.enter(editor.id)
    this.editor = editor
    this.main.replaceChildren(editor.el)
    editor.focus()
  }

  // A note gets a step of its own in the browser's history, so that a phone's back gesture leads to the list.
  private enter(id: string): void {
    void this.editor?.flush()
    this.editor = undefined
    if (!history.state?.note) history.pushState({ note: true }, '')
    document.body.dataset.pane = 'note'
    this.shown = id
    this.list.select(id)
  }

  private back(): void {
    if (history.state?.note) history.back()
    else this.showList()
  }

  private escape(event: KeyboardEvent): void {
    if (event.key !== 'Escape' || event.isComposing || !this.main.contains(document.activeElement)) return
    if (this.shown) this.back()
  }

  private actions() {
    return { back: () => this.back(), remove: (id: string) => void this.remove(id) }
  }

  private async remove(id: string): Promise<void> {
    await this.editor?.flush()
    const note = this.book.notes.get(id)
    if (!note) return this.back() // it was never stored
    try {
      await this.book.remove(id)
    } catch (error) {
      return toast('Not deleted. ' + errorText(error))
    }
    this.back()
    const run = () => void this.restore(id, note)
    toast(`“${headline(note)}” deleted.`, { label: 'Undo', run }, () => this.list.focus(id))
    focusToast()
  }

  private async restore(id: string, note: Note): Promise<void> {
    try {
      await this.book.restore(id, note)
      this.list.focus(id)
    } catch (error) {
      toast('Not restored. ' + errorText(error))
    }
  }

  private changed({ id, from, previous }: NotebookEvent): void {
    const empty = document.body.dataset.pane === 'empty'
    if (empty !== (this.book.notes.size === 0) && !this.shown && document.body.dataset.pane !== 'join') this.showList()
    if (id !== this.shown || from === 'here') return
    const note = this.book.notes.get(id)
    if (from === 'versions') this.versionsChanged(id)
    else if (note) this.editor?.take(note, from)
    else if (previous && !this.editor?.unsaved) {
      this.back()
      const run = () => void this.restore(id, previous)
      toast(
        `“${headline(previous)}” was deleted ${from === 'tab' ? 'in another tab' : from === 'device' ? 'on another device' : 'on ' + from}.`,
        {
          label: 'Undo',
          run,
        },
      )
    }
  }

  // Somebody who is typing is not interrupted: saving then keeps the versions apart.
  private versionsChanged(id: string): void {
    if (this.editor?.unsaved) return
    this.open(id)
    if (this.book.versions.has(id)) announce('This note has other versions now.')
  }
}

let page: Promise<Page> | undefined

const open = (device?: string, store: 'auto' | 'embedded' = 'auto'): Promise<Masq> =>
  connect({
    app: {
      name: 'Notes',
      description: 'Notes that stay on your own devices',
      icon: new URL('icon.svg', location.href).href,
    },
    sync: location.origin.replace(/^http/, 'ws'),
    store,
    ...(device && { device }),
    wasm: 'masq.wasm',
    worker: 'worker.js', // a file of this origin, which the Content-Security-Policy allows
  })

function start(device?: string): Promise<Page> {
  page ??= (async () => {
    const masq = await open(device)
    const done = showWaiting(masq)
    try {
      return new Page(masq, await openNotes(masq))
    } finally {
      done()
    }
  })()
  page.catch(() => (page = undefined))
  return page
}

/** openNotes opens them, however long the local store is away or does not let this page in. */
async function openNotes(masq: Masq): Promise<Notebook> {
  for (;;) {
    const here = new Promise<void>((resolve) => {
      const look = () => ['local', 'embedded'].includes(masq.status.store) && resolve()
      masq.addEventListener('status', look)
      look()
    })
    await here
    try {
      return await Notebook.open(masq)
    } catch (error) {
      if (!['E_STORE_AWAY', 'E_DENIED'].includes((error as { code?: string }).code ?? '')) throw error
    }
  }
}

/** showWaiting shows why there are no notes yet, as long as there are none. It answers what ends that. */
function showWaiting(masq: Masq): () => void {
  let shown = ''
  const draw = () => {
    const { store } = masq.status
    if (store === shown || !['asking', 'away', 'denied'].includes(store)) return
    shown = store
    document.body.dataset.pane = 'join'
    const page = waiting(masq.status, { again: () => masq.useLocalStore(), instead: () => void stayHere(masq) })
    byId('main').replaceChildren(page)
    page.querySelector('h2')?.focus()
  }
  masq.addEventListener('status', draw)
  draw()
  return () => masq.removeEventListener('status', draw)
}

/** stayHere keeps the notes in this browser: once there is data in it, that is where they are looked for. */
async function stayHere(masq: Masq): Promise<void> {
  await masq.close()
  await (await open(undefined, 'embedded')).close()
  location.reload()
}

async function showNotes(): Promise<void> {
  try {
    const opened = await start()
    opened.showList()
  } catch (error) {
    document.body.dataset.pane = 'join'
    byId('main').replaceChildren(
      h(
        'section',
        { class: 'join', role: 'alert' },
        h('h2', {}, 'Notes cannot be opened here'),
        h('p', {}, errorText(error)),
        h(
          'div',
          { class: 'actions' },
          button('Try again', () => location.reload(), { class: 'primary' }),
        ),
      ),
    )
  }
}

async function join(link: string): Promise<void> {
  const open = await page?.catch(() => undefined)
  const name = open?.masq.status.self.name
  open?.leave()
  showJoin({
    link,
    name: name ?? '',
    start: async (name) => {
      const { masq, book } = await start(name)
      if (name && masq.status.self.name !== name) await masq.rename(name)
      return { masq, notes: book.notes.size }
    },
    leave: () => void showNotes(),
  })
}

const invite = window.masqInvite ?? takeInvite()
delete window.masqInvite
history.replaceState(null, '')
addEventListener('hashchange', () => {
  const link = takeInvite() // the link was opened in a tab that had the notes open
  if (link) void join(link)
})
if (invite) void join(invite)
else void showNotes()
