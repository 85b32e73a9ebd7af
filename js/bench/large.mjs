// What is done with each system that has 100,000 keys, once in each run.
import { join } from 'node:path'
import { Device, NoAnswer, freshFolder } from './device.mjs'
import { Proxy } from './proxy.mjs'
import { Server } from './server.mjs'

const keys = 100_000
const changed = 1_000 // of them, by each device
const batch = 1_000
const rangeOf = 1_000
const patienceMs = 60_000 // for each step: who takes longer has no figure

/** large answers, by the names of rows.mjs, one value or a list of samples each, as far as it got. */
export async function large(name, system, site) {
  const folder = freshFolder(join('large', name))
  const server = await Server.start(system, folder)
  const proxy = await Proxy.start(server.port)
  const devices = ['a', 'b'].map((id) => new Device(join(folder, id), patienceMs))
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

async function steps({ rows, system, server, proxy, devices: [a, b], url }) {
  const idle = server.memory()
  await a.start()
  await a.open(url())
  rows.fill = await a.run('fill', { a: changed, b: changed, rest: keys - 2 * changed }, batch)

  await a.stop()
  await a.start()
  const blank = await a.memory()
  const opened = await a.open(url({ expect: keys }))
  rows.open = opened.ready
  rows.openAll = opened.shown
  rows.range = await a.run('ranges', 'rest', keys - 2 * changed, rangeOf)
  rows.memory = (await a.memory()) - blank

  if (!system.limit) {
    await b.start()
    rows.copy = (await b.open(url({ join: await a.adapter('share'), expect: keys }))).shown
    Object.assign(rows, await apart(proxy, a, b))
    await b.stop()
  }
  await a.stop()
  rows.storageLarge = a.storage()
  rows.serverLarge = server.memory() - idle
}

/** apart has both devices change their part while they are cut off, and answers how long until both have all, and the bytes. */
async function apart(proxy, a, b) {
  const both = (what, ...args) => Promise.all([a.run(what, ...args), b.run(what, ...args)])
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
  return {
    reunion: Math.max(fromA, fromB) - Math.min(start, other),
    wire: (proxy.bytes - before) / 1000,
  }
}
