// What is put comes back, or is refused with its place: nothing is lost without a word.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { Kind } from '../src/codec.gen.js'
import { MasqError } from '../src/errors.js'
import { decodeValue, encodeValue } from '../src/values.js'

class Point {
  x = 1
  y = 2
  get sum(): number {
    return this.x + this.y
  }
  move(): void {}
}
class Hidden {
  #secret = 1
  get secret(): number {
    return this.#secret
  }
}
function OldStyle(this: { a: number }): void {
  this.a = 1
}
OldStyle.prototype.method = () => 1

const foreign = <T>(code: string): T => runInNewContext(code) as T
const nested = (levels: number, make: (v: unknown) => unknown): unknown => {
  let v: unknown = 1
  for (let i = 0; i < levels; i++) v = make(v)
  return v
}
const detached = (b: ArrayBuffer): ArrayBuffer => {
  structuredClone(b, { transfer: [b] })
  return b
}
const cycle = (): unknown => {
  const a: Record<string, unknown> = { list: [1] }
  a.list = [1, { up: a }]
  return a
}

/** What comes back after storing a value. */
function through(value: unknown): unknown {
  const stored = encodeValue(value)
  if (typeof stored !== 'string') return decodeValue({ kind: Kind.Bytes, value: stored })
  return decodeValue({ kind: Kind.JSON, value: new TextEncoder().encode(stored) })
}

test('what JSON can say comes back as it was', () => {
  const values: unknown[] = [
    null,
    true,
    0,
    -0,
    -1.5e300,
    5e-324,
    '',
    'a "quoted" \\ text\n',
    'ключ \u0000 \u2028',
    '\ud800 alone',
    'x'.repeat(1000),
    [],
    {},
    [[], [{}]],
    { a: { b: [1, null, -0] }, '': 1, 'a b': 2, '"': 3, '\udc00': 4 },
    JSON.parse('{"__proto__":{"x":1},"constructor":2,"toString":3}'),
    nested(1000, (v) => [v]),
    nested(1000, (v) => ({ v })),
  ]
  for (const v of values) assert.deepStrictEqual(through(v), v)
  assert.deepStrictEqual(through(Object.assign(Object.create(null) as object, { a: 1 })), { a: 1 })
  assert.deepStrictEqual(through(foreign('({ a: [1, { b: 2 }], c: {} })')), { a: [1, { b: 2 }], c: {} })
})

test('what JSON is known to say otherwise is stored as JSON says it', () => {
  const table: [unknown, unknown][] = [
    [{ a: 1, u: undefined }, { a: 1 }],
    [{ u: undefined }, {}],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [foreign('({ at: new Date(0) })'), { at: '1970-01-01T00:00:00.000Z' }],
    [new URL('https://example.org/a'), 'https://example.org/a'],
    [new Point(), { x: 1, y: 2 }],
    [new (OldStyle as unknown as new () => object)(), { a: 1 }],
    [{ toJSON: (key: string) => ({ key }) }, { key: '' }],
    [{ a: [{ toJSON: (key: string) => key }] }, { a: ['0'] }],
    [new Proxy({ a: 1 }, {}), { a: 1 }],
    [new Proxy([1, 2], {}), [1, 2]],
    [Object.defineProperty({ a: 1 }, 'hidden', { value: new Map() }), { a: 1 }],
    [Object.defineProperty({ a: 1 }, Symbol('hidden'), { value: 1 }), { a: 1 }],
  ]
  for (const [value, want] of table) assert.deepStrictEqual(through(value), want)
})

test('toJSON is asked once, and may store something itself', () => {
  let n = 0
  assert.deepStrictEqual(through({ a: 1, b: { toJSON: () => ++n } }), { a: 1, b: 1 })
  assert.equal(n, 1)
  const inner = { toJSON: () => encodeValue({ deep: [-0] }) } // a walk within a walk
  assert.deepStrictEqual(through([inner, 2]), ['{"deep":[-0]}', 2])
})

