// What a tab and the Worker that runs the engine say to each other, and the names under which they find each other.
//
// A tab speaks to the engine through a port: the Worker itself in the tab that started it, a BroadcastChannel of its own in
// every other. `engine` is a random number of one Worker: while a tab is thawed there may be two of them for a moment,
// and each side ignores what is not from or for the engine that it means.

import type { StorageCause } from './storage.js'

/** What the Worker is started with. */
export interface Init {
  t: 'init'
  engine: number
  app: string // application id
  name: string // the device's
  url: string // to which invites lead
  sync: string[]
  wasm: string // URL
  pin: string // its hash, as `integrity` takes it; '': any
  ahead: boolean // the tab compiles it, and a `module` follows
}

/** From a tab to the Worker. */
export type ToWorker =
  | Init
  // Without a module, or with one of another hash (SHA-256), the Worker has to do it, and can say why it fails.
  | { t: 'module'; module: WebAssembly.Module | undefined; hash?: ArrayBuffer | undefined }
  | { t: 'hello'; client: number; version: number } // also asks whether the Worker is alive
  | { t: 'ops'; client: number; engine: number; bytes: Uint8Array } // op messages of the codec
  | { t: 'online'; client: number; online: boolean } // what the browser says of the network, now, or as the page is seen again
  | { t: 'alone'; client: number } // takes no more ops of others: what is there is about to be moved elsewhere
  | { t: 'bye'; client: number }

/** From the Worker to one tab. */
export type ToTab =
  | { t: 'welcome'; engine: number } // answers hello
  | { t: 'opened'; engine: number; data: string } // before any `out`: which data it is; another, if the old was cleared
  | { t: 'out'; engine: number; bytes: Uint8Array } // reply, changed, status and pairing messages of the codec
  | { t: 'failed'; engine: number; code: string; detail: string }
  | { t: 'version'; engine: number; version: number } // answers hello of another version, and tells all of a newer one

/** From the Worker to all tabs: say hello to me. */
export interface Announce {
  t: 'engine'
  engine: number
}

/** Names that tabs of one application share; `app` is its id. */
export const names = {
  database: (app: string): string => `masq:${app}`,
  lock: (app: string): string => `masq:${app}:engine`,
  tabLock: (app: string, client: number): string => `masq:${app}:tab:${client}`,
  discovery: (app: string): string => `masq:${app}`,
  port: (app: string, client: number): string => `masq:${app}:${client}`,
}

const storageCodes: Partial<Record<StorageCause, string>> = {
  exists: 'E_FENCED',
  quota: 'E_QUOTA',
  version: 'E_VERSION',
}

/** The error code for a way in which storage fails. */
export const storageCode = (cause: StorageCause): string => storageCodes[cause] ?? 'E_STORAGE'
