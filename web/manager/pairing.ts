// The steps of a pairing, as this store's side shows them: the host has the link, the joiner has opened it.
import { button, type Child, type Element, foreign, h, icon } from '../shared/dom.js'
import type { Page, PairingDialog, Shown } from './page.js'
import { actions, heading, problem, spelled } from './parts.js'
import { codeOf, pairingProblem } from './problems.js'
import type { Pairing, State } from './state.js'
import { svg } from '../../js/src/qr.js'
import { iso, left, rich, strong, t } from './words.js'

/** pairingView shows the step that the pairing is at; undefined when it is over and was put away elsewhere. */
export function pairingView(m: Page, state: State, d: PairingDialog): Shown | undefined {
  if (d.failed !== undefined) {
    const message = d.failed instanceof Error ? d.failed.message : ''
    return named('failed-to-begin', failure(m, d, codeOf(d.failed), message))
  }
  const p = state.pairing
  if (!p || p.pairing !== d.pairing) return d.seen ? undefined : starting(m) // the state follows what the store answers
  d.seen = true
  const steps: Record<Pairing['step'], () => Child[]> = {
    waiting: () => (p.role === 'host' ? inviting(m, state, p) : looking(m, p)),
    compare: () => (p.digits ? compare(m, state, p) : enterDigits(m, p)),
    confirmed: () => confirmed(m, p),
    paired: () => [
      heading(...rich('pairedTitle', { name: other(p) })),
      h('p', {}, t('pairedText')),
      busy(t('settingUp')),
      actions(close(m)),
    ],
    done: () => [
      heading(...rich('doneTitle', { name: other(p) })),
      h('p', {}, t(p.app ? 'doneApp' : 'doneText')),
      actions(close(m, t('finish'), { class: 'primary' })),
    ],
    failed: () => failure(m, d, p.error ?? '', ''),
  }
  return named(`${p.pairing} ${p.step}`, steps[p.step]())
}

const starting = (m: Page): Shown =>
  named('starting', [heading(t('starting')), busy(t('connecting')), actions(close(m, t('cancel')))])

// Each step has parts of its own: none takes over a field of the step before.
const named = (step: string, body: Child[]): Shown => ({
  step,
  body: [h('div', { key: step, class: 'step' }, ...body)],
})

const other = (p: Pairing): Child => (p.name ? foreign(p.name) : t('theOther'))
const otherName = (p: Pairing): string => (p.name ? iso(p.name) : t('theOther'))

const busy = (text: string): Element => h('p', { class: 'busy' }, icon('sync'), text)

const close = (m: Page, label = t('close'), props = {}): Element => button(label, () => m.closeDialog(), props)

// What is left of the step's time. It ticks, so a screen reader does not read it by itself.
function timeLeft(p: Pairing): Element {
  const time = left(p.expires)
  const key = p.role === 'host' && p.step === 'waiting' ? 'validFor' : 'timeLeft'
  return h('p', { class: 'left', role: 'timer', 'aria-live': 'off' }, time && t(key, { time }))
}

function inviting(m: Page, state: State, p: Pairing): Child[] {
  const app = state.apps.find((a) => a.app === p.app)
  const link = p.link ?? ''
  const copied = m.copied === link
  const select = (e: Event) => (e.currentTarget as HTMLInputElement).select()
  const copy = (e: Event) => {
    const field = (e.currentTarget as HTMLElement).previousElementSibling as HTMLInputElement
    void m.copy(link).then(() => m.copied === link || field.focus())
  }
  return [
    heading(...(app ? rich('inviteAppTitle', { name: foreign(app.name || app.app) }) : [t('addComputer')])),
    h('p', {}, t(app ? 'inviteAppText' : 'inviteText')),
    app && qr(link),
    h(
      'div',
      { class: 'link' },
      h('input', { readonly: true, value: link, 'aria-label': t('pairingLink'), onfocus: select }),
      button(copied ? t('copied') : t('copyLink'), copy, { icon: copied ? 'check' : 'copy' }),
    ),
    !app && h('p', { class: 'hint' }, t('inviteHint')),
    // For a computer with a camera: no phone can use it.
    !app && h('details', {}, h('summary', {}, t('asQR')), qr(link)),
    app && /^http:/.test(app.app) && h('p', { class: 'note' }, t('inviteLoopback')),
    timeLeft(p),
    actions(close(m, t('cancel'))),
  ]
}

const qr = (link: string): Child => link && h('div', { class: 'qr' }, h('img', { src: code(link), alt: t('qrAlt') }))

let drawn = { link: '', url: '' }

/** code is a link as a QR code, in a data: URL. */
function code(link: string): string {
  if (drawn.link !== link) drawn = { link, url: 'data:image/svg+xml,' + encodeURIComponent(svg(link)) }
  return drawn.url
}

