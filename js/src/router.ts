// Where an application's data is, and how that changes: the store in charge, and what happens to operations and watches when
// another takes over.

import { choose, permission } from './choose.js'
import { within } from './client.js'
import { Embedded } from './embedded.js'
import { MasqError } from './errors.js'
import { asMasqError } from './failure.js'
import { deleteDatabase, exists, readGrant, saveGrant, type Grant } from './grants.js'
import { hidden, onVisibility, policy } from './host.js'
import { loadLocal, loadPairing } from './load.js'
import { names } from './messages.js'
import type { Moved } from './migrate.js'
import type { Options } from './options.js'
import { blank, type StoreStatus } from './status.js'
import type { Store, StoreEvents, Told } from './store.js'
import type { Digits, Tools } from './tools.js'

/** To the other tabs of the origin: its data is in the local store now. */
type ToTabs = Moved & { t: 'moved' }

interface Watch {
  prefix: string
  told: Told
  stop: (() => void) | undefined
}

const CHANNEL = 'masq-local-store'
const ACCESS =
  'The user does not let this application into the local store. Call useLocalStore() from a click to ask again.'
const DIGITS =
  'These are not the digits of what answers at localhost:6277: a mistyping, or another program is in the store’s place. Nothing has moved.'
const MANAGER = 'With a local store devices are the Store manager’s: open it by `masq open`.'

/** What the operations of a store reject with that is not in charge any more: they are asked again of the one that is. */
const MOVED = new MasqError('E_CLOSED')

const sentences: Record<string, string> = { E_DENIED: ACCESS, E_AUTH: DIGITS }

const tools: Tools = {
  failure: (code, detail) => new MasqError(code, detail, sentences[code]),
  asMasqError,
  permission,
  meet: async (...args) => (await loadPairing()).meet(...args),
  host: { hidden, onVisibility, policy },
  readGrant,
  saveGrant,
  within,
  blank,
  moved: MOVED,
}

export class Router {
  readonly #options: Options
  readonly #events: StoreEvents
  #store: Store | undefined // undefined: not decided yet, or changing
  #settled!: { resolve: (s: Store) => void; reject: (e: MasqError) => void }
  #next!: Promise<Store>
  #watches = new Set<Watch>()
  #tabs: BroadcastChannel | undefined
  #ended: MasqError | undefined
  #using: Promise<void> | undefined
  #status: StoreStatus | undefined // of the store in charge
  #asking: StoreStatus['asking'] // of one that is to take charge

  constructor(options: Options, events: StoreEvents) {
    this.#options = options
    this.#events = events
    this.#await()
    if (this.#shares) {
      this.#tabs = new BroadcastChannel(CHANNEL)
      this.#tabs.onmessage = (e: MessageEvent<ToTabs>) => void this.#follow(e.data).catch(reportError)
    }
    this.#start().catch((e: unknown) => this.#events.failed(asMasqError(e)))
  }

