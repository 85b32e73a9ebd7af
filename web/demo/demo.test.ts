// What can be told without a browser: merging, searching, and that the status claims no more than is known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Device, Status } from '@masq/client'
import { blank, byRank, contains, excerpt, headline, merge, type Note, parse, same } from './note'
import { problem } from './problems'
import { ago, deviceState, summary } from './status'
import { counts } from './store'

const note = (more: Partial<Note> = {}): Note => ({ ...blank(1000), ...more })

test('what is stored is read whatever it is', () => {
  for (const value of [
    undefined,
    null,
    1,
    'x',
    [],
    {},
    { title: 1, text: null, items: 'x', pinned: 'yes', created: NaN },
  ]) {
    assert.deepEqual(parse(value), { ...blank(0) }, JSON.stringify(value))
  }
  assert.deepEqual(parse({ items: [{ text: 'a', done: true }, null, 'x', {}] }).items, [
    { text: 'a', done: true },
    { text: '', done: false },
    { text: '', done: false },
    { text: '', done: false },
  ])
  const whole = note({ title: 'a', text: 'b', items: [{ text: 'c', done: true }], pinned: true })
  assert.deepEqual(parse(JSON.parse(JSON.stringify(whole))), whole)
})

test('merge loses nothing without saying so', () => {
  const base = note({ title: 't', text: 'x', items: [{ text: 'i', done: false }] })
  const done = [{ text: 'i', done: true }]
  const cases: [name: string, mine: Partial<Note>, theirs: Partial<Note>, want: Partial<Note>, clash: boolean][] = [
    ['neither', {}, {}, {}, false],
    ['only mine', { text: 'm' }, {}, { text: 'm' }, false],
    ['only theirs', {}, { text: 'y', pinned: true }, { text: 'y', pinned: true }, false],
    ['different fields', { title: 'm' }, { items: done }, { title: 'm', items: done }, false],
    ['the same in both', { text: 'z' }, { text: 'z' }, { text: 'z' }, false],
    ['one field, differently', { text: 'm' }, { text: 'y', title: 'u' }, { text: 'm', title: 'u' }, true],
    ['items, differently', { items: [] }, { items: done }, { items: [] }, true],
  ]
  for (const [name, mine, theirs, want, clash] of cases) {
    const got = merge(base, { ...base, ...mine }, { ...base, ...theirs, edited: 2000 })
    assert.deepEqual(got, { note: { ...base, ...want, edited: 2000 }, clash }, name)
  }
  assert.ok(same(base, { ...base, edited: 5, created: 5 }))
  assert.ok(!same(base, { ...base, items: done }))
})

test('a note is named by its first words', () => {
  const cases: [Partial<Note>, string, string][] = [
    [{}, 'Untitled', ''],
    [{ title: ' Bread ', text: 'flour\n\nwater' }, 'Bread', 'flour water'],
    [{ text: '\n first\nsecond  line' }, 'first', 'second line'],
    [{ items: [{ text: 'milk', done: true }] }, 'milk', '1 of 1 done'],
  ]
  for (const [n, head, rest] of cases) {
    assert.equal(headline(note(n)), head)
    assert.equal(excerpt(note(n)), rest)
  }
})

test('search takes every word, the list its order', () => {
  const n = note({ title: 'Packing', text: 'the coast', items: [{ text: 'Blue towel', done: false }] })
  for (const query of ['', 'pack', 'BLUE coast']) assert.ok(contains(n, query), query)
  assert.ok(!contains(n, 'blue moon'))
  const all: [string, Note][] = [
    ['a', note({ edited: 1 })],
    ['b', note({ edited: 3 })],
    ['c', note({ edited: 2, pinned: true })],
  ]
  assert.deepEqual(
    all.sort(byRank).map(([id]) => id),
    ['c', 'b', 'a'],
  )
})

const device = (name: string, more: Partial<Device> = {}): Device => ({
  ...{ id: name, name, self: false, online: true, lastHeard: 0, toSend: 0, toReceive: false },
  ...more,
})

const status = (sync: Status['sync'], devices: Device[], error?: Status['error']): Status => ({
  ...{ store: 'embedded', sync, error, entries: 0, recovery: false, self: device('me'), devices },
  ...{ newer: false, persistent: true, room: 1e9, low: false, temporary: false },
  counts: { devices: devices.length, online: 0, upToDate: 0 },
  toSend: Math.max(0, ...devices.map((d) => d.toSend)),
  toReceive: devices.some((d) => d.toReceive),
})

