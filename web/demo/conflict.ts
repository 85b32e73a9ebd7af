// A note that two devices changed at the same time: all its versions, and what to keep.
import { button, errorText, h } from './dom'
import { readOnly } from './editor'
import { headline, type Note, when } from './note'
import type { Notebook } from './notebook'
import { toast } from './toast'

/** conflictView shows the versions of a note. done is called when the user has chosen. */
export function conflictView(
  book: Notebook,
  id: string,
  versions: Note[],
  back: () => void,
  done: () => void,
): HTMLElement {
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const settle = async (keep: Note, copies: Note[]) => {
    try {
      await book.keep(id, { ...keep, edited: Date.now() }, copies)
    } catch (error) {
      problem.textContent = 'Nothing was changed. ' + errorText(error)
      problem.hidden = false
      return
    }
    done()
    const dropped = versions.filter((v) => v !== keep && !copies.includes(v))
    if (copies.length > 0) toast('Every version is now a note of its own.')
    else
      toast('One version kept.', { label: 'Keep the rest, too', run: () => dropped.forEach((v) => void book.add(v)) })
  }
  const [first, ...others] = versions as [Note, ...Note[]]
  const all = versions.length === 2 ? 'Keep both as separate notes' : `Keep all ${versions.length} as separate notes`
  return h(
    'section',
    { class: 'conflict', 'aria-labelledby': 'conflict-title' },
    h('div', { class: 'tools' }, button('All notes', back, { icon: 'back', class: 'tool back' })),
    h(
      'h2',
      { id: 'conflict-title', tabindex: -1 },
      versions.length === 2 ? 'Two versions of this note' : `${versions.length} versions of this note`,
    ),
    h(
      'p',
      {},
      'It was changed on different devices before they heard of each other. Nothing is lost: choose what to keep.',
    ),
    problem,
    h('div', { class: 'cards' }, ...versions.map((v, i) => card(v, i + 1, () => void settle(v, [])))),
    h(
      'p',
      { class: 'actions' },
      button(all, () => void settle(first, others)),
    ),
  )
}

function card(note: Note, n: number, keep: () => void): HTMLElement {
  return h(
    'section',
    { class: 'card', 'aria-label': `Version ${n}: ${headline(note)}` },
    h('p', { class: 'meta' }, `Version ${n} · Edited ${when(note.edited, Date.now())}`),
    readOnly(note),
    button('Keep this version', keep, { class: 'primary', 'aria-label': `Keep this version (${n})` }),
  )
}
