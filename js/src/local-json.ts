// The local store's JSON, as values, changes and status of this client and back.

import { base64, fromBase64 } from './proof.js'
import { CUT, type Json } from './rpc.js'
import type { Status, StoreStatus, SyncState } from './status.js'
import type { Change, Write } from './store.js'

/** A status, of which `blank` has what the local store does not tell. */
export function readStatus(s: Json, blank: StoreStatus): StoreStatus {
  const n = (name: string): number => Number(s[name] ?? 0)
  return {
    ...blank,
    sync: String(s.sync) as SyncState,
    error: (s.error as Status['error']) || undefined,
    entries: n('entries'),
    damaged: n('damaged'),
    toSend: n('toSend'),
    toReceive: Boolean(s.toReceive),
    full: s.full ? 'here' : s.fullThere ? 'there' : undefined,
    recovery: s.recovery === true,
    counts: { devices: n('devices'), online: n('online'), upToDate: n('upToDate') },
  }
}

/** A change of a `changed` notification. */
export function readChange(c: Json): Change {
  const deleted = !('value' in c || 'bytes' in c)
  const previous = c.previous === undefined ? undefined : valueOf(c.previous as Json)
  const from = c.from === 'here' || c.from === 'tab' ? c.from : 'device'
  const conflicts = Number(c.conflicts ?? 0)
  return { type: 'change', key: String(c.key), value: valueOf(c), previous, deleted, conflicts, from }
}

/** The value of an entry; undefined if it has none. Throws for bytes that are not base64. */
export function valueOf(e: Json): unknown {
  return 'bytes' in e ? fromBase64(e.bytes) : e.value
}

/** An array of objects. What is none ends the connection: CUT. */
export function list(x: unknown): Json[] {
  if (!Array.isArray(x)) throw CUT
  return x as Json[]
}

/** A write as it stands in a batch, as JSON text. */
export function operation(w: Write): string {
  const key = JSON.stringify(w.key)
  return w.value === undefined ? `{"type":"del","key":${key}}` : `{"type":"put","key":${key},${fieldOf(w)}}`
}

/** A value as it stands in an object of JSON-RPC. */
export function fieldOf({ value }: Pick<Write, 'value'>): string {
  return typeof value === 'string' ? `"value":${value}` : `"bytes":"${base64(value!)}"`
}
