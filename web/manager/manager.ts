// The page: what is shown now, and what its buttons do. Views describe what they show of it and of the store's state.
import { byId, h, patch } from '../shared/dom.js'
import { dialogView } from './dialogs.js'
import { type Dialog, type Page, type PairingDialog, type ViewName, viewNames } from './page.js'
import { StoreError } from './errors.js'
import type { State } from './state.js'
import { Store } from './store.js'
import { mainView, title, toastView, topView } from './views.js'
import { iso, language, t } from './words.js'
import { failureText } from './problems.js'

const newRequestMs = 600 // how long a new request's buttons wait, lest somebody hits them who aimed at what was there before
const messageMs = 8000

/** Manager is the page. */
export class Manager implements Page {
  readonly store: Store
  view: ViewName = viewNames.find((v) => location.hash === '#' + v) ?? 'applications'
  /** The applications whose details are shown. */
  readonly open = new Set<string>()
  /** What was typed above a long list, by the list's name. */
  readonly queries = new Map<string, string>()
  dialog: Dialog | undefined
  /** What went wrong with the last thing that was asked for in the dialog. */
  problem = ''
  /** A message at the bottom of the page. */
  message = ''
  /** What a screen reader is to say. */
  spoken = ''
  /** The text that has just been copied. */
  copied = ''
  /** A pairing link that the page was opened with and cannot use, as it is locked: what became of it. */
  link: { link: string; taken: boolean } | undefined

  readonly #seen = new Map<number, number>() // request → when it was first shown
  readonly #others = new BroadcastChannel('masq-manager') // this origin's other tabs
  #drawn = { view: '', step: '', phase: '' }
  #scheduled = false
  #held: HTMLElement | undefined
  #messageTimer: ReturnType<typeof setTimeout> | undefined

  constructor(url: string, secret: string | undefined) {
    this.#others.onmessage = (e: MessageEvent<{ live?: true; link?: string; taken?: string }>) => this.#heard(e.data)
    byId('dialog').addEventListener('cancel', (e) => {
      e.preventDefault()
      this.closeDialog()
    })
    setInterval(() => this.render(), 1000) // countdowns, and how long ago things were
    this.store = new Store(url, secret, () => this.#changed())
    this.render()
  }

  /** The state, where there must be one. */
  get state(): State {
    if (!this.store.state) throw new StoreError('E_AWAY')
    return this.store.state
  }

  /** ready says whether a request has been shown long enough to be answered. */
  ready = (request: number): boolean => Date.now() - (this.#seen.get(request) ?? Date.now()) >= newRequestMs

  /** act asks the store for something that a button stands for. What goes wrong is said: in the dialog if one is open. */
  async act(method: string, params: object = {}): Promise<boolean> {
    this.problem = ''
    try {
      await this.store.call(method, params)
      return true
    } catch (error) {
      if (this.dialog) this.problem = failureText(error)
      else this.say(failureText(error))
      return false
    } finally {
      this.render()
    }
  }

  /** fail says in the dialog what was wrong with what was typed. It resolves with false, as act does. */
  fail(text: string): Promise<boolean> {
    this.problem = text
    this.render()
    return Promise.resolve(false)
  }

  /** say shows a message. */
  say(text: string): void {
    this.message = text
    clearTimeout(this.#messageTimer)
    this.#messageTimer = setTimeout(() => this.say(''), messageMs)
    if (text) this.announce(text)
    this.render()
  }

  /** announce has a screen reader say something. */
  announce(text: string): void {
    this.spoken = text === this.spoken ? text + '\u00a0' : text // a change, so that it is said again
  }

  /** copy puts text into the clipboard, or selects it for copying by hand where that is not allowed. */
  async copy(text: string, place?: HTMLElement | null): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
      this.copied = text
      setTimeout(() => (this.copied = ''), 3000)
      this.announce(t('copied'))
    } catch {
      if (place) getSelection()?.selectAllChildren(place)
      this.announce(t('copyByHand'))
    }
    this.render()
  }

  /** search shows of a long list what fits. */
  search(list: string, query: string): void {
    this.queries.set(list, query)
    this.render()
  }

  /** go shows another view. */
  go(view: ViewName): void {
    this.view = view
    this.render()
    scrollTo(0, 0)
  }

  /** show opens a dialog. */
  show(dialog: Dialog): void {
    this.dialog = dialog
    this.problem = ''
    this.render()
  }

  /** closeDialog closes it, and cancels a pairing that is not decided yet. */
  closeDialog(): void {
    const { dialog } = this
    this.dialog = undefined
    this.problem = ''
    this.render()
    if (dialog?.kind !== 'pairing' || dialog.pairing === undefined) return
    const { pairing } = this.store.state ?? {}
    const step = pairing?.pairing === dialog.pairing ? pairing.step : 'waiting'
    if (step === 'done' || step === 'failed') void this.act('dismiss')
    else if (step !== 'paired') void this.act('cancel', { pairing: dialog.pairing })
  }

  /** unlock tries a code of `masq open`, as it was typed into the locked page. */
  unlock(code: string): void {
    this.store.unlock({ code })
  }

  /** invite begins letting a device in: into one application, or, without one, another store. */
  async invite(app?: string): Promise<void> {
    await this.#pair('invite', app ? { app } : {}, () => void this.invite(app))
  }

  /** join begins joining the devices of whoever made a link. */
  async join(link: string): Promise<void> {
    await this.#pair('join', { link }, () => void this.join(link))
  }

  async #pair(method: 'invite' | 'join', params: object, again: () => void): Promise<void> {
    const dialog: PairingDialog = { kind: 'pairing', side: method === 'invite' ? 'host' : 'joiner', again }
    this.show(dialog)
    try {
      const { pairing } = await this.store.call<{ pairing: number }>(method, params)
      dialog.pairing = pairing
      if (this.dialog !== dialog) await this.act('cancel', { pairing }) // it was closed meanwhile
    } catch (error) {
      dialog.failed = error
    }
    this.render()
  }

