// What is done with each system that has 100,000 keys, in each run: what takes long once, and again what one sample says little of.
import { join } from 'node:path'
import { Device, NoAnswer, freshFolder } from './device.mjs'
import { Proxy } from './proxy.mjs'
import { Server } from './server.mjs'

const keys = 100_000
const changed = 1_000 // of them, by each device
const batch = 1_000
const rangeOf = 1_000
const times = 3 // that a browser is restarted, and that two devices change keys while they are apart
const patienceMs = 120_000 // for each step: who takes longer has no figure

/** large answers, by the names of rows.mjs, one value or a list of samples each, as far as it got. */
export async function large(name, system, site) {
  const folder = freshFolder(join('large', name))
  const server = await Server.start(system, folder)
  const proxy = await Proxy.start(server.port)
  const devices = ['a', 'b', 'c'].map((id) => new Device(join(folder, id), patienceMs))
  const url = (options) => site.page(name, { server: server.at(proxy.port), ...options })
  const rows = {}
  try {
    await steps({ rows, system, server, proxy, devices, url })
  } catch (error) {
    if (!(error instanceof NoAnswer) || name === 'masq') throw error
    console.log(`  ${system.title}: ${error.message}`)
  } finally {
    await Promise.allSettled(devices.map((device) => device.stop()))
    proxy.stop()
    await server.stop()
  }
  return rows
}

async function steps({ rows, system, server, proxy, devices: [a, b, c], url }) {
  const idle = server.memory()
  await a.start()
  await a.open(url())
  rows.fill = await a.run('fill', { a: changed, b: changed, rest: keys - 2 * changed }, batch)
  await reopened(rows, a, url({ expect: keys }))
  if (!system.limit) {
    const copy = async (device) => {
      await device.start()
      return (await device.open(url({ join: await a.adapter('share'), expect: keys }))).shown
    }
    rows.copy = [await copy(c)]
    await c.stop()
    rows.copy.push(await copy(b))
    await apart(rows, proxy, a, b)
    await b.stop()
  }
  await a.stop()
  rows.storageLarge = a.storage()
  rows.serverLarge = server.memory() - idle
}

/** reopened restarts a device's browser some times, and leaves it open. */
async function reopened(rows, a, url) {
  for (const row of ['open', 'openAll', 'range', 'memory']) rows[row] = []
  for (let i = 0; i < times; i++) {
    await a.stop()
    await a.start()
    const blank = await a.memory()
    const opened = await a.open(url)
    rows.open.push(opened.ready)
    rows.openAll.push(opened.shown)
    rows.range.push(...(await a.run('ranges', 'rest', keys - 2 * changed, rangeOf)))
    rows.memory.push((await a.memory()) - blank)
  }
}

/** apart has both devices change their part while they are cut off, and measures how long until both have all, and the bytes. */
async function apart(rows, proxy, a, b) {
  const both = (what, ...args) => Promise.all([a.run(what, ...args), b.run(what, ...args)])
  rows.reunion = []
  rows.wire = []
  for (let i = 0; i < times; i++) {
    await both('network', false)
    proxy.cut()
    await Promise.all([a.run('rewrite', 'a', changed, batch), b.run('rewrite', 'b', changed, batch)])
    proxy.mend()
    const before = proxy.bytes
    const [start, other] = await both('network', true)
    const [fromB, fromA] = await Promise.all([
      a.run('sawAgain', 'b', changed, start),
      b.run('sawAgain', 'a', changed, start),
    ])
    rows.reunion.push(Math.max(fromA, fromB) - Math.min(start, other))
    rows.wire.push((proxy.bytes - before) / 1000)
  }
}
