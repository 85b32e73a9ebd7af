// What crosses between JavaScript and the engine, as bytes. The table of messages is in wasm/client/codec/codec.go, of
// which this is the other half; test/codec.test.ts holds both to the same golden bytes.

/** The codec's version, which two tabs must have in common. */
export const CODEC_VERSION = 2

/** What an op asks for; the numbers are those of core/peer. */
export const Verb = {
  Get: 1,
  Batch: 2,
  List: 3,
  Conflicts: 4,
  Watch: 5,
  Unwatch: 6,
  Invite: 7,
  Join: 8,
  Confirm: 9,
  Cancel: 10,
  Shutdown: 11,
  Rename: 12,
  Revoke: 14,
} as const

/** Kinds of a value. */
export const Kind = { Deleted: 0, JSON: 1, Bytes: 2 } as const

/** Why storage failed, as the engine tells failures apart. */
export const StorageFailure = { None: 0, Exists: 1, Quota: 2, Other: 3 } as const

/** A block of storage: its number and, unless there is none, its bytes. */
export interface Block {
  id: number
  data: Uint8Array | undefined
}

/** One put or deletion of a batch. */
export interface Write {
  kind: number
  key: string
  value: Uint8Array
}

/** Keys to list, in the order of their UTF-8 bytes. */
export interface Range {
  prefix?: string
  gte?: string
  lt?: string
  after?: string
  reverse?: boolean
  keysOnly?: boolean
  limit?: number
}

/** An operation: `client` and `n` are the two halves of its id. */
export interface Op {
  client: number
  n: number
  verb: number
  key?: string
  writes?: Write[]
  range?: Range
  target?: { client: number; n: number } // the op that it is about
  since?: number
  relaxed?: boolean
  bring?: boolean
  discard?: boolean
}

/** What the engine is made with. */
export interface EngineConfig {
  key: Uint8Array // 32 bytes
  app: string
  name: string
  url: string
  sync: readonly string[]
}

export interface Entry {
  kind: number
  key: string
  value: Uint8Array
}

export interface RawChange extends Entry {
  had: boolean
  previousKind: number
  previous: Uint8Array
  others: number // how many versions `conflicts` returns
  client: number // the tab that wrote it, 0 if none of this engine's
  device: string // the device that it came from, '' if written here
}

export interface RawDevice {
  id: string
  name: string
  online: boolean
  toReceive: boolean
  lastHeard: number
  toSend: number
}

