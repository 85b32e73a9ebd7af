// Where the notes are: what is shown while the local store is not there yet, or not any more, and moving into it.
import type { Masq, Status } from '@masq/client'
import { button, errorText, h, icon } from './dom'
import { heading } from './pairing'

/** inStore says whether the notes are, or are to be, in the local store: devices and pairing are the Store manager's then. */
export const inStore = (status: Status): boolean => status.store !== 'embedded'

/** manager says how to get to the Store manager. */
export const manager = (): HTMLElement =>
  h('p', {}, 'Open the Store manager: ', h('code', {}, 'masq open'), ' in a terminal on this computer.')

/** Waiting is what the page of waiting lends. */
export interface Waiting {
  /** again asks for access, or tries to reach the store. */
  again(): Promise<void>
  /** instead keeps the notes in this browser. */
  instead(): void
}

/** waiting is the page for a status in which there are no notes to show. */
export function waiting({ store }: Status, w: Waiting): HTMLElement {
  const page = pages[store]?.(w) ?? []
  return h('section', { class: 'join', 'aria-labelledby': 'step-title' }, ...page)
}

const pages: Partial<Record<Status['store'], (w: Waiting) => Node[]>> = {
  asking: (w) => [
    heading('Allow Notes in the Store manager'),
    h('p', {}, 'Masq runs on this computer, and Notes asks whether it may keep your notes there.'),
    manager(),
    h('p', { class: 'busy' }, icon('wait'), 'This page goes on when you have answered.'),
    h('div', { class: 'actions' }, button('Keep them in this browser instead', w.instead)),
  ],
  away: (w) => [
    heading('Masq does not answer'),
    h('p', {}, 'Your notes are kept by Masq on this computer, which is not running or cannot be reached.'),
    h('p', {}, 'Start it with ', h('code', {}, 'masq store'), '. Nothing is lost, and this page goes on by itself.'),
    ...retry('Try again', w),
  ],
  denied: (w) => [
    heading('Notes may not see your notes'),
    h('p', {}, 'They are kept by Masq on this computer, and the Store manager does not let this page in.'),
    ...retry('Ask again', w),
  ],
}

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

/** moving shows in root how the notes move into the local store. */
export async function moving(root: HTMLElement, masq: Masq, close: () => void): Promise<void> {
  const closing = (props = {}): HTMLElement => h('div', { class: 'actions' }, button('Close', close, props))
  root.replaceChildren(
    heading('Allow Notes in the Store manager'),
    h('p', {}, 'If the browser asks first whether this page may reach other programs on this computer, say yes.'),
    manager(),
    h('p', { class: 'busy' }, icon('wait'), 'The notes move when you have answered.'),
    closing(),
  )
  let shown: Node[]
  try {
    await masq.useLocalStore()
    shown = [
      heading('Your notes are in Masq'),
      h('p', {}, 'Every browser on this computer can have them now, once you allow it there.'),
      closing({ class: 'primary' }),
    ]
  } catch (error) {
    shown = [heading('The notes stay in this browser'), h('p', { role: 'alert' }, errorText(error)), closing()]
  }
  if (!root.isConnected || !root.querySelector('.busy')) return
  root.replaceChildren(...shown)
  root.querySelector('h2')?.focus()
}

/** counts says which other devices have the notes, of which a local store tells nobody more than how many there are. */
export function counts({ devices, online, upToDate }: Status['counts']): string {
  if (devices === 0) return 'No other device has them.'
  const all = devices === 1 ? '1 other device' : `${devices} other devices`
  return `${all} ${devices === 1 ? 'keeps' : 'keep'} them too: ${online} connected, ${upToDate} with everything.`
}
