// Where the notes are: what is shown while they are not there yet, or not any more, and moving them into the local store.
import type { Masq, Status } from '@masq/client'
import { button, h, icon } from './dom.js'
import { errorText } from './errors.js'
import { digits, heading } from './pairing.js'
import { rich, t } from './words.js'

/** inStore says whether the notes are, or are to be, in the local store: devices and pairing are the Store manager's then. */
export const inStore = (status: Pick<Status, 'store'>): boolean => status.store !== 'embedded'

const code = (text: string): HTMLElement => h('code', {}, text)

/** manager says how to get to the Store manager. */
export const manager = (): HTMLElement => h('p', {}, ...rich('managerIs', { command: code('masq open') }))

/** Waiting is what the page of waiting lends. */
export interface Waiting {
  /** invited says that an invite waits, too. */
  invited: boolean
  /** digits are those that the Store manager shows while it asks, if this page knows them. */
  digits?: string | undefined
  /** again asks for access, or tries to reach the store. */
  again(): Promise<void>
  /** instead keeps the notes in this browser. */
  instead(): void
}

/** Obstacle is why there are no notes to show: how it stands with the local store, or another version of Notes. */
export type Obstacle = Exclude<Status['store'], 'embedded' | 'local'> | 'version'

/** obstacle is what is in the way, if something is. */
export function obstacle({ store, error }: Pick<Status, 'store' | 'error'>): Obstacle | undefined {
  if (store !== 'embedded' && store !== 'local') return store
  return error === 'E_VERSION' ? 'version' : undefined
}

/** waiting is the page for an obstacle. */
export const waiting = (why: Obstacle, w: Waiting): HTMLElement =>
  h('section', { class: 'join', 'aria-labelledby': 'step-title' }, ...pages[why](w))

const pages: Record<Obstacle, (w: Waiting) => Node[]> = {
  asking: (w) => [
    heading(t('allowTitle')),
    ...shared(w.digits),
    h('p', {}, t('allowText')),
    manager(),
    h('p', { class: 'busy' }, icon('wait'), w.invited ? `${t('allowWait')} ${t('allowInvite')}` : t('allowWait')),
    h('div', { class: 'actions' }, button(t('keepInBrowser'), w.instead)),
  ],
  away: (w) => [
    heading(t('awayTitle')),
    h('p', {}, t('awayText')),
    h('p', {}, ...rich('awayDo', { command: code('masq store') })),
    ...retry(t('tryAgain'), w),
  ],
  denied: (w) => [heading(t('deniedTitle')), h('p', {}, t('deniedText')), ...retry(t('askAgain'), w)],
  version: () => [
    heading(t('versionTitle')),
    h('p', {}, t('versionText')),
    h(
      'div',
      { class: 'actions' },
      button(t('reload'), () => location.reload(), { class: 'primary' }),
    ),
  ],
}

const shared = (six: string | undefined): Node[] =>
  six ? [digits(six), h('p', { class: 'hint' }, t('askDigits'))] : []

function retry(label: string, w: Waiting): Node[] {
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const again = async (): Promise<void> => {
    control.disabled = true
    problem.hidden = true
    try {
      await w.again()
    } catch (error) {
      problem.textContent = errorText(error)
      problem.hidden = false
    }
    control.disabled = false
  }
  const control = button(label, () => void again(), { class: 'primary' })
  return [problem, h('div', { class: 'actions' }, control)]
}

/** moving shows in dialog how the notes move into the local store. */
export async function moving(dialog: HTMLElement, masq: Masq, close: () => void): Promise<void> {
  const closing = (props = {}): HTMLElement => h('div', { class: 'actions' }, button(t('close'), close, props))
  let six: string | undefined
  const wait = () =>
    dialog.replaceChildren(
      heading(t('allowTitle')),
      ...shared(six),
      h('p', {}, t('movePrompt')),
      manager(),
      h('p', { class: 'busy' }, icon('wait'), t('moveWait')),
      closing(),
    )
  const told = () => {
    if (six === masq.status.asking?.digits || !dialog.querySelector('.busy')) return
    six = masq.status.asking?.digits
    wait()
  }
  const digits = async (): Promise<string | undefined> => {
    const typed = await typing(dialog)
    if (typed === undefined) close()
    else wait()
    return typed
  }
  wait()
  masq.addEventListener('status', told)
  let shown: Node[]
  try {
    await masq.useLocalStore({ digits })
    shown = [heading(t('movedTitle')), h('p', {}, t('movedText')), closing({ class: 'primary' })]
  } catch (error) {
    shown = [heading(t('stayTitle')), h('p', { role: 'alert' }, errorText(error)), closing()]
  }
  masq.removeEventListener('status', told)
  if (!dialog.isConnected || !dialog.querySelector('.busy, #store-digits')) return
  dialog.replaceChildren(...shown)
  dialog.querySelector('h2')?.focus()
}

/** typing has the user type the digits; it resolves with undefined if they will not. */
function typing(dialog: HTMLElement): Promise<string | undefined> {
  return new Promise((resolve) => {
    const field = h('input', { id: 'store-digits', inputmode: 'numeric', autocomplete: 'off', maxlength: 9 })
    const missing = h('p', { class: 'problem', role: 'alert', hidden: true }, t('sixDigits'))
    const onsubmit = (e: Event) => {
      e.preventDefault()
      const typed = field.value.replace(/\D/g, '')
      missing.hidden = typed.length === 6
      if (missing.hidden) resolve(typed)
      else field.focus()
    }
    const actions = h(
      'div',
      { class: 'actions' },
      h('button', { type: 'submit', class: 'primary' }, t('continue')),
      button(t('cancel'), () => resolve(undefined)),
    )
    const label = h('label', { for: 'store-digits' }, t('digitsLabel'))
    dialog.replaceChildren(
      heading(t('typeTitle')),
      h('p', {}, t('typeText')),
      manager(),
      h('form', { class: 'fold', onsubmit, novalidate: true }, label, field, missing, actions),
    )
    dialog.querySelector('h2')?.focus()
    dialog.addEventListener('close', () => resolve(undefined), { once: true })
  })
}

/** counts says which other devices have the notes, of which a local store tells nobody more than how many there are. */
export const counts = ({ devices, online, upToDate }: Status['counts']): string =>
  devices === 0 ? t('nobodyElse') : t('othersHave', { n: devices, online, upToDate })
