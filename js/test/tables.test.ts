// The build packs two tables of the WebAssembly's data, which a start function makes again: what its memory has at the start stays the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinSegments } from '../scripts/segments.mjs'
import { packTables } from '../scripts/tables.mjs'

const leb = (value: number, sign = 0): number[] =>
  value < 128 - sign ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128), sign)]
const section = (id: number, body: number[]) => [id, ...leb(body.length), ...body]
const word = (value: number) => [0, 8, 16, 24].map((bits) => (value >>> bits) & 255)
const zeros = (n: number) => Array<number>(n).fill(0)

const AT = 4096
const HEADER = 72

interface Layout {
  /** The words of each record, without the counts of its two lists, which come of its length. */
  records: number[][]
  magic?: number
  first?: number
  /** The function that the entries of findfunctab's second function name. */
  second?: number
  /** How many bytes the last function's entry has behind its number. */
  last?: number
  pages?: number
}

/** A record as it is in functab: 11 words, in which the eighth and the last byte say how many come behind. */
function record([more = 0, ...words]: number[]) {
  const head = Array.from({ length: 11 }, (_, i) => words[i % words.length] ?? 0)
  head[7] = more >> 1
  head[10] = (more - (more >> 1)) << 24
  return [...head, ...Array.from({ length: more }, (_, i) => words[(i + 3) % words.length] ?? 0)].flatMap(word)
}

function functab(records: number[][], first: number) {
  let at = 8 * records.length + 4
  const bodies = records.map(record)
  const starts = bodies.flatMap((body, i) => {
    const start = [...word(first + i), ...word(at)]
    at += body.length
    return start
  })
  return [...starts, ...word(first + records.length), ...bodies.flat()]
}

function data({ records, magic = 0xfffffff1, first = 4096, second = 1, last = 16 }: Layout) {
  const header = [...word(magic), 0, 0, 1, 8, ...word(records.length), ...zeros(52), ...word(HEADER), ...zeros(4)]
  const entry = (i: number) => [...word(i >> 4 === 1 ? second : i >> 4), ...zeros(16)]
  const entries = Array.from({ length: 16 * (records.length - 1) }, (_, i) => entry(i)).flat()
  const end = [...word(records.length - 1), ...zeros(last)]
  return [...header, ...functab(records, first), 7, 7, 7, ...entries, ...end, 9, 9, 9]
}

/** A module with one imported function and one of its own, which gives 5, and whose memory begins with these tables. */
function module(layout: Layout) {
  const bytes = data(layout)
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 0, 1, 0x7f]),
    ...section(2, [1, 1, 0x61, 1, 0x62, 0, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, layout.pages ?? 2]),
    ...section(7, [2, 1, 0x6d, 2, 0, 1, 0x66, 0, 1]),
    ...section(10, [1, 4, 0, 0x41, 5, 0x0b]),
    ...section(11, [1, 0, 0x41, ...leb(AT, 64), 0x0b, ...leb(bytes.length), ...bytes]),
  ])
}

function start(code: Uint8Array) {
  const b = () => assert.fail('an imported function is called at the start')
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(code)), { a: { b } })
  assert.equal((exports['f'] as () => number)(), 5)
  return new Uint8Array((exports['m'] as WebAssembly.Memory).buffer)
}

/** Records with so many words behind the first eleven. */
const many = (count: number, more = (i: number) => i % 7) =>
  Array.from({ length: count }, (_, i) => [more(i), 4096 + i, 3 * i, 0xffffffff, 0x80000000 - i, 0x7fffffff + i])

// prettier-ignore
const cases: [name: string, layout: Layout][] = [
  ['two functions', { records: many(2) }],
  ['a thousand', { records: many(1000), pages: 16 }],
  ['records of one length', { records: many(50, () => 6) }],
  ['the longest records', { records: many(50, () => 20) }],
  ['the longest record is the last', { records: many(50, (i) => (i < 49 ? 0 : 9)) }],
  ['functions from another number on', { records: many(50), first: 70000 }],
  ['a last function of few instructions', { records: many(50), last: 1 }],
  ['zeros in records', { records: many(50).map(([more = 0]) => [more, 0]) }],
]

for (const [name, layout] of cases)
  test(`tables: ${name}`, () => {
    const code = joinSegments(packTables(module(layout)))
    assert.deepEqual(start(code), start(module(layout)))
    assert.ok(code.length < module(layout).length, `${code.length} bytes`)
  })

// prettier-ignore
const refused: [name: string, layout: Layout, message: RegExp][] = [
  ['another magic number', { records: many(50), magic: 0xfffffff0 }, /Go's pcHeader is not where/],
  ['a findfunctab of another order', { records: many(50), second: 2 }, /Go's findfunctab is not where/],
  ['records that are too long', { records: many(50, () => 21) }, /records of Go's functab/],
  ['no room', { records: many(320), pages: 2 }, /no room in memory/],
]

for (const [name, layout, message] of refused)
  test(`tables are refused: ${name}`, () => {
    assert.throws(() => packTables(module(layout)), message)
  })