test('the status says in sync only of devices that are', () => {
  const away = device('Pad', { online: false })
  const cases: [Status, want: string][] = [
    [status('off', []), 'On this device only'],
    [status('off', [away]), 'Sync is off'],
    [status('connecting', [device('Pad', { online: false, toSend: 2 })]), 'Connecting… · 2 changes to go'],
    [status('waiting', [away]), 'Waiting for Pad'],
    [status('waiting', [away, away]), 'Waiting for your devices'],
    [status('offline', [device('Pad', { online: false, toSend: 1 })]), 'Offline · 1 change to go'],
    [status('online', [device('Pad')]), 'In sync with Pad'],
    [status('online', [device('Pad', { toReceive: true })]), 'Syncing…'],
    [status('online', [device('Pad', { toSend: 3 })]), 'Syncing · 3 changes to go'],
    [status('online', [device('Pad'), away]), 'In sync with 1 of 2 devices'],
    [
      status('online', [device('Pad'), device('Mac', { online: false, toSend: 4 })]),
      'In sync with 1 of 2 devices · 4 changes to go',
    ],
    [status('online', [device('Pad'), device('Mac', { toReceive: true })]), 'Syncing…'],
    [status('off', [away], 'E_VERSION'), 'Sync has stopped: reload Notes on all devices'],
  ]
  for (const [s, want] of cases) assert.equal(summary(s).text, want)
})

const inStore = (more: Partial<Status>): Status => ({ ...status('online', []), store: 'local', ...more })

test('with a local store there are numbers, and what is wrong with it comes first', () => {
  const two = { devices: 2, online: 1, upToDate: 1 }
  const cases: [Partial<Status>, want: string][] = [
    [{ store: 'asking' }, 'Waiting for your yes'],
    [{ store: 'away', counts: two }, 'Masq does not answer'],
    [{ store: 'denied' }, 'No access to the notes'],
    [{}, 'In Masq on this computer'],
    [{ counts: two, sync: 'off', toSend: 3 }, 'Sync is off · 3 changes to go'],
    [{ counts: two, sync: 'waiting' }, 'Waiting for your devices'],
    [{ counts: two, toReceive: true }, 'Syncing…'],
    [{ counts: two, toSend: 1 }, 'In sync with 1 of 2 devices · 1 change to go'],
    [{ counts: { devices: 2, online: 1, upToDate: 0 }, toSend: 1 }, 'Syncing · 1 change to go'],
    [{ counts: { devices: 1, online: 1, upToDate: 1 } }, 'In sync with 1 of 1 device'],
    [{ counts: two, error: 'E_VERSION' }, 'Sync has stopped: open the Store manager'],
  ]
  for (const [s, want] of cases) assert.equal(summary(inStore(s)).text, want)
  assert.equal(counts({ devices: 0, online: 0, upToDate: 0 }), 'No other device has them.')
  assert.equal(counts(two), '2 other devices keep them too: 1 connected, 1 with everything.')
})

test('a device is described by what is known of it', () => {
  const now = 100 * 24 * 3600_000
  assert.equal(deviceState(device('a'), now), 'Online, in sync')
  assert.equal(deviceState(device('a', { toSend: 1, toReceive: true }), now), 'Online, 1 change to send, receiving')
  assert.equal(deviceState(device('a', { online: false }), now), 'Not heard yet')
  assert.equal(
    deviceState(device('a', { online: false, lastHeard: now - 7200_000, toSend: 2 }), now),
    'Last heard 2 hours ago, 2 changes to send',
  )
  const ages: [number, string][] = [
    [-5, 'just now'],
    [59_999, 'just now'],
    [60_000, '1 minute ago'],
    [3600_000, '1 hour ago'],
    [49 * 3600_000, '2 days ago'],
  ]
  for (const [ms, want] of ages) assert.equal(ago(ms), want)
})

test('every failure of pairing says what happened and what to do', () => {
  for (const side of ['host', 'joiner'] as const) {
    for (const code of 'EXPIRED DENIED CROWDED AUTH CIRCLE SYNC LINK BUSY VERSION INTERRUPTED'.split(' ')) {
      const { title, text } = problem({ code: 'E_' + code, message: 'unused' }, side)
      assert.ok(title && text && !text.includes('unused'), code)
    }
    assert.equal(problem({ code: 'E_QUOTA', message: 'Full.' }, side).text, 'Full.')
    assert.ok(problem(undefined, side).text)
  }
})
