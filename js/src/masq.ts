import { Kind, Verb, type Entry, type Range, type RawChange, type Write } from './border.js'
import { Client } from './client.js'
import { MasqError } from './errors.js'
import { deviceName, type Options } from './options.js'
import { Pairing } from './pairing.js'
import { readStatus, type Device, type Status } from './status.js'
import { BATCH_BYTES_MAX, BATCH_OPS_MAX, OP_BYTES, bytesOf, checkKey, decodeValue, encodeValue } from './values.js'

/** When a write is answered: on stable storage (the default), or as soon as the engine has it. */
export interface WriteOptions {
  durability?: 'strict' | 'relaxed'
}

/** One operation of a batch. */
export type BatchOperation = { type: 'put'; key: string; value: unknown } | { type: 'del'; key: string }

/** Which keys: those that begin with `prefix` and are ≥ `gte` and < `lt`, in the order of their UTF-8 bytes. */
export interface RangeOptions {
  prefix?: string
  gte?: string
  lt?: string
  /** From the last to the first. */
  reverse?: boolean
  /** At most this many; default: all. */
  limit?: number
}

/** A key that has another value than before. */
export interface Change<T = unknown> {
  readonly key: string
  /** The value now; undefined if it was deleted. */
  readonly value: T | undefined
  /** The value before; undefined if there was none. */
  readonly previous: T | undefined
  readonly deleted: boolean
  /** How many versions `conflicts(key)` answers now. A change of these alone is told too, with the same value as before. */
  readonly conflicts: number
  /** Who wrote it: `here`, this very object; `tab`, another tab of this browser; else the device's name. */
  readonly from: 'here' | 'tab' | (string & {})
}

/** The types of Masq's events. */
export interface MasqEventMap {
  /** `status` is another. */
  status: Event
}

/**
 * An application's data on this device, which its other devices have too. Made by `connect`. Everything that returns a
 * Promise rejects with MasqError; after `close`, with E_CLOSED.
 */
export class Masq extends EventTarget {
  #client: Client
  #status: Status | undefined
  #ready!: { resolve: () => void; reject: (e: MasqError) => void }
  #opened: Promise<void>