  /** Does it in the store in charge; if that changes before it is done, again in the next. */
  async run<T>(work: (s: Store) => Promise<T>): Promise<T> {
    for (;;) {
      if (this.#ended) throw this.#ended
      const store = this.#store ?? (await this.#next)
      try {
        return await work(store)
      } catch (e) {
        if (e !== MOVED || this.#ended) throw this.#ended ?? asMasqError(e)
      }
    }
  }

  /** Does what only an embedded store can. Rejects with E_DENIED in a local one. */
  embedded<T>(work: (s: Embedded) => Promise<T>): Promise<T> {
    return this.run(async (store) => {
      if (!(store instanceof Embedded)) throw new MasqError('E_DENIED', '', MANAGER)
      return work(store)
    })
  }

  /** Tells of changes, in whatever store is in charge. Throws MasqError. */
  watch(prefix: string, told: Told): () => void {
    if (this.#ended) throw this.#ended
    const w: Watch = { prefix, told, stop: this.#store?.watch(prefix, told) }
    this.#watches.add(w)
    return () => {
      this.#watches.delete(w)
      w.stop?.()
    }
  }

  /** Moves the origin's data into the local store, if it is not there yet. */
  useLocalStore(digits?: Digits): Promise<void> {
    this.#using ??= this.#use(digits)
      .catch((e: unknown) => Promise.reject(asMasqError(e)))
      .finally(() => {
        this.#using = undefined
        this.#tellAsking(undefined)
      })
    return this.#using
  }

  async close(): Promise<void> {
    await this.#store?.close()
    this.end(new MasqError('E_CLOSED'))
  }

  end(e: MasqError): void {
    if (this.#ended) return
    this.#ended = e
    this.#tabs?.close()
    this.#watches.clear()
    this.#settled.reject(e)
    this.#store?.end(e)
  }

  /** Only an origin's own data can be in a local store. */
  get #shares(): boolean {
    return this.#options.store !== 'embedded' && this.#options.app === location.origin
  }

  async #start(): Promise<void> {
    const { choice, grant } = await choose(this.#options)
    if (choice === 'embedded') return this.#embed()
    try {
      await this.#open(grant, choice === 'try')
    } catch (e) {
      if (choice !== 'try') throw e
      this.#embed() // the file is not there
    }
    if (grant.used && grant.leftover) await this.#clear()
  }

  #embed(): void {
    if (!this.#ended) this.#take(this.#embedded())
  }

  #embedded(): Embedded {
    const store: Embedded = new Embedded(this.#options, {
      status: (s) => store === this.#store && this.#tell(s),
      failed: (e) => store === this.#store && this.#events.failed(e),
      moved: () => this.#moved(),
    })
    return store
  }

  async #stranded(): Promise<Embedded | undefined> {
    return (await exists(names.database(this.#options.app))) ? this.#embedded() : undefined
  }

  /** The local store takes charge. With `once`, an embedded store does if it cannot get in. */
  async #open(grant: Grant, once: boolean, moved?: Moved): Promise<void> {
    const { LocalStore } = await loadLocal()
    if (this.#ended) return
    const begin = { grant, once, click: false, use: true, typing: false }
    const store: Store = new LocalStore(tools, this.#options.about, begin, {
      status: (s) => store === this.#store && this.#tell(s),
      failed: () => {
        if (store !== this.#store) return
        this.#leave()
        this.#embed()
      },
    })
    this.#take(store, moved)
  }

  /** `store` is in charge from now on. */
  #take(store: Store, moved?: Moved): void {
    this.#store = store
    for (const w of this.#watches) {
      w.stop = store.watch(w.prefix, w.told, moved?.position)
      const changes = moved?.changes.filter((c) => c.key.startsWith(w.prefix)) ?? []
      if (changes.length > 0) w.told(changes)
    }
    this.#settled.resolve(store)
  }

  /** No store is in charge: what is asked waits, and so does, if the one that was ends, what it has not answered. */
  #leave(end = true): void {
    const store = this.#store
    this.#store = undefined
    this.#await()
    for (const w of this.#watches) w.stop = undefined
    if (end) store?.end(MOVED)
  }

  #await(): void {
    this.#next = new Promise((resolve, reject) => (this.#settled = { resolve, reject }))
    this.#next.catch(() => undefined)
  }

  /** Whether another tab has moved the data: asked before this tab runs the engine for another that has gone. */
  async #moved(): Promise<boolean> {
    if (!this.#shares) return false
    const { used = false } = await readGrant()
    if (used) void this.#follow().catch(reportError)
    return used
  }

  /** Another tab has moved the data. */
  async #follow(moved?: Moved): Promise<void> {
    if (!(this.#store instanceof Embedded) || this.#using) return
    this.#leave()
    await this.#open(await readGrant(), false, moved)
  }

  #tell(s: StoreStatus): void {
    this.#status = s
    this.#events.status({ ...s, asking: s.asking ?? this.#asking })
  }

  #tellAsking(asking: StoreStatus['asking']): void {
    if (asking === this.#asking || this.#ended) return
    this.#asking = asking
    if (this.#status) this.#tell(this.#status)
  }

  async #use(digits?: Digits): Promise<void> {
    if (!this.#shares) throw new MasqError('E_OPTIONS', "store is 'embedded', or there is an id of its own")
    const { useLocalStore } = await loadLocal()
    const from = this.#store ?? (await this.#next)
    await useLocalStore(from, {
      ...{ tools, about: this.#options.about, digits },
      hold: () => this.#leave(false),
      resume: () => this.#embed(),
      take: (to, moved) => this.#take(to, moved),
      status: (to, s) => (to === this.#store ? this.#tell(s) : this.#tellAsking(s.asking)),
      stranded: () => this.#stranded(),
      tell: (moved) => this.#tabs?.postMessage({ t: 'moved', ...moved } satisfies ToTabs),
      clear: () => this.#clear(),
    })
  }

  /** Deletes embedded data that has been moved. */
  async #clear(): Promise<void> {
    await deleteDatabase(names.database(this.#options.app))
    await saveGrant({ leftover: false })
  }
}
