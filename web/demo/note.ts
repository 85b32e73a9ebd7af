// What a note is, and the pure functions on it.

/** Item is a line of a note's checklist. */
export interface Item {
  text: string
  done: boolean
}

/** Note is the value of one key. Times are Unix milliseconds. */
export interface Note {
  title: string
  text: string
  items: Item[]
  pinned: boolean
  created: number
  edited: number
}

/** blank is a note with nothing in it. */
export function blank(now: number): Note {
  return { title: '', text: '', items: [], pinned: false, created: now, edited: now }
}

/** parse reads a stored value, which another version of this application may have written: what is missing or odd is empty. */
export function parse(value: unknown): Note {
  const v = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  return {
    title: text(v.title),
    text: text(v.text),
    items: Array.isArray(v.items) ? v.items.map((i) => ({ text: text(i?.text), done: i?.done === true })) : [],
    pinned: v.pinned === true,
    created: time(v.created),
    edited: time(v.edited),
  }
}

const text = (x: unknown): string => (typeof x === 'string' ? x : '')
const time = (x: unknown): number => (typeof x === 'number' && Number.isFinite(x) ? x : 0)

/** same says whether a reader would see the same in both. */
export function same(a: Note, b: Note): boolean {
  return fields.every((f) => equal(a[f], b[f]))
}

const fields = ['title', 'text', 'items', 'pinned'] as const
const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/**
 * merge joins two notes that both began as base, field by field. Where both changed one field differently, mine stays and
 * clash is true: theirs must then be kept somewhere else.
 */
export function merge(base: Note, mine: Note, theirs: Note): { note: Note; clash: boolean } {
  const note = { ...mine, edited: Math.max(mine.edited, theirs.edited) }
  let clash = false
  for (const f of fields) {
    if (equal(mine[f], base[f])) Object.assign(note, { [f]: theirs[f] })
    else if (!equal(theirs[f], base[f]) && !equal(theirs[f], mine[f])) clash = true
  }
  return { note, clash }
}

/** headline is what a list calls the note. */
export function headline(note: Note): string {
  return (note.title || firstLine(note.text) || note.items[0]?.text || '').trim().slice(0, 200) || 'Untitled'
}

/** excerpt is the line below the headline. */
export function excerpt(note: Note): string {
  if (note.items.length > 0) return `${note.items.filter((i) => i.done).length} of ${note.items.length} done`
  const body = note.title ? note.text : note.text.trim().slice(firstLine(note.text).length)
  return body.trim().replace(/\s+/g, ' ').slice(0, 200)
}

const firstLine = (s: string): string => s.trim().split('\n', 1)[0] ?? ''

/** contains says whether every word of query is somewhere in the note. */
export function contains(note: Note, query: string): boolean {
  const all = [note.title, note.text, ...note.items.map((i) => i.text)].join('\n').toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word))
}

/** byRank orders notes: pinned ones first, then the last edited. */
export function byRank(a: [string, Note], b: [string, Note]): number {
  return Number(b[1].pinned) - Number(a[1].pinned) || b[1].edited - a[1].edited || (a[0] < b[0] ? -1 : 1)
}

/** when says a time as short as is clear: the time today, the day this year. */
export function when(ms: number, now: number): string {
  if (!ms) return ''
  const then = new Date(ms)
  const today = new Date(now)
  if (then.toDateString() === today.toDateString())
    return then.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  const year = then.getFullYear() === today.getFullYear() ? undefined : 'numeric'
  return then.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year })
}
