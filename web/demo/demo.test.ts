// What can be told without a browser: merging, searching, and that the status claims no more than is known.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Device, Status } from '@masq/client'
import { linkProblem } from '../shared/link.js'
import { compared } from './diff.js'
import { sentence } from './errors.js'
import { blank, byRank, called, contains, differing, excerpt, headline, merge, type Note, parse, same } from './note.js'
import { kinds } from './notices.js'
import { problem } from './problems.js'
import { deviceState, Outage, summary } from './status.js'
import { counts } from './store.js'
import { ago, clock } from './words.js'

// What isolates the names of others is not looked at.
const plain = (text: string): string => text.replace(/[\u2066-\u2069]/g, '')

const note = (more: Partial<Note> = {}): Note => ({ ...blank(1000), ...more })

test('what is stored is read whatever it is', () => {
  for (const value of [
    undefined,
    null,
    1,
    'x',
    [],
    {},
    { title: 1, text: null, items: 'x', pinned: 'yes', created: NaN, by: {} },
  ]) {
    assert.deepEqual(parse(value), { ...blank(0) }, JSON.stringify(value))
  }
  assert.deepEqual(parse({ items: [{ text: 'a', done: true }, null, 'x', {}] }).items, [
    { text: 'a', done: true },
    { text: '', done: false },
    { text: '', done: false },
    { text: '', done: false },
  ])
  const whole = note({ title: 'a', text: 'b', items: [{ text: 'c', done: true }], pinned: true, by: 'Phone' })
  assert.equal(parse({ by: 'x'.repeat(99) }).by.length, 40)
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
  assert.ok(same(base, { ...base, by: 'Phone' }))
  assert.ok(!same(base, { ...base, items: done }))
  assert.deepEqual(differing(base, { ...base, title: 'x', pinned: true }), ['title', 'pinned'])
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
  assert.equal(plain(called(note({ title: 'W'.repeat(99) }))), 'W'.repeat(59) + '…')
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
  ...{
    id: name,
    name,
    self: false,
    online: true,
    lastHeard: 0,
    toSend: 0,
    toReceive: false,
    full: false,
    overdue: false,
  },
  ...more,
})

const status = (sync: Status['sync'], devices: Device[], error?: Status['error']): Status => ({
  ...{
    store: 'embedded',
    sync,
    error,
    entries: 0,
    damaged: 0,
    recovery: false,
    copied: false,
    self: device('me'),
    devices,
  },
  ...{ newer: false, asking: undefined, persistent: true, room: 1e9, low: false, temporary: false },
  counts: { devices: devices.length, online: 0, upToDate: 0 },
  toSend: Math.max(0, ...devices.map((d) => d.toSend)),
  toReceive: devices.some((d) => d.toReceive),
  full: undefined,
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
    [status('offline', [away]), 'Offline'],
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
    [status('off', [away], 'E_DAMAGED'), 'Sync has stopped'],
    [status('off', [], 'E_REVOKED'), 'Removed from your devices'],
  ]
  for (const [s, want] of cases) assert.equal(plain(summary(s).text), want)
})

test('a Sync Server that is not reached is told after a moment, with since when', () => {
  const outage = new Outage()
  const at = Date.now()
  const take = (sync: Status['sync'], ms: number) => {
    outage.take({ sync }, at + ms)
    return outage.since(at + ms)
  }
  const steps: [Status['sync'], ms: number, since: number][] = [
    ['online', 0, 0],
    ['connecting', 1000, 0],
    ['connecting', 5999, 0],
    ['connecting', 6000, 1000],
    ['connecting', 60_000, 1000],
    ['waiting', 61_000, 0],
    ['connecting', 62_000, 0],
    ['offline', 80_000, 0],
    ['connecting', 81_000, 0],
  ]
  for (const [sync, ms, since] of steps) assert.equal(take(sync, ms), since && at + since, `${sync} ${ms}`)
  const s = status('connecting', [device('Pad', { online: false, toSend: 1 })])
  assert.equal(summary(s, at).text, `Sync Server not reached since ${clock(at)} · 1 change to go`)
  assert.equal(
    summary({ ...s, store: 'local', counts: { devices: 1, online: 0, upToDate: 0 } }, at).text,
    `Sync Server not reached since ${clock(at)} · 1 change to go`,
  )
})

test('a notice tells what concerns everything, the most urgent first', () => {
  const pad = [device('Pad')]
  const cases: [Status, want: string[]][] = [
    [status('online', pad), []],
    [status('off', [], 'E_REVOKED'), ['revoked']],
    [status('off', pad, 'E_VERSION'), ['version']],
    [status('off', pad, 'E_DAMAGED'), ['stopped']],
    [
      { ...status('off', [], 'E_REVOKED'), newer: true, low: true, temporary: true },
      ['revoked', 'newer', 'low', 'temporary'],
    ],
    [{ ...status('online', pad), temporary: true }, []],
    [status('online', [device('Pad'), device('Old', { overdue: true })]), ['overdue']],
    [{ ...status('online', [device('Old', { overdue: true })]), copied: true }, ['copied', 'overdue']],
    [{ ...status('online', []), damaged: 2, low: true }, ['damaged', 'low']],
    [{ ...status('off', []), temporary: true, store: 'local' }, []],
  ]
  for (const [s, want] of cases) assert.deepEqual(kinds(s), want)
})

