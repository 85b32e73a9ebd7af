// How each system starts, by turns: in a turn each starts once in each way, in an order that changes, so that what else the machine does
// meanwhile concerns all alike. The targets for how Masq starts are a tenth apart, which whole runs of scenario.mjs would not tell.
import { join } from 'node:path'
import { Device, NoAnswer, freshFolder, grown } from './device.mjs'
import { turned } from './large.mjs'
import { Server } from './server.mjs'
import { systems } from './systems.mjs'

const counts = { separate: 500, oneByOne: 100, many: 2000, burst: 1000, more: 100 }
const keys = Object.values(counts).reduce((a, b) => a + b)
const slowed = 6

export class Starts {
  #names
  #trials = []

  /** begin gives each system a server and a device with data. */
  static async begin(names, site) {
    const starts = new Starts()
    starts.#names = names
    try {
      for (const name of names) starts.#trials.push(await new Trial(name, site).begin())
      if (names.includes('masq')) starts.#trials.push(await new Trial('masq', site, 'Default').begin())
    } catch (error) {
      await starts.end()
      throw error
    }
    return starts
  }

  async end() {
    for (const trial of this.#trials) await trial.end()
  }

  /** turn returns { name: rows } of the i-th turn. It goes round, forth and back by turns: nobody always comes after the same one. */
  async turn(i) {
    const order = turned(this.#trials, i)
    const answers = Object.fromEntries(this.#names.map((name) => [name, {}]))
    for (const trial of i % 2 ? order.reverse() : order) Object.assign(answers[trial.name], await trial.take())
    for (const name of this.#names) if (name !== 'masq') asDefault(answers[name])
    return answers
  }
}

/** asDefault: Masq alone is opened in two ways. What another system's one way took stands beside both. */
function asDefault(rows) {
  for (const id of ['cold', 'reload', 'restart']) if (rows[id]) rows[`${id}Default`] = rows[id]
}

/** A Trial is one system with a device that has data. With a suffix it is opened by default options, and its rows are called so. */
class Trial {
  #site
  #suffix
  #folder
  #server
  #device

  constructor(name, site, suffix = '') {
    this.name = name
    this.system = systems[name]
    this.#site = site
    this.#suffix = suffix
    this.#folder = join('starts', name + suffix)
  }

  async begin() {
    const folder = freshFolder(this.#folder)
    this.#server = await Server.start(this.system, folder)
    this.#device = new Device(join(folder, 'a'))
    const other = new Device(join(folder, 'b'))
    try {
      await this.#fill(this.#device, other)
    } catch (error) {
      await this.end()
      throw error
    } finally {
      await Promise.all([this.#device.stop(), other.stop()])
    }
    return this
  }

  async end() {
    await this.#device.stop()
    await this.#server.stop()
  }

  /** take starts it in each way. Who gives no answer has no figure in this turn, but for Masq, of which that ends all. */
  async take() {
    const rows = {}
    try {
      await this.#cold(rows)
      await this.#again(rows)
    } catch (error) {
      if (!(error instanceof NoAnswer) || this.name === 'masq') throw error
      console.log(`  ${this.system.title}: ${error.message}`)
    }
    return rows
  }

  #url(server, options) {
    const byDefault = this.#suffix && { options: 'default' }
    return this.#site.page(this.name, { server: server.url, ...byDefault, ...options })
  }

  /** #fill has one device write the keys, one by one but for what it asks for at once, and another one sync with it. */
  async #fill(a, b) {
    await a.start()
    await a.open(this.#url(this.#server))
    await a.run('separate', 'first', counts.separate)
    await a.run('oneByOne', 'single', counts.oneByOne)
    await b.start()
    await b.open(this.#url(this.#server, { join: await a.adapter('share') }))
    if (!this.system.limit) await b.run('has', counts.separate + counts.oneByOne)
    await a.run('separate', 'many', counts.many)
    await a.run('burst', 'burst', counts.burst)
    await a.run('separate', 'more', counts.more)
    await b.run('saw', 'more', counts.more)
  }

  async #cold(rows) {
    const { ready, put, cpu } = await this.#fresh(1)
    if (this.#suffix) return void (rows.coldDefault = ready)
    Object.assign(rows, { cold: ready, firstPut: put, coldCPU: cpu })
    rows.coldSlow = (await this.#fresh(slowed)).ready
  }

  /** #fresh opens the page on a device, and with a server, that have never seen it. */
  async #fresh(rate) {
    const folder = freshFolder(join(this.#folder, 'cold'))
    const server = await Server.start(this.system, folder)
    const device = new Device(join(folder, 'a'))
    try {
      await device.start()
      if (rate > 1) await device.throttle(rate)
      return await measured(device, () => device.open(this.#url(server, { first: 1 })))
    } finally {
      await device.stop()
      await server.stop()
    }
  }

  async #again(rows) {
    const device = this.#device
    const suffix = this.#suffix
    try {
      await device.start()
      const restart = await measured(device, () => device.open(this.#url(this.#server, { expect: keys })))
      const reload = await measured(device, () => device.reload())
      rows[`restart${suffix}`] = restart.shown
      rows[`reload${suffix}`] = reload.shown
      if (suffix) return
      Object.assign(rows, { restartCPU: restart.cpu, reloadCPU: reload.cpu })
      await device.throttle(slowed)
      rows.reloadSlow = (await device.reload()).shown
    } finally {
      await device.stop()
    }
  }
}

/** measured is what opening a page tells, and what the page's process worked for it. */
async function measured(device, open) {
  const before = await device.cpu()
  const opened = await open()
  return { ...opened, cpu: grown(before, await device.cpu()) }
}
