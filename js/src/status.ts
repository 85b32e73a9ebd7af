import type { MasqErrorCode } from './errors.js'
import type { RawDevice, StatusAction } from './border.js'

/** One of the user's devices. */
export interface Device {
  /** Its identity, as text. */
  readonly id: string
  /** Its name, 1 to 40 characters. */
  readonly name: string
  /** Whether it is this one. */
  readonly self: boolean
  /** Whether this device is connected to it now. This device itself always is. */
  readonly online: boolean
  /** When it was last heard from, in Unix milliseconds; 0: never. */
  readonly lastHeard: number
  /** How many of this device's entries it is not known to have. */
  readonly toSend: number
  /** Whether it is sending what this device lacks. */
  readonly toReceive: boolean
}

/**
 * How syncing goes: `off`: there is no other device, or no Sync Server; `connecting`; `waiting`: at the Sync Server, where
 * no other device is; `online`: connected to another device.
 */
export type SyncState = 'off' | 'connecting' | 'waiting' | 'online'

/** What is known now. Every change makes a new object. */
export interface Status {
  /** Where the data is: `embedded`, in this browser. */
  readonly store: 'embedded'
  readonly sync: SyncState
  /** Why sync has stopped, if it has: E_VERSION, another device runs a newer version. */
  readonly error: MasqErrorCode | undefined
  /** How many keys have a value. */
  readonly entries: number
  /** Entries still to go out, to the device that lacks most. */
  readonly toSend: number
  /** Whether any device is sending what this one lacks. */
  readonly toReceive: boolean
  /** Whether a recovery phrase has been set. */
  readonly recovery: boolean
  /** This device. */
  readonly self: Device
  /** The user's other devices. */
  readonly devices: readonly Device[]
}

const syncStates: SyncState[] = ['off', 'connecting', 'waiting', 'online']

export function readStatus(s: StatusAction): Status {
  const devices = s.devices.map((d) => device(d, false))
  return {
    store: 'embedded',
    sync: syncStates[s.sync] ?? 'off',
    error: (s.code as MasqErrorCode) || undefined,
    entries: s.entries,
    toSend: Math.max(0, ...devices.map((d) => d.toSend)),
    toReceive: devices.some((d) => d.toReceive),
    recovery: s.recovery,
    self: device({ ...s.self, online: true }, true),
    devices,
  }
}

function device({ id, name, online, lastHeard, toSend, toReceive }: RawDevice, self: boolean): Device {
  return { id, name, self, online, lastHeard, toSend, toReceive }
}
