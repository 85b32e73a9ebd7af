// What concerns everything on the page, at its top: one notice at a time, the most urgent first.
import type { Status } from '@masq/client'
import { announce, button, byId, h, icon } from './dom.js'
import { errorText, sentence } from './errors.js'
import { knowsOverdue, overdue, toldOverdue } from './overdue.js'
import { t } from './words.js'

/** NoticeKind names what is told. */
export type NoticeKind =
  'cleared' | 'revoked' | 'newer' | 'version' | 'stopped' | 'damaged' | 'low' | 'temporary' | 'copied' | 'overdue'

// Errors that have a notice of their own: that data was cleared is told by the notebook.
const told = ['E_REVOKED', 'E_VERSION', 'E_CLEARED']

/** kinds are those that a status calls for, the most urgent first. */
export function kinds(status: Status): NoticeKind[] {
  const { error, newer, low, temporary, store } = status
  const all: [NoticeKind, boolean][] = [
    ['revoked', error === 'E_REVOKED'],
    ['newer', newer],
    ['version', error === 'E_VERSION'],
    ['stopped', !!error && !told.includes(error)],
    ['damaged', status.damaged > 0],
    ['low', low],
    ['temporary', temporary && store === 'embedded' && status.devices.length === 0],
    ['copied', status.copied],
    ['overdue', overdue(status) > 0],
  ]
  return all.filter(([, wanted]) => wanted).map(([kind]) => kind)
}

/** NoticeActions is what the notices leave to the page. */
export interface NoticeActions {
  devices(): void
  /** restore writes notes that were deleted with the browser's data. */
  restore(): Promise<void>
}

/** Notices shows them. */
export class Notices {
  readonly #box = byId('notice')
  readonly #dismissed = new Set<NoticeKind>()
  #cleared = -1 // how many notes the page still has of those that were; -1: nothing was cleared
  #shown = ''
  #status: Status | undefined
  readonly #actions: NoticeActions

  constructor(actions: NoticeActions) {
    this.#actions = actions
    this.#box.setAttribute('aria-label', t('notice'))
  }

  /** take is told of each status. */
  take(status: Status): void {
    this.#status = status
    this.#draw()
  }

  /** tellCleared tells that the browser's data was deleted, and of how many notes this page still has. */
  tellCleared(notes: number): void {
    this.#cleared = notes
    this.#draw()
  }

  #draw(): void {
    const status = this.#status
    if (!status) return
    const wanted: NoticeKind[] = [...(this.#cleared >= 0 ? (['cleared'] as const) : []), ...kinds(status)]
    const kind = wanted.find((k) => !(k === 'overdue' ? knowsOverdue(status) : this.#dismissed.has(k)))
    const text = kind ? this.#text(kind, status) : ''
    if (text === this.#shown) return
    this.#shown = text
    this.#box.hidden = !kind
    if (!kind) return this.#box.replaceChildren()
    this.#box.replaceChildren(
      icon('alert'),
      h('p', {}, text),
      h('div', { class: 'actions' }, ...this.#ways(kind, status)),
    )
    announce(text)
  }

  #text(kind: NoticeKind, status: Status): string {
    const { store, error } = status
    if (kind === 'cleared') return this.#cleared > 0 ? t('n_cleared', { n: this.#cleared }) : t('n_clearedEmpty')
    if (kind === 'revoked') return t(store === 'embedded' ? 'n_revoked' : 'n_revokedStore')
    if (kind === 'overdue') return t('n_overdue', { n: overdue(status) })
    if (kind === 'damaged') return t('n_damaged', { n: status.damaged })
    return kind === 'stopped' ? t('n_stopped', { why: sentence(error ?? '') }) : t(`n_${kind}`)
  }

  #ways(kind: NoticeKind, { store }: Status): HTMLElement[] {
    const away = () => this.#dismiss(kind)
    const reload = button(t('reload'), () => location.reload())
    const devices = button(t(kind === 'revoked' ? 'whatNow' : 'openDevices'), () => this.#actions.devices())
    if (kind === 'cleared') return this.#cleared > 0 ? this.#restoring() : [devices, button(t('dismiss'), away)]
    if (kind === 'revoked') return [devices]
    if (kind === 'newer' || kind === 'version') return [reload]
    return kind === 'overdue' || kind === 'damaged' || (kind === 'temporary' && store === 'embedded')
      ? [devices, button(t('dismiss'), away)]
      : [button(t('dismiss'), away)]
  }

  #restoring(): HTMLElement[] {
    const restore = async (): Promise<void> => {
      back.disabled = true
      try {
        await this.#actions.restore()
        this.#over()
      } catch (error) {
        back.disabled = false
        this.#box.querySelector('p')!.textContent = t('notPutBack', { why: errorText(error) })
      }
    }
    const back = button(t('putBack'), () => void restore())
    return [back, button(t('leaveDeleted'), () => this.#over())]
  }

  #over(): void {
    this.#cleared = -1
    this.#leave()
  }

  #dismiss(kind: NoticeKind): void {
    if (kind === 'cleared') this.#cleared = -1
    else if (kind === 'overdue') toldOverdue(this.#status!)
    else this.#dismissed.add(kind)
    this.#leave()
  }

  // What had the focus goes away.
  #leave(): void {
    this.#draw()
    byId('main').focus()
  }
}
