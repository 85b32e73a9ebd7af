// What a page shows is described by a tree of plain objects. create makes an element of a description; patch brings descriptions onto
// the page and changes only what is different: an input that somebody types into, the focus and the scroll position stay. Everything goes through attributes,
// properties and text nodes: no HTML is ever parsed, so nothing that others wrote can become markup.
import { icons, type IconName } from './icons.js'

type Listener = (event: never) => void
type Prop = string | number | boolean | undefined | Listener

/** Props are attributes (true: an empty one; false, undefined: none), listeners (`onclick`) and `key`, unique among siblings. */
export type Props = Record<string, Prop>

/** Element is a description of an element. */
export interface Element {
  tag: string
  props: Props
  children: readonly Child[]
}

/** Child is what may stand in an element; false, null and undefined are nothing. */
export type Child = Element | string | false | null | undefined

/** h describes an element. */
export const h = (tag: string, props: Props = {}, ...children: Child[]): Element => ({ tag, props, children })

/** icon describes an icon. It is decoration: the words beside it, or the button's label, say what it means. */
export const icon = (name: IconName): Element =>
  h('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true', class: 'icon' }, h('path', { d: icons[name] }))

/** button describes a button with an icon in front of its words. */
export function button(label: string, onclick: (e: Event) => void, props: Props & { icon?: IconName } = {}): Element {
  const { icon: name, ...rest } = props
  return h('button', { type: 'button', ...rest, onclick }, name && icon(name), h('span', {}, label))
}

/** foreign describes text that others chose: it keeps its direction to itself. */
export const foreign = (text: string, props: Props = {}): Element => h('bdi', { dir: 'auto', ...props }, text)

/** byId finds an element that index.html promises. */
export function byId<T extends HTMLElement>(id: string): T {
  const el = document.getElementById(id)
  if (!el) throw new Error('index.html lacks #' + id)
  return el as T
}

/** create makes an element. */
export function create(described: Element): HTMLElement | SVGElement {
  const el = make(described)
  update(el, described)
  return el as HTMLElement | SVGElement
}

const shown = new WeakMap<Node, Element>() // what patch last made of a node

/** patch makes children the content of parent, and keeps the nodes that are there where key (or place) and tag agree. */
export function patch(parent: ParentNode & Node, children: readonly Child[]): void {
  const wanted = children.filter((c): c is Element | string => c !== false && c !== null && c !== undefined && c !== '')
  const nodes = match([...parent.childNodes], wanted)
  const kept = new Set(nodes)
  for (const node of [...parent.childNodes]) if (!kept.has(node)) node.remove()
  let at = parent.firstChild
  wanted.forEach((child, i) => {
    const node = nodes[i] ?? make(child)
    if (node === at) at = at.nextSibling
    else parent.insertBefore(node, at)
    update(node, child)
  })
}

// match finds for each child the node that it can stand in.
function match(nodes: ChildNode[], wanted: (Element | string)[]): (ChildNode | undefined)[] {
  const byKey = new Map<string, ChildNode[]>()
  for (const node of nodes) {
    const was = shown.get(node)
    const key = was ? keyOf(was) : '#text'
    byKey.set(key, [...(byKey.get(key) ?? []), node])
  }
  return wanted.map((child) => byKey.get(typeof child === 'string' ? '#text' : keyOf(child))?.shift())
}

const keyOf = ({ tag, props }: Element): string => `${tag} ${String(props.key ?? '')}`

function make(child: Element | string): ChildNode {
  if (typeof child === 'string') return document.createTextNode(child)
  const { tag } = child
  return tag === 'svg' || tag === 'path'
    ? document.createElementNS('http://www.w3.org/2000/svg', tag)
    : document.createElement(tag)
}

function update(node: ChildNode, child: Element | string): void {
  if (typeof child === 'string') {
    if (node.nodeValue !== child) node.nodeValue = child
    return
  }
  const el = node as HTMLElement
  const before = shown.get(el)?.props ?? {}
  for (const name in { ...before, ...child.props }) {
    if (before[name] !== child.props[name]) set(el, name, child.props[name])
  }
  shown.set(el, child)
  patch(el, child.children)
}

function set(el: HTMLElement, name: string, value: Prop): void {
  if (name === 'key') return
  if (name.startsWith('on')) Reflect.set(el, name, value ?? null)
  else if (name === 'value' || name === 'checked') Reflect.set(el, name, value ?? '')
  else if (value === false || value === undefined) el.removeAttribute(name)
  else el.setAttribute(name, value === true ? '' : String(value))
}
