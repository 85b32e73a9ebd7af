// Small pieces that several views show.
import { button, type Child, type Element, foreign, h, icon, type Props } from '../shared/dom.js'
import type { Page } from './page.js'
import type { App, AppDevice, Device, State } from './state.js'
import { ago, iso, type Language, language, languages, setLanguage, size, t } from './words.js'

/** command shows a command to type in a terminal. */
export function command(m: Page, text: string): Element {
  const label = m.copied === text ? t('copied') : t('copy')
  const copy = (e: Event) => void m.copy(text, (e.currentTarget as HTMLElement).previousElementSibling as HTMLElement)
  return h(
    'p',
    { class: 'command' },
    h('code', {}, text),
    h(
      'button',
      { type: 'button', class: 'quiet', 'aria-label': `${label} ${text}`, onclick: copy },
      icon(m.copied === text ? 'check' : 'copy'),
      h('span', {}, label),
    ),
  )
}

const image = /^data:image\/(png|jpeg|webp|gif|svg\+xml);base64,[A-Za-z0-9+/]+=*$/

/** appIcon is the icon that an application sends, as an image, which can run nothing and load nothing; or its first letter. */
export function appIcon({ name, icon: data = '' }: { name: string; icon?: string }): Element {
  const broken = (e: Event) => ((e.currentTarget as HTMLElement).hidden = true)
  return h(
    'span',
    { class: 'app-icon', 'aria-hidden': 'true' },
    [...name][0]?.toUpperCase() ?? '?',
    data.length < 50_000 && image.test(data) && h('img', { src: data, alt: '', onerror: broken }),
  )
}

/** spelled shows six digits, and has a screen reader read them one by one. */
export const spelled = (six: string): Child[] => {
  const [a, b] = [six.slice(0, 3), six.slice(3)]
  return [
    h('span', { 'aria-hidden': 'true' }, `${a} ${b}`),
    h('span', { class: 'unseen' }, `${[...a].join(' ')}, ${[...b].join(' ')}`),
  ]
}

/** toggle is a switch. label says what it switches. */
export const toggle = (on: boolean, label: string, onclick: () => void): Element =>
  h(
    'button',
    { type: 'button', class: 'switch', role: 'switch', 'aria-checked': String(on), 'aria-label': label, onclick },
    h('span', {}),
  )

/** problem is something that went wrong. */
export const problem = (...text: Child[]): Element => h('p', { class: 'problem', role: 'alert' }, ...text)

/**
 * address is where an application is. Where there is no room for all of it, its middle is cut: what tells whose it is stands at its
 * end. All of it is there for whoever points at it, listens, or copies.
 */
export function address(app: string, props: Props = {}): Element {
  const labels = app.split(/(?=\.)/)
  const end = labels.slice(labels.length > 3 ? -3 : -2).join('')
  const start = app.slice(0, app.length - end.length)
  const part = (text: string, cls: string) => h('span', { class: cls }, text)
  return h(
    'bdi',
    { dir: 'ltr', title: app, class: 'address', ...props },
    start && part(start, 'start'),
    part(end, 'end'),
  )
}

/** title is an application's name, or its address if it has none. */
export const title = (app: Pick<App, 'app' | 'name'>, props: Props = {}): Element =>
  app.name ? foreign(app.name, props) : address(app.app, { ...props, class: `${String(props.class ?? '')} address` })

/** browserName is the browser that a token lets in, or that asks, as far as it is known. */
export function browserName({ browser, system }: { browser?: string; system?: string }): string {
  if (browser && system) return t('browserOn', { browser, system })
  return browser ?? (system ? t('browserOnly', { system }) : t('browser'))
}

/** appName is an application as it is called in a sentence. */
export const appName = (app: Pick<App, 'app' | 'name'>): string => iso(app.name || app.app)

/** deviceName is a device as it is called in a sentence. */
export const deviceName = (d: { name: string } | undefined): string => iso(d?.name || t('unnamed'))