test('the words that one version has and the other has not are marked', () => {
  const marked = (text: string, other: string) =>
    compared(text, other)
      .map((part) => (part.extra ? `[${part.text}]` : part.text))
      .join('')
  const cases: [text: string, other: string, want: string][] = [
    ['', 'a', ''],
    ['a b', 'a b', 'a b'],
    ['a b', '', '[a b]'],
    ['bread and cheese', 'bread and lemons', 'bread and[ cheese]'],
    ['one two three', 'one three', 'one[ two] three'],
    ['one three', 'one two three', 'one three'],
    ['b a', 'a b', '[b] a'],
    ['a  b', 'a b', 'a  b'],
    ['a\nb', 'a b', 'a[\nb]'],
    ['a ', 'a', 'a[ ]'],
    ['  a', 'a', '  a'],
  ]
  for (const [text, other, want] of cases) assert.equal(marked(text, other), want, `${text} | ${other}`)
  const long = (word: string) => `same ${Array.from({ length: 3000 }, (_, i) => word + i).join(' ')} end`
  assert.deepEqual(
    compared(long('a'), long('b')).map((part) => part.extra),
    [false, true, false],
  )
})

test('a link that cannot work is told by its form', () => {
  const [origin, sync] = ['https://notes.example', 'wss://notes.example']
  const url64 = (text: string) => Buffer.from(text).toString('base64url')
  const whole = `${origin}/#masq=1.AAECAwQFBgcICQoLDA0ODw`
  const cases: [link: string, want: string | undefined][] = [
    [whole, undefined],
    [`${whole}.${url64(sync)}`, undefined],
    [`${whole}.${url64('wss://another.example:8443')}`, undefined],
    [`${whole}.${url64('wss://notes.exam')}`, 'cut'],
    [`${whole}.${url64('wss:/')}`, 'cut'],
    [`${whole}.${url64(sync).slice(0, -1)}`, 'cut'],
    [`${whole}.`, 'cut'],
    [whole.slice(0, -1), 'cut'],
    [`${origin}/#masq=1.`, 'cut'],
    [`${origin}/#masq=1`, 'cut'],
    [`${origin}/#masq=`, 'cut'],
    [`${origin}/#ma`, 'cut'],
    [`${origin}/#`, 'none'],
    [origin, 'none'],
    ['hello', 'none'],
    ['', 'none'],
    [`${origin}/#other`, 'none'],
    [`${whole}x`, 'none'],
    [`${whole}.a.b`, 'none'],
    [whole.replace('=1.', '=2.'), 'newer'],
    [whole.replace('=1.', '=x.'), 'none'],
    [whole.replace('notes.', 'other.'), 'elsewhere'],
    ['javascript:alert(1)' + whole.slice(whole.indexOf('#')), 'elsewhere'],
  ]
  for (const [link, want] of cases) assert.equal(linkProblem(link, origin, sync), want, link)
})

test('every error is said in a sentence of Notes’ own', () => {
  for (const code of 'TOOBIG QUOTA STORAGE VERSION STORE_AWAY DENIED REVOKED SYNC BUSY WASM'.split(' '))
    assert.notEqual(sentence('E_' + code), sentence('E_other'), code)
  for (const code of ['E_INTERNAL', 'E_KEY', '', 'title', 'E_what'])
    assert.equal(sentence(code), sentence('E_other'), code)
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
    [{ counts: two, error: 'E_REVOKED' }, 'Removed from your devices'],
    [{ counts: two, sync: 'offline' }, 'Offline'],
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
    for (const code of 'EXPIRED DENIED CROWDED AUTH CIRCLE SYNC LINK BUSY VERSION INTERRUPTED REVOKED OFFLINE'.split(
      ' ',
    )) {
      const { title, text } = problem({ code: 'E_' + code, message: 'unused' }, side)
      assert.ok(title && text && !text.includes('unused'), code)
    }
    assert.equal(problem({ code: 'E_QUOTA', message: 'unused' }, side).text, sentence('E_QUOTA'))
    assert.ok(problem(undefined, side).text)
  }
  assert.notDeepEqual(problem({ code: 'E_EXPIRED' }, 'joiner'), problem({ code: 'E_EXPIRED' }, 'joiner', { met: true }))
  assert.match(problem({ code: 'E_SYNC' }, 'joiner', { relay: 'sync.example' }).text, /sync\.example/)
})
