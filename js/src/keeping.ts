// What the browser says of its storage, for the status of a page whose data is in it.

import type { Keeping, StoreStatus } from './status.js'

/** Less room than this is little: the engine needs some of it to write at all. In bytes. */
const LOW_BYTES = 32 << 20
/** The browser's estimate is asked for at most so often, in ms. */
const LOOK_MS = 30_000

const UNKNOWN: Keeping = { persistent: undefined, room: undefined, low: false, temporary: false }
/** A local store's disk is not the browser's. */
const LOCAL: Keeping = { ...UNKNOWN, persistent: true }

/** Looks after the storage of one page. */
export class Keeper {
  readonly #changed: () => void
  #facts = UNKNOWN
  #local = false
  #looked = -Infinity
  #tried = false

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** What is known. */
  get facts(): Keeping {
    return this.#local ? LOCAL : this.#facts
  }

  /** There is a new status: what the data is worth, and whether it is in the browser, may have changed. */
  saw(s: StoreStatus): void {
    this.#local = s.store !== 'embedded'
    if (this.#local) return
    const worth = s.entries > 0 || s.devices.length > 0
    if (worth && this.#facts.persistent === false) void this.#askQuietly()
    if (performance.now() - this.#looked < LOOK_MS) return
    this.#looked = performance.now()
    void this.#look()
  }

  /** Asks the browser to keep the data; it may ask the user. Resolves with whether it does. */
  async persist(): Promise<boolean> {
    if (this.#local) return true
    const { storage } = navigator
    const persistent = await (storage?.persist ? storage.persist() : storage?.persisted?.())?.catch(() => false)
    this.#learn({ persistent: persistent ?? false })
    return persistent ?? false
  }

  async #look(): Promise<void> {
    const { storage } = navigator
    if (!storage) return
    void isTemporary(storage).then((temporary) => this.#learn({ temporary }))
    const [persistent, estimate] = await Promise.all([
      storage.persisted?.().catch(() => undefined),
      storage.estimate?.().catch(() => undefined),
    ])
    const { quota, usage } = estimate ?? {}
    const room = quota === undefined || usage === undefined ? undefined : Math.max(0, quota - usage)
    this.#learn({ persistent, room, low: room !== undefined && room < LOW_BYTES })
  }

  /** Once, where that raises no prompt: Chromium and Safari decide by themselves, Firefox asks the user unless he has said yes. */
  async #askQuietly(): Promise<void> {
    if (this.#tried) return
    this.#tried = true
    if (await promptless()) await this.persist()
  }

  #learn(facts: Partial<Keeping>): void {
    const before = this.#facts
    this.#facts = { ...before, ...facts }
    // The room left changes with every write; what matters of it is whether it is little.
    const same = (['persistent', 'low', 'temporary'] as const).every((k) => before[k] === this.#facts[k])
    if (!same || (before.room === undefined) !== (this.#facts.room === undefined)) this.#changed()
  }
}

async function promptless(): Promise<boolean> {
  if (/^(Google|Apple)/.test(navigator.vendor)) return true
  try {
    return (await navigator.permissions.query({ name: 'persistent-storage' })).state === 'granted'
  } catch {
    return false
  }
}

/** Firefox and Safari have no private file system in a private window. */
async function isTemporary(storage: StorageManager): Promise<boolean> {
  try {
    await storage.getDirectory?.()
    return false
  } catch {
    return true
  }
}
