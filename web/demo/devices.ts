// The sync status at the bottom of the page, and the dialog behind it: this user's devices, and adding one.
import type { Device, Masq, Pairing, Status } from '@masq/client'
import { linkProblem } from '../shared/link.js'
import { announce, button, byId, h, icon } from './dom.js'
import { errorText } from './errors.js'
import { busy, failure, heading, showPairing } from './pairing.js'
import { linkText } from './problems.js'
import { confirmRemoval, confirmStartOver, removedPage } from './removal.js'
import { deviceState, Outage, summary } from './status.js'
import { counts, inStore, manager, moving, obstacle, waiting } from './store.js'
import { clock, iso, t } from './words.js'

/** Devices shows status and devices of a Masq. */
export class Devices {
  readonly #dialog = h('dialog', { id: 'devices', 'aria-labelledby': 'step-title' })
  readonly #list = h('ul', { class: 'devices' })
  readonly #outage = new Outage()
  #endPairing: (() => void) | undefined
  #pairing: Pairing | undefined
  #said = ''
  readonly #masq: Masq
  readonly #count: () => number
  readonly #openLink: (link: string) => void
  readonly #sync: string

  constructor(
    masq: Masq,
    count: () => number,
    openLink: (link: string) => void,
    sync: string, // the Sync Server of this page
  ) {
    this.#masq = masq
    this.#count = count
    this.#openLink = openLink
    this.#sync = sync
    document.body.append(this.#dialog)
    this.#dialog.addEventListener('close', () => this.#closed())
    byId('sync').addEventListener('click', () => this.show())
    masq.addEventListener('status', () => this.#draw())
    setInterval(() => this.#draw(), 1000) // an outage is told when it has lasted for a while
    this.#draw()
  }

  get #status(): Status {
    return this.#masq.status
  }

  /** show opens the dialog with the devices. */
  show(): void {
    if (inStore(this.#status)) return this.#showStore()
    if (this.#status.error === 'E_REVOKED') return this.#showRemoved()
    this.#drawList()
    this.#dialog.replaceChildren(
      heading(t('devices')),
      h('p', { class: 'outage', role: 'status' }),
      this.#list,
      h('p', { class: 'hint' }, t('devicesText')),
      h(
        'div',
        { class: 'actions' },
        button(t('addDevice'), () => void this.add(), { class: 'primary' }),
        this.#closeButton(),
      ),
      this.#renameForm(),
      this.#pasteForm(),
      this.#status.devices.length === 0 ? this.#moveForm() : '',
    )
    this.#draw()
    this.#open()
  }

  #closeButton(): HTMLButtonElement {
    return button(t('close'), () => this.#dialog.close())
  }

  // Which devices there are, and pairing, are not an application's when its notes are in the local store.
  #showStore(): void {
    const status = this.#status
    const why = obstacle(status)
    if (!why)
      this.#dialog.replaceChildren(
        heading(t('inMasq')),
        status.error === 'E_REVOKED' ? h('p', { class: 'problem' }, t('n_revokedStore')) : '',
        h('p', { id: 'counts' }, counts(status.counts)),
        h('p', {}, t('inStoreText')),
        manager(),
        h('div', { class: 'actions' }, this.#closeButton()),
      )
    else {
      const again = async () => {
        await this.#masq.useLocalStore()
        this.show()
      }
      const page = waiting(why, { again, instead: () => undefined, invited: false, digits: status.asking?.digits })
      page.querySelector('.actions')?.append(this.#closeButton())
      this.#dialog.replaceChildren(...page.children)
    }
    this.#open()
  }

  // Another device has shut this one out: it keeps its notes, and can come back as a new device.
  #showRemoved(): void {
    const over = () => {
      this.#dialog.replaceChildren(...confirmStartOver(this.#masq, this.#count(), () => this.show()))
      this.#open()
    }
    this.#dialog.replaceChildren(...removedPage(this.#count(), over, this.#closeButton(), this.#pasteForm(true)))
    this.#open()
  }

  #remove(device: Device): void {
    const gone = () => {
      announce(t('removed', { device: iso(device.name) }))
      this.show()
    }
    this.#dialog.replaceChildren(...confirmRemoval(this.#masq, device, { gone, back: () => this.show() }))
    this.#open()
  }

  #moveForm(): HTMLElement {
    const move = () => void moving(this.#dialog, this.#masq, () => this.#dialog.close())
    return h(
      'details',
      {},
      h('summary', {}, t('masqHere')),
      h('p', { class: 'hint' }, t('masqHereText')),
      h('div', { class: 'actions' }, button(t('keepInMasq'), move)),
    )
  }

  /** add opens the dialog with a new invite. */
  async add(): Promise<void> {
    this.#endPairing?.()
    let over = false
    this.#endPairing = () => (over = true)
    const close = () => this.#dialog.close()
    const again = () => void this.add()
    this.#dialog.replaceChildren(...busy(t('making'), t('makingText'), close))
    this.#open()
    try {
      const pairing = await this.#masq.invite()
      if (over) return void pairing.cancel().catch(() => undefined)
      this.#pairing = pairing
      this.#endPairing = showPairing(this.#dialog, pairing, { side: 'host', notes: this.#count(), again, close })
      this.#draw()
    } catch (error) {
      if (over) return
      this.#dialog.replaceChildren(...failure(error, { side: 'host', again, close }))
    }
    this.#open()
  }

  #open(): void {
    if (!this.#dialog.open) this.#dialog.showModal()
    this.#dialog.querySelector<HTMLElement>('h2')?.focus()
  }

  #closed(): void {
    this.#endPairing?.()
    this.#endPairing = undefined
    this.#dialog.replaceChildren()
  }

  #renameForm(): HTMLElement {
    const value = this.#masq.status.self.name
    return fold(
      t('renameDevice'),
      { id: 'own-name', label: t('deviceName'), submit: t('rename'), value, maxlength: 40 },
      async (name) => {
        await this.#masq.rename(name)
        this.show()
      },
    )
  }

