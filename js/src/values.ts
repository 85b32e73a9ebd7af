// Keys and values on their way to the engine and back.

import { KEY_BYTES_MAX, Kind, VALUE_BYTES_MAX, type Entry } from './codec.gen.js'
import { utf8 } from './codec.js'
import { MasqError } from './errors.js'
import { stringify } from './json.js'

/** What an operation of a batch costs besides key and value, in bytes; see BATCH_BYTES_MAX. */
export const OP_BYTES = 33

const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lone = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

/** Whether it is text in UTF-8: without half a character. */
export const isText = (s: string): boolean => !lone.test(s)

/** Throws E_KEY unless `key` may be a key, or, with `part`, may be the beginning of one or a bound. */
export function checkKey(key: unknown, part = false): string {
  if (typeof key !== 'string') throw new MasqError('E_KEY', `got ${key === null ? 'null' : typeof key}`)
  if (key.length === 0 && !part) throw new MasqError('E_KEY', 'got an empty one')
  if (key.includes('\0') || !isText(key)) throw new MasqError('E_KEY', 'it holds U+0000 or half a character')
  if (key.length * 3 > KEY_BYTES_MAX && bytesOf(key) > KEY_BYTES_MAX) throw new MasqError('E_KEY', 'it is too long')
  return key
}

/** Whether a text comes before another in the order of keys. JavaScript's own has U+FFFF behind U+10000. */
export function isBefore(a: string, b: string): boolean {
  const [x, y] = [utf8.encode(a), utf8.encode(b)]
  const at = x.findIndex((byte, i) => byte !== y[i])
  return at < 0 ? x.length < y.length : x[at]! < (y[at] ?? -1)
}

/** How long `s` is, text in UTF-8, in bytes. */
export function bytesOf(s: string | Uint8Array): number {
  return typeof s === 'string' ? utf8.encode(s).length : s.length
}

/**
 * A value as a store takes it: JSON text, or bytes of its own. Throws E_VALUE and E_TOOBIG; `root` is what the error calls the
 * value.
 */
export function encodeValue(value: unknown, root = 'value'): string | Uint8Array {
  const out = bytesIn(value, root) ?? stringify(value, root, VALUE_BYTES_MAX)
  if (over(out, VALUE_BYTES_MAX)) throw new MasqError('E_TOOBIG', `the value has ${bytesOf(out)} bytes`)
  return out
}

/** Whether a value has more bytes than `most`. */
function over(value: string | Uint8Array, most: number): boolean {
  const most16 = typeof value === 'string' ? value.length * 3 : value.length
  return most16 > most && bytesOf(value) > most
}

/** A local store takes 10,000 levels of JSON in a message, of which fewer than 10 are the message's own. */
const LEVELS_MAX = 9_990

/**
 * The value of an entry: what JSON.parse makes of it, or a Uint8Array of its own. Nobody looks into what other devices call
 * JSON: what a local store would not take for JSON, as it is not in UTF-8 or nested too deeply, is bytes. With `raw`, JSON is
 * its text.
 */
export function decodeValue(e: Pick<Entry, 'kind' | 'value'>, raw = false): unknown {
  if (e.kind === Kind.Deleted) return undefined
  try {
    if (e.kind === Kind.JSON) {
      const json = text.decode(e.value)
      const value: unknown = JSON.parse(json)
      if (!isTooDeep(json)) return raw ? json : value
    }
  } catch {
    // answered below
  }
  return e.value.slice()
}

/** Whether JSON has too many levels: each takes two characters. Escapes go first, then text, and brackets are left. */
function isTooDeep(json: string, level = 0): boolean {
  if (json.length <= 2 * LEVELS_MAX) return false
  const brackets = json.replace(/\\.|[^[\]{}"\\]+/g, '').replace(/"[^"]*"/g, '')
  return [...brackets].some((c) => (level += c === '[' || c === '{' ? 1 : -1) > LEVELS_MAX)
}

// Asks for what only an ArrayBuffer has, of whatever realm, and throws for everything else.
const bufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')!.get!

/** A copy of a value that is bytes. Throws E_VALUE if they are not there any more. */
function bytesIn(value: unknown, root: string): Uint8Array | undefined {
  const view = ArrayBuffer.isView(value)
  if (!view && !isBuffer(value)) return undefined
  try {
    if (!view) return new Uint8Array(new Uint8Array(value))
    if ('at' in value) (value as Uint8Array).at(0) // throws where there is nothing below the view any more
    return new Uint8Array(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  } catch {
    throw new MasqError('E_VALUE', `${root}: its bytes are gone, handed over by postMessage, transfer or resize`)
  }
}

function isBuffer(value: unknown): value is ArrayBuffer {
  try {
    if (typeof value !== 'object' || value === null || !('byteLength' in value)) return false
    bufferLength.call(value)
    return true
  } catch {
    return false
  }
}