  private constructor(options: Options) {
    super()
    this.#opened = new Promise((resolve, reject) => (this.#ready = { resolve, reject }))
    this.#client = new Client(options, {
      status: (s) => {
        this.#status = readStatus(s)
        this.#ready.resolve()
        this.dispatchEvent(new Event('status'))
      },
      failed: (e) => this.#ready.reject(e),
    })
  }

  /** @internal */
  static async open(options: Options): Promise<Masq> {
    const masq = new Masq(options)
    try {
      await masq.#opened
    } catch (e) {
      masq.#client.end(e as MasqError)
      throw e
    }
    return masq
  }

  /** What is known of store, sync and devices. `status` is dispatched when it changes. */
  get status(): Status {
    return this.#status!
  }

  /**
   * Resolves with the value of `key`, undefined if there is none. Values that other devices wrote are what their version
   * of the application made of them: check them.
   */
  async get<T = unknown>(key: string): Promise<T | undefined> {
    const { entries } = await this.#client.ask({ verb: Verb.Get, key: checkKey(key) })
    return entries[0] && (decodeValue(entries[0]) as T)
  }

  /**
   * Stores a value: what JSON can say, or bytes (Uint8Array, ArrayBuffer), which `get` answers as Uint8Array. At most
   * 1 MiB. The value is taken at the call: it may change afterwards. Rejects with E_KEY, E_VALUE, E_TOOBIG, E_QUOTA.
   */
  async put(key: string, value: unknown, options?: WriteOptions): Promise<void> {
    await this.#write([putOf(key, value)], options)
  }

  /** Deletes a key, which need not have a value. */
  async del(key: string, options?: WriteOptions): Promise<void> {
    await this.#write([delOf(key)], options)
  }

  /**
   * Does all of it or nothing, on every device: at most 1,000 operations and 4 MiB. Of several operations on one key the
   * last one counts.
   */
  async batch(operations: readonly BatchOperation[], options?: WriteOptions): Promise<void> {
    if (operations.length > BATCH_OPS_MAX) throw new MasqError('E_TOOBIG', `${operations.length} operations`)
    const writes = new Map<string, Write>()
    for (const o of operations) {
      if (o?.type !== 'put' && o?.type !== 'del') throw new MasqError('E_VALUE', "an operation's type is put or del")
      writes.set(o.key, o.type === 'put' ? putOf(o.key, o.value) : delOf(o.key))
    }
    if (writes.size > 0) await this.#write([...writes.values()], options)
  }

  /** Resolves with the entries of a range, all of them: for very many, use `entries`. */
  async list<T = unknown>(range: RangeOptions = {}): Promise<[key: string, value: T][]> {
    const out: [string, T][] = []
    for await (const page of this.#pages(range, false)) {
      for (const e of page) out.push([e.key, decodeValue(e) as T])
    }
    return out
  }

  /** Walks the entries of a range, loading them as it goes. What changes meanwhile may or may not be seen. */
  async *entries<T = unknown>(range: RangeOptions = {}): AsyncGenerator<[key: string, value: T], void, undefined> {
    for await (const page of this.#pages(range, false)) {
      for (const e of page) yield [e.key, decodeValue(e) as T]
    }
  }

  /** Walks the keys of a range. */
  async *keys(range: RangeOptions = {}): AsyncGenerator<string, void, undefined> {
    for await (const page of this.#pages(range, true)) {
      for (const e of page) yield e.key
    }
  }

  /**
   * Calls `listener` for every change from now on of a key that begins with `prefix` ('' for all), in order, wherever it
   * was made; what this browser writes, before it is durable. Returns a function that ends it. Throws E_KEY, E_CLOSED.
   */
  watch<T = unknown>(prefix: string, listener: (change: Change<T>) => void): () => void {
    return this.#client.watch(checkKey(prefix, true), (changes) => {
      for (const c of changes) {
        try {
          listener(this.#change<T>(c))
        } catch (e) {
          reportError(e)
        }
      }
    })
  }

  /**
   * Resolves with the values that other devices wrote at the same time as the one that `get` answers; mostly none. The next
   * `put` or `del` of the key settles it.
   */
  async conflicts<T = unknown>(key: string): Promise<T[]> {
    const { entries } = await this.#client.ask({ verb: Verb.Conflicts, key: checkKey(key) })
    return entries.map((e) => decodeValue(e) as T)
  }

  /** Resolves with the user's devices, this one first. */
  async devices(): Promise<Device[]> {
    return [this.status.self, ...this.status.devices]
  }

  /** Gives this device another name, 1 to 40 characters. Rejects with E_OPTIONS. */
  async rename(name: string): Promise<void> {
    await this.#client.ask({ verb: Verb.Rename, key: deviceName(name) })
  }

  /**
   * Makes an invite for another device: a link, valid for 5 minutes and for one device. Rejects with E_SYNC if there is no
   * Sync Server to meet at, with E_BUSY if another pairing is under way.
   */
  invite(): Promise<Pairing> {
    return Pairing.start(this.#client)
  }

  /**
   * Answers another device's invite: connects to it. Ask the user before. Rejects with E_LINK, E_CIRCLE, E_BUSY.
   */
  async join(link: string): Promise<Pairing> {
    if (typeof link !== 'string' || link.length > 4096 || !link.includes('#masq=')) throw new MasqError('E_LINK')
    return Pairing.start(this.#client, link.trim())
  }

  /** Waits (5 s at most) for what has been asked, and lets go of everything. Never rejects. */
  async close(): Promise<void> {
    await this.#client.close()
  }

  override addEventListener<K extends keyof MasqEventMap>(
    type: K,
    listener: ((event: MasqEventMap[K]) => unknown) | EventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListener | null, options)
  }

  async #write(writes: Write[], options: WriteOptions = {}): Promise<void> {
    if (options.durability !== undefined && options.durability !== 'strict' && options.durability !== 'relaxed') {
      throw new MasqError('E_OPTIONS', "durability is 'strict' or 'relaxed'")
    }
    if (writes.length > 1) checkSize(writes)
    await this.#client.ask({ verb: Verb.Batch, writes, relaxed: options.durability === 'relaxed' })
  }

  async *#pages(options: RangeOptions, keysOnly: boolean): AsyncGenerator<Entry[], void, undefined> {
    const range: Range = { ...rangeOf(options), keysOnly }
    let left = options.limit ?? Infinity
    for (let more = left > 0; more;) {
      range.limit = Number.isFinite(left) ? left : 0
      const page = await this.#client.ask({ verb: Verb.List, range })
      const last = page.entries.at(-1)
      yield page.entries
      left -= page.entries.length
      more = page.more && left > 0 && last !== undefined
      if (last) range.after = last.key
    }
  }

  #change<T>(c: RawChange): Change<T> {
    return {
      key: c.key,
      value: decodeValue(c) as T | undefined,
      previous: c.had ? (decodeValue({ kind: c.previousKind, value: c.previous }) as T | undefined) : undefined,
      deleted: c.kind === Kind.Deleted,
      conflicts: c.others,
      from: c.client === this.#client.id ? 'here' : c.device || 'tab',
    }
  }
}

function checkSize(writes: Write[]): void {
  const bytes = writes.reduce((n, w) => n + OP_BYTES + bytesOf(w.key) + w.value.length, 0)
  if (bytes > BATCH_BYTES_MAX) throw new MasqError('E_TOOBIG', `the batch has ${bytes} bytes`)
}

function putOf(key: string, value: unknown): Write {
  return { key: checkKey(key), ...encodeValue(value) }
}

function delOf(key: string): Write {
  return { key: checkKey(key), kind: Kind.Deleted, value: new Uint8Array() }
}

function rangeOf(o: RangeOptions): Range {
  const { limit = 1 } = o
  if (!Number.isInteger(limit) || limit < 0 || limit > 0xffffffff)
    throw new MasqError('E_OPTIONS', 'limit is a whole number')
  return {
    prefix: checkKey(o.prefix ?? '', true),
    gte: checkKey(o.gte ?? '', true),
    lt: checkKey(o.lt ?? '', true),
    reverse: o.reverse === true,
  }
}