  // For whoever has the link, but no way to open it in this browser.
  #pasteForm(open = false): HTMLDetailsElement {
    const form = fold(
      t('haveLink'),
      { id: 'paste-link', label: t('inviteLink'), submit: t('continue'), type: 'url' },
      async (link) => {
        const why = linkProblem(link, location.origin, this.#sync)
        if (why) return [linkText(why).title, linkText(why).text].join('. ')
        this.#dialog.close()
        this.#openLink(link)
        return undefined
      },
    )
    form.open = open
    return form
  }

  #draw(): void {
    const now = Date.now()
    this.#outage.take(this.#status, now)
    const since = this.#outage.since(now)
    const { icon: name, text } = summary(this.#status, since)
    if (byId('sync-text').textContent !== text || byId('sync').dataset.state !== name) this.#drawSummary(name, text)
    this.#showOutage(since)
    if (this.#list.isConnected) this.#drawList()
  }

  #showOutage(since: number): void {
    const line = this.#dialog.querySelector('.outage')
    const invite = this.#dialog.querySelector('.qr')
    const away = since ? t(invite ? 'noServerInvite' : 'noServerText', { time: clock(since) }) : ''
    const offline = (invite && this.#pairing?.offline) || this.#status.sync === 'offline'
    const text = offline ? t(invite ? 'offlineInvite' : 'offlineText') : away
    if (line && line.textContent !== text) line.textContent = text
  }

  #drawSummary(name: 'check' | 'devices' | 'off' | 'sync' | 'wait', text: string): void {
    const label = h('span', { id: 'sync-text' }, text)
    byId('sync').replaceChildren(icon(name), label, h('span', { class: 'more' }, t('openDevices')))
    byId('sync').dataset.state = name
    this.#say(text)
  }

  // A screen reader hears when the state changes, not each number on the way.
  #say(text: string): void {
    const state = text.replace(/ · .*/, '')
    if (this.#said && state !== this.#said) announce(text)
    this.#said = state
  }

  // Only what is different is drawn: somebody may be about to press a button.
  #drawList(): void {
    const { self, devices } = this.#status
    const now = Date.now()
    const rows = [
      row(self, t('thisDevice'), true),
      ...devices.map((d) => row(d, deviceState(d, now), d.online, () => this.#remove(d))),
    ]
    const before = [...this.#list.children]
    if (before.length !== rows.length) return this.#list.replaceChildren(...rows)
    rows.forEach((row, i) => {
      const old = before[i] as HTMLElement
      if (old.dataset.id !== row.dataset.id || old.textContent !== row.textContent) old.replaceWith(row)
      else old.className = row.className
    })
  }
}

function row({ id, name, overdue }: Device, state: string, online: boolean, remove?: () => void): HTMLElement {
  const label = t('removeDeviceNamed', { device: iso(name) })
  return h(
    'li',
    { class: online ? 'online' : '', 'data-id': id },
    h('span', { class: 'name' }, h('bdi', {}, name)),
    h('span', { class: 'meta' }, state),
    overdue && h('span', { class: 'overdue' }, t('overdue')),
    remove && button(t('remove'), remove, { class: 'quiet', 'aria-label': label }),
  )
}

interface Field {
  id: string
  label: string
  submit: string
  [attribute: string]: string | number
}

// fold is a form of one field that is out of sight until it is wanted. run returns what is wrong, if something is.
function fold(
  title: string,
  { label, submit, ...attributes }: Field,
  run: (value: string) => Promise<string | void>,
): HTMLDetailsElement {
  const field = h('input', { ...attributes, required: true, autocomplete: 'off' })
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const onsubmit = (e: Event) => {
    e.preventDefault()
    void run(field.value.trim())
      .catch((error: unknown) => errorText(error))
      .then((text) => {
        problem.textContent = text ?? ''
        problem.hidden = !text
      })
  }
  return h(
    'details',
    {},
    h('summary', {}, title),
    h(
      'form',
      { class: 'fold', onsubmit },
      h('label', { for: attributes.id }, label),
      field,
      problem,
      h('button', { type: 'submit' }, submit),
    ),
  )
}
