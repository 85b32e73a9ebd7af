// useLocalStore(): getting access to the local store, and moving the origin's data there, once.

import { fieldOf } from './local-json.js'
import { LocalStore } from './local-store.js'
import type { StoreStatus } from './status.js'
import type { Change, Page, Range, Store } from './store.js'
import type { About, Beginning, Digits, Tools } from './tools.js'

/** A store that data can be moved out of: the embedded one. */
export interface Source extends Store {
  /** With `raw`, here and in `conflicts`, JSON is its text: what is moved stays as it was written. */
  list(range: Range, raw?: boolean): Promise<Page>
  conflicts(key: string, raw?: boolean): Promise<unknown[]>
  /** Rejects with E_CIRCLE if this device is paired with others. */
  unpaired(): Promise<void>
  /** Makes this tab the only one that writes; see Embedded. */
  seize(): Promise<void>
  /** Whether it has been so since `seize`. */
  readonly alone: boolean
}

/** Where the data is, as its owner lets it be changed; see router.ts. */
export interface Hands {
  tools: Tools
  about: About
  digits: Digits | undefined
  /** What the application asks for waits. */
  hold(): void
  /** All is as before: an embedded store is in charge. */
  resume(): void
  take(to: Store, moved?: Moved): void
  status(to: Store, s: StoreStatus): void
  /** The embedded store that is not in charge, if there is one with data that has not been moved. */
  stranded(): Promise<Source | undefined>
  /** Tells the other tabs. */
  tell(moved: Moved): void
  /** Deletes the embedded data. */
  clear(): Promise<void>
}

const MOVE_LOCK = 'masq-local-store:move'
const MOVES_MAX = 5

/** Moves the data out of `from`, if that is embedded; else has it try again. Rejects with MasqError. */
export async function useLocalStore(from: Store, hands: Hands): Promise<void> {
  const { tools } = hands
  if (from instanceof LocalStore) {
    await from.again()
    return navigator.locks.request(MOVE_LOCK, () => fetchStranded(from, hands))
  }
  const embedded = from as Source
  await embedded.unpaired()
  const typing = await hasData(embedded)
  let to = await enter(hands, typing)
  try {
    if (!typing && (await hasData(embedded))) {
      to.end(tools.moved) // it was trusted when there was none
      to = await enter(hands, true)
    }
    await navigator.locks.request(MOVE_LOCK, async () => {
      const { used } = await tools.readGrant() // another tab may have been faster
      hands.take(to, used ? undefined : await carry(embedded, to, hands))
    })
  } catch (e) {
    to.end(tools.moved)
    throw e
  }
  hands.status(to, to.status)
  embedded.end(tools.moved)
  await hands.clear()
}

/** Gets into a local store that is not in charge yet; with `typing`, into none that was only trusted on first use. */
async function enter(hands: Hands, typing: boolean): Promise<LocalStore> {
  const { tools, about, digits } = hands
  const begin: Beginning = { grant: await tools.readGrant(), once: true, click: true, use: false, typing, digits }
  const to: LocalStore = new LocalStore(tools, about, begin, {
    status: (s) => hands.status(to, s),
    failed: () => undefined,
  })
  try {
    await to.ready
    return to
  } catch (e) {
    to.end(tools.moved)
    throw e
  }
}

async function hasData(from: Source): Promise<boolean> {
  return (await from.count(everything)) > 0
}

/** Moves what was in this browser before the local store was used; to one that was trusted on first use, when the digits were typed. */
async function fetchStranded(to: LocalStore, hands: Hands): Promise<void> {
  const { tools, stranded, clear } = hands
  const from = await stranded()
  if (!from) return
  try {
    if (await hasData(from)) {
      const met = await enter(hands, true)
      met.end(tools.moved)
      await to.enterAnew()
    }
    await moveAlone(from, to, tools)
    await tools.saveGrant({ leftover: true })
  } finally {
    from.end(tools.moved)
  }
  await clear()
}

/** Moves it, and makes that known for good. If it fails all is as before. */
async function carry(from: Source, to: LocalStore, { tools, hold, resume, tell }: Hands): Promise<Moved> {
  hold()
  try {
    const moved = await moveAlone(from, to, tools)
    await tools.saveGrant({ used: true, leftover: true })
    tell(moved)
    return moved
  } catch (e) {
    from.end(tools.moved)
    resume()
    throw e
  }
}

