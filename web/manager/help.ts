// Settings of the store, and what to do when something is wrong.
import { button, type Child, type Element, h } from '../shared/dom.js'
import type { Page } from './page.js'
import { command, languageChoice } from './parts.js'
import type { State } from './state.js'
import type { Key } from './strings.js'
import { size, t } from './words.js'

/** helpView shows them. */
export function helpView(m: Page, state: State): Child[] {
  return [
    h('h1', { key: 'title', tabindex: -1 }, t('helpTitle')),
    section(
      'servers',
      h('p', {}, t('serversText')),
      state.relays.length === 0 && h('p', { class: 'note' }, t('serversNone')),
      state.relays.length > 0 &&
        h('ul', { class: 'rows' }, ...state.relays.map((url) => h('li', { key: url, class: 'row address' }, url))),
      h(
        'div',
        { class: 'actions' },
        button(t('change'), () => m.show({ kind: 'relays' }), { 'aria-label': t('changeServers') }),
      ),
    ),
    section(
      'recovery',
      h('p', {}, t(state.recovery ? 'recoverySet' : 'recoveryNone')),
      !state.recovery && h('p', { class: 'hint' }, t('recoveryText')),
    ),
    section(
      'about',
      h(
        'dl',
        { class: 'facts' },
        h('div', {}, h('dt', {}, t('version')), h('dd', {}, state.version)),
        !!state.bytes && h('div', {}, h('dt', {}, t('database')), h('dd', {}, size(state.bytes))),
        h('div', {}, h('dt', {}, t('language')), h('dd', {}, languageChoice(m))),
      ),
    ),
    section('trouble', ...troubles.map(([title, text, line]) => trouble(m, title, text, line))),
  ]
}

const section = (key: 'servers' | 'recovery' | 'about' | 'trouble', ...children: Child[]): Element =>
  h('section', { key, 'aria-labelledby': key }, h('h2', { id: key }, t(key)), ...children)

const troubles: [Key, Key, string?][] = [
  ['qAway', 'aAway', 'masq store'],
  ['qApp', 'aApp'],
  ['qBrowser', 'aBrowser'],
  ['qSync', 'aSync', 'masq doctor'],
  ['qLost', 'aLost'],
  ['qFull', 'aFull'],
  ['qPrivate', 'aPrivate'],
]

const trouble = (m: Page, title: Key, text: Key, line?: string): Element =>
  h('details', { key: title }, h('summary', {}, t(title)), h('p', {}, t(text)), line && command(m, line))
