// The build joins the data segments of the WebAssembly: what its memory has at the start stays the same.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinSegments } from '../scripts/segments.mjs'

/** Where a segment begins, and how many bytes it has: each is its place in the list, from 1. */
type Segment = [at: number, size: number]

const leb = (value: number, sign = 0): number[] =>
  value < 128 - sign ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128), sign)]
const section = (id: number, body: number[]) => [id, ...leb(body.length), ...body]

const memory = section(5, [1, 0, 2])
const exported = section(7, [1, 1, 0x6d, 2, 0])
const address = (at: number) => [0x41, ...leb(at, 64), 0x0b]
const module = (data: number[]) => Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...memory, ...exported, ...data])

const made = (segments: Segment[]) =>
  module(
    section(11, [
      ...leb(segments.length),
      ...segments.flatMap(([at, size], i) => [0, ...address(at), ...leb(size), ...Array<number>(size).fill(i + 1)]),
    ]),
  )

function start(code: Uint8Array): Uint8Array {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(code)))
  return new Uint8Array((instance.exports['m'] as WebAssembly.Memory).buffer)
}

// prettier-ignore
const cases: [name: string, segments: Segment[], joined: Segment[]][] = [
  ['one', [[8, 3]], [[8, 3]]],
  ['side by side', [[0, 2], [2, 3]], [[0, 5]]],
  ['48 zeros between', [[0, 2], [50, 3]], [[0, 53]]],
  ['49 zeros between', [[0, 2], [51, 3]], [[0, 2], [51, 3]]],
  ['out of order', [[100, 2], [60, 3], [70, 3]], [[60, 42]]],
  ['where an address takes another byte', [[63, 1], [200, 1], [8191, 1], [8300, 200]], [[63, 1], [200, 1], [8191, 1], [8300, 200]]],
]

for (const [name, segments, joined] of cases)
  test(`data segments: ${name}`, () => {
    const code = joinSegments(made(segments))
    assert.deepEqual(start(code), start(made(segments)))
    assert.equal(code.length, made(joined).length)
  })

const refused: [name: string, data: number[]][] = [
  ['over each other', [2, 0, ...address(8), 2, 1, 1, 0, ...address(9), 1, 2]],
  ['passive', [1, 1, 2, 1, 1]],
  ['at a computed address', [1, 0, 0x41, 1, 0x41, 1, 0x6a, 0x0b, 1, 1]],
  ['at a negative address', [1, 0, 0x41, 0x7f, 0x0b, 1, 1]],
  ['with something behind', [1, 0, ...address(8), 1, 1, 0]],
]

for (const [name, data] of refused)
  test(`data segments are refused: ${name}`, () => {
    assert.throws(() => joinSegments(module(section(11, data))), /data se/)
  })
