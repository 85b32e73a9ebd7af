import { BATCH_BYTES_MAX, BATCH_OPS_MAX } from './codec.gen.js'
import { MasqError } from './errors.js'
import { bad, fields, type Fields } from './fields.js'
import { deviceName, type Options } from './options.js'
import { Keeper } from './keeping.js'
import type { Pairing } from './pairing.js'
import { Router } from './router.js'
import type { Device, Status, StoreStatus } from './status.js'
import type { Change, Page, Range, Reset, Write } from './store.js'
import { OP_BYTES, bytesOf, checkKey, encodeValue, isBefore } from './values.js'

/** When a write is answered: on stable storage (the default), or as soon as the engine has it. */
export interface WriteOptions {
  durability?: 'strict' | 'relaxed'
}

/** One operation of a batch. */
export type BatchOperation = { type: 'put'; key: string; value: unknown } | { type: 'del'; key: string }

/**
 * Which keys, in the order of their UTF-8 bytes: those for which all that is given holds. Nothing given: all. Bounds need not be
 * keys that have a value. A method that takes a range takes text for `{ prefix }`, too.
 */
export interface RangeOptions {
  /** Keys that begin so. */
  prefix?: string
  /** Keys behind this one. */
  gt?: string
  /** This key and those behind it. */
  gte?: string
  /** Keys before this one; before '' there is none. */
  lt?: string
  /** This key and those before it. */
  lte?: string
  /** From the last to the first. */
  reverse?: boolean
  /** At most this many, a whole number from 0 on; default: all. */
  limit?: number
}

/** What `useLocalStore` takes. */
export interface LocalStoreOptions {
  /**
   * Has the user type the six digits that the Store manager shows beside this application, and resolves with them, or with undefined
   * if the user will not. It is called where this browser has data: that moves to no other store than the one whose digits are typed.
   */
  digits?: () => Promise<string | undefined>
}

const LOCAL_STORE: Fields<LocalStoreOptions> = { digits: '' }
const RANGE: Fields<RangeOptions> = {
  ...{
    prefix: 'string',
    gt: 'string',
    gte: 'string',
    lt: 'string',
    lte: 'string',
    reverse: 'boolean',
    limit: 'number',
  },
}
const WRITE: Fields<WriteOptions> = { durability: '' }
const ID_CHARACTERS_MAX = 100
const BATCH = 'A batch is an array of { type: "put", key, value } and { type: "del", key }.'
const NO_DEVICE = 'There is no such device. Take the id of another one that devices() answers.'

/** The types of Masq's events. */
export interface MasqEventMap {
  /** `status` is another. */
  status: Event
}

export interface Masq {
  addEventListener<K extends keyof MasqEventMap>(
    type: K,
    listener: ((event: MasqEventMap[K]) => unknown) | EventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void
}

/**
 * An application's data on this device, which its other devices have too. Made by `connect`. Everything that returns a
 * Promise rejects with MasqError; after `close`, with E_CLOSED.
 */
export class Masq extends EventTarget {
  #router: Router
  #status: Status | undefined
  #keeper = new Keeper(() => this.#status && this.#tell(this.#status))
  #closed = false
  #ready!: { resolve: () => void; reject: (e: MasqError) => void }
  #opened: Promise<void>

