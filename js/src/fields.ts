// Objects of options: what is not understood is refused, because leaving it out would do something else than was asked for.

import { MasqError } from './errors.js'

/** Each name that an object may have, with what `typeof` its value is, or '' where that is looked at elsewhere. */
export type Fields<T> = Record<keyof T & string, 'string' | 'number' | 'boolean' | ''>

const NAME_CHARACTERS_MAX = 30
const TYPOS_MAX = 2

/**
 * What stands in an object of options, without what is undefined. `what` is what errors call it. Throws E_OPTIONS for whatever
 * is no plain object, and for a name or a value that it may not have.
 */
export function fields<T>(what: string, given: unknown, allowed: Fields<T>): T {
  try {
    return read(what, given, allowed)
  } catch (e) {
    throw e instanceof MasqError ? e : bad(`${what} cannot be read: ${String(e).slice(0, 100)}`) // by a getter
  }
}

function read<T>(what: string, given: unknown, allowed: Fields<T>): T {
  if (!isPlain(given)) throw bad(`${what} must be an object with ${list(allowed)}`)
  const out: Record<string, unknown> = {}
  for (const name of Object.keys(given)) {
    const value = given[name]
    if (value === undefined) continue
    const type = Object.hasOwn(allowed, name) ? allowed[name as keyof T & string] : undefined
    if (type === undefined)
      throw bad(`${what} has no \`${name.slice(0, NAME_CHARACTERS_MAX)}\`${likely(name, allowed)}`)
    if (value === null || (type && typeof value !== type))
      throw bad(`\`${name}\` must be ${type ? `a ${type}` : 'something else than null'}`)
    out[name] = value
  }
  return out as T
}

/** E_OPTIONS. */
export function bad(what: string): MasqError {
  return new MasqError('E_OPTIONS', what)
}

/** Whether all that an object says are properties of its own: not so of a Map, or of an array. */
function isPlain(o: unknown): o is Record<string, unknown> {
  if (typeof o !== 'object' || o === null) return false
  const proto = Object.getPrototypeOf(o) as object | null
  return proto === null || Object.getPrototypeOf(proto) === null
}

function likely(name: string, allowed: object): string {
  if (name.length > NAME_CHARACTERS_MAX) return `, but ${list(allowed)}`
  const most = Math.min(TYPOS_MAX, name.length / 2)
  const [typos = 0, near] =
    Object.keys(allowed)
      .map((n) => [distance(name, n), n] as const)
      .sort(([a], [b]) => a - b)[0] ?? []
  return near && typos <= most ? `: do you mean \`${near}\`?` : `, but ${list(allowed)}`
}

const list = (allowed: object): string => Object.keys(allowed).join(', ')

/** How many letters one of the two has and the other has not, wherever they stand. */
function distance(a: string, b: string): number {
  const more = (x: string, y: string): number => [...x].filter((letter) => !y.includes(letter)).length
  return more(a, b) + more(b, a)
}
