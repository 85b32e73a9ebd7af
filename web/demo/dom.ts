// Making and finding elements. Everything goes through attributes, properties and text nodes: no HTML is ever parsed, so no
// note can become markup.

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

// Paths of 24 × 24 icons, drawn with a line of 1.75.
const icons = {
  back: 'M15 5l-7 7 7 7',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M8.5 8.500h11v11h-11zM15.500 8V4.500h-11v11H8',
  devices: 'M3 5.5h13v9H3zM1.5 18h11M16 9.500h5.500V19H16z',
  list: 'M4 6.500l1.500 1.500L8 5.500M4 16.500l1.500 1.500L8 15.500M12 7h8M12 17h8',
  off: 'M4 4l16 16M7.500 9.500A4.500 4.500 0 0 0 7 18.500h10M10 6.500a5.500 5.500 0 0 1 8 4.500 4 4 0 0 1 2.500 5.500',
  pin: 'M9 3.500h6l-.8 6.500 3.300 3.500h-11L9.800 10zM12 13.500v7',
  plus: 'M12 5v14M5 12h14',
  split: 'M12 21v-7M12 14L5.500 7.500M12 14l6.500-6.500M5 12V7h5M14 7h5v5',
  sync: 'M4.500 12a7.500 7.500 0 0 1 13-5l2 2M19.500 4.500V9H15M19.500 12a7.500 7.500 0 0 1-13 5l-2-2M4.500 19.500V15H9',
  trash:
    'M4.500 6.500h15M9.500 6.500V4h5v2.500M6.500 6.500l1 13.500h9l1-13.500M10.300 10.500v5.500M13.700 10.500v5.500',
  wait: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16M12 8v4.500l3 1.800',
} as const

/** icon draws an icon. It is decoration: the words beside it, or the button's label, say what it means. */
export function icon(name: keyof typeof icons): SVGElement {
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('aria-hidden', 'true')
  svg.setAttribute('class', 'icon')
  const path = document.createElementNS(ns, 'path')
  path.setAttribute('d', icons[name])
  svg.append(path)
  return svg
}

/** button makes a button with an icon in front of its words. */
export function button(
  label: string,
  onclick: () => void,
  props: Record<string, Prop> & { icon?: keyof typeof icons } = {},
): HTMLButtonElement {
  const { icon: name, ...rest } = props
  return h('button', { type: 'button', ...rest, onclick }, name && icon(name), h('span', {}, label))
}

/** announce has a screen reader say something. */
export function announce(text: string): void {
  byId('live').textContent = text
}

/** errorText is what to show of an error: a MasqError's message is a sentence for the user. */
export function errorText(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string }
  if (code === 'E_TOOBIG') return 'It is too long: 1 MB is the most. Split it into several notes.'
  if (!code || !message || reload.includes(code)) return 'Something went wrong. Please reload this page.'
  return message
}

// Errors whose message is for programmers.
const reload = ['E_CLOSED', 'E_FENCED', 'E_INTERNAL', 'E_KEY', 'E_VALUE']
