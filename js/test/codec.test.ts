// Both halves of the codec agree on the bytes in wasm/client/codec/testdata/codec.txt.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  CodecError,
  Kind,
  STATUS,
  StorageFailure,
  Verb,
  forTab,
  messages,
  readTabAction,
  readWorkerAction,
  type Action,
} from '../src/codec.js'
import { EventWriter } from '../src/events.js'

const file = new URL('../../wasm/client/codec/testdata/codec.txt', import.meta.url)
const golden = new Map<string, Uint8Array>()
for (const line of readFileSync(file, 'utf8').split('\n')) {
  const [name, hex] = line.split(' ')
  if (name && hex && name !== '#') golden.set(name, new Uint8Array(Buffer.from(hex, 'hex')))
}

const bytes = (...b: number[]): Uint8Array => new Uint8Array(b)
const ascii = (s: string): Uint8Array => new TextEncoder().encode(s)
const LOG = 2 ** 48
const PAGE = 3 * 2 ** 48
const LAST = 2 ** 48 - 1
const op = { client: 5, verb: Verb.Get }

const events: Record<string, (w: EventWriter) => void> = {
  'event.config': (w) => {
    const key = new Uint8Array(32)
    key.set([1, 2])
    key[31] = 32
    const sync = ['wss://a.example', 'ws://localhost:6280/x']
    w.config({ key, app: 'https://notes.example', name: 'Jürgen’s laptop', url: 'https://notes.example/app', sync })
  },
  'event.start': (w) => w.start([0, LOG + 7, PAGE + LAST]),
  'event.start.empty': (w) => w.start([]),
  'event.opened': (w) => w.opened(2 ** 32 - 1),
  'event.frame': (w) => w.frame(3, bytes(0, 1, 255)),
  'event.closed': (w) => w.closed(3, 4008),
  'event.tick': (w) => w.tick(),
  'event.committed': (w) => w.committed(StorageFailure.None),
  'event.committed.1': (w) => w.committed(StorageFailure.Exists),
  'event.committed.2': (w) => w.committed(StorageFailure.Quota),
  'event.committed.3': (w) => w.committed(StorageFailure.Other),
  'event.loaded': (w) =>
    w.loaded(StorageFailure.None, [
      { id: LOG + 1, data: ascii('x') },
      { id: 2, data: undefined },
      { id: 3, data: bytes() },
    ]),
  'event.loaded.failed': (w) => w.loaded(StorageFailure.Other, []),
  'event.offline': (w) => w.online(false),
  'event.online': (w) => w.online(true),
  'event.pong': (w) => w.pong(9),
  'event.op.get': (w) => w.op({ ...op, n: 1, key: 'ключ' }),
  'event.op.list': (w) =>
    w.op({
      ...op,
      n: 2,
      verb: Verb.List,
      range: { prefix: 'a/', gte: 'a/1', lt: 'a/9', after: 'a/2', reverse: true, keysOnly: true, limit: 2 ** 32 - 1 },
    }),
  'event.op.watch': (w) => w.op({ ...op, n: 3, verb: Verb.Watch, since: Number.MAX_SAFE_INTEGER }),
  'event.op.confirm': (w) => w.op({ ...op, n: 4, verb: Verb.Confirm, target: { client: 5, n: 3 }, bring: true }),
  'event.op.discard': (w) => w.op({ ...op, n: 4, verb: Verb.Confirm, target: { client: 5, n: 3 }, discard: true }),
  'event.op.batch': (w) =>
    w.op({
      client: 2 ** 32 - 1,
      n: 2 ** 32 - 1,
      verb: Verb.Batch,
      relaxed: true,
      writes: [
        { kind: Kind.JSON, key: 'a', value: ascii('null') },
        { kind: Kind.Bytes, key: 'b', value: bytes() },
        { kind: Kind.Deleted, key: 'c', value: bytes() },
      ],
    }),
  'event.op.byteordered': (w) => w.op({ ...op, n: 5, key: '\ufeffmark' }),
}

