// A value as JSON text, unless JSON.stringify would lose or change something without a word: then that is refused, with its place.

import { MasqError } from './errors.js'

/** How many levels of arrays and objects a value may have. */
const DEPTH_MAX = 1000

const PATH_CHARACTERS_MAX = 200
const BYTES = 'bytes, which JSON cannot hold: put them under a key of their own'

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
/** Text that needs no escapes; where it is long, JSON.stringify finds out faster. */
const simple = /^[^"\\\u0000-\u001f\ud800-\udfff]{0,40}$/

/**
 * The JSON text of a value. Throws E_VALUE, which names the place (`root` is the value itself), and E_TOOBIG if it has more than
 * `most` characters; it may be a little longer.
 */
export function stringify(value: unknown, root: string, most: number): string {
  const walk = new Walk(most)
  try {
    if (isOrdinary(value, most)) return JSON.stringify(value)
    walk.write(value, '')
    return walk.text
  } catch (e) {
    if (e instanceof MasqError) throw e
    const why = e instanceof Refusal ? e.message : `reading it failed: ${String(e).slice(0, 100)}`
    throw new MasqError('E_VALUE', `${walk.place(root)}: ${why}`)
  }
}

/**
 * Whether a value is such that JSON.stringify, which is several times as fast as the walk below, does it justice: most are. Of
 * everything else the walk knows more.
 */
function isOrdinary(value: unknown, most: number): boolean {
  let left = most // of what is looked at: each has a character at least
  const inside = (v: unknown, depth: number): boolean => {
    if (typeof v === 'string' || typeof v === 'boolean' || v === null) return true
    if (typeof v === 'number') return Number.isFinite(v) && !Object.is(v, -0)
    if (typeof v !== 'object' || depth === DEPTH_MAX || !isPlain(v)) return false
    const names = Object.keys(v)
    if (Array.isArray(v) && names.length !== v.length) return false
    left -= names.length + 1
    if (left < 0) return false
    for (const name of names) {
      const item = (v as Record<string, unknown>)[name]
      if (item !== undefined ? !inside(item, depth + 1) : Array.isArray(v)) return false
    }
    return true
  }
  try {
    return inside(value, 0)
  } catch {
    return false // a getter
  }
}

function isPlain(v: object): boolean {
  if ('toJSON' in v || Object.getOwnPropertySymbols(v).length > 0) return false
  const proto = Object.getPrototypeOf(v) as object | null
  if (Array.isArray(v)) return proto === Array.prototype
  return (proto === Object.prototype || proto === null) && Object.prototype.toString.call(v) === '[object Object]'
}

class Refusal extends Error {}

class Walk {
  text = ''
  /** The arrays and objects that the walk is in, and in each of them where. */
  #in: object[] = []
  #path: (string | number)[] = []
  #most: number

  constructor(most: number) {
    this.#most = most
  }

  write(v: unknown, key: string | number): void {
    switch (typeof v) {
      case 'string':
        this.text += quote(v)
        return
      case 'number':
        if (!Number.isFinite(v)) throw new Refusal(`${v}, which JSON does not have`)
        this.text += Object.is(v, -0) ? '-0' : v
        return
      case 'boolean':
        this.text += v
        return
      case 'object':
        if (v === null) this.text += 'null'
        else this.#object(v, key)
        return
      case 'undefined':
        throw new Refusal(this.#in.length > 0 ? 'undefined: use null' : 'undefined: use del() to delete')
      default:
        throw new Refusal(`a ${typeof v}`)
    }
  }

  /** Where the walk is. */
  place(root: string): string {
    const steps = this.#path.slice(0, this.#in.length).map(step).join('')
    const long = steps.length > PATH_CHARACTERS_MAX
    return root + (long ? `${steps.slice(0, PATH_CHARACTERS_MAX / 2)}…${steps.slice(-PATH_CHARACTERS_MAX / 2)}` : steps)
  }

  #object(v: object, key: string | number): void {
    if (ArrayBuffer.isView(v)) throw new Refusal(BYTES)
    const { toJSON } = v as { toJSON?: unknown }
    if (typeof toJSON === 'function') {
      const instead = toJSON.call(v, String(key)) as unknown
      // As a Date does that is none. Whoever means null can put null.
      if (instead === null || instead === undefined) throw new Refusal(`its toJSON() returns ${instead}`)
      if (typeof instead !== 'object') return this.write(instead, key)
      v = instead
    }
    const array = Array.isArray(v)
    const why = array ? unfitArray(v as unknown[]) : unfit(v)
    if (why) throw new Refusal(why)
    if (this.text.length > this.#most) throw new MasqError('E_TOOBIG', `the value has more than ${this.#most} bytes`)
    if (this.#in.length === DEPTH_MAX) throw this.#tooDeep(v)
    this.#in.push(v)
    if (array) this.#array(v as unknown[])
    else this.#record(v as Record<string, unknown>)
    this.#in.pop()
  }

  #array(v: unknown[]): void {
    const at = this.#in.length - 1
    this.text += '['
    for (let i = 0; i < v.length; i++) {
      this.#path[at] = i
      if (i > 0) this.text += ','
      this.write(v[i], i)
    }
    this.text += ']'
  }

  #record(v: Record<string, unknown>): void {
    const at = this.#in.length - 1
    let before = '{'
    for (const name of Object.keys(v)) {
      this.#path[at] = name
      const item = v[name]
      if (item === undefined) continue
      this.text += before + quote(name) + ':'
      before = ','
      this.write(item, name)
    }
    this.text += before === '{' ? '{}' : '}'
  }

  #tooDeep(v: object): Refusal {
    const all = [...this.#in, v]
    const again = all.findIndex((o, i) => all.indexOf(o) < i)
    if (again < 0) return new Refusal('nested over 1,000 levels')
    this.#in.length = again
    return new Refusal('a cycle: it holds itself')
  }
}

/** Why JSON would lose something of an object, if it would. */
function unfit(v: object): string | undefined {
  // What the platform makes, and its subclasses, keep their data where JSON does not look; all have a tag of their own.
  const tag = Object.prototype.toString.call(v)
  if (tag !== '[object Object]') return foreign(tag.slice(8, -1))
  const proto = Object.getPrototypeOf(v) as object | null
  if (proto !== Object.prototype && proto !== null) {
    if (Object.getPrototypeOf(proto) !== null && Object.keys(v).length === 0)
      return 'an object of a class, without properties of its own'
    for (const name in v) {
      if (!Object.hasOwn(v, name) && typeof (v as Record<string, unknown>)[name] !== 'function')
        return `its prototype holds \`${name}\`: copy it into the object`
    }
  }
  return unfitSymbol(v)
}

function foreign(tag: string): string {
  if (tag === 'ArrayBuffer') return BYTES
  return tag === 'Promise' ? 'a Promise: await it' : `an object of type ${tag}`
}

/** The same for an array. What is missing in it is found when it is its turn. */
function unfitArray(v: unknown[]): string | undefined {
  const names = Object.keys(v)
  return names.length > v.length ? `an array with the property \`${names.at(-1)}\`` : unfitSymbol(v)
}

function unfitSymbol(v: object): string | undefined {
  const symbol = Object.getOwnPropertySymbols(v).find((s) => Object.prototype.propertyIsEnumerable.call(v, s))
  return symbol && `the property ${String(symbol)}: names are text`
}

function quote(s: string): string {
  return simple.test(s) ? `"${s}"` : JSON.stringify(s)
}

function step(s: string | number): string {
  if (typeof s === 'number') return `[${s}]`
  return identifier.test(s) ? `.${s}` : `[${JSON.stringify(s)}]`
}
