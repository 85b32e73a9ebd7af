// The page's words in the user's language: strings.ts has them, this fills them in.
import { iso, preferred, span, type Values, Words } from '../shared/words.js'
import { en, fr, type Key } from './strings.js'

const words = new Words<Key>({ en, fr }, preferred())

export { iso }

/** language is the one in use. */
export const language = words.language

/** t is a string. Text that others chose is kept from changing the direction of the rest: wrap it in iso(). */
export const t = (key: Key, values?: Values<string>): string => words.text(key, values)

/** rich is a string whose places are filled with nodes. */
export const rich = (key: Key, values: Values<Node>): (string | Node)[] =>
  words.parts(key, values).filter((part) => part !== undefined)

/** listed joins names, the last one by "and". */
export const listed = (items: string[]): string => words.list(items)

/** has says whether there is a string of that name. */
export const has = (key: string): key is Key => Object.hasOwn(en, key)

/** when says a time as short as is clear: the time today, the day this year. */
export function when(ms: number, now: number): string {
  if (!ms) return ''
  const [then, today] = [new Date(ms), new Date(now)]
  if (then.toDateString() === today.toDateString()) return clock(ms)
  const year = then.getFullYear() === today.getFullYear() ? undefined : 'numeric'
  return words.date({ day: 'numeric', month: 'short', year }, ms)
}

/** clock is a time of the day. */
export const clock = (ms: number): string => words.date({ hour: '2-digit', minute: '2-digit' }, ms)

/** ago says how long ago something was, in the unit that fits. */
export function ago(ms: number): string {
  const past = span(ms)
  return past ? words.relative(-past.n, past.unit) : t('justNow')
}