/** Moves it, again when another tab ran the engine meanwhile: it may have written. */
async function moveAlone(from: Source, to: LocalStore, tools: Tools): Promise<Moved> {
  for (let tries = 0; tries < MOVES_MAX; tries++) {
    await from.seize()
    await from.unpaired()
    const moved = await move(from, to, tools)
    if (moved && from.alone) return moved
  }
  throw tools.failure('E_INTERRUPTED')
}

/** What is different in the local store, for watches that knew the embedded one. */
export interface Moved {
  /** How far the local store's log had got; what is told from there on is not in `changes`. */
  position: string
  changes: Change[]
}

/** A value that there is: JSON text or bytes. */
type Raw = string | Uint8Array

/** An import has at most as many writes as a batch. */
const BATCH_OPS_MAX = 1000
const ENTRY_BYTES = 64 // that the local store counts beside key and value

const everything = { prefix: '', gte: '', lt: '', after: '', reverse: false, keysOnly: false, limit: 0 }

/**
 * Brings everything along, versions of a conflict included, and looks whether it has arrived. Nobody may write to `from`
 * meanwhile. It replaces nothing, and doing it twice is as good as once. Resolves with undefined if something is missing.
 */
async function move(from: Source, to: LocalStore, { failure }: Tools): Promise<Moved | undefined> {
  if ((await bytesOf(from, to)) > (await to.room())) throw failure('E_QUOTA', 'the local store')
  for await (const page of pages((range) => from.list(range, true))) {
    await to.import(page.map(([key, value]) => ({ key, value: value as Raw })))
    const others = await Promise.all(page.map(([key]) => from.conflicts(key, true)))
    for (const [i, values] of others.entries())
      for (const value of values) await to.import([{ key: page[i]![0], value: value as Raw }])
  }
  const position = await to.position()
  const changes = await compare(from, to)
  return changes && { position, changes }
}

/** About how much room the keys take that `to` lacks: a move that was cut has brought the others already. */
async function bytesOf(from: Source, to: LocalStore): Promise<number> {
  const there = new Set<string>()
  for await (const page of pages((range) => to.list({ ...range, keysOnly: true })))
    for (const [key] of page) there.add(key)
  let bytes = 0
  for await (const page of pages((range) => from.list(range, true)))
    for (const [key, value] of page)
      if (!there.has(key))
        for (const v of [value, ...(await from.conflicts(key, true))])
          bytes += ENTRY_BYTES + new Blob([key, v as BlobPart]).size
  return bytes
}

/** What is there and was not here; undefined if something that was here is not there. */
async function compare(from: Source, to: LocalStore): Promise<Change[] | undefined> {
  const here = new Map<string, Raw>()
  for await (const page of pages((range) => from.list(range, true)))
    for (const [key, value] of page) here.set(key, value as Raw)
  const changes: Change[] = []
  for await (const page of pages((range) => to.list(range))) {
    const others = await Promise.all(page.map(([key]) => to.conflicts(key)))
    for (const [i, [key, value]] of page.entries()) {
      const mine = here.get(key)
      const conflicts = others[i]!.length
      here.delete(key)
      if (mine !== undefined && conflicts === 0 && isSame(mine, value)) continue
      const previous = typeof mine === 'string' ? (JSON.parse(mine) as unknown) : mine
      changes.push({ type: 'change', key, value, previous, deleted: false, conflicts, from: 'device' })
    }
  }
  return here.size === 0 ? changes : undefined
}

/** All of a store's data, as much at a time as an import takes. */
async function* pages(list: (range: Range) => Promise<Page>): AsyncGenerator<Page['entries'], void, undefined> {
  for (let after = '', more = true; more;) {
    const page = await list({ ...everything, after })
    for (let at = 0; at < page.entries.length; at += BATCH_OPS_MAX) yield page.entries.slice(at, at + BATCH_OPS_MAX)
    const last = page.entries.at(-1)
    more = page.more && last !== undefined
    if (last) after = last[0]
  }
}

/** Whether the local store's value is the one that was here. JSON that JSON.stringify finds too deep counts as another. */
function isSame(mine: Raw, value: unknown): boolean {
  if (typeof mine !== 'string' || value instanceof Uint8Array)
    return value instanceof Uint8Array && fieldOf({ value: mine }) === fieldOf({ value })
  try {
    return JSON.stringify(JSON.parse(mine)) === JSON.stringify(value)
  } catch {
    return false
  }
}
