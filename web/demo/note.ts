// What a note is, and the pure functions on it.
import { iso, t } from './words.js'

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
  /** The name of the device that wrote it, '' if nobody knows. It is in the note because Masq tells of the newest version only. */
  by: string
}

/** blank is a note with nothing in it. */
export function blank(now: number): Note {
  return { title: '', text: '', items: [], pinned: false, created: now, edited: now, by: '' }
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
    by: name(v.by),
  }
}

const text = (x: unknown): string => (typeof x === 'string' ? x : '')
const name = (x: unknown): string => text(x).slice(0, 40)
const time = (x: unknown): number => (typeof x === 'number' && Number.isFinite(x) ? x : 0)

/** same says whether a reader would see the same in both. */
export const same = (a: Note, b: Note): boolean => differing(a, b).length === 0

/** differing are the fields in which two notes differ. */
export const differing = (a: Note, b: Note): (typeof fields)[number][] => fields.filter((f) => !equal(a[f], b[f]))

/** fields are the parts of a note that a reader sees. */
export const fields = ['title', 'text', 'items', 'pinned'] as const

/** equal compares two values of a field. */
export const equal = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

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
  return (note.title || firstLine(note.text) || note.items[0]?.text || '').trim().slice(0, 200) || t('untitled')
}

/** called is a note's headline in a sentence: short, and with its direction kept to itself. */
export function called(note: Note): string {
  const whole = headline(note)
  return iso(whole.length > 60 ? whole.slice(0, 59) + '…' : whole)
}

/** excerpt is the line below the headline. */
export function excerpt(note: Note): string {
  if (note.items.length > 0) {
    const n = note.items.filter((i) => i.done).length
    return t('itemsDone', { n, all: note.items.length })
  }
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
