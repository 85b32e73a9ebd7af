// A page's words in the user's language: a table of strings for each, and what Intl knows of dates and numbers.

/** Language is one that the pages speak. */
export type Language = 'en' | 'fr'

/** Entry is a string, or its forms. {places} are filled in; where n is one of them, there may be a form for one and one for others. */
export type Entry = string | { one: string; other: string }

/** Like is a table with all the strings of another, and the same forms of each. */
export type Like<T> = { [K in keyof T]: T[K] extends string ? string : { one: string; other: string } }

/** Values fill the places of a string, {like} this. n also chooses the plural form. */
export type Values<T> = Record<string, T | number>

const spoken = (tag: string): tag is Language => tag === 'en' || tag === 'fr'
const wanted = (): readonly string[] => globalThis.navigator?.languages ?? []

/** preferred is the first of the user's languages that the pages speak. */
export const preferred = (): Language =>
  wanted()
    .map((tag) => tag.slice(0, 2))
    .find(spoken) ?? 'en'

/** Words says the strings of a page's tables. */
export class Words<K extends string> {
  readonly #formats = new Map<string, unknown>()
  readonly #tables: Record<Language, Record<K, Entry>>

  constructor(
    tables: Record<Language, Record<K, Entry>>,
    public language: Language,
  ) {
    this.#tables = tables
  }

  /** text is a string with its places filled in. */
  text(key: K, values: Values<string> = {}): string {
    return this.#form(key, values.n).replace(/\{(\w+)\}/g, (_, name: string) => this.#plain(values[name] ?? ''))
  }

  /** parts is a string cut at its places, and what fills them. */
  parts<T>(key: K, values: Values<T>): (string | T | undefined)[] {
    return this.#form(key, values.n)
      .split(/\{(\w+)\}/)
      .map((part, i) => (i % 2 === 0 ? part : this.#plain(values[part])))
  }

  number(n: number): string {
    return this.#format('number', (tag) => new Intl.NumberFormat(tag)).format(n)
  }

  /** date writes a time as options say. Formats are made once: each takes longer than all that it writes. */
  date(options: Intl.DateTimeFormatOptions, ms: number): string {
    return this.#format(JSON.stringify(options), (tag) => new Intl.DateTimeFormat(tag, options)).format(ms)
  }

  /** relative says how far away a time is: n units, negative before now. */
  relative(n: number, unit: Intl.RelativeTimeFormatUnit): string {
    return this.#format('relative', (tag) => new Intl.RelativeTimeFormat(tag)).format(n, unit)
  }

  /** list joins texts, the last one by "and". */
  list(items: string[]): string {
    return this.#format('list', (tag) => new Intl.ListFormat(tag)).format(items)
  }

  /** tag is the language with the user's own region, where the browser knows it: dates depend on it. */
  get tag(): string {
    return wanted().find((l) => l.startsWith(this.language)) ?? this.language
  }

  #form(key: K, n: unknown): string {
    const entry: Entry = this.#tables[this.language][key]
    if (typeof entry === 'string') return entry
    return this.#format('plural', (tag) => new Intl.PluralRules(tag)).select(Number(n)) === 'one'
      ? entry.one
      : entry.other
  }

  #plain<T>(value: T | number): T | string {
    return typeof value === 'number' ? this.number(value) : value
  }

  #format<F>(name: string, make: (tag: string) => F): F {
    const key = `${this.tag} ${name}`
    if (!this.#formats.has(key)) this.#formats.set(key, make(this.tag))
    return this.#formats.get(key) as F
  }
}

const minute = 60_000
const spans: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 24 * 60 * minute],
  ['hour', 60 * minute],
  ['minute', minute],
]

/** span is how long something takes in the unit that fits; nothing if it is less than a minute. */
export function span(ms: number): { n: number; unit: Intl.RelativeTimeFormatUnit } | undefined {
  const [unit, length] = spans.find(([, length]) => ms >= length) ?? []
  return unit && length ? { n: Math.floor(ms / length), unit } : undefined
}

/** iso isolates text that others chose, where there can be no element around it. */
export const iso = (text: string): string => `\u2068${text}\u2069`
