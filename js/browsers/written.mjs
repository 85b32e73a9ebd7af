// What is written while a browser may be killed, and what may be there afterwards.

/** Random returns numbers from 0 to 1 that a seed leads to (mulberry32). */
export function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const KEYS = 300
export const HALVES = ['a/', 'b/'] // each batch writes the same behind both

/** valueOf is what a write stores: another one each time. Nothing is stored by one that deletes, whose nth is 0. */
export function valueOf(nth, size) {
  return nth ? `${nth} ${'x'.repeat(size)}` : undefined
}

/** Written is all writes: what was acknowledged last for each key, and what has been tried since. */
export class Written {
  #int
  #last = 0 // of the numbers of batches and values
  #keys = new Map() // key → [{ id, value }] of batches, in their order; of the first one it is certain
  #tried = new Map() // batch → its keys
  acknowledged = 0 // writes

  constructor(random) {
    this.#int = (below) => Math.floor(random() * below)
  }

  /** plan makes up batches, which a page tries from now on, one after the other: [key, nth, size] is a write. */
  plan(batches) {
    const plan = Array.from({ length: batches }, () => this.#batch())
    for (const { id, writes } of plan) {
      this.#tried.set(
        id,
        writes.map(([key]) => key),
      )
      for (const [key, nth, size] of writes) {
        if (!this.#keys.has(key)) this.#keys.set(key, [{ id: 0, value: undefined }])
        this.#keys.get(key).push({ id, value: valueOf(nth, size) })
      }
    }
    return plan
  }

  #batch() {
    const writes = new Map()
    for (let more = 1 + this.#int(4) * this.#int(4); more > 0; more--) {
      const size = this.#int(50) ? this.#int(40) * this.#int(100) : this.#int(40_000)
      writes.set(`${this.#int(KEYS)}`, this.#int(4) ? [++this.#last, size] : [0, 0])
    }
    const all = [...writes].map(([key, write]) => [key, ...write])
    return { id: ++this.#last, pause: this.#int(5), relaxed: this.#int(3) === 0, writes: all }
  }

  /** acknowledge notes that a batch is durable: nothing older can be there. */
  acknowledge(id) {
    const keys = this.#tried.get(id) ?? []
    this.#tried.delete(id)
    this.acknowledged += keys.length * HALVES.length
    for (const key of keys) {
      const all = this.#keys.get(key)
      all.splice(
        0,
        all.findIndex((one) => one.id >= id),
      )
    }
  }

  /** wrong says what is wrong with what there is, a Map; from then on that is certain. */
  wrong(there) {
    const wrong = []
    for (const [key, all] of this.#keys) {
      const [value, other] = HALVES.map((half) => there.get(half + key))
      const short = (v) => String(v).slice(0, 20)
      if (value !== other) wrong.push(`half a batch is there: ${key} is ${short(value)} and ${short(other)}`)
      if (!all.some((one) => one.value === value))
        wrong.push(`lost: ${key} is ${short(value)}, acknowledged was ${short(all[0].value)}`)
      this.#keys.set(key, [{ id: 0, value }])
    }
    this.#tried.clear()
    return wrong
  }
}

/** Mirror is what somebody has who follows a prefix, and how far that goes. */
export class Mirror {
  position = 0
  resets = 0
  #has = new Map()

  constructor(prefix) {
    this.prefix = prefix
  }

  take({ position, reset, changes }) {
    this.position = position
    if (reset) {
      this.#has.clear()
      this.resets++
    }
    for (const [key, value] of changes) {
      if (value === null) this.#has.delete(key)
      else this.#has.set(key, value)
    }
  }

  /** wrong says in which keys it differs from what there is. */
  wrong(there) {
    const all = new Set([...this.#has.keys(), ...[...there.keys()].filter((key) => key.startsWith(this.prefix))])
    const keys = [...all].filter((key) => this.#has.get(key) !== there.get(key))
    return keys.length ? [`the watch of "${this.prefix}" is wrong in ${keys.length} keys: ${keys.slice(0, 5)}`] : []
  }
}
