// What the benchmark makes of its figures: ratios, how sure they are, and what is said of the targets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fastest, interval, met, ratio, summary } from '../bench/rows.mjs'
import { systems } from '../bench/systems.mjs'

/** Results as summary makes them, of a row of each system. */
function results(id: string, runs: Record<string, (number | undefined)[]>) {
  return Object.fromEntries(
    Object.entries(runs).map(([name, values]) => [name, summary(values.map((value) => ({ [id]: value })))]),
  )
}

const near = (got: number | undefined, want: number): void =>
  assert.ok(Math.abs(got! - want) < 1e-4 * want, `${got} is not ${want}`)

test('a ratio is the geometric mean of the turns', () => {
  const r = results('cold', { masq: [100, 400, 100], yjs: [200, 200, 100], tinybase: [900, 900, 900] })
  near(ratio(r, 'yjs', 'cold'), 1)
  near(ratio(r, 'tinybase', 'cold'), Math.cbrt(4e6) / 900)
  assert.equal(fastest(systems, r, 'cold'), 'yjs')
})

test('its interval is that of Student’s t for the logarithms', () => {
  const r = results('cold', { masq: [90, 100, 110, 120], yjs: [100, 100, 100, 100] })
  // The logs' mean is 0.04307, their deviation 0.12384; t is 2.353 with three degrees of freedom.
  const [low, high] = interval(r, 'yjs', 'cold')!
  near(low, 0.90246)
  near(high, 1.20775)
  const same = results('cold', { masq: [300, 200, 100], yjs: [150, 100, 50] })
  for (const end of interval(same, 'yjs', 'cold')!) near(end, 2)
})

test('a turn in which one of them has no figure does not count', () => {
  const r = results('cold', { masq: [300, 200, 100], yjs: [150, undefined, 50] })
  near(ratio(r, 'yjs', 'cold'), 2)
  assert.equal(interval(r, 'yjs', 'cold')!.length, 2)
  assert.equal(interval(results('cold', { masq: [1, 2], yjs: [1, undefined] }), 'yjs', 'cold'), undefined)
  assert.equal(ratio(results('cold', { masq: [1], yjs: [undefined] }), 'yjs', 'cold'), undefined)
})

test('a target is met if the interval of five turns or more reaches it', () => {
  const row = { id: 'restart', target: 1.1 }
  const of = (...masq: number[]) => met(row, results('restart', { masq, yjs: masq.map(() => 100) }), 'yjs')
  assert.equal(of(90, 100, 110, 100, 100), true)
  assert.equal(of(100, 110, 120, 130, 140), true) // 1.19, from 1.05 to 1.35
  assert.equal(of(118, 119, 120, 121, 122), false)
  assert.equal(of(50, 50, 50, 50), undefined)
  assert.equal(
    met({ id: 'restart' }, results('restart', { masq: Array(5).fill(1), yjs: Array(5).fill(2) }), 'yjs'),
    undefined,
  )
})
