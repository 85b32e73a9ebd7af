// What crosses between JavaScript and the engine, as bytes. codec.gen.ts has the messages; here is what they are written and
// read with.

/** Thrown for bytes that are not in their form. */
export class CodecError extends Error {
  override name = 'CodecError'
}

export const utf8 = new TextEncoder()
const text = new TextDecoder('utf-8', { ignoreBOM: true }) // a key may begin with U+FEFF
const TWO32 = 2 ** 32

// A message is its type, the length of its body, and its body.
const TYPE_BYTES = 1
const LENGTH_BYTES = 4

/** Writes messages one behind the other into a buffer that it lets grow. */
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

  /** Begins a message; its fields follow, and `end`. */
  begin(type: number): void {
    this.u8(type)
    this.#open = this.#at
    this.u32(0)
  }

  end(): void {
    this.#view.setUint32(this.#open, this.#at - this.#open - LENGTH_BYTES)
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

  u8(v: number): void {
    this.#room(1)
    this.#buf[this.#at++] = v
  }

  u16(v: number): void {
    this.#room(2)
    this.#view.setUint16(this.#at, v)
    this.#at += 2
  }

  u32(v: number): void {
    this.#room(4)
    this.#view.setUint32(this.#at, v)
    this.#at += 4
  }

  u64(v: number): void {
    this.u32(Math.floor(v / TWO32))
    this.u32(v % TWO32)
  }

  bool(v: boolean): void {
    this.u8(v ? 1 : 0)
  }

  maybe(b: Uint8Array | undefined): void {
    this.bool(b !== undefined)
    this.bytes(b ?? new Uint8Array())
  }

  bytes(b: Uint8Array): void {
    this.u32(b.length)
    this.raw(b)
  }

  text(s: string): void {
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

/** The tab for which a reply, changed or pairing action is. */
export const clientOf = (m: Message): number => new Reader(m.body).u32()

/** Takes the messages in `b` apart; each is a view into it. Throws CodecError. */
export function* messages(b: Uint8Array): Generator<Message> {
  const view = viewOf(b)
  for (let at = 0; at < b.length;) {
    const body = at + TYPE_BYTES + LENGTH_BYTES
    if (body > b.length) throw new CodecError('cut message')
    const end = body + view.getUint32(at + TYPE_BYTES)
    if (end > b.length) throw new CodecError('cut message')
    yield { type: b[at]!, body: b.subarray(body, end), whole: b.subarray(at, end) }
    at = end
  }
}

/** Has `fields` read a message, all of it. Throws CodecError. */
export function readBody<T>(m: Message, fields: (type: number, r: Reader) => T): T {
  const r = new Reader(m.body)
  const a = fields(m.type, r)
  if (r.left !== 0) throw new CodecError('bytes left over')
  return a
}

function viewOf(b: Uint8Array): DataView {
  return new DataView(b.buffer, b.byteOffset, b.byteLength)
}

/** Reads what a Writer, or the engine, has written. Bytes are views. Throws CodecError behind the end. */
export class Reader {
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

  rest(): Uint8Array {
    return this.#take(this.left)
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
    return this.#take(this.u32())
  }

  text(): string {
    return text.decode(this.#take(this.u16()))
  }

  text8(): string {
    return text.decode(this.#take(this.u8()))
  }

  /** Reads `n` of what is at least `size` bytes each. */
  list<T>(n: number, size: number, read: (r: Reader) => T): T[] {
    if (n * size > this.left) throw new CodecError('cut message')
    return Array.from({ length: n }, () => read(this))
  }

  #take(n: number): Uint8Array {
    return this.#b.subarray(this.#step(n), this.#at)
  }

  #step(n: number): number {
    const at = this.#at
    if (n > this.left) throw new CodecError('cut message')
    this.#at = at + n
    return at
  }
}
