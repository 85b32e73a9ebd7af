// When a tab takes an engine for dead: by its own ticks, however long those are.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Silence, TICK_MS } from '../src/silence.js'

const hour = 3600_000

test('an engine that is silent is asked, and dead when it does not answer', () => {
  const table: [what: string, gaps: (number | 'heard' | 'works')[], verdicts: string][] = [
    ['a visible tab', [1000, 1000, 1000, 1000, 1000, 1000], 'wait wait ask wait wait dead'],
    ['throttled to 2 s: at the third tick', [2000, 2000, 2000], 'ask wait dead'],
    ['throttled to a minute: at the third tick', [60_000, 60_000, 60_000], 'ask wait dead'],
    ['frozen for an hour, then awake', [hour, 1000, 1000, 1000], 'ask wait wait dead'],
    ['asked, then frozen: messages come after the tick', [2000, hour, 'heard', 1000, 1000], 'ask wait wait wait'],
    ['frozen twice over', [2000, hour, 1000, 1000], 'ask wait wait dead'],
    ['it answers in time', [1000, 1000, 1000, 'heard', 1000, 1000, 1000], 'wait wait ask wait wait ask'],
    [
      'dead again takes twice as long',
      [2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000],
      'ask wait dead ask wait wait wait dead',
    ],
    ['unless one worked between', [2000, 2000, 2000, 'works', 2000, 2000, 2000], 'ask wait dead ask wait dead'],
    ['ticks that are a little late are in time', [1400, 1400, 1400, 1400, 1400, 1400], 'wait wait ask wait wait dead'],
  ]
  for (const [what, gaps, want] of table) {
    const silence = new Silence()
    const got: string[] = []
    for (const gap of gaps) {
      if (typeof gap === 'string') silence[gap]()
      else got.push(silence.tick(gap, true))
    }
    assert.equal(got.join(' '), want, what)
  }
})

test('nobody asks while nobody waits', () => {
  const silence = new Silence()
  for (let i = 0; i < 100; i++) assert.equal(silence.tick(TICK_MS, false), 'wait')
  assert.equal(silence.tick(TICK_MS, true), 'ask')
})
