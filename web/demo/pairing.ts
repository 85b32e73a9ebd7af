// The steps of a pairing, as both sides show them: the host in the Devices dialog, the joiner on a page of its own.
import type { Pairing } from '@masq/client'
import { announce, button, h, icon } from './dom.js'
import { codeOf } from './errors.js'
import { type Circumstances, type Problem, problem, type Side } from './problems.js'
import { iso, rich, t } from './words.js'

const lookMs = 8000 // after so long it is worth saying that nobody answers

/** PairingOptions is what the two sides do differently. */
export interface PairingOptions {
  side: Side
  notes: number // how many notes this device has
  relay?: string | undefined // the Sync Server that the invite names
  again(): void // after a failure: a new invite, or the beginning
  close(): void
}

/** showPairing draws a pairing into root, step by step, until it has ended. It returns a function that ends and cancels it. */
export function showPairing(root: HTMLElement, pairing: Pairing, options: PairingOptions): () => void {
  let shown = ''
  const draw = () => {
    if (shown === pairing.step) return tick()
    shown = pairing.step
    root.replaceChildren(...steps[pairing.step](pairing, options))
    const title = root.querySelector('h2')
    title?.focus()
    tick()
    if (pairing.step === 'done' || pairing.step === 'failed') clearInterval(timer)
  }
  const begun = Date.now()
  const tick = () => {
    const left = root.querySelector('.left')
    if (left) left.textContent = remaining(pairing, options.side)
    const nobody = root.querySelector<HTMLElement>('.nobody')
    const late = Date.now() - begun >= lookMs ? t('nobodyYet') : ''
    const why = pairing.offline ? t('offlineInvite') : late
    if (nobody && nobody.textContent !== why) nobody.textContent = why
  }
  const timer = setInterval(tick, 1000)
  pairing.addEventListener('change', draw)
  draw()
  return () => {
    clearInterval(timer)
    pairing.removeEventListener('change', draw)
    if (pairing.step !== 'paired') void pairing.cancel().catch(() => undefined)
  }
}

const steps: Record<Pairing['step'], (p: Pairing, o: PairingOptions) => (Node | string)[]> = {
  waiting: (p, o) => (o.side === 'host' ? invite(p, o) : searching(o)),
  compare,
  confirmed: (p, o) => [
    heading(t('sayYesOn', { device: iso(p.name) })),
    digits(p.digits),
    h('p', {}, t('saidYes')),
    timeLeft(),
    h(
      'div',
      { class: 'actions' },
      button(t('cancel'), () => cancel(p, o)),
    ),
  ],
  paired: (p, o) => [
    heading(t('pairedWith', { device: iso(p.name) })),
    h('p', {}, t('bothYes')),
    h('p', { class: 'busy' }, icon('sync'), t('settingUp')),
    h('div', { class: 'actions' }, button(t('close'), o.close)),
  ],
  done: (p, o) => [
    heading(t('connectedWith', { device: iso(p.name) })),
    h('p', {}, t('fromNow')),
    h(
      'div',
      { class: 'actions' },
      button(o.side === 'host' ? t('finish') : t('showNotes'), o.close, { class: 'primary' }),
    ),
  ],
  failed: (p, o) => failure(p.error, o, { relay: o.relay, met: p.digits !== '' }),
}

type Ways = Pick<PairingOptions, 'side' | 'again' | 'close'>

/** failure shows what went wrong, and the way on. */
export function failure(error: unknown, o: Ways, known: Circumstances = {}): Node[] {
  const why = codeOf(error) === 'E_SYNC' && offline() ? { code: 'E_OFFLINE' } : error
  return failed(problem(why, o.side, known), o)
}

/** failed shows a problem, and the way on. */
export function failed({ title, text, again }: Problem, o: Ways): Node[] {
  const host = o.side === 'host'
  return [
    heading(title),
    h('p', {}, text),
    h(
      'div',
      { class: 'actions' },
      (host || again) && button(host ? t('newInvite') : t('tryAgain'), o.again, { class: 'primary' }),
      button(host ? t('close') : t('goToNotes'), o.close, host || again ? {} : { class: 'primary' }),
    ),
  ]
}

/** busy is the step before there is a pairing: the Sync Server is contacted, which can take a while. */
export const busy = (title: string, text: string, cancel: () => void): Node[] => [
  heading(title),
  h('p', { class: 'busy' }, icon('sync'), text),
  h('div', { class: 'actions' }, button(t('cancel'), cancel)),
]

/** heading is the title of a step. It takes the focus, so that a screen reader begins there. */
export const heading = (text: string): HTMLElement => h('h2', { tabindex: -1, id: 'step-title' }, text)

const timeLeft = (): HTMLElement => h('p', { class: 'left', role: 'timer', 'aria-live': 'off' })

