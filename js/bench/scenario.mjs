// What is done with each system, once in each run: two devices, then a third, with 2,700 keys. What is written in one go is written again
// in the end, among more keys, unless it takes long: with one sample a run, two benchmarks differ by a quarter in what is short, with
// three still by a fifth in 500 puts, 2,000 puts and the batch, and with nine in the batch: every ninth of Masq's waits for a checkpoint.
// How a page starts is measured in starts.mjs.
import { join } from 'node:path'
import { Device, freshFolder } from './device.mjs'
import { Server } from './server.mjs'

const counts = { separate: 500, oneByOne: 100, eachWay: 50, many: 2000, burst: 1000 }
const keys = counts.separate + counts.oneByOne + 2 * counts.eachWay + counts.many
const paceMs = 25
const again = ['second', 'third']
const shortMs = 1000
const repeats = { separate: 4, batch: 20, burst: 5, many: 3 }

/** scenario returns, by the names of rows.mjs, one value or a list of samples each. quick: nothing is done again. */
export async function scenario(name, system, site, quick) {
  const folder = freshFolder(name)
  const server = await Server.start(system, folder)
  const devices = []
  const device = (id) => devices[devices.push(new Device(join(folder, id))) - 1]
  const [a, b, c] = [device('a'), device('b'), device('c')]
  const url = (options) => site.page(name, { server: server.url, ...options })
  const rows = {}
  const harness = { rows, system, site, device, a, b, c, url, again: quick ? [] : again }
  try {
    const idle = server.memory()
    await alone(harness)
    await withAnother(harness)
    await withThird(harness)
    await reopened(harness)
    rows.server = server.memory() - idle
    if (!quick) await onceMore(harness)
  } finally {
    await Promise.allSettled(devices.map((device) => device.stop()))
    await server.stop()
  }
  return rows
}

/** once opens a page on a device that is not used again. */
async function once(device, url) {
  await device.start()
  const opened = await device.open(url)
  await device.stop()
  return opened
}

async function alone({ rows, site, a, url }) {
  await a.start()
  site.download()
  await a.open(url())
  rows.download = site.download()
  rows.separate = [await a.run('separate', 'first', counts.separate)]
  rows.oneByOne = await a.run('oneByOne', 'single', counts.oneByOne)
  rows.batch = [await a.run('batch', 'first', counts.separate)]
}

async function withAnother({ rows, system, a, b, url }) {
  await b.start()
  await b.open(url({ join: await a.adapter('share') }))
  if (!system.limit) await b.run('has', counts.separate + counts.oneByOne)
  rows.across = await bothWays(a, b, 'first')
  rows.many = [await a.run('separate', 'many', counts.many)]
  await b.run('saw', 'many', counts.many)
  await b.stop()
}

async function withThird({ rows, system, device, a, c, url, again }) {
  const fresh = async () => url({ join: await a.adapter('share'), expect: keys })
  await c.start()
  if (system.limit) await c.open(url())
  else {
    rows.fresh = [(await c.open(await fresh())).shown]
    if (again.length > 0) rows.fresh.push((await once(device('d'), await fresh())).shown)
  }
  rows.burst = [await burst(a, c, 'burst')]
  await c.stop()
}

async function reopened({ rows, a, url }) {
  await a.stop()
  rows.storage = a.storage()
  await a.start()
  await a.open(url({ expect: keys + counts.burst }))
}

async function onceMore({ rows, system, a, c, url, again }) {
  for (const word of again) {
    await c.start()
    await c.open(url(system.limit ? {} : { expect: keys + counts.burst }))
    rows.across.push(...(await bothWays(a, c, word)))
    await c.stop()
  }
  const separate = (word) => a.run('separate', `separate ${word}`, counts.separate)
  const batch = (word) => a.run('batch', `batch ${word}`, counts.separate)
  const written =
    (await repeat(rows.separate, repeats.separate, separate)) + (await repeat(rows.batch, repeats.batch, batch))
  await c.start()
  const more = 2 * counts.eachWay * again.length + written * counts.separate
  await c.open(url(system.limit ? {} : { expect: keys + counts.burst + more }))
  await repeat(rows.burst, repeats.burst, (word) => burst(a, c, `burst ${word}`))
  await repeat(rows.many, repeats.many, async (word) => {
    const took = await a.run('separate', `many ${word}`, counts.many)
    await c.run('saw', `many ${word}`, counts.many)
    return took
  })
  // Among more keys it may take longer: the median of such different samples would jump from the ones to the others.
  for (const row of ['separate', 'batch', 'burst', 'many']) rows[row] = mean(rows[row])
}

const mean = (samples) => samples.reduce((a, b) => a + b) / samples.length

/** repeat takes more samples of what is short, and returns how many. */
async function repeat(samples, times, work) {
  if (samples[0] > shortMs) return 0
  for (let i = 1; i <= times; i++) samples.push(await work(i))
  return times
}

/** bothWays is across, there and back. A machine wakes faster in some minutes than in others: it is measured at several moments. */
async function bothWays(a, b, prefix) {
  return [...(await across(a, b, `there ${prefix}`)), ...(await across(b, a, `back ${prefix}`))]
}

/** across returns how long each of some writes took to be seen on the other device. */
async function across(from, to, prefix) {
  const wrote = await from.run('paced', prefix, counts.eachWay, paceMs)
  const saw = new Map(await to.run('saw', prefix, counts.eachWay))
  return wrote.map(([key, at]) => saw.get(key) - at)
}

/** burst returns how long it took until all of many writes were seen on the other device. */
async function burst(from, to, prefix) {
  const start = await from.run('burst', prefix, counts.burst)
  const saw = await to.run('saw', prefix, counts.burst)
  return Math.max(...saw.map(([, at]) => at)) - start
}
