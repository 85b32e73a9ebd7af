// The applications: those that ask, those that may use the store, those that only other devices have.
import {
  address,
  appIcon,
  appDeviceState,
  appName,
  appSync,
  browserName,
  deviceName,
  deviceRow,
  presence,
  problem,
  removeDevice,
  stored,
  title,
  toggle,
} from './parts.js'
import { button, type Child, type Element, foreign, h, icon } from '../shared/dom.js'
import type { Page } from './page.js'
import { requestCard } from './request.js'
import { searched } from './search.js'
import type { App, Device, State, Token } from './state.js'
import { ago, date, rich, strong, t } from './words.js'

/** applicationsView shows them. */
export function applicationsView(m: Page, state: State): Child[] {
  const words = (a: App) => [a.name, a.app, a.description]
  const { field, items } = searched(m, 'apps', t('searchApps'), state.apps, words)
  const mine = items.filter((a) => a.allowed)
  const elsewhere = items.filter((a) => !a.allowed)
  return [
    h('h1', { key: 'title', tabindex: -1 }, t('applications')),
    state.requests.length > 0 &&
      h(
        'section',
        { key: 'requests', 'aria-labelledby': 'requests' },
        h('h2', { id: 'requests' }, t('asking')),
        ...state.requests.map((r) => requestCard(m, r)),
      ),
    state.apps.length === 0 && state.requests.length === 0 && empty(),
    field,
    mine.length > 0 &&
      h(
        'section',
        { key: 'mine', 'aria-labelledby': 'mine' },
        h('h2', { id: 'mine' }, t('onThisComputer')),
        h('ul', { class: 'apps' }, ...mine.map((app) => appItem(m, state, app))),
      ),
    elsewhere.length > 0 &&
      h(
        'section',
        { key: 'elsewhere', 'aria-labelledby': 'elsewhere' },
        h('h2', { id: 'elsewhere' }, t('elsewhere')),
        h('p', { class: 'hint' }, t('elsewhereText')),
        h('ul', { class: 'apps' }, ...elsewhere.map((app) => appItem(m, state, app))),
      ),
    state.blocked.length > 0 && blocked(m, state),
  ]
}

const empty = (): Element =>
  h(
    'section',
    { key: 'empty', class: 'empty' },
    h('span', { class: 'emblem' }, icon('apps')),
    h('h2', {}, t('noApps')),
    h('p', {}, t('noAppsText')),
    h('ol', {}, h('li', {}, t('noApps1')), h('li', {}, t('noApps2')), h('li', {}, t('noApps3'))),
  )

function blocked(m: Page, state: State): Element {
  return h(
    'section',
    { key: 'blocked', 'aria-labelledby': 'blocked' },
    h('h2', { id: 'blocked' }, t('blocked')),
    h('p', { class: 'hint' }, t('blockedText')),
    h(
      'ul',
      { class: 'rows' },
      ...state.blocked.map(({ app }) =>
        h(
          'li',
          { key: app, class: 'row' },
          h('span', { class: 'address' }, foreign(app)),
          button(t('unblock'), () => void m.act('unblock', { app }), { 'aria-label': `${t('unblock')} ${app}` }),
        ),
      ),
    ),
  )
}

function appItem(m: Page, state: State, app: App): Element {
  const open = m.open.has(app.app)
  const { text, kind } = appSync(state, app)
  const flip = () => {
    if (open) m.open.delete(app.app)
    else m.open.add(app.app)
    m.render()
  }
  return h(
    'li',
    { key: app.app, class: 'app' },
    h(
      'div',
      { class: 'app-head' },
      appIcon(app),
      h(
        'h3',
        {},
        h(
          'button',
          { type: 'button', class: 'opener', 'aria-expanded': String(open), onclick: flip },
          title(app, { class: 'app-name' }),
          app.name !== '' && address(app.app),
          h('span', { class: 'meta', 'data-kind': kind }, text),
        ),
      ),
      icon('down'),
      toggle(app.on, t('syncOf', { name: appName(app) }), () => void m.act('setSync', { app: app.app, on: !app.on })),
    ),
    open && details(m, state, app),
  )
}

