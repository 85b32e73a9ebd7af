// Notes: a small real application on Masq. This file opens it, whatever is in the way.
//
// Nothing about a note goes into the address, the title or the browser's own storage: those are kept outside of Masq's seal.
import { connect, type Masq, takeInvite } from '@masq/client'
import { takeRest } from '../shared/link.js'
import { button, byId, h } from './dom.js'
import { codeOf, errorText } from './errors.js'
import { showJoin } from './join.js'
import { Notebook } from './notebook.js'
import { Page } from './page.js'
import { type Obstacle, obstacle, waiting } from './store.js'
import { language, t } from './words.js'

declare const MASQ_WASM: string // set by the build: the name of masq.wasm with its hash, which browsers do not ask for twice

const sync = location.origin.replace(/^http/, 'ws')

let page: Promise<Page> | undefined
let invited = false // an invite waits while the notes are opened

const open = (device: string | undefined, store: 'auto' | 'embedded'): Promise<Masq> =>
  connect({
    app: { name: t('title'), description: t('about'), icon: new URL('icon.svg', location.href).href },
    sync,
    store,
    ...(device && { device }),
    wasm: MASQ_WASM,
    worker: 'worker.js', // a file of this origin, which the Content-Security-Policy allows
  })

function start(device?: string): Promise<Page> {
  page ??= openPage(device)
  page.catch(() => (page = undefined))
  return page
}

/** openPage opens the notes: in the local store, or, once the user says so, in this browser. */
async function openPage(device?: string): Promise<Page> {
  for (const store of ['auto', 'auto', 'embedded'] as const) {
    const masq = await open(device, store)
    const book = await notesOf(masq)
    if (book) return new Page(masq, book, sync, (link) => void join(link))
    await masq.close()
    await (await open(device, 'embedded')).close() // once there is data in it, this browser is where they are looked for
  }
  throw new Error('an embedded store waits for nobody')
}

/** notesOf resolves with the notes; with undefined if the user will not wait for the local store. */
function notesOf(masq: Masq): Promise<Notebook | undefined> {
  return new Promise((resolve, reject) => {
    const over = showWaiting(masq, () => resolve(undefined))
    openNotes(masq, over.blocked).then(resolve, reject).finally(over.end)
  })
}

const passing = ['E_STORE_AWAY', 'E_DENIED', 'E_VERSION']

/** openNotes opens them, however long the local store is away or does not let this page in, or another version is in use. */
async function openNotes(masq: Masq, blocked: (by: boolean) => void): Promise<Notebook> {
  for (;;) {
    while (obstacle(masq.status)) await next(masq)
    try {
      return await Notebook.open(masq)
    } catch (error) {
      if (!passing.includes(codeOf(error))) throw error
      if (codeOf(error) !== 'E_VERSION') continue
      blocked(true)
      await next(masq)
      blocked(false)
    }
  }
}

const next = (masq: Masq): Promise<void> =>
  new Promise((resolve) => masq.addEventListener('status', () => resolve(), { once: true }))

/** showWaiting shows why there are no notes yet, as long as there are none. */
function showWaiting(masq: Masq, instead: () => void): { blocked: (by: boolean) => void; end: () => void } {
  let shown: Obstacle | undefined
  let digits: string | undefined
  let version = false
  const draw = () => {
    const why = obstacle(masq.status) ?? (version ? 'version' : undefined)
    const six = masq.status.asking?.digits
    if (!why || (why === shown && six === digits)) return
    const view = waiting(why, { invited, digits: six, again: () => masq.useLocalStore(), instead })
    document.body.dataset.pane = 'join'
    byId('main').replaceChildren(view)
    view.querySelector('h2')?.focus()
    shown = why
    digits = six
  }
  masq.addEventListener('status', draw)
  draw()
  const blocked = (by: boolean) => {
    version = by
    draw()
  }
  return { blocked, end: () => masq.removeEventListener('status', draw) }
}

async function showNotes(): Promise<void> {
  invited = false
  try {
    const opened = await start()
    opened.showList()
  } catch (error) {
    document.body.dataset.pane = 'join'
    byId('main').replaceChildren(
      h(
        'section',
        { class: 'join', role: 'alert' },
        h('h2', {}, t('cannotOpen')),
        h('p', {}, errorText(error)),
        h(
          'div',
          { class: 'actions' },
          button(t('tryAgain'), () => location.reload(), { class: 'primary' }),
        ),
      ),
    )
  }
}

async function join(link: string): Promise<void> {
  const open = await page?.catch(() => undefined)
  const name = open?.masq.status.self.name
  open?.leave()
  invited = true
  showJoin({
    link,
    sync,
    name: name ?? '',
    start: async (name) => {
      const { masq, book } = await start(name)
      if (name && masq.status.store === 'embedded' && masq.status.self.name !== name) await masq.rename(name)
      return { masq, notes: book.notes.size }
    },
    leave: () => void showNotes(),
  })
}

/** speak puts what index.html says into the user's language. */
function speak(): void {
  document.documentElement.lang = language
  document.title = t('title')
  document.querySelector('h1')!.textContent = t('title')
  document.querySelector('meta[name=description]')?.setAttribute('content', t('about'))
  document.querySelector('nav')!.ariaLabel = t('title')
  byId('new-note').textContent = t('newNote')
  byId('toast').ariaLabel = t('message')
  const search = byId<HTMLInputElement>('search')
  search.placeholder = t('search')
  search.ariaLabel = t('searchNotes')
  byId('main').replaceChildren(h('p', { class: 'opening' }, t('opening')))
}

const invite = window.masqInvite ?? takeInvite() ?? takeRest()
delete window.masqInvite
history.replaceState(null, '')
speak()
addEventListener('hashchange', () => {
  const link = takeInvite() ?? takeRest() // the link was opened in a tab that had the notes open
  if (link) void join(link)
})
if (invite) void join(invite)
else void showNotes()
