/**
 * The same API in memory, for an application's own tests in Node: the engine is the one that runs in browsers, storage,
 * network and time are not real.
 *
 * ```ts
 * import { devices, offline, online, settled } from '@masq/client/testing'
 * const [laptop, phone] = await devices(['Laptop', 'Phone'])
 * await laptop.put('note/1', { title: 'Hello' })
 * await settled()
 * await phone.get('note/1') // { title: 'Hello' }
 * ```
 *
 * @module
 */

import { MasqError } from './errors.js'
import { Masq } from './masq.js'
import { resolveOptions, type ConnectOptions } from './options.js'
import { clock } from './testing/clock.js'
import { MemoryDevice, type Home } from './testing/home.js'
import { homes } from './testing/leader.js'
import { Relay } from './testing/relay.js'

let relay = new Relay()
const known = new Map<string, MemoryDevice>()
const open = new Map<Masq, { device: MemoryDevice; home: Home }>()

/**
 * Like `connect` of `@masq/client`, on a device in memory. The option `device`, its name, says which: who connects again with
 * the same name, on the same page, finds the same data, as after a reload. Data is always embedded, and any address of a Sync
 * Server is answered. Rejects with MasqError.
 */
export async function connect(options: ConnectOptions): Promise<Masq> {
  const resolved = { ...resolveOptions(options), store: 'embedded' as const }
  const device = known.get(resolved.name) ?? new MemoryDevice(relay)
  known.set(resolved.name, device)
  const home = device.home(resolved.app)
  homes.set(resolved, home)
  const masq = await Masq.open(resolved)
  open.set(masq, { device, home })
  return masq
}

/**
 * Connects on as many devices as there are names, pairs them with one another, and resolves when all are in sync. `options`
 * are those of `connect`.
 */
export async function devices<const Names extends readonly string[]>(
  names: Names,
  options: Partial<Omit<ConnectOptions, 'device'>> = {},
): Promise<{ -readonly [K in keyof Names]: Masq }> {
  const all = { app: { name: 'Test' }, sync: 'wss://sync.test', ...options }
  const out: Masq[] = []
  for (const device of names) {
    const next = await connect({ ...all, device })
    if (out[0]) await pair(out[0], next)
    out.push(next)
  }
  await settled()
  return out as { -readonly [K in keyof Names]: Masq }
}

/** Pairs `joiner`'s device with the devices of `host`: invite, join, and a yes on both. What the joiner has comes along. */
export async function pair(host: Masq, joiner: Masq): Promise<void> {
  const invite = await host.invite()
  const join = await joiner.join(invite.link)
  await Promise.all([invite.compared, join.compared])
  await Promise.all([invite.confirm(), join.confirm({ bring: join.hasData })])
  await Promise.all([invite.done, join.done])
}

/** The device has no network until `online`. */
export async function offline(masq: Masq): Promise<void> {
  await network(masq, false)
}

/** The device has a network again. Resolves when it is in sync with every other device that has one. */
export async function online(masq: Masq): Promise<void> {
  await network(masq, true)
}

/** Resolves when nothing is under way any more: each device that can reach another has what that has. */
export function settled(): Promise<void> {
  return clock.idle()
}

/**
 * Deletes this application's data on the device, as a user or a browser may at any time: it goes on as a device without any, and
 * watches hear `{ type: 'reset', reason: 'cleared' }`.
 */
export async function clear(masq: Masq): Promise<void> {
  of(masq).home.clear()
  await settled()
}

/** Lets time pass for all devices at once: for an invite that is to expire, say. Waits of up to 3 s pass by themselves. */
export function advance(ms: number): Promise<void> {
  return clock.advance(ms)
}

/** Closes everything, and forgets all devices and their data. Call it after each test. */
export async function reset(): Promise<void> {
  await Promise.all([...open.keys()].map((masq) => masq.close()))
  open.clear()
  known.clear()
  relay = new Relay()
  await settled()
}

async function network(masq: Masq, there: boolean): Promise<void> {
  of(masq).device.network(there)
  await settled()
}

function of(masq: Masq): { device: MemoryDevice; home: Home } {
  const found = open.get(masq)
  if (!found) throw new MasqError('E_CLOSED')
  return found
}

export { MasqError }
export { takeInvite } from './invite.js'
export type * from './index.js'
