// The sync status at the bottom of the page, and the dialog behind it: this user's devices, and adding one.
import type { Masq, Status } from '@masq/client'
import { announce, button, byId, errorText, h, icon } from './dom'
import { failure, heading, showPairing } from './pairing'
import { deviceState, summary } from './status'
import { counts, inStore, manager, moving, waiting } from './store'

/** Devices shows status and devices of a Masq. */
export class Devices {
  private readonly dialog = h('dialog', { id: 'devices', 'aria-labelledby': 'step-title' })
  private readonly list = h('ul', { class: 'devices' })
  private endPairing: (() => void) | undefined
  private said = ''

  constructor(
    private readonly masq: Masq,
    private readonly count: () => number,
    private readonly openLink: (link: string) => void,
  ) {
    document.body.append(this.dialog)
    this.dialog.addEventListener('close', () => this.closed())
    byId('sync').addEventListener('click', () => this.show())
    masq.addEventListener('status', () => this.draw())
    this.draw()
  }

  /** show opens the dialog with the devices. */
  show(): void {
    if (inStore(this.masq.status)) return this.showStore()
    this.drawList()
    this.dialog.replaceChildren(
      heading('Devices'),
      this.list,
      h(
        'p',
        { class: 'hint' },
        'Notes are kept on these devices only, sealed. What goes between them, the Sync Server cannot read.',
      ),
      h(
        'div',
        { class: 'actions' },
        button('Add a device', () => void this.add(), { class: 'primary' }),
        button('Close', () => this.dialog.close()),
      ),
      this.renameForm(),
      this.pasteForm(),
      this.masq.status.devices.length === 0 ? this.moveForm() : '',
    )
    this.open()
  }

  // Which devices there are, and pairing, are not an application's when its notes are in the local store.
  private showStore(): void {
    const { status } = this.masq
    const close = button('Close', () => this.dialog.close())
    if (status.store === 'local')
      this.dialog.replaceChildren(
        heading('In Masq on this computer'),
        h('p', { id: 'counts' }, counts(status.counts)),
        h('p', {}, 'Add devices, and see them, in the Store manager.'),
        manager(),
        h('div', { class: 'actions' }, close),
      )
    else {
      const again = async () => {
        await this.masq.useLocalStore()
        this.show()
      }
      const page = waiting(status, { again, instead: () => undefined })
      page.querySelector('.actions')?.append(close)
      this.dialog.replaceChildren(...page.children)
    }
    this.open()
  }

  private moveForm(): HTMLElement {
    const move = () => void moving(this.dialog, this.masq, () => this.dialog.close())
    return h(
      'details',
      {},
      h('summary', {}, 'Masq runs on this computer'),
      h('p', { class: 'hint' }, 'Then your notes can be kept there, for all browsers of this computer.'),
      h('div', { class: 'actions' }, button('Keep my notes in Masq on this computer', move)),
    )
  }

  /** add opens the dialog with a new invite. */
  async add(): Promise<void> {
    this.endPairing?.()
    const close = () => this.dialog.close()
    const again = () => void this.add()
    try {
      const pairing = await this.masq.invite()
      this.endPairing = showPairing(this.dialog, pairing, { side: 'host', notes: this.count(), again, close })
    } catch (error) {
      this.dialog.replaceChildren(...failure(error, { side: 'host', again, close }))
    }
    this.open()
  }

  private open(): void {
    if (!this.dialog.open) this.dialog.showModal()
    this.dialog.querySelector<HTMLElement>('h2')?.focus()
  }

  private closed(): void {
    this.endPairing?.()
    this.endPairing = undefined
    this.dialog.replaceChildren()
  }

  private renameForm(): HTMLElement {
    const value = this.masq.status.self.name
    return fold(
      'Rename this device',
      { id: 'own-name', label: 'Name of this device', submit: 'Rename', value, maxlength: 40 },
      async (name) => {
        await this.masq.rename(name)
        this.show()
      },
    )
  }

  // For whoever has the link, but no way to open it in this browser.
  private pasteForm(): HTMLElement {
    return fold(
      'I have an invite link',
      { id: 'paste-link', label: 'Invite link', submit: 'Continue', type: 'url' },
      async (link) => {
        this.dialog.close()
        this.openLink(link)
      },
    )
  }

  private draw(): void {
    const { icon: name, text } = summary(this.masq.status)
    const label = h('span', { id: 'sync-text' }, text)
    byId('sync').replaceChildren(icon(name), label, h('span', { class: 'more' }, 'Devices'))
    byId('sync').dataset.state = name
    this.say(text)
    this.drawList()
  }

  // A screen reader hears when the state changes, not each number on the way.
  private say(text: string): void {
    const state = text.replace(/ · .*/, '')
    if (this.said && state !== this.said) announce(text)
    this.said = state
  }

  private drawList(): void {
    const status: Status = this.masq.status
    const now = Date.now()
    const rows = status.devices.map((d) => row(d.name, deviceState(d, now), d.online))
    this.list.replaceChildren(row(status.self.name, 'This device', true), ...rows)
  }
}

function row(name: string, state: string, online: boolean): HTMLElement {
  return h(
    'li',
    { class: online ? 'online' : '' },
    h('span', { class: 'name' }, name),
    h('span', { class: 'meta' }, state),
  )
}

interface Field {
  id: string
  label: string
  submit: string
  [attribute: string]: string | number
}

// fold is a form of one field that is out of sight until it is wanted.
function fold(
  title: string,
  { label, submit, ...attributes }: Field,
  run: (value: string) => Promise<void>,
): HTMLElement {
  const field = h('input', { ...attributes, required: true, autocomplete: 'off' })
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const onsubmit = (e: Event) => {
    e.preventDefault()
    run(field.value.trim()).catch((error: unknown) => {
      problem.textContent = errorText(error)
      problem.hidden = false
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
