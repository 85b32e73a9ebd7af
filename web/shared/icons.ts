// The icons of all pages.

/** icons are the paths of 24 × 24 icons, drawn with a line of 1.75. */
export const icons = {
  alert: 'M12 4L2.500 20h19zM12 10v4.500M12 17.200v.1',
  apps: 'M4 4h6.500v6.500H4zM13.500 4H20v6.500h-6.500zM4 13.500h6.500V20H4zM13.500 13.500H20V20h-6.500z',
  back: 'M15 5l-7 7 7 7',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M8.5 8.500h11v11h-11zM15.500 8V4.500h-11v11H8',
  devices: 'M3 5.5h13v9H3zM1.5 18h11M16 9.500h5.500V19H16z',
  down: 'M6 9.500l6 6 6-6',
  help: 'M12 3.500a8.500 8.500 0 1 1 0 17 8.500 8.500 0 0 1 0-17M9.500 9.800a2.500 2.500 0 1 1 3.600 2.200c-.8.400-1.100.9-1.100 1.800M12 16.700v.1',
  key: 'M8.500 12a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7M11 13L19.500 4.500M16 8l2.500 2.500',
  list: 'M4 6.500l1.500 1.500L8 5.500M4 16.500l1.500 1.500L8 15.500M12 7h8M12 17h8',
  off: 'M4 4l16 16M7.500 9.500A4.500 4.500 0 0 0 7 18.500h10M10 6.500a5.500 5.500 0 0 1 8 4.500 4 4 0 0 1 2.500 5.500',
  phone: 'M7.500 2.500h9v19h-9zM11 18.500h2',
  pin: 'M9 3.500h6l-.8 6.500 3.300 3.500h-11L9.800 10zM12 13.500v7',
  plus: 'M12 5v14M5 12h14',
  split: 'M12 21v-7M12 14L5.500 7.500M12 14l6.500-6.500M5 12V7h5M14 7h5v5',
  sync: 'M4.500 12a7.500 7.500 0 0 1 13-5l2 2M19.500 4.500V9H15M19.500 12a7.500 7.500 0 0 1-13 5l-2-2M4.500 19.500V15H9',
  trash:
    'M4.500 6.500h15M9.500 6.500V4h5v2.500M6.500 6.500l1 13.500h9l1-13.500M10.300 10.500v5.500M13.700 10.500v5.500',
  wait: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16M12 8v4.500l3 1.800',
} as const

/** IconName is the name of an icon. */
export type IconName = keyof typeof icons

/** icon draws an icon. It is decoration: the words beside it, or the button's label, say what it means. */
export function icon(name: IconName): SVGElement {
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