const looking = (m: Page, p: Pairing): Child[] => [
  heading(t('lookingTitle')),
  h('p', {}, t('lookingText')),
  busy(t('connecting')),
  timeLeft(p),
  actions(close(m, t('cancel'))),
]

const digits = (six: string): Element => h('p', { class: 'digits' }, ...spelled(six))

// Both show the digits: the user compares them. Joining, this store may have data of its own to decide about.
function compare(m: Page, state: State, p: Pairing): Child[] {
  const joining = p.role === 'joiner'
  const yes = () => void confirm(m, p, {})
  const onsubmit = (e: Event) => {
    e.preventDefault()
    const chosen = new FormData(e.currentTarget as HTMLFormElement).get('mine')
    if (!p.hasData) return yes()
    if (chosen) return void confirm(m, p, chosen === 'bring' ? { bring: true } : { discard: true })
    m.problem = t('chooseFirst')
    m.render()
  }
  return [
    heading(t(joining ? 'typeThere' : 'sameDigits')),
    digits(p.digits ?? ''),
    h('p', {}, ...rich(joining ? 'typeThereText' : 'compareText', { name: strong(p.name || t('theOther')) })),
    h(
      'form',
      { class: 'fold', onsubmit },
      p.hasData && mine(state, p),
      m.problem && problem(m.problem),
      timeLeft(p),
      actions(
        h('button', { type: 'submit', class: 'primary' }, t(joining ? 'joinConfirm' : 'yesMatch')),
        close(m, t(joining ? 'cancel' : 'noMatch')),
      ),
    ),
  ]
}

function mine(state: State, p: Pairing): Element {
  const n = state.apps.reduce((sum, a) => sum + a.entries, 0)
  const choice = (value: string, label: string) =>
    h('label', {}, h('input', { type: 'radio', name: 'mine', value }), h('span', {}, label))
  return h(
    'fieldset',
    {},
    h('legend', {}, t('mine', { n })),
    choice('bring', t('bring', { name: otherName(p) })),
    choice('discard', t('discard')),
  )
}

// Where the digits give full access they are typed, not compared: a hasty yes cannot let a stranger in.
function enterDigits(m: Page, p: Pairing): Child[] {
  const onsubmit = (e: Event) => {
    e.preventDefault()
    const field = (e.currentTarget as HTMLFormElement).elements.namedItem('digits') as HTMLInputElement
    const typed = field.value.replace(/\D/g, '')
    if (typed.length === 6) return void confirm(m, p, { digits: typed })
    m.problem = t('sixDigits')
    m.render()
    field.focus()
  }
  return [
    heading(...rich('enterTitle', { name: other(p) })),
    h('p', {}, ...rich('enterText', { name: strong(p.name || t('theOther')) })),
    h(
      'form',
      { class: 'fold', onsubmit },
      h('label', { for: 'digits' }, t('digitsLabel')),
      h('input', {
        id: 'digits',
        name: 'digits',
        class: 'enter-digits',
        inputmode: 'numeric',
        autocomplete: 'off',
        maxlength: 7,
        placeholder: '000 000',
        'data-first': true,
      }),
      m.problem && problem(m.problem),
      h('p', { class: 'hint' }, t('enterHint')),
      timeLeft(p),
      actions(h('button', { type: 'submit', class: 'primary' }, t('letIn')), close(m, t('cancel'))),
    ),
  ]
}

// A wrong answer ends the pairing, which the state tells; the step before it then needs no message of its own.
async function confirm(m: Page, p: Pairing, params: object): Promise<void> {
  await m.act('confirm', { pairing: p.pairing, ...params })
}

function confirmed(m: Page, p: Pairing): Child[] {
  const typed = p.role === 'joiner' && !p.app // there, the digits are typed
  return [
    heading(...rich(typed ? 'confirmedJoinerTitle' : 'confirmedTitle', { name: other(p) })),
    !!p.digits && digits(p.digits),
    h('p', {}, t(typed ? 'confirmedJoiner' : 'confirmedText')),
    timeLeft(p),
    actions(close(m, t('cancel'))),
  ]
}

function failure(m: Page, d: PairingDialog, code: string, message: string): Child[] {
  const { title, text, again } = pairingProblem(code, d.side, message)
  const retry = d.again && (d.side === 'host' || again)
  const label = t(d.side === 'host' && !again ? 'newInvite' : 'tryAgain')
  return [
    heading(title),
    h('p', {}, text),
    actions(
      retry && button(label, () => d.again?.(), { class: 'primary' }),
      close(m, t('close'), retry ? {} : { class: 'primary' }),
    ),
  ]
}
