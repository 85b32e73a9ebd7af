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

import { MasqError } from './errors.js'
import { Masq } from './masq.js'
import { resolveOptions, type ConnectOptions } from './options.js'

/**
 * Opens the application's data on this device, and syncs it from then on. Tabs of one browser share one engine.
 *
 * Rejects with MasqError: E_OPTIONS; E_INSECURE, E_UNSUPPORTED: not here; E_WASM, E_WORKER: a file or a policy is missing;
 * E_STORAGE, E_QUOTA, E_DAMAGED, E_VERSION: the data cannot be opened.
 */
export async function connect(options: ConnectOptions): Promise<Masq> {
  checkPlatform()
  return Masq.open(resolveOptions(options))
}

function checkPlatform(): void {
  if (!globalThis.isSecureContext || !globalThis.crypto?.subtle || !navigator.locks) throw new MasqError('E_INSECURE')
  for (const name of ['indexedDB', 'Worker', 'WebAssembly', 'BroadcastChannel'] as const) {
    if (!(name in globalThis)) throw new MasqError('E_UNSUPPORTED', `it lacks ${name}`)
  }
}

export { MasqError, type MasqErrorCode } from './errors.js'
export { takeInvite } from './invite.js'
export type { BatchOperation, Masq, MasqEventMap, RangeOptions, WriteOptions } from './masq.js'
export type { ConnectOptions } from './options.js'
export type { Pairing, PairingStep } from './pairing.js'
export type { Device, Status, SyncState } from './status.js'
export type { Change, Reset, ResetReason } from './store.js'