/** Actions that are for one tab: `client` and `n` are the two halves of the op's id. */
export type TabAction =
  | {
      type: 'reply'
      client: number
      n: number
      code: string
      more: boolean
      position: number
      text: string
      entries: Entry[]
    }
  | { type: 'changed'; client: number; n: number; position: number; changes: RawChange[] }
  | {
      type: 'pairing'
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
export type StatusAction = {
  type: 'status'
  sync: number
  recovery: boolean
  entries: number
  code: string // why sync has stopped
  self: RawDevice
  devices: RawDevice[]
}

/** Actions that are for the Worker. */
export type WorkerAction =
  | { type: 'dial'; conn: number; url: string }
  | { type: 'send'; conn: number; data: Uint8Array }
  | { type: 'ping'; conn: number }
  | { type: 'hangup'; conn: number }
  | { type: 'commit'; relaxed: boolean; adds: Block[]; puts: Block[]; dels: number[] }
  | { type: 'load'; ids: number[] }
  | { type: 'wakeAt'; at: number }
  | { type: 'failed'; code: string }

export type Action = TabAction | StatusAction | WorkerAction

/** Thrown for bytes that are not in their form. */
export class CodecError extends Error {
  override name = 'CodecError'
}

const utf8 = new TextEncoder()
const text = new TextDecoder('utf-8', { ignoreBOM: true }) // a key may begin with U+FEFF
const TWO32 = 2 ** 32

/** Writes ops one behind the other into a buffer that it lets grow; events.ts has the other messages. */
export class Writer {
  #buf = new Uint8Array(1024)
  #view = new DataView(this.#buf.buffer)
  #at = 0
  #open = 0

  /** How many bytes have been written. */
  get length(): number {
    return this.#at
  }

  /** The buffer; its first `length` bytes are written. Valid until the next write. */
  get buffer(): Uint8Array {
    return this.#buf
  }

  /** Empties the writer and returns a copy of what was in it. */
  take(): Uint8Array<ArrayBuffer> {
    const out = this.#buf.slice(0, this.#at)
    this.#at = 0
    return out
  }

  /** Empties the writer and overwrites what was in it: it may have been a key. */
  wipe(): void {
    this.#buf.fill(0, 0, this.#at)
    this.#at = 0
  }

  /** Empties the writer; it keeps a buffer only if that is not too large. */
  reset(): void {
    this.#at = 0
    if (this.#buf.length > 4 << 20) this.#replace(1024)
  }

  /** Appends whole messages. */
  raw(b: Uint8Array): void {
    this.#room(b.length)
    this.#buf.set(b, this.#at)
    this.#at += b.length
  }

  op(o: Op): void {
    const r = o.range ?? {}
    const flags =
      (o.relaxed ? 1 : 0) | (o.bring ? 2 : 0) | (r.reverse ? 4 : 0) | (r.keysOnly ? 8 : 0) | (o.discard ? 16 : 0)
    this.begin(11)
    this.u32(o.client)
    this.u32(o.n)
    this.u8(o.verb)
    this.u8(flags)
    this.u32(o.target?.client ?? 0)
    this.u32(o.target?.n ?? 0)
    this.u64(o.since ?? 0)
    this.u32(r.limit ?? 0)
    this.text(o.key ?? '')
    this.text(r.prefix ?? '')
    this.text(r.gte ?? '')
    this.text(r.lt ?? '')
    this.text(r.after ?? '')
    const writes = o.writes ?? []
    this.u16(writes.length)
    for (const w of writes) {
      this.u8(w.kind)
      this.text(w.key)
      this.bytes(w.value)
    }
    this.end()
  }

  protected begin(type: number): void {
    this.u8(type)
    this.#open = this.#at
    this.u32(0)
  }

  protected end(): void {
    this.#view.setUint32(this.#open, this.#at - this.#open - 4)
  }

  #room(n: number): void {
    if (this.#at + n > this.#buf.length) this.#replace(Math.max(this.#buf.length * 2, this.#at + n))
  }

  #replace(n: number): void {
    const old = this.#buf.subarray(0, this.#at)
    this.#buf = new Uint8Array(n)
    this.#buf.set(old)
    this.#view = new DataView(this.#buf.buffer)
  }

  protected u8(v: number): void {
    this.#room(1)
    this.#buf[this.#at++] = v
  }

  protected u16(v: number): void {
    this.#room(2)
    this.#view.setUint16(this.#at, v)
    this.#at += 2
  }

  protected u32(v: number): void {
    this.#room(4)
    this.#view.setUint32(this.#at, v)
    this.#at += 4
  }

  protected u64(v: number): void {
    this.u32(Math.floor(v / TWO32))
    this.u32(v % TWO32)
  }

  protected bytes(b: Uint8Array): void {
    this.u32(b.length)
    this.raw(b)
  }

  protected text(s: string): void {
    if (s === '') return this.u16(0)
    this.#room(2 + 3 * s.length)
    const { written } = utf8.encodeInto(s, this.#buf.subarray(this.#at + 2))
    if (written > 0xffff) throw new CodecError('text too long')
    this.u16(written)
    this.#at += written
  }
}

/** One message as it lies in a buffer, not yet taken apart. */
export interface Message {
  type: number
  body: Uint8Array
  whole: Uint8Array
}

/** Types of the actions that the Worker passes on without looking into them. */
export const forTab = (type: number): boolean => type === 1 || type === 2 || type === 4
export const STATUS = 3

/** The tab for which a reply, changed or pairing action is. */
export const clientOf = (m: Message): number => (m.body.length < 8 ? 0 : viewOf(m.body).getUint32(0))

/** Takes the messages in `b` apart; each is a view into it. Throws CodecError. */
export function* messages(b: Uint8Array): Generator<Message> {
  const view = viewOf(b)
  for (let at = 0; at < b.length;) {
    if (at + 5 > b.length) throw new CodecError('cut message')
    const end = at + 5 + view.getUint32(at + 1)
    if (end > b.length) throw new CodecError('cut message')
    yield { type: b[at]!, body: b.subarray(at + 5, end), whole: b.subarray(at, end) }
    at = end
  }
}

/** Takes an action for tabs apart. Bytes in it are views into the message. Throws CodecError. */
export function readTabAction(m: Message): TabAction | StatusAction {
  return read(m, tabBody)
}

/** Takes an action for the Worker apart. Bytes in it are views into the message. Throws CodecError. */
export function readWorkerAction(m: Message): WorkerAction {
  return read(m, workerBody)
}

function read<T>(m: Message, body: (type: number, r: Reader) => T): T {
  const r = new Reader(m.body)
  const a = body(m.type, r)
  if (r.left !== 0) throw new CodecError('bytes left over')
  return a
}

function tabBody(type: number, r: Reader): TabAction | StatusAction {
  switch (type) {
    case 1:
      return {
        type: 'reply',
        client: r.u32(),
        n: r.u32(),
        code: r.text8(),
        more: r.bool(),
        position: r.u64(),
        text: r.text(),
        entries: r.many(7, () => ({ kind: r.u8(), key: r.text(), value: r.bytes() })),
      }
    case 2:
      return {
        type: 'changed',
        client: r.u32(),
        n: r.u32(),
        position: r.u64(),
        changes: r.many(20, () => readChange(r)),
      }
    case 3:
      return {
        type: 'status',
        sync: r.u8(),
        recovery: r.bool(),
        entries: r.u64(),
        code: r.text8(),
        self: readDevice(r),
        devices: r.times(r.u16(), 19, () => readDevice(r)),
      }
    case 4:
      return {
        type: 'pairing',
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
  }
  throw new CodecError('unknown action')
}

function workerBody(type: number, r: Reader): WorkerAction {
  switch (type) {
    case 5:
      return { type: 'dial', conn: r.u32(), url: r.text() }
    case 6:
      return { type: 'send', conn: r.u32(), data: r.take(r.left) }
    case 7:
      return { type: 'ping', conn: r.u32() }
    case 8:
      return { type: 'hangup', conn: r.u32() }
    case 9:
      return {
        type: 'commit',
        relaxed: r.bool(),
        adds: readBlocks(r),
        puts: readBlocks(r),
        dels: r.many(8, () => r.u64()),
      }
    case 10:
      return { type: 'load', ids: r.many(8, () => r.u64()) }
    case 11:
      return { type: 'wakeAt', at: r.u64() }
    case 12:
      return { type: 'failed', code: r.text8() }
  }
  throw new CodecError('unknown action')
}

function readChange(r: Reader): RawChange {
  const kind = r.u8()
  const had = r.bool()
  const previousKind = r.u8()
  const others = r.u16()
  const client = r.u32()
  const device = r.text8()
  return { kind, had, previousKind, others, client, device, key: r.text(), value: r.bytes(), previous: r.bytes() }
}

function readDevice(r: Reader): RawDevice {
  const id = r.text8()
  const name = r.text8()
  const flags = r.u8()
  return { id, name, online: (flags & 1) !== 0, toReceive: (flags & 2) !== 0, lastHeard: r.u64(), toSend: r.u64() }
}

function readBlocks(r: Reader): Block[] {
  return r.many(12, () => ({ id: r.u64(), data: r.bytes() }))
}

function viewOf(b: Uint8Array): DataView {
  return new DataView(b.buffer, b.byteOffset, b.byteLength)
}

class Reader {
  #b: Uint8Array
  #view: DataView
  #at = 0

  constructor(b: Uint8Array) {
    this.#b = b
    this.#view = viewOf(b)
  }

  get left(): number {
    return this.#b.length - this.#at
  }

  take(n: number): Uint8Array {
    return this.#b.subarray(this.#step(n), this.#at)
  }

  u8(): number {
    return this.#view.getUint8(this.#step(1))
  }

  bool(): boolean {
    return this.u8() !== 0
  }

  u16(): number {
    return this.#view.getUint16(this.#step(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#step(4))
  }

  u64(): number {
    const v = this.u32() * TWO32 + this.u32()
    return v // positions, times and block numbers all fit in 53 bits
  }

  bytes(): Uint8Array {
    return this.take(this.u32())
  }

  text(): string {
    return text.decode(this.take(this.u16()))
  }

  text8(): string {
    return text.decode(this.take(this.u8()))
  }

  /** Reads a count and as many of what is at least `size` bytes each. */
  many<T>(size: number, read: () => T): T[] {
    return this.times(this.u32(), size, read)
  }

  times<T>(n: number, size: number, read: () => T): T[] {
    if (n * size > this.left) throw new CodecError('cut message')
    return Array.from({ length: n }, read)
  }

  #step(n: number): number {
    const at = this.#at
    if (n > this.left) throw new CodecError('cut message')
    this.#at = at + n
    return at
  }
}
