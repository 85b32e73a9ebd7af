// What a Masq keeps its data in: the embedded store (embedded.ts) or the local one (local-store.ts). Masq speaks to either by this.

import type { MasqError } from './errors.js'
import type { StoreStatus } from './status.js'

/** A key that has another value than before. */
export interface Change<T = unknown> {
  readonly type: 'change'
  readonly key: string
  /** The value now; undefined if it was deleted. */
  readonly value: T | undefined
  /** The value before; undefined if there was none. */
  readonly previous: T | undefined
  readonly deleted: boolean
  /** How many versions `conflicts(key)` returns now. A change of these alone is told too, with the same value as before. */
  readonly conflicts: number
  /**
   * Who wrote it: `here`, this very object; `tab`, another tab of this browser, or with a local store anything on this computer;
   * else the device's name, or `device`: a local store does not tell applications which.
   */
  readonly from: 'here' | 'tab' | 'device' | (string & {})
}

/**
 * Why a watch was reset. `cleared`: the user, or the browser, has deleted this site's data in this browser. `lost`: something that was told
 * could not be stored, because the browser or the computer stopped, or it is not known any more what has changed meanwhile.
 */
export type ResetReason = 'cleared' | 'lost'

/**
 * What a watch has told is void: list the range anew. Behind a reset that is `lost` all that there is comes as changes, too. Nothing says that the user
 * deleted anything: do not delete it elsewhere. Treat a `reason` that you do not know like any other.
 */
export interface Reset {
  readonly type: 'reset'
  readonly reason: ResetReason
}

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
export type Told = (changes: (Change | Reset)[]) => void

/** A store in charge of an application's data. Everything rejects with MasqError. */
export interface Store {
  /** The value of a key, undefined if there is none. */
  get(key: string): Promise<unknown>
  write(writes: Write[], relaxed: boolean): Promise<void>
  list(range: Range): Promise<Page>
  /** How many keys of a range have a value. */
  count(range: Pick<Range, 'prefix' | 'gte' | 'lt'>): Promise<number>
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
  status(s: StoreStatus): void
  /** The store failed. There may be another attempt. */
  failed(e: MasqError): void
}