test('what would be lost is refused, with its place', () => {
  const table: [unknown, RegExp][] = [
    [undefined, /\(value: undefined: use del\(\) to delete\)/],
    [() => 1, /\(value: a function\)/],
    [Symbol('s'), /\(value: a symbol\)/],
    [1n, /\(value: a bigint\)/],
    [NaN, /\(value: NaN, which JSON/],
    [[1, Infinity], /\(value\[1\]: Infinity, which JSON/],
    [{ b: new Uint8Array([1]) }, /\(value\.b: bytes, which JSON cannot hold: put them under a key of their own\)/],
    [{ b: Buffer.from('x') }, /\(value\.b: bytes/],
    [{ b: new ArrayBuffer(1) }, /\(value\.b: bytes/],
    [{ b: new DataView(new ArrayBuffer(1)) }, /\(value\.b: bytes/],
    [{ b: foreign('new ArrayBuffer(1)') }, /\(value\.b: bytes/],
    [{ toJSON: () => new Uint8Array(1) }, /\(value: an object of type Uint8Array|\(value: bytes/],
    [{ list: [0, 1, 2, new Map()] }, /\(value\.list\[3\]: an object of type Map\)/],
    [{ 'a b': new Set() }, /\(value\["a b"\]: an object of type Set\)/],
    [{ clé: { $x_1: new Blob([]) } }, /\(value\.clé\.\$x_1: an object of type Blob\)/],
    [{ p: Promise.resolve(1) }, /\(value\.p: a Promise: await it\)/],
    [new Map(), /\(value: an object of type Map\)/],
    [new (class Mine extends Map {})(), /of type Map/],
    [new WeakMap(), /of type WeakMap/],
    [new WeakRef({}), /of type WeakRef/],
    [/x/, /of type RegExp/],
    [new Error('lost'), /of type Error/],
    [foreign('new Error("lost")'), /of type Error/],
    [new (class Mine extends Error {})('lost'), /of type Error/],
    [new DOMException('lost'), /of type DOMException/],
    [new FormData(), /of type FormData/],
    [new URLSearchParams('a=1'), /of type URLSearchParams/],
    [new Headers(), /of type Headers/],
    [new Response(), /of type Response/],
    [new Event('x'), /of type Event/],
    [new AbortController(), /of type AbortController/],
    [new SharedArrayBuffer(1), /of type SharedArrayBuffer/],
    [new Intl.NumberFormat(), /of type Intl.NumberFormat/],
    [[].values(), /of type Array Iterator/],
    [new Number(1), /of type Number/],
    [new String('abc'), /of type String/],
    [new Boolean(false), /of type Boolean/],
    [Object(1n), /of type BigInt/],
    [(function () { return arguments })(), /of type Arguments/], // prettier-ignore
    [Math, /of type Math/],
    [globalThis, /of type global/],
    [{ c: new Hidden() }, /\(value\.c: an object of a class, without properties of its own\)/],
    [Object.create({ a: 1 }) as object, /\(value: an object of a class, without/],
    [Object.assign(Object.create({ a: 1 }) as object, { b: 2 }), /\(value: its prototype holds `a`: copy it/],
    [{ a: 1, f() {} }, /\(value\.f: a function\)/],
    [[() => 1], /\(value\[0\]: a function\)/],
    [{ s: Symbol() }, /\(value\.s: a symbol\)/],
    [{ [Symbol('mine')]: 1 }, /\(value: the property Symbol\(mine\): names are text\)/],
    [[1, undefined], /\(value\[1\]: undefined: use null\)/],
    [[1, , 3], /\(value\[1\]: undefined: use null\)/], // prettier-ignore
    [/(?<y>\d)/.exec('1'), /\(value: an array with the property `groups`\)/],
    [{ when: new Date(NaN) }, /\(value\.when: its toJSON\(\) returns null\)/],
    [foreign('({ when: new Date(NaN) })'), /\(value\.when: its toJSON\(\) returns null\)/],
    [{ a: { toJSON: () => undefined } }, /\(value\.a: its toJSON\(\) returns undefined\)/],
    [{ a: { toJSON: () => new Date(0) } }, /\(value\.a: an object of type Date\)/],
    [{ a: { toJSON() { throw new Error('no') } } }, /\(value\.a: reading it failed: Error: no\)/], // prettier-ignore
    [{ a: [{ get b() { throw new Error('no') } }] }, /\(value\.a\[0\]\.b: reading it failed: Error: no\)/], // prettier-ignore
    [{ a: revoked() }, /\(value\.a: reading it failed: TypeError/],
    [cycle(), /\(value\.list\[1\]\.up: a cycle: it holds itself\)/],
    [nested(1001, (v) => [v]), /\(value[[0\]]+…[[0\]]+: nested over 1,000 levels\)/],
    [nested(100_000, (v) => ({ v })), /nested over 1,000 levels/],
  ]
  for (const [value, want] of table) assert.throws(() => encodeValue(value), refusal(want), want.source)
  assert.throws(() => encodeValue({ a: NaN }, 'operations[3].value'), refusal(/\(operations\[3\]\.value\.a: NaN/))
})

test('bytes of any realm are bytes, and those that are gone are none', () => {
  const resizable = new (
    ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer & { resize(n: number): void }
  )(8, { maxByteLength: 8 })
  const beyond = [new Uint8Array(resizable, 4), new Uint16Array(resizable, 4), new DataView(resizable, 4)]
  const table: [unknown, number[]][] = [
    [foreign('new Uint8Array([1, 2])'), [1, 2]],
    [foreign('new Uint8Array([1, 2]).buffer'), [1, 2]],
    [foreign('new Uint16Array([0x0201])'), [1, 2]],
    [foreign('new DataView(new ArrayBuffer(2), 1)'), [0]],
    [Buffer.from([1, 2, 3]).subarray(1), [2, 3]],
    [new Uint8Array(new SharedArrayBuffer(2)), [0, 0]],
    [Object.defineProperty(new ArrayBuffer(1), Symbol.toStringTag, { value: 'Object' }), [0]],
  ]
  for (const [value, want] of table) assert.deepStrictEqual([...(encodeValue(value) as Uint8Array)], want)
  const b = Buffer.from([1, 2])
  const stored = encodeValue(b) as Uint8Array
  b[0] = 9
  assert.equal(stored[0], 1, 'a copy')
  resizable.resize(2)
  const view = new Uint8Array([1, 2])
  detached(view.buffer)
  const gone = [view, detached(new ArrayBuffer(2)), ...beyond]
  for (const v of gone) assert.throws(() => encodeValue(v), refusal(/\(value: its bytes are gone/))
  const fake = { [Symbol.toStringTag]: 'ArrayBuffer', byteLength: 3 }
  assert.throws(() => encodeValue(fake), refusal(/\(value: bytes, which JSON/))
})

test('a value that grows without end is too big', () => {
  let v: unknown = 'x'.repeat(100)
  for (let i = 0; i < 40; i++) v = [v, v]
  assert.throws(() => encodeValue(v), (e) => e instanceof MasqError && e.code === 'E_TOOBIG') // prettier-ignore
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function refusal(want: RegExp) {
  return (e: unknown): true => {
    assert.ok(e instanceof MasqError && e.code === 'E_VALUE', String(e))
    assert.match(e.message, want)
    return true
  }
}

test('what another device calls JSON and is none is bytes, as in a local store', () => {
  const levels = (n: number): string => '['.repeat(n) + ']'.repeat(n)
  const table: [unknown, Uint8Array | string, boolean][] = [
    ['nothing', '', false],
    ['cut off', '{"a":', false],
    ['a word', 'undefined', false],
    ['two values', '1 2', false],
    ['a byte order mark', '\ufeff1', false],
    ['a line break in text', '"\n"', false],
    ['a byte that UTF-8 does not have', new Uint8Array([0x22, 0xff, 0x22]), false],
    ['half a character', new Uint8Array([0x22, 0xc3, 0x22]), false],
    ['half a surrogate pair as bytes', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), false],
    ['a long way for U+0000', new Uint8Array([0x22, 0xc0, 0x80, 0x22]), false],
    ['10,001 levels', levels(10_001), false],
    ['500,000 levels', levels(500_000), false],
    ['9,990 levels', levels(9_990), true],
    ['brackets in text', JSON.stringify('[\\"{'.repeat(30_000)), true],
    ['lists in a list', `[${'[],{},'.repeat(15_000)}0]`, true],
    ['half a surrogate pair, escaped', '"\\ud800"', true],
    ['numbers that have no room', '[1e999,123456789012345678901]', true],
    ['a name twice', '{"a":1,"a":2}', true],
    ['__proto__', '{"__proto__":{"x":1}}', true],
  ]
  for (const [what, text, json] of table) {
    const value = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const got = decodeValue({ kind: Kind.JSON, value })
    if (!json) assert.deepStrictEqual(got, value, String(what))
    else assert.equal(JSON.stringify(flat(got)), JSON.stringify(flat(JSON.parse(text as string))), String(what))
    assert.deepStrictEqual(decodeValue({ kind: Kind.JSON, value }, true), json ? text : value, String(what))
  }
  assert.equal(({} as { x?: number }).x, undefined)
})

/** What is nested too deeply for JSON.stringify, as its depth. */
function flat(v: unknown): unknown {
  let depth = 0
  for (let inner = v; Array.isArray(inner) && inner.length <= 1; inner = inner[0] as unknown) depth++
  return depth > 1000 ? depth : v
}
