/**
 * Keeps an application's data on the user's own devices, sealed, and the devices in sync.
 *
 * ```ts
 * import { connect } from '@masq/client'
 * const masq = await connect({ app: { name: 'Notes' }, sync: 'wss://sync.example.org' })
 * await masq.put('note/1', { title: 'Hello' })
 * masq.watch('note/', (change) => change.type === 'change' && console.log(change.key, change.value))
 * ```
 *
 * @module
 */

import { asMasqError } from './failure.js'
import { Masq } from './masq.js'
import { resolveOptions, type ConnectOptions } from './options.js'
import { checkSupport } from './support.js'

/**
 * Opens the application's data on this device, and syncs it from then on. Tabs of one browser share one engine, and so do their
 * dedicated Workers, in which it can be called, too.
 *
 * Where there is no data yet it resolves before the engine is there: reads find nothing, and the rest waits. What would have been
 * wrong with the engine, that then rejects with.
 *
 * Rejects with MasqError: E_OPTIONS: an option is wrong, or there is none of that name; E_INSECURE, E_UNSUPPORTED: not here, as on
 * a server; E_WASM, E_WORKER: a file or a policy is missing; E_STORAGE, E_QUOTA, E_DAMAGED, E_VERSION: the data cannot be opened.
 */
export async function connect(options: ConnectOptions): Promise<Masq> {
  try {
    checkSupport()
    return await Masq.open(resolveOptions(options))
  } catch (e) {
    throw asMasqError(e)
  }
}

export { MasqError, type MasqErrorCode } from './errors.js'
export { takeInvite } from './invite.js'
export type { BatchOperation, Masq, LocalStoreOptions, MasqEventMap, RangeOptions, WriteOptions } from './masq.js'
export type { ConnectOptions } from './options.js'
export type { ConfirmOptions, Pairing, PairingStep } from './pairing.js'
export type { Device, Status, SyncState } from './status.js'
export type { Change, Reset, ResetReason } from './store.js'
