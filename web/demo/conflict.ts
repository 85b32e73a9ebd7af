// A note that two devices changed at the same time: all its versions, how they differ, and what to keep.
import { compared } from './diff.js'
import { button, h, icon } from './dom.js'
import { errorText } from './errors.js'
import { called, differing, equal, type Item, type Note } from './note.js'
import type { Notebook } from './notebook.js'
import { toast } from './toast.js'
import { iso, listed, t, when } from './words.js'

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
      problem.textContent = t('nothingChanged', { why: errorText(error) })
      problem.hidden = false
      return
    }
    done()
    const dropped = versions.filter((v) => v !== keep && !copies.includes(v))
    if (copies.length > 0) toast(t('allKept'))
    else toast(t('oneKept'), { label: t('keepRest'), run: () => void addRest(book, dropped) })
  }
  const [first, ...others] = versions as [Note, ...Note[]]
  const n = versions.length
  return h(
    'section',
    { class: 'conflict', 'aria-labelledby': 'conflict-title' },
    h('div', { class: 'tools' }, button(t('allNotes'), back, { icon: 'back', class: 'tool back' })),
    h('h2', { id: 'conflict-title', tabindex: -1 }, n === 2 ? t('twoVersions') : t('manyVersions', { n })),
    h('p', {}, t('versionsText')),
    problem,
    h('div', { class: 'cards' }, ...versions.map((_, i) => card(versions, i, book.own, (v) => void settle(v, [])))),
    h(
      'p',
      { class: 'actions' },
      button(n === 2 ? t('keepBoth') : t('keepAll', { n }), () => void settle(first, others)),
    ),
  )
}

// addRest offers what was not kept again until it is.
async function addRest(book: Notebook, notes: Note[]): Promise<void> {
  try {
    await book.put(notes.map((note) => [crypto.randomUUID(), note]))
  } catch (error) {
    const action = { label: t('keepRest'), run: () => void addRest(book, notes) }
    toast(t('notRestored', { why: errorText(error) }), action)
  }
}

// Each version is compared with the newest, and that with the next.
function card(versions: Note[], i: number, own: string, keep: (note: Note) => void): HTMLElement {
  const n = i + 1
  const [note, than] = [versions[i]!, i === 0 ? 1 : 0]
  return h(
    'section',
    { class: 'card', 'aria-label': t('versionOf', { n, note: called(note) }) },
    h('h3', {}, t('version', { n })),
    h('p', { class: 'meta' }, [writer(note, own), t('edited', { when: when(note.edited, Date.now()) })].join(' · ')),
    difference(note, versions[than]!, than + 1),
    content(note, versions[than]!, n),
    button(t('keepThis'), () => keep(note), { class: 'primary', 'aria-label': t('keepThisN', { n }) }),
  )
}

const writer = ({ by }: Note, own: string): string =>
  !by ? t('writerUnknown') : by === own ? t('writtenHere') : t('writtenOn', { device: iso(by) })

function difference(note: Note, other: Note, n: number): HTMLElement {
  const where = listed(differing(note, other).map((field) => t(`field_${field}`)))
  return h('p', { class: 'hint' }, where ? t('differs', { n, fields: where }) : t('sameContent', { n }))
}

function content(note: Note, other: Note, n: number): HTMLElement {
  return h(
    'div',
    { class: 'read', tabindex: 0, role: 'group', 'aria-label': t('contentOf', { n }) }, // it may scroll
    h('p', { class: 'headline' }, ...(note.title ? marked(note.title, other.title) : [t('withoutTitle')])),
    note.pinned && h('p', { class: 'meta' }, t('isPinned')),
    note.text && h('p', { class: 'body' }, ...marked(note.text, other.text)),
    note.items.length > 0 && h('ul', {}, ...note.items.map((item) => row(item, other.items))),
  )
}

function row(item: Item, others: Item[]): HTMLElement {
  const extra = !others.some((other) => equal(other, item))
  return h(
    'li',
    { class: item.done && 'done' },
    item.done && icon('check'),
    ...(extra ? [only(item.text)] : [item.text]),
    item.done && h('span', { class: 'unseen' }, ' ' + t('done')),
  )
}

const marked = (text: string, other: string): (string | HTMLElement)[] =>
  compared(text, other).flatMap((part) => {
    const space = /^\s*/.exec(part.text)![0]
    return part.extra ? [space, only(part.text.slice(space.length))] : [part.text]
  })

// What only this version has is underlined for the eye, and said to the ear.
const only = (text: string): HTMLElement =>
  h(
    'mark',
    {},
    h('span', { class: 'unseen' }, t('onlyHere') + ' '),
    text,
    h('span', { class: 'unseen' }, t('onlyHereEnd')),
  )
