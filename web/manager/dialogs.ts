// The dialog: one question at a time.
import { button, type Child, type Element, foreign, h } from '../shared/dom.js'
import { pairingLink } from './fragment.js'
import type { Dialog, Page, Shown } from './page.js'
import { pairingView } from './pairing.js'
import { actions, appName, browserName, heading, problem } from './parts.js'
import type { App, State } from './state.js'
import { relayOf } from '../shared/link.js'
import { iso, rich, size, strong, t } from './words.js'

/** dialogView shows it; undefined when what it is about is gone. */
export function dialogView(m: Page, d: Dialog): Shown | undefined {
  const { state } = m
  switch (d.kind) {
    case 'pairing':
      return pairingView(m, state, d)
    case 'join':
      return ask(d.kind, joinQuestion(m, state, d.link))
    case 'paste':
      return ask(d.kind, pasteForm(m))
    case 'rename':
      return ask(d.kind, renameForm(m, state))
    case 'relays':
      return ask(d.kind, relaysForm(m, state))
    case 'quota': {
      const app = state.apps.find((a) => a.app === d.app)
      return app && ask(d.kind, quotaForm(m, app))
    }
    case 'revoke':
      return ask(d.kind, revoke(m, state, d))
    case 'remove-token':
      return ask(d.kind, removeToken(m, d))
    case 'remove-app': {
      const app = state.apps.find((a) => a.app === d.app)
      return (
        app && (d.confirm ? ask('sure', removeSure(m, state, app, !!d.data)) : ask(d.kind, removeApp(m, app, d.data)))
      )
    }
  }
}

const ask = (step: string, body: Child[]): Shown => ({ step, body: body.map((c) => keyed(c, step)) })

// The parts of one question are not those of the next: a field must not keep what was typed into another.
const keyed = (c: Child, step: string): Child =>
  c && typeof c === 'object' ? { ...c, props: { key: step + String(c.props.key ?? ''), ...c.props } } : c

const closing = (m: Page, label = t('cancel')): Element => button(label, () => m.closeDialog())

const trouble = (m: Page): Child => m.problem && problem(m.problem)

// A form of one field. run returns whether the dialog is done.
function form(
  m: Page,
  field: Element,
  label: string,
  submit: string,
  run: (value: string) => Promise<boolean>,
): Element {
  const onsubmit = (e: Event) => {
    e.preventDefault()
    const { value } = (e.currentTarget as HTMLFormElement).elements.namedItem('field') as HTMLInputElement
    void run(value.trim()).then((done) => done && m.closeDialog())
  }
  const described = {
    ...field,
    props: { ...field.props, id: 'field', name: 'field', 'data-first': true, autocomplete: 'off' },
  }
  return h(
    'form',
    { class: 'fold', onsubmit },
    h('label', { for: 'field' }, label),
    described,
    trouble(m),
    actions(h('button', { type: 'submit', class: 'primary' }, submit), closing(m)),
  )
}

const pasteForm = (m: Page): Child[] => [
  heading(t('joinOther')),
  h('p', {}, t('pasteText')),
  form(m, h('input', { type: 'url', required: true }), t('pairingLink'), t('continue'), (typed) => {
    const link = pairingLink(typed)
    if (link) m.show({ kind: 'join', link })
    else m.fail(t('E_LINK'))
    return Promise.resolve(false)
  }),
]

const joinQuestion = (m: Page, state: State, link: string): Child[] => [
  heading(t('joinTitle')),
  h('p', {}, t('joinText')),
  h(
    'ol',
    { class: 'steps' },
    h('li', {}, ...rich('join1', { relay: strong(relayOf(link, state.relays[0]) ?? t('noAddress')) })),
    h('li', {}, t('join2')),
    h('li', {}, t('join3')),
  ),
  actions(
    button(t('joinYes'), () => void m.join(link), { class: 'primary' }),
    closing(m, t('notNow')),
  ),
]

const renameForm = (m: Page, state: State): Child[] => [
  heading(t('renameTitle')),
  form(m, h('input', { value: state.self.name, required: true, maxlength: 40 }), t('nameOfThis'), t('rename'), (name) =>
    m.act('rename', { name }),
  ),
]

const GB = 1e9

const quotaForm = (m: Page, app: App): Child[] => [
  heading(t('quotaTitle', { name: appName(app) })),
  h('p', {}, t('quotaText', { stored: size(app.stored) })),
  form(
    m,
    h('input', {
      ...{ type: 'number', required: true, min: '0.01', max: '1000000', step: 'any', inputmode: 'decimal' },
      value: String(Math.round(app.quota / (GB / 100)) / 100),
    }),
    t('quotaLabel'),
    t('save'),
    (typed) => m.act('setQuota', { app: app.app, bytes: Math.round(Number(typed) * GB) }),
  ),
]

