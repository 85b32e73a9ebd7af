import { syncStates, type RawDevice, type StatusAction } from './codec.gen.js'
import type { MasqErrorCode } from './errors.js'

/** One of the user's devices. */
export interface Device {
  /** Its identity, as text. */
  readonly id: string
  /**
   * Its name, 1 to 40 characters. Empty where it is not this application's to know: a device that joined as this application
   * sees the names of the devices that it paired with, not of the user's other stores.
   */
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
  /** Whether it has no room for what it lacks, which waits here until it has. Only a local store has a limit of its own. */
  readonly full: boolean
  /**
   * Whether it was not heard for 30 days, of which this device ran on 7. What is deleted leaves a trace until every device has it:
   * if it is not coming back, `revoke` removes it. Nothing removes it by itself.
   */
  readonly overdue: boolean
}

/**
 * How syncing goes: `off`: there is no other device, or no Sync Server; `connecting`; `waiting`: at the Sync Server, where
 * no other device is; `online`: connected to another device; `offline`: as `connecting`, but the browser says that there is no
 * network. It goes on by itself. A Sync Server on this computer needs no network: with one it is never said.
 */
export type SyncState = 'off' | 'connecting' | 'waiting' | 'online' | 'offline'

/** What a page knows of the browser's storage. */
export interface Keeping {
  /** Whether the browser keeps the data until the user deletes it; see `persist`. Undefined: not known (yet). */
  readonly persistent: boolean | undefined
  /** How many bytes this site may still store, as the browser estimates it. Undefined: not known (yet), or in a local store. */
  readonly room: number | undefined
  /** There is little room left, under 32 MiB: writes may soon reject with E_QUOTA. */
  readonly low: boolean
  /** This looks like a private window: what is stored goes when it is closed. Not every browser can be told by. */
  readonly temporary: boolean
}

/** What is known now. Every change makes a new object. */
export interface Status extends Keeping {
  /**
   * Where the data is. `embedded`: in this browser; `local`: in the local store on this computer; `asking`: there, when the
   * user has allowed it in the Store manager, for which operations wait; `away`: the local store cannot be reached, operations
   * wait for it, 10 s at most; `denied`: the user did not let this application into the local store, or not any more.
   */
  readonly store: 'embedded' | 'local' | 'asking' | 'away' | 'denied'
  /**
   * While the user is asked to allow this application in the Store manager: `digits` are six that the manager shows, too, unless
   * somebody stands in between; undefined where the user is to type them here, see `useLocalStore`, or another tab asks.
   */
  readonly asking: { readonly digits: string | undefined } | undefined
  readonly sync: SyncState
  /**
   * Why sync has stopped, if it has: E_REVOKED, this device was shut out; E_VERSION, another device runs another version, or another
   * tab or the local store does: then operations reject with it until that has changed. E_CLEARED, once: the data in this browser was deleted,
   * and this is a device without any. What else ends a store for good stands here, too.
   */
  readonly error: MasqErrorCode | undefined
  /** Another tab of this browser has a newer version of Masq, or has brought the data to one: reload the page. */
  readonly newer: boolean
  /** How many keys have a value. */
  readonly entries: number
  /**
   * How many keys have a value that cannot be read: `get` rejects with E_DAMAGED, `list` leaves them out. They come back by themselves from a
   * device that has them. A put or `del` of the key ends it, too.
   */
  readonly damaged: number
  /** Entries still to go out, to the device that lacks most. */
  readonly toSend: number
  /** Whether any device is sending what this one lacks. */
  readonly toReceive: boolean
  /**
   * What has no room: `here`: the local store, for what another device would send or for what was written last; `there`: another
   * device, for what is here. What waits goes on when something is deleted, or the user gives this application more room in that
   * store's manager. Deletions always go through.
   */
  readonly full: 'here' | 'there' | undefined
  /** Whether a recovery phrase has been set. */
  readonly recovery: boolean
  /**
   * Whether another copy of this device runs, as it seems: its browser profile was copied. The two take turns at the Sync Server. Delete
   * this site's data in one of them, once it has nothing to send, and pair that one anew. `revoke` would shut out both.
   */
  readonly copied: boolean
  /** This device. With a local store it has neither id nor name; where there is no data yet, no id until the engine is there. */
  readonly self: Device
  /** The user's other devices, in an embedded store. A local store tells applications how many there are, not which. */
  readonly devices: readonly Device[]
  /** How many other devices sync this application, and of them, how many are connected and how many have everything. */
  readonly counts: { readonly devices: number; readonly online: number; readonly upToDate: number }
}

/** A status as a store tells it. */
export type StoreStatus = Omit<Status, keyof Keeping>

/** A status in which nothing is known, but for this device's name. */
export function blank(store: Status['store'], name = ''): StoreStatus {
  const self = {
    id: '',
    name,
    self: true,
    online: true,
    lastHeard: 0,
    toSend: 0,
    toReceive: false,
    full: false,
    overdue: false,
  }
  return {
    ...{
      store,
      asking: undefined,
      sync: 'off',
      error: undefined,
      newer: false,
      entries: 0,
      damaged: 0,
      toSend: 0,
      toReceive: false,
      full: undefined,
      recovery: false,
      copied: false,
      self,
    },
    ...{ devices: [], counts: { devices: 0, online: 0, upToDate: 0 } },
  }
}

/** @internal */
export function readStatus(s: StatusAction): StoreStatus {
  const devices = s.devices.map((d) => device(d, false))
  return {
    ...blank('embedded'),
    sync: syncStates[s.sync] ?? 'off',
    error: (s.code as MasqErrorCode) || undefined,
    entries: s.entries,
    damaged: s.damaged,
    toSend: Math.max(0, ...devices.map((d) => d.toSend)),
    toReceive: devices.some((d) => d.toReceive),
    full: devices.some((d) => d.full) ? 'there' : undefined,
    recovery: s.recovery,
    copied: s.copied,
    self: device({ ...s.self, online: true }, true),
    devices,
    counts: {
      devices: devices.length,
      online: devices.filter((d) => d.online).length,
      upToDate: devices.filter((d) => d.toSend === 0).length,
    },
  }
}

function device(raw: RawDevice, self: boolean): Device {
  return { ...raw, self }
}