function details(m: Page, state: State, app: App): Element {
  const remove = () =>
    m.show({ kind: 'remove-app', app: app.app, confirm: !app.allowed, data: app.allowed ? undefined : true })
  const fact = (term: string, ...value: Child[]) => h('div', {}, h('dt', {}, term), h('dd', {}, ...value))
  return h(
    'div',
    { class: 'details' },
    h(
      'dl',
      { class: 'facts' },
      fact(t(app.native ? 'programId' : 'address'), foreign(app.app)),
      app.allowed && fact(t('lastUsed'), app.lastUsed ? ago(app.lastUsed) : t('never')),
      fact(
        t('data'),
        t('entries', { n: app.entries }),
        ' · ',
        stored(app),
        ' ',
        button(t('change'), () => m.show({ kind: 'quota', app: app.app }), {
          class: 'quiet',
          'aria-label': t('changeQuota', { name: appName(app) }),
        }),
      ),
      app.allowed && fact(t('openNow'), app.connected > 0 ? t('connections', { n: app.connected }) : t('no')),
      app.description && fact(t('saysOfItself'), foreign(app.description, { class: 'claimed-text' })),
    ),
    app.full && problem(t('fullText')),
    app.damaged && problem(t('damagedText', { n: app.damaged.keys })),
    app.damaged && h('ul', { class: 'names' }, ...app.damaged.names.map((name) => h('li', {}, foreign(name)))),
    ...mends(m, app),
    devices(m, state, app),
    peers(m, app),
    app.allowed && tokens(m, app),
    h(
      'div',
      { class: 'actions' },
      button(t(app.allowed ? 'removeApp' : 'deleteHere'), remove, { class: 'danger', icon: 'trash' }),
    ),
  )
}

// What there is to say of a fresh copy of the application's data.
function mends(m: Page, app: App): Child[] {
  if (app.mending) return [h('p', {}, t('mending'))]
  if (!app.devices.some((d) => d.differs)) return []
  return [
    problem(t(app.restored ? 'mendRestored' : 'mendText')),
    button(t('mend'), () => void m.act('mend', { app: app.app })),
  ]
}

// With which of the user's computers an application is synced.
function devices(m: Page, state: State, app: App): Element {
  const known = (id: string): Device | undefined => state.devices.find((d) => d.id === id)
  const { field, items } = searched(m, `devices of ${app.app}`, t('searchDevices'), app.on ? app.devices : [], (d) => [
    known(d.id)?.name ?? '',
  ])
  return h(
    'section',
    {},
    h('h4', {}, t('syncedWith')),
    !app.on && h('p', { class: 'hint' }, t('appOffText')),
    app.devices.length === 0 && h('p', { class: 'hint' }, t('noComputers')),
    field,
    app.on &&
      h(
        'ul',
        { class: 'rows' },
        ...items.map((d) => {
          const device = known(d.id)
          const row = { ...d, name: device?.name ?? '', online: device?.online ?? false }
          const label = t('syncWith', { name: appName(app), device: deviceName(row) })
          const change = () => void m.act('setSync', { app: app.app, device: d.id, on: !d.on })
          return deviceRow(row, appDeviceState(d, device), toggle(d.on, label, change))
        }),
      ),
  )
}

// The devices without a store of their own that have this application's data: phones, other people's computers.
function peers(m: Page, app: App): Element {
  const { field, items } = searched(m, `peers of ${app.app}`, t('searchDevices'), app.peers, (d) => [d.name])
  return h(
    'section',
    {},
    h('h4', {}, t('phones')),
    app.peers.length === 0 && h('p', { class: 'hint' }, app.native ? t('noPhonesNative') : t('noPhones')),
    field,
    app.peers.length > 0 &&
      h('ul', { class: 'rows' }, ...items.map((d) => deviceRow(d, presence(d), removeDevice(m, d, app.app)))),
    !app.native &&
      app.on &&
      button(t('openOnPhone'), () => void m.invite(app.app), {
        icon: 'phone',
        'aria-label': `${t('openOnPhone')}: ${appName(app)}`,
      }),
  )
}

function tokens(m: Page, app: App): Element {
  return h(
    'section',
    {},
    h('h4', {}, t('programs')),
    h('ul', { class: 'rows' }, ...app.tokens.map((token) => tokenRow(m, app, token))),
  )
}

function tokenRow(m: Page, app: App, token: Token): Element {
  const name = token.program || (app.native ? app.app : '')
  const used = token.connected
    ? t('usedNow')
    : token.lastUsed
      ? t('usedAgo', { ago: ago(token.lastUsed) })
      : t('neverUsed')
  return h(
    'li',
    { key: token.id, class: token.connected ? 'device online' : 'device' },
    h('span', { class: 'name' }, ...(name ? rich('program', { name: strong(name) }) : [browserName(token)])),
    h('span', { class: 'meta' }, `${t('since', { date: date(token.since) })} · ${used}`),
    h(
      'span',
      { class: 'row-actions' },
      button(t('remove'), () => m.show({ kind: 'remove-token', app: app.app, id: token.id }), {
        class: 'quiet',
        'aria-label': `${t('remove')}: ${name || browserName(token)}, ${t('since', { date: date(token.since) })}`,
      }),
    ),
  )
}
