// Made by wasm/client/codec/gen of the table in wasm/client/codec/table. Do not edit: change the table and run
// `make generate`.

import { CodecError, readBody, type Message, type Reader, type Writer } from './codec.js'

/** The codec's version, which two tabs must have in common. */
export const CODEC_VERSION = 10

export const KEY_BYTES_MAX = 1024
export const VALUE_BYTES_MAX = 1048576
export const BATCH_OPS_MAX = 1000
export const BATCH_BYTES_MAX = 4194304
export const NAME_CHARACTERS_MAX = 40
export const SYNC_MAX = 8
export const WATCHES_MAX = 10000

export const enum EventType {
  Config = 1,
  Start = 2,
  Opened = 3,
  Frame = 4,
  Closed = 5,
  Tick = 6,
  Committed = 7,
  Loaded = 8,
  Offline = 9,
  Online = 10,
  Op = 11,
  Pong = 12,
}

export const enum ActionType {
  Reply = 1,
  Changed = 2,
  Status = 3,
  Pairing = 4,
  Dial = 5,
  Send = 6,
  Ping = 7,
  Hangup = 8,
  Commit = 9,
  Load = 10,
  WakeAt = 11,
  Failed = 12,
}

export const enum Verb {
  Get = 1,
  Batch = 2,
  List = 3,
  Conflicts = 4,
  Watch = 5,
  Unwatch = 6,
  Invite = 7,
  Join = 8,
  Confirm = 9,
  Cancel = 10,
  Shutdown = 11,
  Rename = 12,
  Revoke = 14,
  Count = 15,
}

export const enum Kind {
  Deleted = 0,
  JSON = 1,
  Bytes = 2,
}

export const enum StorageFailure {
  None = 0,
  Exists = 1,
  Quota = 2,
  Other = 3,
}

export const pairingSteps = ['', 'waiting', 'compare', 'confirmed', 'paired', 'done', 'failed'] as const

export const syncStates = ['off', 'connecting', 'waiting', 'online', 'offline'] as const

export interface OpID {
  client: number
  n: number
}

export interface Write {
  kind: Kind
  key: string
  value: Uint8Array
}

export interface Entry {
  kind: Kind
  key: string
  value: Uint8Array
}

export interface RawChange {
  kind: Kind
  had: boolean
  previousKind: Kind
  others: number
  client: number
  device: string
  key: string
  value: Uint8Array
  previous: Uint8Array
}

export interface RawDevice {
  id: string
  name: string
  online: boolean
  toReceive: boolean
  full: boolean
  overdue: boolean
  lastHeard: number
  toSend: number
}

export interface Block {
  id: number
  data: Uint8Array
}

export interface FoundBlock {
  id: number
  data: Uint8Array | undefined
}

/** What an op asks for. */
export type Ask =
  | { verb: Verb.Get; key: string }
  | { verb: Verb.Batch; relaxed: boolean; writes: readonly Write[] }
  | {
      verb: Verb.List
      prefix: string
      gte: string
      lt: string
      after: string
      reverse: boolean
      keysOnly: boolean
      limit: number
    }
  | { verb: Verb.Conflicts; key: string }
  | { verb: Verb.Watch; prefix: string; since: number }
  | { verb: Verb.Unwatch; target: OpID }
  | { verb: Verb.Invite; url: string }
  | { verb: Verb.Join; link: string }
  | { verb: Verb.Confirm; target: OpID; bring: boolean; discard: boolean }
  | { verb: Verb.Cancel; target: OpID }
  | { verb: Verb.Shutdown }
  | { verb: Verb.Rename; name: string }
  | { verb: Verb.Revoke; device: string }
  | { verb: Verb.Count; prefix: string; gte: string; lt: string }

/** An operation: `client` and `n` are the two halves of its id. */
export type Op = Ask & OpID

/** What the Worker tells the engine. */
export type EngineEvent =
  | { type: EventType.Config; key: Uint8Array; app: string; name: string; url: string; sync: readonly string[] }
  | { type: EventType.Start; ids: readonly number[] }
  | { type: EventType.Opened; conn: number }
  | { type: EventType.Frame; conn: number; data: Uint8Array }
  | { type: EventType.Closed; conn: number; code: number }
  | { type: EventType.Tick }
  | { type: EventType.Committed; failure: StorageFailure }
  | { type: EventType.Loaded; failure: StorageFailure; blocks: readonly FoundBlock[] }
  | { type: EventType.Offline }
  | { type: EventType.Online }
  | { type: EventType.Pong; conn: number }

