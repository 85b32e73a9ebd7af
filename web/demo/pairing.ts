// The steps of a pairing, as both sides show them: the host in the Devices dialog, the joiner on a page of its own.
import type { Pairing } from '@masq/client'
import { announce, button, h, icon } from './dom'
import { problem, type Side } from './problems'

/** PairingOptions is what the two sides do differently. */
export interface PairingOptions {
  side: Side
  notes: number // how many notes this device has
  again(): void // after a failure: a new invite, or the beginning
  close(): void
}

/** showPairing draws a pairing into root, step by step, until it has ended. It answers a function that ends and cancels it. */
export function showPairing(root: HTMLElement, pairing: Pairing, options: PairingOptions): () => void {
  let shown = ''
  const draw = () => {
    if (shown === pairing.step) return
    shown = pairing.step
    root.replaceChildren(...steps[pairing.step](pairing, options))
    const title = root.querySelector('h2')
    title?.focus()
    tick()
    if (pairing.step === 'done' || pairing.step === 'failed') clearInterval(timer)
  }
  const tick = () => {
    const left = root.querySelector('.left')
    if (left) left.textContent = remaining(pairing, options.side)
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
    heading(`Now say yes on ${p.name}`),
    digits(p),
    h('p', {}, 'This device has said yes. The other one asks the same question.'),
    timeLeft(),
    h(
      'div',
      { class: 'actions' },
      button('Cancel', () => cancel(p, o)),
    ),
  ],
  paired: (p, o) => [
    heading(`Paired with ${p.name}`),
    h('p', {}, 'Both said yes. The first sync is being set up.'),
    h('p', { class: 'busy' }, icon('sync'), 'Setting up…'),
    h('div', { class: 'actions' }, button('Close', o.close)),
  ],
  done: (p, o) => [
    heading(`Connected with ${p.name}`),
    h('p', {}, 'From now on the two keep each other up to date whenever both are online.'),
    h('div', { class: 'actions' }, button(o.side === 'host' ? 'Done' : 'Show my notes', o.close, { class: 'primary' })),
  ],
  failed: (p, o) => failure(p.error, o),
}

/** failure shows what went wrong, and the way on. */
export function failure(error: unknown, o: Pick<PairingOptions, 'side' | 'again' | 'close'>): Node[] {
  const { title, text, again } = problem(error, o.side)
  const host = o.side === 'host'
  return [
    heading(title),
    h('p', {}, text),
    h(
      'div',
      { class: 'actions' },
      (host || again) && button(host ? 'Make a new invite' : 'Try again', o.again, { class: 'primary' }),
      button(host ? 'Close' : 'Go to my notes', o.close, host || again ? {} : { class: 'primary' }),
    ),
  ]
}

/** heading is the title of a step. It takes the focus, so that a screen reader begins there. */
export const heading = (text: string): HTMLElement => h('h2', { tabindex: -1, id: 'step-title' }, text)

const timeLeft = (): HTMLElement => h('p', { class: 'left', role: 'timer', 'aria-live': 'off' })

function invite(p: Pairing, o: PairingOptions): Node[] {
  const qr = h('div', { class: 'qr', role: 'img', 'aria-label': 'The invite link as a QR code' })
  void drawQR(p, qr)
  const link = h('input', {
    id: 'invite-link',
    readonly: true,
    value: p.link,
    'aria-label': 'Invite link',
    onfocus: () => link.select(),
  })
  const copy = button('Copy link', () => void copyLink(link, copy), { icon: 'copy' })
  return [
    heading('Add a device'),
    h('p', {}, 'Scan this with the other device’s camera, or open the link there. Then compare six digits.'),
    qr,
    h('div', { class: 'link' }, link, copy),
    isLoopback()
      ? h(
          'p',
          { class: 'hint' },
          'Notes is served from this computer only, so the link works in its other browsers, not on a phone.',
        )
      : '',
    timeLeft(),
    h(
      'div',
      { class: 'actions' },
      button('Cancel', () => cancel(p, o)),
    ),
  ].filter((n): n is HTMLElement => n !== '')
}

const isLoopback = (): boolean => /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname)

// The code comes as SVG text. It is made here from the link alone, and is parsed as an image, not as HTML.
async function drawQR(p: Pairing, into: HTMLElement): Promise<void> {
  const svg = new DOMParser().parseFromString(await p.qr(), 'image/svg+xml').documentElement
  into.replaceChildren(document.importNode(svg, true))
}

async function copyLink(link: HTMLInputElement, copy: HTMLButtonElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(link.value)
    copy.lastElementChild!.textContent = 'Copied'
    announce('Link copied')
  } catch {
    link.focus()
    announce('The link is selected. Copy it by hand.')
  }
}

function searching(o: PairingOptions): Node[] {
  return [
    heading('Looking for the other device'),
    h('p', {}, 'Keep the invite open there.'),
    h('p', { class: 'busy' }, icon('sync'), 'Connecting…'),
    timeLeft(),
    h('div', { class: 'actions' }, button('Cancel', o.close)),
  ]
}

function digits(p: Pairing): HTMLElement {
  const six = p.digits
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
    missing.textContent = 'Choose first what becomes of the notes on this device.'
    missing.hidden = false
    bring.focus()
  }
  return [
    heading('The same digits on both devices?'),
    digits(p),
    h(
      'p',
      {},
      'The other device calls itself ',
      h('strong', { id: 'other-name' }, p.name),
      '. After a yes on both, the two share all their notes. If the digits differ, say no: somebody may be in between.',
    ),
    ...(p.hasData ? [choice(bring, discard, p.name, o.notes), missing] : []),
    timeLeft(),
    h(
      'div',
      { class: 'actions' },
      button('Yes, they match', () => void yes().catch(() => undefined), { class: 'primary' }),
      button('No', () => cancel(p, o)),
    ),
  ]
}

function choice(bring: HTMLElement, discard: HTMLElement, name: string, n: number): HTMLElement {
  const [notes, them] = n === 1 ? ['the note', 'it'] : [`the ${n} notes`, 'them']
  return h(
    'fieldset',
    {},
    h('legend', {}, `What becomes of ${notes} on this device?`),
    h('label', {}, bring, `Bring ${them} along, to ${name}, too`),
    h('label', {}, discard, `Delete ${them} from this device`),
  )
}

function cancel(p: Pairing, o: PairingOptions): void {
  void p.cancel().catch(() => undefined)
  o.close()
}

function remaining({ step, expires }: Pairing, side: Side): string {
  const s = Math.ceil((expires - Date.now()) / 1000)
  if (!(s > 0)) return ''
  const time = s >= 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s} s`
  return step === 'waiting' && side === 'host' ? `Valid for ${time}, for one device.` : `${time} left`
}