const has = (d: { toSend: number; differs: boolean }): string => {
  if (d.toSend > 0) return t('toGo', { n: d.toSend })
  return d.differs ? t('differs') : t('hasAll')
}

/** reach says how far a device has got. */
export const reach = (d: { toSend: number; toReceive: boolean; full: boolean; differs: boolean }): string =>
  [has(d), d.full && t('fullThere'), d.toReceive && t('sends')].filter(Boolean).join(', ')

/** stored says how much an application has stored, of how much. */
export const stored = (app: App): string => t('ofQuota', { stored: size(app.stored), quota: size(app.quota) })

/** presence says whether a device is there, and how far it has got. */
export function presence(d: Device): string {
  if (d.online) return `${t('online')} · ${reach(d)}`
  if (!d.lastHeard) return d.toSend > 0 ? `${t('neverHeard')} · ${reach(d)}` : t('neverHeard')
  return `${t('lastHeard', { ago: ago(d.lastHeard) })} · ${reach(d)}`
}

/** deviceRow is a device in a list, with what can be done about it. */
export const deviceRow = (
  d: Pick<Device, 'id' | 'name' | 'online'> & { overdue?: boolean },
  meta: string,
  ...actions: Child[]
): Element =>
  h(
    'li',
    { key: d.id, class: d.online ? 'device online' : 'device' },
    h('span', { class: 'name' }, d.name ? foreign(d.name) : t('unnamed')),
    h('span', { class: 'meta' }, meta),
    d.overdue && h('span', { class: 'overdue' }, t('overdue')),
    actions.length > 0 && h('span', { class: 'row-actions' }, ...actions),
  )

/** removeDevice is the button that leads to shutting a device out. */
export const removeDevice = (m: Page, d: Device, app?: string): Element =>
  button(t('remove'), () => m.show({ kind: 'revoke', id: d.id, name: d.name, ...(app && { app }) }), {
    class: 'quiet',
    'aria-label': `${t('remove')} ${deviceName(d)}`,
  })

/** appSync says in a few words how an application stands. */
export function appSync(state: State, app: App): { text: string; kind: 'ok' | 'busy' | 'off' | 'full' } {
  if (app.full) return { text: t('full', { stored: stored(app) }), kind: 'full' }
  if (!app.on) return { text: t('appOff'), kind: 'off' }
  const others = [...app.devices.filter((d) => d.on && d.theirs), ...app.peers]
  if (others.length === 0) {
    const alone = state.devices.length === 0 && app.peers.length === 0
    return { text: alone ? t('appAlone') : t('appNobody'), kind: 'off' }
  }
  const done = others.filter((d) => d.toSend === 0).length
  const left = Math.max(...others.map((d) => d.toSend))
  if (others.some((d) => d.toReceive)) return { text: t('appReceiving'), kind: 'busy' }
  if (left === 0) return { text: t('appAll', { n: others.length }), kind: 'ok' }
  return { text: t('appSome', { done, n: others.length, left: t('toGo', { n: left }) }), kind: 'busy' }
}

/** appDeviceState says how an application stands with one computer. */
export function appDeviceState(d: AppDevice, device: Device | undefined): string {
  if (!d.on) return t('offHere')
  if (!d.theirs) return t('offThere')
  return [device && !device.online ? t('offline') : '', reach(d)].filter(Boolean).join(' · ')
}

/** heading is the dialog's title. */
export const heading = (...text: Child[]): Element => h('h2', { id: 'dialog-title', tabindex: -1 }, ...text)

/** actions are the buttons at the end of a dialog. */
export const actions = (...buttons: Child[]): Element => h('div', { class: 'actions' }, ...buttons)

/** languageChoice lets the user choose the page's language. */
export function languageChoice(m: Page): Element {
  const chosen = (e: Event) => {
    setLanguage((e.currentTarget as HTMLSelectElement).value as Language)
    m.render()
  }
  return h(
    'select',
    { 'aria-label': t('language'), onchange: chosen },
    ...(Object.keys(languages) as Language[]).map((l) =>
      h('option', { value: l, selected: l === language(), lang: l }, languages[l]),
    ),
  )
}
