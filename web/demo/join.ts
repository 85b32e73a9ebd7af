// The page of somebody who opened an invite link. It asks first: until the user chooses to go on, nothing is sent anywhere.
import type { Masq } from '@masq/client'
import { linkProblem, relayOf } from '../shared/link.js'
import { button, byId, h } from './dom.js'
import { busy, failed, failure, heading, showPairing } from './pairing.js'
import { linkText } from './problems.js'
import { inStore, manager } from './store.js'
import { rich, t } from './words.js'

/** JoinOptions is what the page lends to joining. */
export interface JoinOptions {
  link: string
  /** The Sync Server of this page. */
  sync: string
  /** start opens this device's notes, under a name for the device if one is given. */
  start(name?: string): Promise<{ masq: Masq; notes: number }>
  /** leave goes to the notes. */
  leave(): void
  /** The device's name, if it is known already. */
  name: string
}

/** showJoin asks, pairs, and leaves. What is wrong with the link's form is said at once. */
export function showJoin(o: JoinOptions): void {
  const page = h('section', { class: 'join', 'aria-labelledby': 'step-title' })
  show(page)
  const why = linkProblem(o.link, location.origin, o.sync)
  const ways = { side: 'joiner', again: o.leave, close: o.leave } as const
  if (why) page.replaceChildren(...failed(linkText(why), ways))
  else ask(page, o)
  page.querySelector('h2')?.focus()
}

// Something else may have stood there while the notes were opened.
function show(page: HTMLElement): void {
  document.body.dataset.pane = 'join'
  if (!page.isConnected) byId('main').replaceChildren(page)
}

function ask(page: HTMLElement, o: JoinOptions): void {
  const name = h('input', {
    id: 'device-name',
    value: o.name,
    maxlength: 40,
    autocomplete: 'off',
    placeholder: t('nameHint'),
  })
  const submit = (e: Event) => {
    e.preventDefault()
    void join(page, o, name.value.trim())
  }
  page.replaceChildren(
    heading(t('joinTitle')),
    h('p', {}, t('joinText')),
    h(
      'ol',
      {},
      h('li', {}, ...rich('join1', { relay: h('strong', { id: 'relay' }, relayOf(o.link)) })),
      h('li', {}, t('join2')),
      h('li', {}, t('join3')),
    ),
    h(
      'form',
      { onsubmit: submit },
      h('label', { for: 'device-name' }, t('ownName')),
      name,
      h(
        'div',
        { class: 'actions' },
        h('button', { type: 'submit', class: 'primary' }, t('continue')),
        button(t('notNow'), o.leave),
      ),
    ),
  )
}

// The invite joins a device, and the device here is the local store.
function moved(page: HTMLElement, o: JoinOptions): void {
  page.replaceChildren(
    heading(t('inManager')),
    h('p', {}, t('inManagerText')),
    manager(),
    h('div', { class: 'actions' }, button(t('goToNotes'), o.leave, { class: 'primary' })),
  )
  page.querySelector('h2')?.focus()
}

async function join(page: HTMLElement, o: JoinOptions, name: string): Promise<void> {
  const again = () => void join(page, o, name)
  const relay = relayOf(o.link)
  let left = false
  const leave = () => {
    left = true
    o.leave()
  }
  try {
    const { masq, notes } = await o.start(name)
    show(page)
    if (inStore(masq.status)) return moved(page, o)
    page.replaceChildren(...busy(t('looking'), t('contacting', { relay: relay ?? '' }), leave))
    page.querySelector('h2')?.focus()
    const pairing = await masq.join(o.link)
    if (left) return void pairing.cancel().catch(() => undefined)
    const close = () => {
      end()
      o.leave()
    }
    const end = showPairing(page, pairing, { side: 'joiner', notes, relay, again, close })
  } catch (error) {
    if (left) return
    show(page)
    page.replaceChildren(...failure(error, { side: 'joiner', again, close: o.leave }, { relay }))
    page.querySelector('h2')?.focus()
  }
}
