// The page of somebody who opened an invite link. It asks first: until the user chooses to go on, nothing is sent anywhere.
import type { Masq } from '@masq/client'
import { relayOf } from '../shared/link'
import { button, byId, h } from './dom'
import { failure, heading, showPairing } from './pairing'
import { inStore, manager } from './store'

/** JoinOptions is what the page lends to joining. */
export interface JoinOptions {
  link: string
  /** start opens this device's notes, under a name for the device if one is given. */
  start(name?: string): Promise<{ masq: Masq; notes: number }>
  /** leave goes to the notes. */
  leave(): void
  /** The device's name, if it is known already. */
  name: string
}

/** showJoin asks, pairs, and leaves. */
export function showJoin(o: JoinOptions): void {
  const page = h('section', { class: 'join', 'aria-labelledby': 'step-title' })
  document.body.dataset.pane = 'join'
  byId('main').replaceChildren(page)
  ask(page, o)
  page.querySelector('h2')?.focus()
}

function ask(page: HTMLElement, o: JoinOptions): void {
  const name = h('input', {
    id: 'device-name',
    value: o.name,
    maxlength: 40,
    autocomplete: 'off',
    placeholder: 'As the browser calls it',
  })
  const submit = (e: Event) => {
    e.preventDefault()
    void join(page, o, name.value.trim())
  }
  page.replaceChildren(
    heading('Connect this device?'),
    h(
      'p',
      {},
      'You opened an invite from another device. If it is yours, the two will share their notes from now on. If you did not expect it, choose “Not now”.',
    ),
    h(
      'ol',
      {},
      h(
        'li',
        {},
        'This device contacts the Sync Server at ',
        h('strong', { id: 'relay' }, relayOf(o.link) ?? 'an address that is not valid'),
        '. It passes sealed messages on and can read none.',
      ),
      h('li', {}, 'Both devices show six digits. You compare them.'),
      h('li', {}, 'After a yes on both, each has all notes of the other.'),
    ),
    h(
      'form',
      { onsubmit: submit },
      h('label', { for: 'device-name' }, 'What this device is called'),
      name,
      h(
        'div',
        { class: 'actions' },
        h('button', { type: 'submit', class: 'primary' }, 'Continue'),
        button('Not now', o.leave),
      ),
    ),
  )
}

// The invite joins a device, and the device here is the local store.
function moved(page: HTMLElement, o: JoinOptions): void {
  page.replaceChildren(
    heading('Pair in the Store manager'),
    h('p', {}, 'Your notes are kept by Masq on this computer. It is paired with other devices there, not here.'),
    manager(),
    h('div', { class: 'actions' }, button('Go to my notes', o.leave, { class: 'primary' })),
  )
  page.querySelector('h2')?.focus()
}

async function join(page: HTMLElement, o: JoinOptions, name: string): Promise<void> {
  const again = () => ask(page, o)
  try {
    const { masq, notes } = await o.start(name)
    if (inStore(masq.status)) return moved(page, o)
    const pairing = await masq.join(o.link)
    const close = () => {
      end()
      o.leave()
    }
    const end = showPairing(page, pairing, { side: 'joiner', notes, again, close })
  } catch (error) {
    page.replaceChildren(...failure(error, { side: 'joiner', again, close: o.leave }))
    page.querySelector('h2')?.focus()
  }
}
