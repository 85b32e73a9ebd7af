// An application that asks for access. What the store knows of it (its origin) is the largest thing; what it says of itself
// stands apart, as such: it can say anything.
import { appIcon, browserName, spelled } from './parts.js'
import { button, type Element, foreign, h, icon } from '../shared/dom.js'
import type { Page } from './page.js'
import type { Request } from './state.js'
import { ago, ahead, iso, rich, strong, t } from './words.js'

/** requestCard shows it. */
export function requestCard(m: Page, r: Request): Element {
  const who = r.program ?? (r.origin || r.app)
  const web = !r.program && /^https?:/.test(who)
  const others = !!r.program && r.program !== r.app // it wants what a web application has stored
  const ready = m.ready(r.request)
  const answer = (method: 'allow' | 'refuse') => () => void m.act(method, { request: r.request })
  const title = `request-${r.request}`
  return h(
    'article',
    { key: `request ${r.request}`, class: 'request', 'aria-labelledby': title },
    h('p', { class: 'kind' }, icon(web ? 'apps' : 'devices'), t(web ? 'webApp' : 'nativeApp')),
    h('h3', { id: title, class: 'origin' }, h('bdi', { dir: 'ltr' }, ...parts(who))),
    web && r.browser !== undefined && h('p', {}, t('asksFrom', { browser: browserName(r) })),
    h('p', { class: 'meta' }, `${t('askedAgo', { ago: ago(r.asked) })} · ${t('askEnds', { when: ahead(r.expires) })}`),
    claim(r),
    others &&
      h('p', { class: 'problem' }, icon('alert'), h('span', {}, ...rich('programWants', { app: strong(r.app) }))),
    r.again && h('p', { class: 'note' }, t('askedAgain')),
    h('p', { class: 'shared' }, ...rich(wordsOn(r), { digits: h('b', {}, ...spelled(r.digits)) })),
    h('p', { class: 'hint' }, t(others ? 'allowMeansProgram' : 'allowMeans')),
    h(
      'div',
      { class: 'actions' },
      !r.allowed &&
        button(t('allow'), answer('allow'), {
          class: 'primary',
          disabled: !ready,
          'aria-label': `${t('allow')} ${iso(who)}`,
        }),
      button(t('refuse'), answer('refuse'), { disabled: !ready, 'aria-label': `${t('refuse')} ${iso(who)}` }),
    ),
  )
}

// What the digits are for: whoever keeps data already has them typed there, and moves it nowhere else.
const wordsOn = (r: Request) => (r.allowed ? 'digitsAllowed' : r.typing ? 'digitsTyped' : 'digitsShown')

const claim = (r: Request): Element =>
  h(
    'div',
    { class: 'claim' },
    h('p', { class: 'hint' }, t('claims')),
    h(
      'div',
      { class: 'claimed' },
      appIcon(r),
      h(
        'div',
        {},
        h('p', { class: 'claimed-name' }, foreign(r.name)),
        r.description && h('p', { class: 'claimed-text' }, foreign(r.description)),
      ),
    ),
  )

// The host is what counts in an origin, and is what stands out. Where it is too long for a line, it breaks before a dot.
function parts(who: string): (Element | string)[] {
  const [, scheme, host] = /^(https?:\/\/)(.*)$/.exec(who) ?? []
  const labels = (host ?? who).split(/(?=\.)/).flatMap((label) => [h('wbr'), label])
  return scheme ? [h('span', { class: 'scheme' }, scheme), ...labels] : labels.slice(1)
}