/** Actions that are for one tab: `client` and `n` are the two halves of the op's id. */
export type TabAction =
  | {
      type: ActionType.Reply
      client: number
      n: number
      code: string
      more: boolean
      number: number
      text: string
      entries: Entry[]
    }
  | { type: ActionType.Changed; client: number; n: number; position: number; changes: RawChange[] }
  | {
      type: ActionType.Pairing
      client: number
      n: number
      step: number
      hasData: boolean
      offline: boolean
      expires: number
      digits: string
      name: string
      code: string
    }

/** Actions that are for every tab. */
export interface StatusAction {
  type: ActionType.Status
  sync: number
  recovery: boolean
  copied: boolean
  entries: number
  damaged: number
  code: string
  self: RawDevice
  devices: RawDevice[]
}

/** Actions that are for the Worker. */
export type WorkerAction =
  | { type: ActionType.Dial; conn: number; url: string }
  | { type: ActionType.Send; conn: number; data: Uint8Array }
  | { type: ActionType.Ping; conn: number }
  | { type: ActionType.Hangup; conn: number }
  | { type: ActionType.Commit; relaxed: boolean; after: number; adds: Block[]; puts: Block[]; dels: number[] }
  | { type: ActionType.Load; ids: number[] }
  | { type: ActionType.WakeAt; at: number }
  | { type: ActionType.Failed; code: string }

export function writeOpID(w: Writer, r: OpID): void {
  w.u32(r.client)
  w.u32(r.n)
}

function writeWrite(w: Writer, r: Write): void {
  w.u8(r.kind)
  w.text(r.key)
  w.bytes(r.value)
}

function writeFoundBlock(w: Writer, r: FoundBlock): void {
  w.u64(r.id)
  w.maybe(r.data)
}

/** Writes an event. */
export function writeEvent(w: Writer, e: EngineEvent): void {
  w.begin(e.type)
  switch (e.type) {
    case EventType.Config:
      w.raw(e.key)
      w.text(e.app)
      w.text(e.name)
      w.text(e.url)
      w.u8(e.sync.length)
      for (const x of e.sync) w.text(x)
      break
    case EventType.Start:
      w.u32(e.ids.length)
      for (const x of e.ids) w.u64(x)
      break
    case EventType.Opened:
    case EventType.Pong:
      w.u32(e.conn)
      break
    case EventType.Frame:
      w.u32(e.conn)
      w.raw(e.data)
      break
    case EventType.Closed:
      w.u32(e.conn)
      w.u16(e.code)
      break
    case EventType.Committed:
      w.u8(e.failure)
      break
    case EventType.Loaded:
      w.u8(e.failure)
      w.u32(e.blocks.length)
      for (const x of e.blocks) writeFoundBlock(w, x)
      break
  }
  w.end()
}

/** Begins an op; what its verb has follows, and `end`. */
export function beginOp(w: Writer, o: OpID & { verb: Verb }): void {
  w.begin(EventType.Op)
  w.u32(o.client)
  w.u32(o.n)
  w.u8(o.verb)
}

/** Writes an op. */
export function writeOp(w: Writer, o: Op): void {
  beginOp(w, o)
  switch (o.verb) {
    case Verb.Get:
    case Verb.Conflicts:
      w.text(o.key)
      break
    case Verb.Batch:
      w.bool(o.relaxed)
      w.u16(o.writes.length)
      for (const x of o.writes) writeWrite(w, x)
      break
    case Verb.List:
      w.text(o.prefix)
      w.text(o.gte)
      w.text(o.lt)
      w.text(o.after)
      w.bool(o.reverse)
      w.bool(o.keysOnly)
      w.u32(o.limit)
      break
    case Verb.Watch:
      w.text(o.prefix)
      w.u64(o.since)
      break
    case Verb.Unwatch:
    case Verb.Cancel:
      writeOpID(w, o.target)
      break
    case Verb.Invite:
      w.text(o.url)
      break
    case Verb.Join:
      w.text(o.link)
      break
    case Verb.Confirm:
      writeOpID(w, o.target)
      w.bool(o.bring)
      w.bool(o.discard)
      break
    case Verb.Rename:
      w.text(o.name)
      break
    case Verb.Revoke:
      w.text(o.device)
      break
    case Verb.Count:
      w.text(o.prefix)
      w.text(o.gte)
      w.text(o.lt)
      break
  }
  w.end()
}

