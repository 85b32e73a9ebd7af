// What the state of sync is called. Nothing here claims more than Masq's status says.
import type { Device, Status } from '@masq/client'

/** Summary is the line at the bottom of the page. */
export interface Summary {
  icon: 'check' | 'devices' | 'off' | 'sync' | 'wait'
  text: string
}

/** summary puts a status into a few words. */
export function summary(status: Status): Summary {
  if (status.store !== 'embedded') return inStore(status)
  const all = status.devices
  if (all.length === 0) return { icon: 'devices', text: 'On this device only' }
  const left = status.toSend > 0 ? ` · ${changes(status.toSend)} to go` : ''
  if (status.error) return { icon: 'off', text: 'Sync has stopped: reload Notes on all devices' }
  if (status.sync === 'offline') return { icon: 'off', text: 'Offline' + left }
  if (status.sync === 'off') return { icon: 'off', text: 'Sync is off' + left }
  if (status.sync === 'connecting') return { icon: 'sync', text: 'Connecting…' + left }
  if (status.sync === 'waiting') return { icon: 'wait', text: waiting(all) + left }
  const current = all.filter(inSync)
  if (all.some((d) => d.online && !inSync(d))) return { icon: 'sync', text: 'Syncing' + (left || '…') }
  if (all.length === 1 && current[0]) return { icon: 'check', text: `In sync with ${current[0].name}` }
  return { icon: 'check', text: `In sync with ${current.length} of ${all.length} devices` + left }
}

const stores: Partial<Record<Status['store'], Summary>> = {
  asking: { icon: 'wait', text: 'Waiting for your yes' },
  away: { icon: 'off', text: 'Masq does not answer' },
  denied: { icon: 'off', text: 'No access to the notes' },
}

// With a local store the network is its business, and its devices are numbers.
function inStore(status: Status): Summary {
  const { devices, online, upToDate } = status.counts
  const left = status.toSend > 0 ? ` · ${changes(status.toSend)} to go` : ''
  const known = stores[status.store]
  if (known) return known
  if (status.error) return { icon: 'off', text: 'Sync has stopped: open the Store manager' }
  if (devices === 0) return { icon: 'devices', text: 'In Masq on this computer' }
  if (status.sync === 'off') return { icon: 'off', text: 'Sync is off' + left }
  if (status.sync === 'connecting') return { icon: 'sync', text: 'Connecting…' + left }
  if (status.sync === 'waiting') return { icon: 'wait', text: 'Waiting for your devices' + left }
  if (status.toReceive || upToDate < online) return { icon: 'sync', text: 'Syncing' + (left || '…') }
  const all = devices === 1 ? '1 device' : `${devices} devices`
  return { icon: 'check', text: `In sync with ${upToDate} of ${all}` + left }
}

/** inSync says whether a device is there and neither side lacks anything that is known of. */
export function inSync(d: Device): boolean {
  return d.online && d.toSend === 0 && !d.toReceive
}

const waiting = (all: readonly Device[]): string =>
  all.length === 1 && all[0] ? `Waiting for ${all[0].name}` : 'Waiting for your devices'

/** deviceState says how it stands with one other device. now is in Unix milliseconds. */
export function deviceState(d: Device, now: number): string {
  if (inSync(d)) return 'Online, in sync'
  const left = d.toSend > 0 ? `${changes(d.toSend)} to send` : ''
  if (d.online) return ['Online', left, d.toReceive && 'receiving'].filter(Boolean).join(', ')
  return [d.lastHeard ? `Last heard ${ago(now - d.lastHeard)}` : 'Not heard yet', left].filter(Boolean).join(', ')
}

const changes = (n: number): string => (n === 1 ? '1 change' : `${n} changes`)

/** ago says how long ago something was, in the unit that fits. */
export function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 1) return 'just now'
  const format = new Intl.RelativeTimeFormat('en')
  if (minutes < 60) return format.format(-minutes, 'minute')
  if (minutes < 24 * 60) return format.format(-Math.floor(minutes / 60), 'hour')
  return format.format(-Math.floor(minutes / (24 * 60)), 'day')
}