function invite(p: Pairing, o: PairingOptions): Node[] {
  const qr = h('div', { class: 'qr', role: 'img', 'aria-label': t('qrAlt') })
  void drawQR(p, qr)
  const link = h('input', {
    id: 'invite-link',
    readonly: true,
    value: p.link,
    'aria-label': t('inviteLink'),
    onfocus: () => link.select(),
  })
  const copy = button(t('copyLink'), () => void copyLink(link, copy), { icon: 'copy' })
  return [
    heading(t('addDevice')),
    h('p', {}, t('inviteText')),
    qr,
    h('div', { class: 'link' }, link, copy),
    isLoopback() ? h('p', { class: 'hint' }, t('loopback')) : '',
    h('p', { class: 'outage', role: 'status' }),
    timeLeft(),
    h(
      'div',
      { class: 'actions' },
      button(t('cancel'), () => cancel(p, o)),
    ),
  ].filter((n): n is HTMLElement => n !== '')
}

/** isLoopback says whether this page is served from this computer. */
export const isLoopback = (): boolean =>
  /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname)

/** offline says that the network is gone, without which a Sync Server elsewhere cannot be reached. */
export const offline = (): boolean => !navigator.onLine && !isLoopback()

// The code comes as SVG text. It is made here from the link alone, and is parsed as an image, not as HTML.
async function drawQR(p: Pairing, into: HTMLElement): Promise<void> {
  const svg = new DOMParser().parseFromString(await p.qr(), 'image/svg+xml').documentElement
  into.replaceChildren(document.importNode(svg, true))
}

async function copyLink(link: HTMLInputElement, copy: HTMLButtonElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(link.value)
    copy.lastElementChild!.textContent = t('copied')
    announce(t('linkCopied'))
  } catch {
    link.focus()
    announce(t('copyByHand'))
  }
}

// Nobody knows how long it takes: the engine ends it soon where there is nobody at the other end.
function searching(o: PairingOptions): Node[] {
  return [
    heading(t('looking')),
    h('p', {}, t('lookingText')),
    h('p', { class: 'busy' }, icon('sync'), t('connectingTo')),
    h('p', { class: 'nobody', role: 'status' }),
    h('div', { class: 'actions' }, button(t('cancel'), o.close)),
  ]
}

/** digits shows six, and has a screen reader read them one by one. */
export function digits(six: string): HTMLElement {
  return h(
    'p',
    { class: 'digits' },
    h('span', { id: 'digits', 'aria-hidden': 'true' }, `${six.slice(0, 3)} ${six.slice(3)}`),
    h('span', { class: 'unseen' }, `${[...six.slice(0, 3)].join(' ')}, ${[...six.slice(3)].join(' ')}`),
  )
}

function compare(p: Pairing, o: PairingOptions): Node[] {
  const bring = h('input', { type: 'radio', name: 'mine', id: 'bring' })
  const discard = h('input', { type: 'radio', name: 'mine', id: 'discard' })
  const missing = h('p', { class: 'problem', role: 'alert', hidden: true })
  const yes = async () => {
    if (!p.hasData) return p.confirm()
    if (bring.checked || discard.checked) return p.confirm({ bring: bring.checked, discard: discard.checked })
    missing.textContent = t('chooseFirst')
    missing.hidden = false
    bring.focus()
  }
  return [
    heading(t('same')),
    digits(p.digits),
    h('p', {}, ...rich('otherIs', { device: h('strong', { id: 'other-name', dir: 'auto' }, p.name) })),
    ...(p.hasData ? [choice(bring, discard, p.name, o.notes), missing] : []),
    timeLeft(),
    h(
      'div',
      { class: 'actions' },
      button(t('yesMatch'), () => void yes().catch(() => undefined), { class: 'primary' }),
      button(t('no'), () => cancel(p, o)),
    ),
  ]
}

function choice(bring: HTMLElement, discard: HTMLElement, name: string, n: number): HTMLElement {
  return h(
    'fieldset',
    {},
    h('legend', {}, t('mine', { n })),
    h('label', {}, bring, t('bring', { n, device: iso(name) })),
    h('label', {}, discard, t('discard', { n })),
  )
}

function cancel(p: Pairing, o: PairingOptions): void {
  void p.cancel().catch(() => undefined)
  o.close()
}

function remaining({ step, expires }: Pairing, side: Side): string {
  const s = Math.ceil((expires - Date.now()) / 1000)
  if (!(s > 0)) return ''
  const time = s >= 60 ? `${Math.floor(s / 60)}\u00a0min ${s % 60}\u00a0s` : `${s}\u00a0s`
  return step === 'waiting' && side === 'host' ? t('validFor', { time }) : t('timeLeft', { time })
}