const nobody = { id: '', name: '', online: false, toReceive: false, lastHeard: 0, toSend: 0 }
const nothing = { code: '', more: false, position: 0, text: '', entries: [] }
const actions: Record<string, Action> = {
  'action.reply': { type: 'reply', client: 5, n: 1, ...nothing },
  'action.reply.error': { type: 'reply', client: 5, n: 1, ...nothing, code: 'E_QUOTA' },
  'action.reply.entries': {
    type: 'reply',
    client: 5,
    n: 2,
    code: '',
    more: true,
    position: Number.MAX_SAFE_INTEGER,
    text: 'https://x.example/#masq=1.AA',
    entries: [
      { kind: Kind.JSON, key: 'ключ', value: ascii('"v"') },
      { kind: Kind.Bytes, key: '\ufeffmark', value: bytes() },
    ],
  },
  'action.changed': {
    type: 'changed',
    client: 5,
    n: 3,
    position: 4097,
    changes: [
      {
        kind: 1,
        had: true,
        previousKind: 2,
        others: 2,
        client: 5,
        device: '',
        key: 'a',
        value: ascii('1'),
        previous: bytes(9),
      },
      {
        kind: 0,
        had: false,
        previousKind: 0,
        others: 0,
        client: 0,
        device: 'Téléphone',
        key: 'b',
        value: bytes(),
        previous: bytes(),
      },
    ],
  },
  'action.status': {
    type: 'status',
    sync: 3,
    recovery: true,
    entries: 2700,
    code: 'E_VERSION',
    self: { ...nobody, id: 'me', name: 'Laptop' },
    devices: [{ id: 'p', name: 'Phone', online: true, toReceive: true, lastHeard: 1700000000000, toSend: 3 }],
  },
  'action.status.alone': { type: 'status', sync: 0, recovery: false, entries: 0, code: '', self: nobody, devices: [] },
  'action.status.offline': {
    type: 'status',
    sync: 4,
    recovery: false,
    entries: 0,
    code: '',
    self: nobody,
    devices: [],
  },
  'action.pairing': {
    type: 'pairing',
    client: 5,
    n: 4,
    step: 2,
    hasData: true,
    offline: false,
    expires: 1700000060000,
    digits: '012345',
    name: 'Phone',
    code: '',
  },
  'action.pairing.offline': {
    type: 'pairing',
    client: 5,
    n: 4,
    step: 1,
    hasData: true,
    offline: true,
    expires: 1700000300000,
    digits: '',
    name: '',
    code: '',
  },
  'action.pairing.failed': {
    type: 'pairing',
    client: 5,
    n: 4,
    step: 6,
    hasData: false,
    offline: false,
    expires: 0,
    digits: '',
    name: '',
    code: 'E_DENIED',
  },
  'action.dial': { type: 'dial', conn: 1, url: 'wss://a.example/v1/channel/AA' },
  'action.send': { type: 'send', conn: 1, data: bytes(2, 0, 255) },
  'action.ping': { type: 'ping', conn: 1 },
  'action.hangup': { type: 'hangup', conn: 1 },
  'action.commit': {
    type: 'commit',
    relaxed: true,
    adds: [{ id: LOG + 7, data: ascii('log') }],
    puts: [
      { id: 0, data: ascii('m') },
      { id: 2 * LOG + 1, data: bytes() },
    ],
    dels: [LOG + 6],
  },
  'action.load': { type: 'load', ids: [PAGE + LAST, 0] },
  'action.wakeat': { type: 'wakeAt', at: 1700000000000 },
  'action.failed': { type: 'failed', code: 'E_FENCED' },
}

const hex = (b: Uint8Array | undefined): string => Buffer.from(b ?? []).toString('hex')
const read = (b: Uint8Array): Action[] =>
  [...messages(b)].map((m) => (forTab(m.type) || m.type === STATUS ? readTabAction(m) : readWorkerAction(m)))

test('events are written as the engine reads them', () => {
  for (const [name, write] of Object.entries(events)) {
    const w = new EventWriter()
    write(w)
    assert.equal(`${name} ${hex(w.take())}`, `${name} ${hex(golden.get(name))}`)
  }
})

test('actions are read as the engine writes them', () => {
  for (const [name, want] of Object.entries(actions)) {
    const got = read(golden.get(name)!)
    assert.deepEqual(got, [want], name)
  }
  assert.equal(golden.size, Object.keys(events).length + Object.keys(actions).length)
})

test('several messages come apart, none is none', () => {
  const both = Buffer.concat([golden.get('action.ping')!, golden.get('action.wakeat')!])
  assert.deepEqual(read(new Uint8Array(both)), [actions['action.ping'], actions['action.wakeat']])
  assert.deepEqual(read(bytes()), [])
})

test('what is cut, too long or unknown is refused, and garbage never does harm', () => {
  for (const name of Object.keys(actions)) {
    const b = golden.get(name)!
    for (let n = 1; n < b.length; n++) assert.throws(() => read(b.subarray(0, n)), CodecError, `${name} cut to ${n}`)
    const long = new Uint8Array([...b, 0])
    long[4]!++
    if (name !== 'action.send') assert.throws(() => read(long), CodecError, `${name} with a byte more`)
  }
  assert.throws(() => read(bytes(99, 0, 0, 0, 0)), CodecError)
  assert.throws(() => read(bytes(10, 0, 0, 0, 4, 255, 255, 255, 255)), CodecError)
  let seed = 1
  const random = (): number => (seed = (seed * 48271) % 2147483647) & 255
  for (let i = 0; i < 20_000; i++) {
    const [, start] = [...golden][random() % golden.size]!
    const b = start.slice()
    b[random() % b.length] = random()
    try {
      read(b)
    } catch (e) {
      assert.ok(e instanceof CodecError, String(e))
    }
  }
})

test('the writer grows, and forgets', () => {
  const w = new EventWriter()
  w.frame(1, new Uint8Array(9 << 20).fill(7))
  assert.equal(w.length, 5 + 4 + (9 << 20))
  w.wipe()
  assert.ok(w.buffer.every((b) => b === 0))
  w.reset()
  assert.ok(w.buffer.length < 1 << 20)
  assert.throws(() => w.op({ client: 1, n: 1, verb: 1, key: 'x'.repeat(70_000) }), CodecError)
})
