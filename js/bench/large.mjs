// What is done with each system that has 100,000 keys, in each run: by turns, as what else the machine does meanwhile concerns all alike
// then. With one system after the other, two benchmarks differed by half in what is short.
import { join } from 'node:path'
import { Device, NoAnswer, freshFolder } from './device.mjs'
import { Proxy } from './proxy.mjs'
import { Server } from './server.mjs'
import { systems } from './systems.mjs'

const keys = 100_000
const changed = 1_000 // of them, by each device
const rest = keys - 2 * changed
const fills = 4 // in which they are written
const batch = 1_000
const rangeOf = 1_000
const restarts = 7
const meetings = 3 // times that two devices come together
const partings = 3 // times each that both change keys while they are apart
const patienceMs = 120_000 // for each step: who takes longer has no figure

/**
 * large returns { name: rows }, rows by the names of rows.mjs, one value or a list of samples each, as far as a system got. failed is
 * a Set of what an earlier run waited for in vain, which is not tried again.
 */
export async function large(names, site, failed) {
  const trials = []
  try {
    for (const name of names) trials.push(await new Trial(name, site, failed).begin())
    for (let i = 0; i < fills; i++) await each(turned(trials, i), 'fill', i)
    for (let i = 0; i < restarts; i++) await each(turned(trials, i), 'restart', i)
    await each(trials, 'copy', 0)
    for (let i = 0; i < meetings; i++) await each(turned(trials, i), 'meet', i)
  } finally {
    for (const trial of trials) await trial.end()
  }
  return Object.fromEntries(trials.map(({ name, rows }) => [name, rows]))
}

/** turned is a list that begins at another place. */
export const turned = (list, by) => list.map((_, i) => list[(i + by) % list.length])

async function each(trials, step, i) {
  for (const trial of trials) await trial.take(step, i)
}

/** A Trial is one system with devices, a server and a way between them that can be cut. */
class Trial {
  rows = {}
  #site
  #failed
  #fills = [] // how long each took
  #out = false // it takes no further step

  constructor(name, site, failed) {
    this.name = name
    this.system = systems[name]
    this.#site = site
    this.#failed = failed
  }

  async begin() {
    const folder = freshFolder(join('large', this.name))
    this.server = await Server.start(this.system, folder)
    this.proxy = await Proxy.start(this.server.port)
    this.devices = ['a', 'b', 'c'].map((id) => new Device(join(folder, id), patienceMs))
    this.idle = this.server.memory()
    return this
  }

  async end() {
    await Promise.allSettled(this.devices.map((device) => device.stop()))
    this.proxy.stop()
    await this.server.stop()
  }

  /** take takes a step for the i-th time, if the system has come as far. */
  async take(step, i) {
    const what = `${this.name}: ${step} ${i}`
    if (this.#out || (this.#out = this.#failed.has(what))) return
    const start = Date.now()
    try {
      await this[step](...this.devices)
    } catch (error) {
      if (!(error instanceof NoAnswer) || this.name === 'masq') throw error
      console.log(`  ${this.system.title}: ${error.message}`)
      this.#failed.add(what)
      this.#out = true
    }
    await Promise.allSettled(this.devices.map((device) => device.stop()))
    console.log(`  ${this.system.title}: ${step} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
  }

  #url(options) {
    return this.#site.page(this.name, { server: this.server.at(this.proxy.port), ...options })
  }

  async fill(a) {
    const share = rest / fills
    const before = this.#fills.length
    const parts = [['rest', before * share, share]]
    if (before === 0) parts.push(['a', 0, changed], ['b', 0, changed])
    await a.start()
    await a.open(this.#url({ expect: before && before * share + 2 * changed }))
    this.#fills.push(await a.run('fill', parts, batch))
    if (this.#fills.length === fills) this.rows.fill = this.#fills.reduce((a, b) => a + b)
  }

  async restart(a) {
    this.#sample('storageLarge', a.storage())
    await a.start()
    const blank = await a.memory()
    const opened = await a.open(this.#url({ expect: keys }))
    this.#sample('open', opened.ready)
    this.#sample('openAll', opened.shown)
    this.#sample('range', ...(await a.run('ranges', 'rest', rest, rangeOf)))
    this.#sample('memory', (await a.memory()) - blank)
  }

  /** copy gives two more devices a copy each. */
  async copy(a, b, c) {
    if (!this.system.limit) {
      await a.start()
      await a.open(this.#url({ expect: keys }))
      await this.#copyTo(a, c)
      await c.stop()
      await this.#copyTo(a, b)
    }
    this.rows.serverLarge = this.server.memory() - this.idle
  }

  async #copyTo(from, to) {
    await to.start()
    this.#sample('copy', (await to.open(this.#url({ join: await from.adapter('share'), expect: keys }))).shown)
  }

  /** meet has two of the three change keys while they are apart; the first time does not count, as they may not have met before it. */
  async meet(a, b) {
    if (this.system.limit) return
    for (const device of [a, b]) {
      await device.start()
      await device.open(this.#url({ expect: keys }))
    }
    await this.#apart(a, b)
    for (let i = 0; i < partings; i++) {
      const { reunion, wire } = await this.#apart(a, b)
      this.#sample('reunion', reunion)
      this.#sample('wire', wire)
    }
    this.rows.serverLarge = this.server.memory() - this.idle
  }

  /** #apart has both devices change their part while they are cut off, and returns how long until both have all, and the kB on the wire. */
  async #apart(a, b) {
    const both = (what, ...args) => Promise.all([a.run(what, ...args), b.run(what, ...args)])
    await both('network', false)
    this.proxy.cut()
    await Promise.all([a.run('rewrite', 'a', changed, batch), b.run('rewrite', 'b', changed, batch)])
    this.proxy.mend()
    const before = this.proxy.bytes
    const [start, other] = await both('network', true)
    const [fromB, fromA] = await Promise.all([
      a.run('sawAgain', 'b', changed, start),
      b.run('sawAgain', 'a', changed, start),
    ])
    return { reunion: Math.max(fromA, fromB) - Math.min(start, other), wire: (this.proxy.bytes - before) / 1000 }
  }

  #sample(row, ...values) {
    ;(this.rows[row] ??= []).push(...values)
  }
}
