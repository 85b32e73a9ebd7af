// useLocalStore(): getting access, and moving the origin's data, once.

import type { Embedded } from './embedded.js'
import { LocalStore, type About, type Tools } from './local.js'
import { move, type Moved } from './move.js'
import type { StoreStatus } from './status.js'
import type { Store } from './store.js'

/** Where the data is, as its owner lets it be changed; see place.ts. */
export interface Hands {
  tools: Tools
  about: About
  /** What the application asks for waits. */
  hold(): void
  /** All is as before: an embedded store is in charge. */
  resume(): void
  take(to: Store, moved?: Moved): void
  status(to: Store, s: StoreStatus): void
  /** The embedded store that is not in charge, if there is one with data that has not been moved. */
  stranded(): Promise<Embedded | undefined>
  /** Tells the other tabs. */
  tell(moved: Moved): void
  /** Deletes the embedded data. */
  clear(): Promise<void>
}

const MOVE_LOCK = 'masq-local-store:move'
const MOVES_MAX = 5

/** Moves the data out of `from`, if that is embedded; else has it try again. Rejects with MasqError. */
export async function useLocalStore(from: Store, hands: Hands): Promise<void> {
  const { tools, about } = hands
  if (from instanceof LocalStore) {
    await from.again()
    return navigator.locks.request(MOVE_LOCK, () => fetchStranded(from, hands))
  }
  const embedded = from as Embedded
  await embedded.unpaired()
  const begin = { grant: await tools.readGrant(), once: true, click: true, use: false }
  const to: LocalStore = new LocalStore(tools, about, begin, {
    status: (s) => hands.status(to, s),
    failed: () => undefined,
  })
  try {
    await to.ready
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

/** Moves what was in this browser before the local store was used. */
async function fetchStranded(to: LocalStore, { tools, stranded, clear }: Hands): Promise<void> {
  const from = await stranded()
  if (!from) return
  try {
    await moveAlone(from, to, tools)
    await tools.saveGrant({ leftover: true })
  } finally {
    from.end(tools.moved)
  }
  await clear()
}

/** Moves it, and makes that known for good. If it fails all is as before. */
async function carry(from: Embedded, to: LocalStore, { tools, hold, resume, tell }: Hands): Promise<Moved> {
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
async function moveAlone(from: Embedded, to: LocalStore, { failure }: Tools): Promise<Moved> {
  for (let tries = 0; tries < MOVES_MAX; tries++) {
    await from.seize()
    await from.unpaired()
    const moved = await move(from, to)
    if (moved && from.alone) return moved
  }
  throw failure('E_INTERRUPTED')
}
