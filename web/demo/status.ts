// What the state of sync is called. Nothing here claims more than Masq's status says.
import type { Device, Status } from '@masq/client'
import { ago, clock, iso, t } from './words.js'

/** Summary is the line at the bottom of the page. */
export interface Summary {
  icon: 'check' | 'devices' | 'off' | 'sync' | 'wait'
  text: string
}

const off = (text: string): Summary => ({ icon: 'off', text })

/** summary puts a status into a few words. since is when the Sync Server was lost; 0: it was not, or it is too early to say. */
export function summary(status: Status, since = 0): Summary {
  if (status.store !== 'embedded') return inStore(status, since)
  const all = status.devices
  if (status.error === 'E_REVOKED') return off(t('removedStatus'))
  if (all.length === 0) return { icon: 'devices', text: t('onlyHereStatus') }
  if (status.error) return off(status.error === 'E_VERSION' ? t('stoppedVersion') : t('stopped'))
  const left = remaining(status)
  if (status.sync === 'offline') return off(t('offline') + left)
  const early = notOnline(status, since, () => (all.length === 1 && all[0] ? waitingFor(all[0]) : waitingForAll()))
  if (early) return { ...early, text: early.text + left }
  const current = all.filter(inSync)
  if (all.some((d) => d.online && !inSync(d))) return syncing(left)
  if (all.length === 1 && current[0]) return { icon: 'check', text: t('inSyncWith', { device: iso(current[0].name) }) }
  return { icon: 'check', text: t('inSyncOf', { done: current.length, n: all.length }) + left }
}

const stores: Partial<Record<Status['store'], () => Summary>> = {
  asking: () => ({ icon: 'wait', text: t('waitingForYes') }),
  away: () => off(t('masqAway')),
  denied: () => off(t('noAccess')),
}

// With a local store the network is its business, and its devices are numbers.
function inStore(status: Status, since: number): Summary {
  const { devices, online, upToDate } = status.counts
  const known = stores[status.store]
  if (known) return known()
  if (status.error) return off(status.error === 'E_REVOKED' ? t('removedStatus') : t('stoppedManager'))
  if (devices === 0) return { icon: 'devices', text: t('inMasq') }
  const left = remaining(status)
  if (status.sync === 'offline') return off(t('offline') + left)
  const early = notOnline(status, since, waitingForAll)
  if (early) return { ...early, text: early.text + left }
  if (status.toReceive || upToDate < online) return syncing(left)
  return { icon: 'check', text: t('inSyncOf', { done: upToDate, n: devices }) + left }
}

function notOnline({ sync }: Status, since: number, waiting: () => string): Summary | undefined {
  if (sync === 'off') return off(t('syncOff'))
  if (sync === 'waiting') return { icon: 'wait', text: waiting() }
  if (sync !== 'connecting') return undefined
  return since ? off(t('noServerSince', { time: clock(since) })) : { icon: 'sync', text: t('connecting') }
}

const syncing = (left: string): Summary => ({ icon: 'sync', text: left ? t('syncingNow') + left : t('syncing') })
const remaining = ({ toSend }: Status): string => (toSend > 0 ? ` · ${t('toGo', { n: toSend })}` : '')

/** inSync says whether a device is there and neither side lacks anything that is known of. */
export function inSync(d: Device): boolean {
  return d.online && d.toSend === 0 && !d.toReceive
}

const waitingFor = (device: Device): string => t('waitingFor', { device: iso(device.name) })
const waitingForAll = (): string => t('waitingForDevices')

/** deviceState says how it stands with one other device. now is in Unix milliseconds. */
export function deviceState(d: Device, now: number): string {
  if (inSync(d)) return t('deviceInSync')
  const left = d.toSend > 0 ? t('toSend', { n: d.toSend }) : ''
  if (d.online) return [t('online'), left, d.toReceive && t('receiving')].filter(Boolean).join(', ')
  const heard = d.lastHeard ? t('lastHeard', { ago: ago(now - d.lastHeard) }) : t('neverHeard')
  return [heard, left].filter(Boolean).join(', ')
}

const patienceMs = 5000 // connecting takes a moment

/** Outage notes since when the Sync Server has not been reached. */
export class Outage {
  #from = 0

  /** take is told of each status. */
  take({ sync }: Pick<Status, 'sync'>, now: number): void {
    if (sync !== 'connecting') this.#from = 0
    else this.#from ||= now
  }

  /** since is when it began; 0 if there is none, or if it is too early to say. */
  since(now: number): number {
    return this.#from && now - this.#from >= patienceMs ? this.#from : 0
  }
}