  /** offer asks about a pairing link; nothing is sent before the user wants it. */
  offer(link: string): void {
    if (this.store.phase !== 'locked') return this.show({ kind: 'join', link })
    this.link = { link, taken: false }
    this.#others.postMessage({ link })
    this.render()
  }

  // Another tab may have the session that this one needs for a link, or the link that this one can use.
  #heard({ live, link, taken }: { live?: true; link?: string; taken?: string }): void {
    if (live && this.link && !this.link.taken) this.#others.postMessage({ link: this.link.link })
    if (taken && taken === this.link?.link) this.link.taken = true
    if (link && this.store.phase === 'live' && !this.dialog) {
      this.#others.postMessage({ taken: link })
      this.offer(link)
    }
    this.render()
  }

  #changed(): void {
    if (!this.store) return // within its own constructor
    const { phase, state } = this.store
    if (phase === 'live' && this.#drawn.phase !== 'live') {
      this.#others.postMessage({ live: true })
      if (this.link && !this.link.taken) this.show({ kind: 'join', link: this.link.link })
      this.link = undefined
    }
    if (phase === 'locked' && this.dialog) {
      if (this.dialog.kind === 'join') this.link = { link: this.dialog.link, taken: false }
      this.dialog = undefined
    }
    if (state) this.#announceRequests(state)
    this.render()
  }

  #announceRequests({ requests }: State): void {
    const fresh = requests.filter(({ request }) => !this.#seen.has(request))
    for (const { request } of fresh) {
      this.#seen.set(request, Date.now())
      setTimeout(() => this.render(), newRequestMs)
    }
    const [one] = fresh
    if (one) this.announce(t('asksAloud', { who: iso(one.program ?? (one.origin || one.app)) }))
    for (const request of this.#seen.keys())
      if (!requests.some((r) => r.request === request)) this.#seen.delete(request)
  }

  /** render brings the page up to date, once for all that has changed now. */
  render(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#draw()
    })
  }

  #draw(): void {
    const focused = document.activeElement
    const main = byId('main')
    document.documentElement.lang = language()
    document.title = title(this)
    patch(byId('live'), [this.spoken])
    patch(byId('top'), topView(this))
    patch(main, mainView(this))
    const toast = byId('toast')
    toast.hidden = !this.message
    toast.setAttribute('aria-label', t('message'))
    patch(toast, toastView(this))
    this.#drawDialog()
    this.#holdFocus()
    if (focused instanceof HTMLElement && focused.isConnected && focused !== document.activeElement) {
      const dialog = byId<HTMLDialogElement>('dialog')
      if (!dialog.open || dialog.contains(focused)) focused.focus({ preventScroll: true })
    }
    if (this.#drawn.view && this.#drawn.view !== this.view) main.querySelector<HTMLElement>('h1')?.focus()
    this.#drawn.view = this.view
    this.#drawn.phase = this.store.phase
  }

  // What cannot be used while the store is away loses the focus, and gets it back.
  #holdFocus(): void {
    const { activeElement: active, body } = document
    if (active instanceof HTMLElement && active.closest('[inert]')) this.#held = active
    if (this.store.phase !== 'live' || !this.#held) return
    if (active === body || active === null) this.#held.focus()
    this.#held = undefined
  }

  // A new step takes the focus to where it goes on: its one field, or its title, so that a screen reader begins there.
  #drawDialog(): void {
    const el = byId<HTMLDialogElement>('dialog')
    const shown = this.dialog && this.store.state ? dialogView(this, this.dialog) : undefined
    if (!shown) {
      if (this.store.state) this.dialog = undefined // what it was about is gone
      const wasOpen = el.open
      el.close()
      patch(el, [])
      this.#drawn.step = ''
      if (wasOpen && document.activeElement === document.body) byId('main').querySelector<HTMLElement>('h1')?.focus()
      return
    }
    patch(el, [...shown.body, h('p', { key: 'live', role: 'status', class: 'unseen' }, this.spoken)])
    if (!el.open) el.showModal()
    if (this.#drawn.step !== shown.step) {
      el.scrollTop = 0
      const first = el.querySelector<HTMLElement>('[data-first]') ?? el.querySelector('h2')
      first?.focus()
    }
    this.#drawn.step = shown.step
  }
}
