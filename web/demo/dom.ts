// Elements as this page makes them: at once, and changed by whoever has them.
import * as dom from '../shared/dom.js'
import type { IconName } from '../shared/icons.js'

export { byId } from '../shared/dom.js'

type Child = Node | string | false | null | undefined

/** h makes an element. props are those of a description. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: dom.Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const el = dom.create(dom.h(tag, props)) as HTMLElementTagNameMap[K]
  el.append(...children.filter((c) => c !== false && c !== null && c !== undefined))
  return el
}

/** icon draws an icon. */
export const icon = (name: IconName): SVGElement => dom.create(dom.icon(name)) as SVGElement

/** button makes a button with an icon in front of its words. */
export const button = (
  label: string,
  onclick: () => void,
  props: dom.Props & { icon?: IconName } = {},
): HTMLButtonElement => dom.create(dom.button(label, onclick, props)) as HTMLButtonElement

/** announce has a screen reader say something. */
export function announce(text: string): void {
  dom.byId('live').textContent = text
}
