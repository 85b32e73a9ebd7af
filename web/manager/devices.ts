// The user's devices: this computer, the others that keep everything, and those that have single applications.
import { button, type Child, type Element, foreign, h } from '../shared/dom.js'
import type { Page } from './page.js'
import { deviceRow, presence, removeDevice, title } from './parts.js'
import { searched } from './search.js'
import type { State } from './state.js'
import { t } from './words.js'

/** devicesView shows them. */
export function devicesView(m: Page, state: State): Child[] {
  const all = state.apps.flatMap((app) => app.peers.map((peer) => ({ peer, app })))
  const peers = searched(m, 'peers', t('searchDevices'), all, ({ peer, app }) => [peer.name, app.name, app.app])
  const computers = searched(m, 'computers', t('searchDevices'), state.devices, (d) => [d.name])
  return [
    h('h1', { key: 'title', tabindex: -1 }, t('devices')),
    own(m, state),
    h(
      'section',
      { key: 'others', 'aria-labelledby': 'others' },
      h('h2', { id: 'others' }, t('computers')),
      state.devices.length === 0 && h('p', {}, t('computersNone')),
      computers.field,
      state.devices.length > 0 &&
        h('ul', { class: 'rows' }, ...computers.items.map((d) => deviceRow(d, presence(d), removeDevice(m, d)))),
      h(
        'div',
        { class: 'actions' },
        button(t('addComputer'), () => void m.invite(), { class: 'primary', icon: 'plus' }),
        button(t('joinOther'), () => m.show({ kind: 'paste' })),
      ),
      state.left !== undefined && h('p', { class: 'hint' }, t('fewLeft', { n: state.left })),
      state.devices.length > 0 && h('p', { class: 'hint' }, t('computersText')),
    ),
    h(
      'section',
      { key: 'peers', 'aria-labelledby': 'peers' },
      h('h2', { id: 'peers' }, t('phones')),
      all.length === 0 && h('p', {}, t('phonesNone')),
      peers.field,
      all.length > 0 &&
        h(
          'ul',
          { class: 'rows' },
          ...peers.items.map(({ peer, app }) => {
            const row = deviceRow(peer, `${presence(peer)}`, removeDevice(m, peer, app.app))
            const only = h('span', { class: 'meta only' }, t('onlyApp'), ' ', title(app))
            return { ...row, props: { ...row.props, key: `${app.app} ${peer.id}` }, children: [...row.children, only] }
          }),
        ),
      all.length > 0 && h('p', { class: 'hint' }, t('phonesText')),
      h('div', { class: 'actions' }, h('a', { class: 'button', href: '#applications' }, t('toApplications'))),
    ),
  ]
}

const own = (m: Page, state: State): Element =>
  h(
    'section',
    { key: 'own', 'aria-labelledby': 'own' },
    h('h2', { id: 'own' }, t('thisComputer')),
    h(
      'ul',
      { class: 'rows' },
      h(
        'li',
        { class: 'device online' },
        h('span', { class: 'name' }, foreign(state.self.name)),
        h('span', { class: 'meta' }, t('entries', { n: state.apps.reduce((n, a) => n + a.entries, 0) })),
        h(
          'span',
          { class: 'row-actions' },
          button(t('rename'), () => m.show({ kind: 'rename' }), { class: 'quiet' }),
        ),
      ),
    ),
  )
