// Keys and values on their way to the engine and back.

import { Kind, type Entry } from './border.js'
import { MasqError } from './errors.js'

/** The longest key, in bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024
/** The longest value, in bytes, as JSON or as it is. */
export const VALUE_BYTES_MAX = 1 << 20
/** The most operations in a batch. */
export const BATCH_OPS_MAX = 1000
/** The most bytes in a batch; each operation costs its key, its value and about 33 bytes. */
export const BATCH_BYTES_MAX = 4 << 20
/** What an operation of a batch costs besides key and value, in bytes. */
export const OP_BYTES = 33

const utf8 = new TextEncoder()
const text = new TextDecoder('utf-8', { ignoreBOM: true })
const lone = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/

/** Throws E_KEY unless `key` may be a key, or, with `part`, may be the beginning of one or a bound. */
export function checkKey(key: unknown, part = false): string {
  if (typeof key !== 'string') throw new MasqError('E_KEY', `got ${key === null ? 'null' : typeof key}`)
  if (key.length === 0 && !part) throw new MasqError('E_KEY', 'got an empty one')
  if (key.includes('\0') || lone.test(key)) throw new MasqError('E_KEY', 'it holds U+0000 or half a character')
  if (key.length * 3 > KEY_BYTES_MAX && bytesOf(key) > KEY_BYTES_MAX) throw new MasqError('E_KEY', 'it is too long')
  return key
}

/** How long `s` is, text in UTF-8, in bytes. */
export function bytesOf(s: string | Uint8Array): number {
  return typeof s === 'string' ? utf8.encode(s).length : s.length
}

/** A value as a store takes it: JSON text, or bytes of its own. Throws E_VALUE and E_TOOBIG. */
export function encodeValue(value: unknown): string | Uint8Array {
  const out = asBytes(value)?.slice() ?? stringify(value)
  if (over(out, VALUE_BYTES_MAX)) throw new MasqError('E_TOOBIG', `the value has ${bytesOf(out)} bytes`)
  return out
}

/** Whether a value has more bytes than `most`. */
function over(value: string | Uint8Array, most: number): boolean {
  const most16 = typeof value === 'string' ? value.length * 3 : value.length
  return most16 > most && bytesOf(value) > most
}

/** The value of an entry: what JSON.parse makes of it, or a Uint8Array of its own. */
export function decodeValue(e: Pick<Entry, 'kind' | 'value'>): unknown {
  if (e.kind === Kind.Bytes) return e.value.slice()
  if (e.kind === Kind.JSON) return JSON.parse(text.decode(e.value))
  return undefined
}

function asBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
}

// JSON would make `{}` of these and lose what is in them.
const lossy = ['Map', 'Set', 'WeakMap', 'WeakSet', 'Promise', 'Blob', 'File', 'RegExp', 'SharedArrayBuffer']

function stringify(value: unknown): string {
  const type = Object.prototype.toString.call(value).slice(8, -1)
  if (lossy.includes(type)) throw new MasqError('E_VALUE', type === 'Promise' ? 'a Promise: await it' : `a ${type}`)
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (e) {
    throw new MasqError('E_VALUE', e instanceof Error ? e.message.split('\n')[0] : 'JSON.stringify failed')
  }
  if (json === undefined)
    throw new MasqError('E_VALUE', value === undefined ? 'undefined: use del() to delete' : typeof value)
  return json
}
