// What is done with each system, once in each run: two devices, then a third, with 2,700 keys. In the end what is written in one go is
// written again, among more keys, unless it takes long: with one sample a run, two benchmarks differ by a quarter in what is short.
import { join } from 'node:path'
import { Device, freshFolder } from './device.mjs'
import { Server } from './server.mjs'

const counts = { separate: 500, oneByOne: 100, eachWay: 50, many: 2000, burst: 1000 }
const keys = counts.separate + counts.oneByOne + 2 * counts.eachWay + counts.many
const paceMs = 25
const again = ['second', 'third']
const shortMs = 1000

/** scenario answers, by the names of rows.mjs, one value or a list of samples each. quick: nothing is done again. */
export async function scenario(name, system, site, quick) {
  const folder = freshFolder(name)
  const server = await Server.start(system, folder)
  const devices = ['a', 'b', 'c'].map((id) => new Device(join(folder, id)))
  const [a, b, c] = devices
  const url = (options) => site.page(name, { server: server.url, ...options })
  const rows = {}
  try {
    const idle = server.memory()
    await a.start()
    site.download()
    rows.cold = (await a.open(url())).ready
    rows.download = site.download()
    rows.separate = [await a.run('separate', 'first', counts.separate)]
    rows.oneByOne = await a.run('oneByOne', 'single', counts.oneByOne)
    rows.batch = [await a.run('batch', 'first', counts.separate)]

    await b.start()
    await b.open(url({ join: await a.adapter('share') }))
    if (!system.limit) await b.run('has', counts.separate + counts.oneByOne)
    rows.across = [...(await across(a, b, 'there')), ...(await across(b, a, 'back'))]

    rows.many = [await a.run('separate', 'many', counts.many)]
    await b.run('saw', 'many', counts.many)
    await b.stop()

    await c.start()
    if (system.limit) await c.open(url())
    else rows.fresh = (await c.open(url({ join: await a.adapter('share'), expect: keys }))).shown
    rows.burst = [await burst(a, c, 'burst')]
    await c.stop()

    rows.reload = []
    for (let i = 0; i <= again.length; i++) rows.reload.push((await a.open(url({ expect: keys + counts.burst }))).shown)
    await a.stop()
    rows.storage = a.storage()
    await a.start()
    rows.restart = (await a.open(url({ expect: keys + counts.burst }))).shown
    rows.server = server.memory() - idle

    if (quick) return rows
    const separate = (word) => a.run('separate', `separate ${word}`, counts.separate)
    const batch = (word) => a.run('batch', `batch ${word}`, counts.separate)
    const more = ((await repeat(rows.separate, separate)) + (await repeat(rows.batch, batch))) * counts.separate
    await c.start()
    await c.open(url(system.limit ? {} : { expect: keys + counts.burst + more }))
    await repeat(rows.burst, (word) => burst(a, c, `burst ${word}`))
    await repeat(rows.many, async (word) => {
      const took = await a.run('separate', `many ${word}`, counts.many)
      await c.run('saw', `many ${word}`, counts.many)
      return took
    })
  } finally {
    await Promise.allSettled(devices.map((device) => device.stop()))
    await server.stop()
  }
  return rows
}

/** repeat takes more samples of what is short, and answers how many. */
async function repeat(samples, work) {
  if (samples[0] > shortMs) return 0
  for (const word of again) samples.push(await work(word))
  return again.length
}

/** across answers how long each of some writes took to be seen on the other device. */
async function across(from, to, prefix) {
  const wrote = await from.run('paced', prefix, counts.eachWay, paceMs)
  const saw = new Map(await to.run('saw', prefix, counts.eachWay))
  return wrote.map(([key, at]) => saw.get(key) - at)
}

/** burst answers how long it took until all of many writes were seen on the other device. */
async function burst(from, to, prefix) {
  const start = await from.run('burst', prefix, counts.burst)
  const saw = await to.run('saw', prefix, counts.burst)
  return Math.max(...saw.map(([, at]) => at)) - start
}
