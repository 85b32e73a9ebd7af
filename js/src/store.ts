// What a Masq keeps its data in: the embedded store (embedded.ts) or the local one (local.ts). Masq speaks to either by this.

import type { MasqError } from './errors.js'
import type { Change } from './masq.js'
import type { Status } from './status.js'

/** One put or deletion, checked. The value is JSON text or bytes that nobody changes any more; undefined deletes. */
export interface Write {
  key: string
  value: string | Uint8Array | undefined
}

/** Keys to list. `after` continues behind a key (before it, when reverse); limit 0 is none. */
export interface Range {
  prefix: string
  gte: string
  lt: string
  after: string
  reverse: boolean
  keysOnly: boolean
  limit: number
}

/** A part of a range, in its order. */
export interface Page {
  entries: [key: string, value: unknown][]
  more: boolean
}

/** Hears of changes, in order. */
export type Told = (changes: Change[]) => void

/** A store in charge of an application's data. Everything rejects with MasqError. */
export interface Store {
  /** The value of a key, undefined if there is none. */
  get(key: string): Promise<unknown>
  write(writes: Write[], relaxed: boolean): Promise<void>
  list(range: Range): Promise<Page>
  conflicts(key: string): Promise<unknown[]>
  /**
   * Tells of changes from now on, or of those behind a position of the local store's; returns what ends it. Throws
   * MasqError.
   */
  watch(prefix: string, told: Told, since?: string): () => void
  /** Waits for what is pending, not for long, and ends. */
  close(): Promise<void>
  /** Ends at once: everything pending rejects with `e`, and so does every later call. */
  end(e: MasqError): void
}

/** What a store tells the Masq that it belongs to. */
export interface StoreEvents {
  status(s: Status): void
  /** The store failed. There may be another attempt. */
  failed(e: MasqError): void
}
