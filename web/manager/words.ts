// The page's words in the user's language: strings.ts has them, this fills them in.
import { iso, type Language, preferred, span, type Values, Words } from '../shared/words.js'
import { type Child, foreign, h } from '../shared/dom.js'
import { en, fr, type Key } from './strings.js'

export { iso, type Language }

/** languages is what each calls itself. */
export const languages: Record<Language, string> = { en: 'English', fr: 'Français' }

const place = 'masq-language' // in localStorage
const chosen = localStorage.getItem(place)
const words = new Words<Key>({ en, fr }, chosen === 'en' || chosen === 'fr' ? chosen : preferred())

/** language is the one in use. */
export const language = (): Language => words.language

/** setLanguage changes the language, for later visits too. */
export function setLanguage(to: Language): void {
  words.language = to
  localStorage.setItem(place, to)
}

/** t is a string. Text that others chose is kept from changing the direction of the rest: wrap it in iso(). */
export const t = (key: Key, values?: Values<string>): string => words.text(key, values)

/** rich is a string whose places are filled with elements. */
export const rich = (key: Key, values: Values<Child>): Child[] => words.parts(key, values)

/** strong is text that others chose, made to stand out. */
export const strong = (text: string): Child => h('strong', {}, foreign(text))

/** number writes a number. */
export const number = (n: number): string => words.number(n)

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']

/** size writes an amount of data. */
export function size(bytes: number): string {
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const unit = units[step] ?? 'byte'
  const options = {
    style: 'unit',
    unit,
    unitDisplay: step === 0 ? 'long' : 'short',
    maximumSignificantDigits: 3,
  } as const
  return new Intl.NumberFormat(words.tag, options).format(bytes / 1000 ** step)
}

const minute = 60_000

/** ago says how long ago a time was. */
export function ago(time: number, now = Date.now()): string {
  if (now - time > 30 * 24 * 60 * minute) return t('onDate', { date: date(time) })
  const past = span(now - time)
  return past ? words.relative(-past.n, past.unit) : t('justNow')
}

/** ahead says in how many minutes a time is. */
export const ahead = (time: number, now = Date.now()): string =>
  time - now < minute ? t('withinMinute') : words.relative(Math.round((time - now) / minute), 'minute')

/** date is a day. */
export const date = (time: number): string => words.date({ dateStyle: 'medium' }, time)

/** left is what is left until a time, in minutes and seconds; '' when it is over. */
export function left(time: number, now = Date.now()): string {
  const s = Math.ceil((time - now) / 1000)
  if (!(s > 0)) return ''
  return s < 60 ? `${s}\u00a0s` : `${Math.floor(s / 60)}\u00a0min ${s % 60}\u00a0s`
}
