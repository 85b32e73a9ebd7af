// Room in a file: what is taken never overlaps, and what is given back is used again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Extents, type Extent } from '../src/extents.js'

const PAGE = 4096

test('a file grows at its end, from one page to the next', () => {
  const e = new Extents(5000)
  assert.deepEqual(e.take(10), { at: 2 * PAGE, size: 10 })
  assert.deepEqual(e.take(PAGE + 1), { at: 3 * PAGE, size: PAGE + 1 })
  assert.equal(e.end, 5 * PAGE)
})

test('what is given back is taken first, and joins what is beside it', () => {
  const e = new Extents(0)
  const [a, b, c, d] = [e.take(PAGE), e.take(PAGE), e.take(PAGE), e.take(PAGE)]
  e.give(a)
  e.give(c)
  assert.deepEqual(e.take(2 * PAGE), { at: 4 * PAGE, size: 2 * PAGE })
  e.give(b)
  assert.deepEqual(e.take(3 * PAGE), { at: 0, size: 3 * PAGE })
  e.give({ at: 4 * PAGE, size: 2 * PAGE })
  assert.equal(e.end, 4 * PAGE)
  e.give(d)
  assert.equal(e.end, 3 * PAGE)
})

test('what was there at the start is given back but for what is in use', () => {
  const e = new Extents(10 * PAGE)
  const behind = e.take(1)
  const used = [
    { at: 7 * PAGE, size: 1 },
    { at: PAGE, size: 2 * PAGE },
  ]
  e.giveAllBut(used, 10 * PAGE)
  const taken = Array.from({ length: 7 }, () => e.take(PAGE).at / PAGE)
  assert.deepEqual(taken, [0, 3, 4, 5, 6, 8, 9])
  assert.equal(behind.at, 10 * PAGE)
})

test('10,000 random steps: no two parts overlap, and an empty file is empty', () => {
  let seed = 1
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n
  const e = new Extents(0)
  const taken: Extent[] = []
  for (let i = 0; i < 10_000; i++) {
    if (random(5) < 3) taken.push(e.take(random(5 * PAGE)))
    else if (taken.length > 0) e.give(taken.splice(random(taken.length), 1)[0]!)
    if (i % 100 === 0) apart(taken, e.end)
  }
  for (const extent of taken) e.give(extent)
  assert.equal(e.end, 0)
})

function apart(taken: Extent[], end: number): void {
  let at = 0
  for (const extent of taken.filter(({ size }) => size > 0).sort((a, b) => a.at - b.at)) {
    assert.ok(extent.at >= at, `${extent.at} is in use up to ${at}`)
    assert.equal(extent.at % PAGE, 0)
    at = extent.at + extent.size
  }
  assert.ok(at <= end)
}