const relaysForm = (m: Page, state: State): Child[] => [
  heading(t('changeServers')),
  h('p', {}, t('serversAll')),
  form(
    m,
    h('textarea', {
      rows: 4,
      value: state.relays.join('\n'),
      spellcheck: 'false',
      placeholder: 'wss://sync.example.org',
    }),
    t('serversLabel'),
    t('save'),
    (lines) => {
      const urls = lines.split(/\s+/).filter(Boolean).map(relayURL)
      const wrong = urls.find((url) => !/^wss?:\/\//.test(url))
      return wrong === undefined ? m.act('setRelays', { urls }) : m.fail(t('badServer', { url: iso(wrong) }))
    },
  ),
]

// relayURL is what was typed in the form that the store takes: as browsers write it, with no slash at the end.
function relayURL(typed: string): string {
  try {
    return new URL(typed).href.replace(/\/$/, '')
  } catch {
    return typed
  }
}

async function done(m: Page, asked: Promise<boolean>): Promise<void> {
  if (await asked) m.closeDialog()
}

function revoke(m: Page, state: State, d: Extract<Dialog, { kind: 'revoke' }>): Child[] {
  const app = state.apps.find((a) => a.app === d.app)
  const run = () => void done(m, m.act('revoke', { device: d.id }))
  return [
    heading(...rich('revokeTitle', { name: d.name ? foreign(d.name) : t('unnamed') })),
    h('p', {}, app ? t('revokePeer', { app: appName(app) }) : t('revokeStore')),
    h('p', {}, t('revokeKeeps')),
    h('p', { class: 'hint' }, t('revokeFinal')),
    trouble(m),
    actions(button(t('removeDevice'), run, { class: 'danger' }), closing(m)),
  ]
}

function removeToken(m: Page, d: Extract<Dialog, { kind: 'remove-token' }>): Child[] {
  const app = m.state.apps.find((a) => a.app === d.app)
  const token = app?.tokens.find((x) => x.id === d.id)
  const who = token?.program || browserName(token ?? {})
  const run = () => void done(m, m.act('removeToken', { app: d.app, id: d.id }))
  return [
    heading(t('removeTokenTitle')),
    h('p', {}, t('removeTokenText', { who: iso(who), app: app ? appName(app) : iso(d.app) })),
    trouble(m),
    actions(button(t('removeAccess'), run, { class: 'danger' }), closing(m)),
  ]
}

function removeApp(m: Page, app: App, data: boolean | undefined): Child[] {
  const choice = (value: boolean, label: string, text: string) =>
    h(
      'label',
      {},
      h('input', {
        type: 'radio',
        name: 'data',
        'data-first': value === (data ?? false),
        checked: data === value,
        onchange: () => m.show({ kind: 'remove-app', app: app.app, confirm: false, data: value }),
      }),
      h('span', {}, h('span', { class: 'choice' }, label), h('span', { class: 'meta' }, text)),
    )
  const next = () => data !== undefined && m.show({ kind: 'remove-app', app: app.app, confirm: true, data })
  return [
    heading(...rich('removeAppTitle', { name: foreign(app.name || app.app) })),
    h('p', { class: 'address' }, foreign(app.app)),
    h(
      'fieldset',
      {},
      h('legend', {}, t('removeAppWhat')),
      choice(false, t('keepData'), t('keepDataText')),
      choice(true, t('deleteData'), t('deleteDataText')),
    ),
    trouble(m),
    actions(button(t('continue'), next, { class: 'primary', disabled: data === undefined }), closing(m)),
  ]
}

function removeSure(m: Page, state: State, app: App, data: boolean): Child[] {
  const others = app.devices.filter((d) => d.on && d.theirs && d.toSend === 0).length
  const amount = { entries: t('entries', { n: app.entries }), size: size(app.bytes) }
  const run = () => void done(m, m.act('removeApp', { app: app.app, data }))
  const back = () => m.show({ kind: 'remove-app', app: app.app, confirm: false, data })
  return [
    heading(t(data ? 'deleteSure' : 'removeSure')),
    app.allowed && h('p', {}, t('removeSureText', { name: appName(app) })),
    app.peers.length > 0 && h('p', {}, t('removeSurePeers', { n: app.peers.length })),
    data && h('p', {}, t('deleteSureText', amount)),
    data && (others > 0 ? h('p', {}, t('deleteSureElsewhere', { n: others })) : problem(t('deleteSureNowhere'))),
    !data && h('p', {}, t('keepSureText', amount)),
    !data && state.devices.length > 0 && h('p', { class: 'hint' }, t('keepSureSync')),
    trouble(m),
    actions(
      button(t(data ? 'deleteNow' : 'removeNow'), run, { class: 'danger' }),
      app.allowed && button(t('back'), back),
      closing(m),
    ),
  ]
}