  private constructor(options: Options) {
    super()
    this.#opened = new Promise((resolve, reject) => (this.#ready = { resolve, reject }))
    this.#router = new Router(options, {
      status: (s) => {
        this.#keeper.saw(s)
        this.#tell(s)
        this.#ready.resolve()
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
      masq.#router.end(e as MasqError)
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
    checkKey(key)
    return (await this.#router.run((store) => store.get(key))) as T | undefined
  }

  /**
   * Stores a value, at most 1 MiB of it: bytes (an ArrayBuffer, or a view of one), which `get` returns as Uint8Array, or what
   * JSON can say: null, booleans, finite numbers, text, and arrays and objects of those, at most 1,000 levels deep. What has a
   * `toJSON` method is stored as what that returns, a Date as text. Properties that are undefined are left out; of an instance of
   * a class its own enumerable properties are stored. Whatever else would be lost or changed is E_VALUE, which says where: bytes
   * within JSON, undefined in an array, a Map, an Error, a function.
   *
   * The value is taken at the call: it may change afterwards. Rejects with E_KEY, E_VALUE, E_TOOBIG, E_OPTIONS, E_QUOTA.
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
   * last one counts. Rejects as `put` does; with E_VALUE for what is no such array.
   */
  async batch(operations: readonly BatchOperation[], options?: WriteOptions): Promise<void> {
    if (!Array.isArray(operations)) throw new MasqError('E_VALUE', 'operations is no array', BATCH)
    if (operations.length > BATCH_OPS_MAX) throw new MasqError('E_TOOBIG', `${operations.length} operations`)
    const writes = new Map<string, Write>()
    for (const [i, o] of (operations as readonly BatchOperation[]).entries()) {
      const w = writeOf(o, `operations[${i}]`)
      writes.set(w.key, w)
    }
    await this.#write([...writes.values()], options)
  }

  /**
   * Resolves with the entries of a range, all of them: for very many, use `entries`. Rejects with E_OPTIONS for a range that is
   * not understood, with E_KEY for a bound that is longer than a key or holds what no key does.
   */
  async list<T = unknown>(range: RangeOptions | string = {}): Promise<[key: string, value: T][]> {
    const out: [string, T][] = []
    for await (const page of this.#pages(range, false)) out.push(...(page as [string, T][]))
    return out
  }

  /**
   * Walks the entries of a range, loading them as it goes. What changes meanwhile may or may not be seen. What is wrong with the
   * range is told at the first step.
   */
  async *entries<T = unknown>(
    range: RangeOptions | string = {},
  ): AsyncGenerator<[key: string, value: T], void, undefined> {
    for await (const page of this.#pages(range, false)) {
      for (const e of page) yield e as [string, T]
    }
  }

  /** Walks the keys of a range. */
  async *keys(range: RangeOptions | string = {}): AsyncGenerator<string, void, undefined> {
    for await (const page of this.#pages(range, true)) {
      for (const [key] of page) yield key
    }
  }

  /**
   * Resolves with how many keys of a range have a value, at most `limit`, without loading the values. Rejects as `list` does.
   */
  async count(range: RangeOptions | string = {}): Promise<number> {
    const { prefix, gte, lt, limit } = rangeOf(range)
    return limit && Math.min(limit, await this.#router.run((store) => store.count({ prefix, gte, lt })))
  }

  /**
   * Calls `listener` for every change from now on of a key that begins with `prefix` ('' for all), in order, wherever it
   * was made; what this browser writes, before it is durable. Returns a function that ends it, at once.
   * Throws E_KEY for what is no prefix, E_OPTIONS for a listener that is no function, E_BUSY for too many watches, E_CLOSED.
   *
   * It can be told of a reset instead, seldom: then a copy that is kept of the range is void. To read `key` of a reset throws E_RESET.
   *
   * ```ts
   * masq.watch('note/', async (change) => {
   *   if (change.type === 'reset') notes = new Map(await masq.list({ prefix: 'note/' }))
   *   else if (change.deleted) notes.delete(change.key)
   *   else notes.set(change.key, change.value)
   * })
   * ```
   */
  watch<T = unknown>(prefix: string, listener: (change: Change<T> | Reset) => void): () => void {
    checkKey(prefix, true)
    if (typeof listener !== 'function') throw bad('the listener of a watch must be a function')
    let on = true
    const stop = this.#router.watch(prefix, (changes) => {
      for (const c of changes) {
        if (!on || this.#closed) return // by the listener
        try {
          listener(c.type === 'reset' ? guarded(c) : (c as Change<T>))
        } catch (e) {
          reportError(e)
        }
      }
    })
    return () => {
      on = false
      stop()
    }
  }

  /**
   * Resolves with the values that other devices wrote at the same time as the one that `get` returns; mostly none. The next
   * `put` or `del` of the key settles it.
   */
  async conflicts<T = unknown>(key: string): Promise<T[]> {
    checkKey(key)
    return (await this.#router.run((store) => store.conflicts(key))) as T[]
  }

  /** Resolves with the user's devices, this one first. Rejects with E_DENIED with a local store: ask the Store manager. */
  async devices(): Promise<Device[]> {
    return this.#router.embedded(async (store) => {
      await store.known()
      return [this.status.self, ...this.status.devices]
    })
  }

  /**
   * Shuts another device out for good, by its `id`: it gets nothing more from any device that has heard of it, and keeps what it
   * has. Rejects with E_VALUE if there is no such device; with E_DENIED with a local store, where the Store manager does it.
   */
  async revoke(id: string): Promise<void> {
    if (typeof id !== 'string' || id.length > ID_CHARACTERS_MAX) throw new MasqError('E_VALUE', '', NO_DEVICE)
    try {
      await this.#router.embedded((store) => store.revoke(id))
    } catch (e) {
      throw (e as MasqError).code === 'E_VALUE' ? new MasqError('E_VALUE', '', NO_DEVICE) : e
    }
  }

  /** Gives this device another name, 1 to 40 characters. Rejects with E_OPTIONS; with a local store, with E_DENIED. */
  async rename(name: string): Promise<void> {
    const checked = deviceName(name ?? null)
    await this.#router.embedded((store) => store.rename(checked))
  }

  /**
   * Makes an invite for another device: a link, valid for 5 minutes and for one device. Rejects with E_SYNC if there is no
   * Sync Server to meet at, with E_BUSY if another pairing is under way; with a local store, with E_DENIED.
   */
  invite(): Promise<Pairing> {
    return this.#router.embedded((store) => store.pair())
  }

  /**
   * Answers another device's invite: connects to it. Ask the user before. Rejects with E_LINK, E_CIRCLE, E_BUSY; with a local
   * store, with E_DENIED.
   */
  async join(link: string): Promise<Pairing> {
    if (typeof link !== 'string' || link.length > 4096 || !link.includes('#masq=')) throw new MasqError('E_LINK')
    return this.#router.embedded((store) => store.pair(link.trim()))
  }

  /**
   * Keeps the origin's data in the local store on this computer from now on: asks for access, which the user gives in the
   * Store manager, moves everything there, once, and deletes it in this browser. Until that has ended nothing is lost or
   * doubled, whatever happens: call it again. Other tabs follow. If the data is there already, tries to reach the store, and
   * asks for access anew if that was taken away.
   *
   * Any program of this computer can be where the store should be. So data that is in this browser moves only after the user has
   * typed the digits that the Store manager shows: see `digits`. Where there is none, `status.asking.digits` are to be shown.
   *
   * Call it from a click: it may raise the browser's prompt. Rejects with E_STORE_AWAY if there is no local store or the browser
   * does not let this page reach it; with E_DENIED if the user says no, or nothing for 10 minutes, or for 10 minutes after three
   * attempts in a row; with E_AUTH if the digits are wrong; with E_VERSION if the store is of another version; with E_CIRCLE if
   * this browser is paired with other devices; with E_BUSY if this application's request is open in another browser; with
   * E_OPTIONS if `digits` is needed and not given, or the options are such that data is always embedded.
   */
  async useLocalStore(options: LocalStoreOptions = {}): Promise<void> {
    const { digits } = fields('useLocalStore', options, LOCAL_STORE)
    if (digits !== undefined && typeof digits !== 'function') throw bad('`digits` must be a function')
    await this.#router.useLocalStore(digits)
  }

  /**
   * Asks the browser to keep the data until the user deletes it: else it may make room with it when the disk is full, or when the
   * site was not visited for long. Resolves with whether it does, true with a local store. Call it from a click: Firefox asks the
   * user. Where the browser decides without asking (Chromium, Safari) Masq does this by itself once there is data.
   */
  async persist(): Promise<boolean> {
    return this.#router.run(() => this.#keeper.persist())
  }

  /**
   * Waits (5 s at most) for what has been asked, and lets go of everything. Watches end at once. Never rejects.
   */
  async close(): Promise<void> {
    this.#closed = true
    await this.#router.close()
  }

  #tell(s: StoreStatus): void {
    if (this.#closed) return
    this.#status = { ...s, ...this.#keeper.facts }
    this.dispatchEvent(new Event('status'))
  }

  async #write(writes: Write[], options: WriteOptions = {}): Promise<void> {
    const { durability = 'strict' } = fields('a write', options, WRITE)
    if (durability !== 'strict' && durability !== 'relaxed') throw bad("durability is 'strict' or 'relaxed'")
    if (writes.length > 1) checkSize(writes)
    if (writes.length > 0) await this.#router.run((store) => store.write(writes, durability === 'relaxed'))
  }

  async *#pages(options: RangeOptions | string, keysOnly: boolean): AsyncGenerator<Page['entries'], void, undefined> {
    const range: Range = { ...rangeOf(options), keysOnly }
    let left = range.limit
    for (let more = left > 0; more;) {
      range.limit = Number.isFinite(left) ? left : 0
      const page = await this.#router.run((store) => store.list(range))
      const last = page.entries.at(-1)
      yield page.entries
      left -= page.entries.length
      more = page.more && left > 0 && last !== undefined
      if (last) range.after = last[0]
    }
  }
}

/** A reset that cannot be taken for a change by what is not written in TypeScript. */
function guarded(r: Reset): Reset {
  const get = (): never => {
    throw new MasqError('E_RESET', r.reason)
  }
  return Object.defineProperty({ ...r }, 'key', { get })
}

function checkSize(writes: Write[]): void {
  const bytes = writes.reduce((n, w) => n + OP_BYTES + bytesOf(w.key) + bytesOf(w.value ?? ''), 0)
  if (bytes > BATCH_BYTES_MAX) throw new MasqError('E_TOOBIG', `the batch has ${bytes} bytes`)
}

function writeOf(o: BatchOperation, name: string): Write {
  try {
    if (o?.type === 'put') return putOf(o.key, o.value, `${name}.value`)
    if (o?.type === 'del') return delOf(o.key)
  } catch (e) {
    throw e instanceof MasqError ? e : new MasqError('E_VALUE', `${name} cannot be read: ${String(e).slice(0, 100)}`) // a getter
  }
  throw new MasqError('E_VALUE', name, BATCH)
}

function putOf(key: string, value: unknown, name?: string): Write {
  return { key: checkKey(key), value: encodeValue(value, name) }
}

function delOf(key: string): Write {
  return { key: checkKey(key), value: undefined }
}

/** A range as stores take it, but for its limit: Infinity is none, and 0 is no key at all. */
function rangeOf(options: RangeOptions | string): Range {
  const o = typeof options === 'string' ? { prefix: options } : fields('a range', options, RANGE)
  const { prefix = '', gt, gte = '', lt, lte, reverse = false, limit = Infinity } = o
  if (limit !== Infinity && (!Number.isInteger(limit) || limit < 0 || limit > 0xffffffff))
    throw bad('limit must be a whole number from 0 on')
  for (const bound of [prefix, gt, gte, lt, lte]) checkKey(bound ?? '', true)
  const from = gt === undefined ? gte : higher(gte, behind(gt))
  const to = lte === undefined ? lt : lower(lt, behind(lte))
  const empty = to === '' // stores take that for no bound
  return { prefix, gte: from, lt: to ?? '', after: '', reverse, keysOnly: false, limit: empty ? 0 : limit }
}

/** What comes next after a key, and cannot be one. */
const behind = (key: string): string => key + '\0'

const higher = (a: string, b: string): string => (isBefore(a, b) ? b : a)
const lower = (a: string | undefined, b: string): string => (a === undefined || isBefore(b, a) ? b : a)
