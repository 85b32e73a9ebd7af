// Both halves of the codec agree on the bytes in wasm/client/codec/testdata/codec.txt.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  ActionType,
  EventType,
  Kind,
  StorageFailure,
  Verb,
  forTab,
  readOpHead,
  readOpID,
  readTabAction,
  readWorkerAction,
  writeEvent,
  writeOp,
  type EngineEvent,
  type Op,
  type StatusAction,
  type TabAction,
  type WorkerAction,
} from '../src/codec.gen.js'
import { CodecError, Reader, Writer, messages } from '../src/codec.js'

type Action = TabAction | StatusAction | WorkerAction

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
const key = new Uint8Array(32)
key.set([1, 2])
key[31] = 32

const events: Record<string, EngineEvent> = {
  'event.config': {
    type: EventType.Config,
    key,
    app: 'https://notes.example',
    name: 'Jürgen’s laptop',
    url: 'https://notes.example/app',
    sync: ['wss://a.example', 'ws://localhost:6280/x'],
  },
  'event.start': { type: EventType.Start, ids: [0, LOG + 7, PAGE + LAST] },
  'event.start.empty': { type: EventType.Start, ids: [] },
  'event.opened': { type: EventType.Opened, conn: 2 ** 32 - 1 },
  'event.frame': { type: EventType.Frame, conn: 3, data: bytes(0, 1, 255) },
  'event.closed': { type: EventType.Closed, conn: 3, code: 4008 },
  'event.tick': { type: EventType.Tick },
  'event.committed': { type: EventType.Committed, failure: StorageFailure.None },
  'event.committed.1': { type: EventType.Committed, failure: StorageFailure.Exists },
  'event.committed.2': { type: EventType.Committed, failure: StorageFailure.Quota },
  'event.committed.3': { type: EventType.Committed, failure: StorageFailure.Other },
  'event.loaded': {
    type: EventType.Loaded,
    failure: StorageFailure.None,
    blocks: [
      { id: LOG + 1, data: ascii('x') },
      { id: 2, data: undefined },
      { id: 3, data: bytes() },
    ],
  },
  'event.loaded.failed': { type: EventType.Loaded, failure: StorageFailure.Other, blocks: [] },
  'event.offline': { type: EventType.Offline },
  'event.online': { type: EventType.Online },
  'event.pong': { type: EventType.Pong, conn: 9 },
}

const target = { client: 5, n: 3 }
const range = { prefix: 'a/', gte: 'a/1', lt: 'a/9', after: 'a/2', reverse: true, keysOnly: true, limit: 2 ** 32 - 1 }
const ops: Record<string, Op> = {
  'event.op.get': { client: 5, n: 1, verb: Verb.Get, key: 'ключ' },
  'event.op.byteordered': { client: 5, n: 5, verb: Verb.Get, key: '\ufeffmark' },
  'event.op.batch': {
    client: 2 ** 32 - 1,
    n: 2 ** 32 - 1,
    verb: Verb.Batch,
    relaxed: true,
    writes: [
      { kind: Kind.JSON, key: 'a', value: ascii('null') },
      { kind: Kind.Bytes, key: 'b', value: bytes() },
      { kind: Kind.Deleted, key: 'c', value: bytes() },
    ],
  },
  'event.op.list': { client: 5, n: 2, verb: Verb.List, ...range },
  'event.op.conflicts': { client: 5, n: 1, verb: Verb.Conflicts, key: 'ключ' },
  'event.op.watch': { client: 5, n: 3, verb: Verb.Watch, prefix: 'a/', since: Number.MAX_SAFE_INTEGER },
  'event.op.unwatch': { client: 5, n: 4, verb: Verb.Unwatch, target },
  'event.op.invite': { client: 5, n: 4, verb: Verb.Invite, url: 'https://notes.example/app' },
  'event.op.join': { client: 5, n: 4, verb: Verb.Join, link: 'https://x.example/#masq=1.AA' },
  'event.op.confirm': { client: 5, n: 4, verb: Verb.Confirm, target, bring: true, discard: false },
  'event.op.discard': { client: 5, n: 4, verb: Verb.Confirm, target, bring: false, discard: true },
  'event.op.cancel': { client: 5, n: 4, verb: Verb.Cancel, target },
  'event.op.shutdown': { client: 5, n: 4, verb: Verb.Shutdown },
  'event.op.rename': { client: 5, n: 4, verb: Verb.Rename, name: 'Téléphone' },
  'event.op.count': { client: 5, n: 4, verb: Verb.Count, prefix: 'a/', gte: 'a/1', lt: 'a/9' },
  'event.op.revoke': { client: 5, n: 4, verb: Verb.Revoke, device: 'AA' },
}

