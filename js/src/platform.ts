// What an engine stands on besides its program: IndexedDB and WebSockets in a browser, memory in @masq/client/testing.

import { storeKey } from './keys.js'
import { Sockets, type SocketEvents } from './socket.js'
import { BlockStore } from './storage.js'

/** Where an engine's blocks are. */
export type Blocks = Pick<BlockStore, Exclude<keyof BlockStore, 'db'>>

/** An engine's connections. */
export type Connections = Pick<Sockets, keyof Sockets>

export interface Platform {
  /** Opens the blocks under a name. Rejects with StorageError. */
  open(name: string): Promise<Blocks>
  /** Resolves with the key that seals them. Rejects with StorageError. */
  key(blocks: Blocks): ReturnType<typeof storeKey>
  connections(events: SocketEvents): Connections
}

export const browser: Platform = {
  open: (name) => BlockStore.open(name),
  key: (blocks) => storeKey(blocks as BlockStore),
  connections: (events) => new Sockets(events),
}
