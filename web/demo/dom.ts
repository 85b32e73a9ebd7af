// Making and finding elements. Everything goes through attributes, properties and text nodes: no HTML is ever parsed, so no
// note can become markup.
import { icon, type IconName } from '../shared/icons.js'

export { icon }

type Prop = string | number | boolean | undefined | ((event: never) => void)
type Child = Node | string | false | null | undefined

/** h makes an element. A function is a listener (`onclick`), true an empty attribute, false and undefined none. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Record<string, Prop> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') el.addEventListener(name.slice(2), value as EventListener)
    else if (name === 'value' || name === 'checked') Reflect.set(el, name, value)
    else if (value === true) el.setAttribute(name, '')
    else if (value !== false && value !== undefined) el.setAttribute(name, String(value))
  }
  el.append(...children.filter((c) => c !== false && c !== null && c !== undefined))
  return el
}

/** byId finds an element that index.html promises. */
export function byId<T extends HTMLElement>(id: string): T {
  const el = document.getElementById(id)
  if (!el) throw new Error('index.html lacks #' + id)
  return el as T
}

/** button makes a button with an icon in front of its words. */
export function button(
  label: string,
  onclick: () => void,
  props: Record<string, Prop> & { icon?: IconName } = {},
): HTMLButtonElement {
  const { icon: name, ...rest } = props
  return h('button', { type: 'button', ...rest, onclick }, name && icon(name), h('span', {}, label))
}

/** announce has a screen reader say something. */
export function announce(text: string): void {
  byId('live').textContent = text
}