const nobody = {
  id: '',
  name: '',
  online: false,
  toReceive: false,
  full: false,
  overdue: false,
  lastHeard: 0,
  toSend: 0,
}
const nothing = { code: '', more: false, number: 0, text: '', entries: [] }
const actions: Record<string, Action> = {
  'action.reply': { type: ActionType.Reply, client: 5, n: 1, ...nothing },
  'action.reply.error': { type: ActionType.Reply, client: 5, n: 1, ...nothing, code: 'E_QUOTA' },
  'action.reply.damaged': { type: ActionType.Reply, client: 5, n: 1, ...nothing, code: 'E_DAMAGED', text: 'k' },
  'action.reply.entries': {
    type: ActionType.Reply,
    client: 5,
    n: 2,
    code: '',
    more: true,
    number: Number.MAX_SAFE_INTEGER,
    text: 'https://x.example/#masq=1.AA',
    entries: [
      { kind: Kind.JSON, key: 'ключ', value: ascii('"v"') },
      { kind: Kind.Bytes, key: '\ufeffmark', value: bytes() },
    ],
  },
  'action.changed': {
    type: ActionType.Changed,
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
    type: ActionType.Status,
    sync: 3,
    recovery: true,
    copied: true,
    entries: 2700,
    damaged: 2,
    code: 'E_VERSION',
    self: { ...nobody, id: 'me', name: 'Laptop' },
    devices: [
      {
        id: 'p',
        name: 'Phone',
        online: true,
        toReceive: true,
        full: true,
        overdue: true,
        lastHeard: 1700000000000,
        toSend: 3,
      },
    ],
  },
  'action.status.alone': {
    type: ActionType.Status,
    sync: 0,
    recovery: false,
    copied: false,
    entries: 0,
    damaged: 0,
    code: '',
    self: nobody,
    devices: [],
  },
  'action.status.offline': {
    type: ActionType.Status,
    sync: 4,
    recovery: false,
    copied: false,
    entries: 0,
    damaged: 0,
    code: '',
    self: nobody,
    devices: [],
  },
  'action.pairing': {
    type: ActionType.Pairing,
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
    type: ActionType.Pairing,
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
    type: ActionType.Pairing,
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
  'action.dial': { type: ActionType.Dial, conn: 1, url: 'wss://a.example/v1/channel/AA' },
  'action.send': { type: ActionType.Send, conn: 1, data: bytes(2, 0, 255) },
  'action.ping': { type: ActionType.Ping, conn: 1 },
  'action.hangup': { type: ActionType.Hangup, conn: 1 },
  'action.commit': {
    type: ActionType.Commit,
    relaxed: true,
    after: LOG + 5,
    adds: [{ id: LOG + 7, data: ascii('log') }],
    puts: [
      { id: 0, data: ascii('m') },
      { id: 2 * LOG + 1, data: bytes() },
    ],
    dels: [LOG + 6],
  },
  'action.load': { type: ActionType.Load, ids: [PAGE + LAST, 0] },
  'action.wakeat': { type: ActionType.WakeAt, at: 1700000000000 },
  'action.failed': { type: ActionType.Failed, code: 'E_FENCED' },
}

const hex = (b: Uint8Array | undefined): string => Buffer.from(b ?? []).toString('hex')
const read = (b: Uint8Array): Action[] =>
  [...messages(b)].map((m) => (forTab(m.type) || m.type === ActionType.Status ? readTabAction(m) : readWorkerAction(m)))

const written = (write: (w: Writer) => void): Uint8Array => {
  const w = new Writer()
  write(w)
  return w.take()
}

test('events are written as the engine reads them', () => {
  for (const [name, e] of Object.entries(events))
    assert.equal(`${name} ${hex(written((w) => writeEvent(w, e)))}`, `${name} ${hex(golden.get(name))}`)
  for (const [name, o] of Object.entries(ops))
    assert.equal(`${name} ${hex(written((w) => writeOp(w, o)))}`, `${name} ${hex(golden.get(name))}`)
})

test('whose an op is, its verb and the op that it is about can be read', () => {
  for (const [name, { client, n, verb }] of Object.entries(ops)) {
    const r = new Reader([...messages(golden.get(name)!)][0]!.body)
    assert.deepEqual(readOpHead(r), { client, n, verb }, name)
    if (verb === Verb.Unwatch || verb === Verb.Cancel) assert.deepEqual(readOpID(r), target, name)
  }
})

test('actions are read as the engine writes them', () => {
  for (const [name, want] of Object.entries(actions)) {
    const got = read(golden.get(name)!)
    assert.deepEqual(got, [want], name)
  }
  assert.equal(golden.size, Object.keys({ ...events, ...ops, ...actions }).length)
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
  const w = new Writer()
  writeEvent(w, { type: EventType.Frame, conn: 1, data: new Uint8Array(9 << 20).fill(7) })
  assert.equal(w.length, 5 + 4 + (9 << 20))
  w.wipe()
  assert.ok(w.buffer.every((b) => b === 0))
  w.reset()
  assert.ok(w.buffer.length < 1 << 20)
  assert.throws(() => writeOp(w, { client: 1, n: 1, verb: Verb.Get, key: 'x'.repeat(70_000) }), CodecError)
})