export function readOpID(r: Reader): OpID {
  return {
    client: r.u32(),
    n: r.u32(),
  }
}

function readEntry(r: Reader): Entry {
  return {
    kind: r.u8(),
    key: r.text(),
    value: r.bytes(),
  }
}

function readRawChange(r: Reader): RawChange {
  return {
    kind: r.u8(),
    had: r.bool(),
    previousKind: r.u8(),
    others: r.u16(),
    client: r.u32(),
    device: r.text8(),
    key: r.text(),
    value: r.bytes(),
    previous: r.bytes(),
  }
}

function readRawDevice(r: Reader): RawDevice {
  return {
    id: r.text8(),
    name: r.text8(),
    online: r.bool(),
    toReceive: r.bool(),
    full: r.bool(),
    overdue: r.bool(),
    lastHeard: r.u64(),
    toSend: r.u64(),
  }
}

function readBlock(r: Reader): Block {
  return {
    id: r.u64(),
    data: r.bytes(),
  }
}

/** Reads what every op begins with; what its verb has follows. */
export function readOpHead(r: Reader): OpID & { verb: Verb } {
  return {
    client: r.u32(),
    n: r.u32(),
    verb: r.u8(),
  }
}

/** Whether an action is for one tab. */
export const forTab = (type: number): boolean =>
  type === ActionType.Reply || type === ActionType.Changed || type === ActionType.Pairing

/** Takes an action apart. Bytes in it are views into the message. Throws CodecError. */
export const readTabAction = (m: Message): TabAction | StatusAction => readBody(m, tabAction)

function tabAction(type: number, r: Reader): TabAction | StatusAction {
  switch (type) {
    case ActionType.Reply:
      return {
        type: ActionType.Reply,
        client: r.u32(),
        n: r.u32(),
        code: r.text8(),
        more: r.bool(),
        number: r.u64(),
        text: r.text(),
        entries: r.list(r.u32(), 7, readEntry),
      }
    case ActionType.Changed:
      return {
        type: ActionType.Changed,
        client: r.u32(),
        n: r.u32(),
        position: r.u64(),
        changes: r.list(r.u32(), 20, readRawChange),
      }
    case ActionType.Pairing:
      return {
        type: ActionType.Pairing,
        client: r.u32(),
        n: r.u32(),
        step: r.u8(),
        hasData: r.bool(),
        offline: r.bool(),
        expires: r.u64(),
        digits: r.text8(),
        name: r.text8(),
        code: r.text8(),
      }
    case ActionType.Status:
      return {
        type: ActionType.Status,
        sync: r.u8(),
        recovery: r.bool(),
        copied: r.bool(),
        entries: r.u64(),
        damaged: r.u32(),
        code: r.text8(),
        self: readRawDevice(r),
        devices: r.list(r.u16(), 22, readRawDevice),
      }
  }
  throw new CodecError('unknown action')
}

/** Takes an action apart. Bytes in it are views into the message. Throws CodecError. */
export const readWorkerAction = (m: Message): WorkerAction => readBody(m, workerAction)

function workerAction(type: number, r: Reader): WorkerAction {
  switch (type) {
    case ActionType.Dial:
      return {
        type: ActionType.Dial,
        conn: r.u32(),
        url: r.text(),
      }
    case ActionType.Send:
      return {
        type: ActionType.Send,
        conn: r.u32(),
        data: r.rest(),
      }
    case ActionType.Ping:
      return {
        type: ActionType.Ping,
        conn: r.u32(),
      }
    case ActionType.Hangup:
      return {
        type: ActionType.Hangup,
        conn: r.u32(),
      }
    case ActionType.Commit:
      return {
        type: ActionType.Commit,
        relaxed: r.bool(),
        after: r.u64(),
        adds: r.list(r.u32(), 12, readBlock),
        puts: r.list(r.u32(), 12, readBlock),
        dels: r.list(r.u32(), 8, (r) => r.u64()),
      }
    case ActionType.Load:
      return {
        type: ActionType.Load,
        ids: r.list(r.u32(), 8, (r) => r.u64()),
      }
    case ActionType.WakeAt:
      return {
        type: ActionType.WakeAt,
        at: r.u64(),
      }
    case ActionType.Failed:
      return {
        type: ActionType.Failed,
        code: r.text8(),
      }
  }
  throw new CodecError('unknown action')
}
