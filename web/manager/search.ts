// Looking for something in a long list.
import { type Child, h } from '../shared/dom.js'
import type { Page } from './page.js'
import { iso, t } from './words.js'

const shortMost = 8 // entries that are seen at a glance

/** Found is what of a list is to be shown, and the field above it, which a short list has not. */
export interface Found<T> {
  field: Child
  items: readonly T[]
}

/** searched is what is found of items by what was typed above the list called name. words are those of an item, label says what is looked for. */
export function searched<T>(
  m: Page,
  name: string,
  label: string,
  items: readonly T[],
  words: (item: T) => readonly string[],
): Found<T> {
  if (items.length <= shortMost) return { field: null, items }
  const query = m.queries.get(name) ?? ''
  const wanted = query.toLowerCase().split(/\s+/)
  const found = items.filter((item) => {
    const all = words(item).join(' ').toLowerCase()
    return wanted.every((word) => all.includes(word))
  })
  const typed = (e: Event) => m.search(name, (e.currentTarget as HTMLInputElement).value)
  const field = h(
    'search',
    { key: `search ${name}` },
    h('input', {
      type: 'search',
      value: query,
      placeholder: label,
      'aria-label': label,
      autocomplete: 'off',
      oninput: typed,
    }),
    query.trim() !== '' &&
      h(
        'p',
        { class: 'hint', role: 'status' },
        found.length > 0 ? t('found', { n: found.length, all: items.length }) : t('foundNone', { query: iso(query) }),
      ),
  )
  return { field, items: found }
}
