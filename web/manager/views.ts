// The frame of the page: its top with the way to the views, what is shown when there is no session, and messages.
import { applicationsView } from './applications.js'
import { devicesView } from './devices.js'
import { button, type Child, foreign, h, icon, type Element } from '../shared/dom.js'
import { helpView } from './help.js'
import type { Page, ViewName } from './page.js'
import { command, languageChoice } from './parts.js'
import { syncProblem } from './problems.js'
import type { Device, State } from './state.js'
import { t } from './words.js'
import type { IconName } from '../shared/icons.js'

/** title is the page's title. Requests that wait are counted first, so that a tab in the background shows them. */
export function title(m: Page): string {
  const waiting = m.store.state?.requests.length ?? 0
  return (waiting > 0 ? `(${waiting}) ` : '') + 'Masq'
}

const marks: Record<ViewName, IconName> = { applications: 'apps', devices: 'devices', help: 'help' }

/** topView is the top of the page: the way to the views, and how sync goes. */
export function topView(m: Page): Child[] {
  const { state } = m.store
  const tab = (view: ViewName) =>
    h(
      'a',
      { key: view, href: '#' + view, 'aria-current': m.view === view && 'page' },
      icon(marks[view]),
      h('span', {}, t(view)),
      view === 'applications' && state && badge('waitingFor', state.requests.length),
      view === 'devices' && state && badge('overdueMany', all(state).filter((d) => d.overdue).length),
    )
  return [
    h('p', { class: 'brand' }, h('img', { src: 'icon.svg', alt: '', width: 32, height: 32 }), h('span', {}, 'Masq')),
    state
      ? h('nav', { 'aria-label': t('pages') }, tab('applications'), tab('devices'), tab('help'))
      : h('span', { class: 'top-end' }, languageChoice(m)),
    state && summary(state, m.store.phase === 'away'),
  ]
}

const badge = (what: 'waitingFor' | 'overdueMany', n: number): Child =>
  n > 0 &&
  h(
    'span',
    { class: 'badge' },
    h('span', { 'aria-hidden': 'true' }, String(n)),
    h('span', { class: 'unseen' }, t(what, { n })),
  )

function summary(state: State, away: boolean): Element {
  return h(
    'p',
    { class: 'summary' },
    foreign(state.self.name || state.name, { class: 'name' }),
    h('span', { class: 'meta' }, away ? t('awayTitle') : syncText(state)),
  )
}

/** all are the user's other devices. */
const all = (state: State): Device[] => [...state.devices, ...state.apps.flatMap((app) => app.peers)]

const syncs = { off: 'syncOff', connecting: 'connecting', waiting: 'waitingDevices' } as const

function syncText(state: State): string {
  const others = all(state)
  if (others.length === 0) return t('alone')
  if (state.sync !== 'online') return t(syncs[state.sync])
  return t('inTouch', { n: others.filter((d) => d.online).length })
}

/** mainView is the view that is chosen, or what is to be done before there can be one. */
export function mainView(m: Page): Child[] {
  const { state, phase } = m.store
  if (phase === 'locked') return [lockedView(m)]
  if (!state) return phase === 'away' ? [h('section', { key: 'away', class: 'alone' }, ...away(m))] : [opening()]
  const error = syncProblem(state)
  return [
    phase === 'away' && h('section', { key: 'away', class: 'banner' }, ...away(m)),
    error &&
      h('section', { key: 'error', class: 'banner', role: 'alert' }, h('h2', {}, error.title), h('p', {}, error.text)),
    pairingBanner(m, state),
    ...views[m.view](m, state).map((part) => (phase === 'away' ? still(part) : part)),
  ]
}

// Without the store there is something to see, but nothing to do.
const still = (part: Child): Child =>
  part && typeof part === 'object' && part.tag !== 'h1' ? { ...part, props: { ...part.props, inert: true } } : part

const views = { applications: applicationsView, devices: devicesView, help: helpView }

const opening = (): Element => h('p', { key: 'opening', class: 'alone opening' }, t('opening'))

const away = (m: Page): Child[] => [
  h('h2', {}, t('awayTitle')),
  h('p', {}, t('awayText')),
  command(m, 'masq store'),
  h('p', { class: 'busy', role: 'status' }, icon('sync'), t('reconnecting')),
]

// A pairing may have been begun in another tab or in a terminal, or before this page was loaded anew.
function pairingBanner(m: Page, { pairing }: State): Child {
  if (!pairing || m.dialog?.kind === 'pairing' || pairing.step === 'done' || pairing.step === 'failed') return null
  return h(
    'section',
    { key: 'pairing', class: 'banner calm', role: 'status' },
    h('h2', {}, t('pairingOn')),
    h(
      'div',
      { class: 'actions' },
      button(t('show'), () => m.show({ kind: 'pairing', side: pairing.role, pairing: pairing.pairing }), {
        class: 'primary',
      }),
      button(t('cancel'), () => void m.act('cancel', { pairing: pairing.pairing })),
    ),
  )
}

const whyLocked = {
  'no-link': 'lockedText',
  'old-link': 'lockedOldLink',
  'wrong-code': 'lockedText',
  restarted: 'lockedRestarted',
} as const

// A browser in a sandbox cannot read the file that leads here: `masq open` shows a code then.
function codeForm(m: Page): Element {
  const wrong = m.store.why === 'wrong-code'
  const onsubmit = (e: Event) => {
    e.preventDefault()
    m.unlock(((e.currentTarget as HTMLFormElement).elements.namedItem('code') as HTMLInputElement).value.trim())
  }
  const field = {
    ...{ id: 'code', name: 'code', required: true, minlength: 8, maxlength: 16, placeholder: '0000-0000' },
    ...{ autocomplete: 'off', autocapitalize: 'characters', autocorrect: 'off', spellcheck: 'false' },
    ...(wrong && { 'aria-invalid': 'true', 'aria-describedby': 'wrong-code' }),
  }
  return h(
    'form',
    { class: 'fold code', onsubmit },
    h('label', { for: 'code' }, t('codeLabel')),
    h(
      'span',
      { class: 'one-line' },
      h('input', field),
      h('button', { type: 'submit', class: 'primary' }, t('codeOpen')),
    ),
    wrong && h('p', { id: 'wrong-code', class: 'problem', role: 'alert' }, t('codeWrong')),
  )
}

function lockedView(m: Page): Element {
  const { why } = m.store
  if (m.link?.taken)
    return h(
      'section',
      { key: 'taken', class: 'alone' },
      h('h1', { tabindex: -1 }, t('takenTitle')),
      h('p', {}, t('takenText')),
    )
  return h(
    'section',
    { key: 'locked', class: 'alone' },
    h('span', { class: 'emblem' }, icon('key')),
    h('h1', { tabindex: -1 }, m.link ? t('lockedLinkTitle') : t('lockedTitle')),
    h('p', {}, t(whyLocked[why])),
    h('p', {}, t('lockedDo')),
    command(m, 'masq open'),
    codeForm(m),
    m.link && h('p', { class: 'note' }, t('lockedLinkText')),
    h('p', { class: 'hint' }, t('lockedWhy')),
  )
}

/** toastView is the message at the bottom of the page. */
export const toastView = (m: Page): Child[] => [
  m.message && h('p', {}, m.message),
  m.message && button(t('dismiss'), () => m.say(''), { class: 'quiet' }),
]
