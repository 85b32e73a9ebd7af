// The page's words in the user's language: strings.ts has them, this fills them in.
import { type Child, foreign, h } from './dom'
import { en, fr, type Key, type Strings } from './strings'

/** Language is one that the page speaks. */
export type Language = 'en' | 'fr'

/** languages is what each calls itself. */
export const languages: Record<Language, string> = { en: 'English', fr: 'Français' }

const tables: Record<Language, Strings> = { en, fr }
const place = 'masq-language' // in localStorage

/** language is the one in use. */
export let language: Language = choose()

function choose(): Language {
  const spoken = (tag?: string | null): tag is Language => tag === 'en' || tag === 'fr'
  const chosen = localStorage.getItem(place)
  if (spoken(chosen)) return chosen
  return navigator.languages.map((tag) => tag.slice(0, 2)).find(spoken) ?? 'en'
}

/** setLanguage changes the language, for later visits too. */
export function setLanguage(to: Language): void {
  language = to
  localStorage.setItem(place, to)
}

// tag is the language with the user's own region, where the browser knows it: dates depend on it.
const tag = (): string => navigator.languages.find((l) => l.startsWith(language)) ?? language

/** Values fill the places of a string, {like} this. n also chooses the plural form. */
type Values<T> = Record<string, T | number>

function form(key: Key, n: unknown): string {
  const entry = tables[language][key]
  if (typeof entry === 'string') return entry
  return new Intl.PluralRules(language).select(Number(n)) === 'one' ? entry.one : entry.other
}

/** t is a string. Text that others chose is kept from changing the direction of the rest: wrap it in iso(). */
export function t(key: Key, values: Values<string> = {}): string {
  return form(key, values.n).replace(/\{(\w+)\}/g, (_, name: string) => plain(values[name] ?? ''))
}

/** rich is a string whose places are filled with elements. */
export function rich(key: Key, values: Values<Child>): Child[] {
  return form(key, values.n)
    .split(/\{(\w+)\}/)
    .map((part, i) => (i % 2 === 0 ? part : fill(values[part])))
}

const fill = (value: Child | number): Child => (typeof value === 'number' ? number(value) : value)
const plain = (value: string | number): string => (typeof value === 'number' ? number(value) : value)

/** iso isolates text that others chose, where there can be no element around it. */
export const iso = (text: string): string => `\u2068${text}\u2069`

/** strong is text that others chose, made to stand out. */
export const strong = (text: string): Child => h('strong', {}, foreign(text))

/** number writes a number. */
export const number = (n: number): string => new Intl.NumberFormat(tag()).format(n)

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
  return new Intl.NumberFormat(tag(), options).format(bytes / 1000 ** step)
}

const minute = 60_000
const spans: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 24 * 60 * minute],
  ['hour', 60 * minute],
  ['minute', minute],
]

/** ago says how long ago a time was. */
export function ago(time: number, now = Date.now()): string {
  const ms = now - time
  if (ms > 30 * 24 * 60 * minute) return t('onDate', { date: date(time) })
  const [unit, length] = spans.find(([, length]) => ms >= length) ?? []
  return unit && length ? relative(-Math.floor(ms / length), unit) : t('justNow')
}

/** ahead says in how many minutes a time is. */
export const ahead = (time: number, now = Date.now()): string =>
  time - now < minute ? t('withinMinute') : relative(Math.round((time - now) / minute), 'minute')

const relative = (n: number, unit: Intl.RelativeTimeFormatUnit): string =>
  new Intl.RelativeTimeFormat(tag()).format(n, unit)

/** date is a day. */
export const date = (time: number): string => new Intl.DateTimeFormat(tag(), { dateStyle: 'medium' }).format(time)

/** left is what is left until a time, in minutes and seconds; '' when it is over. */
export function left(time: number, now = Date.now()): string {
  const s = Math.ceil((time - now) / 1000)
  if (!(s > 0)) return ''
  return s < 60 ? `${s}\u00a0s` : `${Math.floor(s / 60)}\u00a0min ${s % 60}\u00a0s`
}
