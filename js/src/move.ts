// Moving an origin's data from the embedded store into the local one.

import { fieldOf, type LocalStore } from './local.js'
import type { Change, Store, Write } from './store.js'

/** What is different in the local store, for watches that knew the embedded one. */
export interface Moved {
  /** How far the local store's log had got; what is told from there on is not in `changes`. */
  position: string
  changes: Change[]
}

/** An import has at most as many writes as a batch. */
const BATCH_OPS_MAX = 1000

const everything = { prefix: '', gte: '', lt: '', after: '', reverse: false, keysOnly: false, limit: 0 }

/**
 * Brings everything along, versions of a conflict included, and looks whether it has arrived. Nobody may write to `from`
 * meanwhile. It replaces nothing, and doing it twice is as good as once. Resolves with undefined if something is missing.
 */
export async function move(from: Store, to: LocalStore): Promise<Moved | undefined> {
  for await (const page of pages(from)) {
    const keys = [...page.keys()]
    await to.import(keys.map((key) => ({ key, value: page.get(key) })))
    const others = await Promise.all(keys.map((key) => from.conflicts(key)))
    for (const [i, values] of others.entries())
      for (const value of values) await to.import([{ key: keys[i]!, value: text(value) }])
  }
  const position = await to.position()
  const changes = await compare(from, to)
  return changes && { position, changes }
}

/** What is there and was not here; undefined if something that was here is not there. */
async function compare(from: Store, to: LocalStore): Promise<Change[] | undefined> {
  const here = new Map<string, Write['value']>()
  for await (const page of pages(from)) for (const [key, value] of page) here.set(key, value)
  const changes: Change[] = []
  for await (const page of pages(to)) {
    const others = await Promise.all([...page.keys()].map((key) => to.conflicts(key)))
    for (const [i, [key, value]] of [...page].entries()) {
      const mine = here.get(key)
      const conflicts = others[i]!.length
      here.delete(key)
      if (mine !== undefined && conflicts === 0 && fieldOf({ value: mine }) === fieldOf({ value })) continue
      const previous = mine === undefined ? undefined : read(mine)
      changes.push({ type: 'change', key, value: read(value), previous, deleted: false, conflicts, from: 'device' })
    }
  }
  return here.size === 0 ? changes : undefined
}

/** All of a store's data, as much at a time as an import takes. */
async function* pages(store: Store): AsyncGenerator<Map<string, Write['value']>, void, undefined> {
  for (let after = '', more = true; more;) {
    const page = await store.list({ ...everything, after })
    for (let at = 0; at < page.entries.length; at += BATCH_OPS_MAX) {
      const some = page.entries.slice(at, at + BATCH_OPS_MAX)
      yield new Map(some.map(([key, value]) => [key, text(value)]))
    }
    const last = page.entries.at(-1)
    more = page.more && last !== undefined
    if (last) after = last[0]
  }
}

function text(value: unknown): Write['value'] {
  return value instanceof Uint8Array ? value : JSON.stringify(value)
}

function read(value: Write['value']): unknown {
  return typeof value === 'string' ? JSON.parse(value) : value
}
