// `make kill`, its second half: Chromium is killed amid writes, KILLS times, with all its processes, at moments that SEED leads to, and sometimes
// once more while the next one opens the data. After each kill it is started with the same profile: what was acknowledged is
// there, no batch is half there, and who watches and comes back with the position that was told last has what `list` shows.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Chromium } from './chromium.mjs'
import { Site } from './site.mjs'
import { connect } from './stage.mjs'
import { within } from './tab.mjs'
import { HALVES, Mirror, Written, random, valueOf } from './written.mjs'

const kills = Number(process.env.KILLS || 30)
const seed = Number(process.env.SEED || 1 + Math.floor(Math.random() * 2 ** 31))
const BATCHES = 800 // of one life: more than there is time for
const LIFE_MS = 2500 // of writing, at most
const OPENING_MS = 1000 // of a life that is to end while it opens the data, at most
const ROUND_MS = 90_000

/** writing tries what is planned, a few batches at a time. */
const writing = (plan) => `(async () => {
  const valueOf = ${valueOf}
  const operation = (key, value) => (value === undefined ? { type: 'del', key } : { type: 'put', key, value })
  const pending = new Set()
  for (const { id, pause, relaxed, writes } of ${JSON.stringify(plan)}) {
    const operations = ${JSON.stringify(HALVES)}.flatMap((half) =>
      writes.map(([key, nth, size]) => operation(half + key, valueOf(nth, size))))
    const done = masq.batch(operations, { durability: relaxed ? 'relaxed' : 'strict' })
      .then(() => relaxed || acknowledged(id), (e) => failed(String(e)))
      .finally(() => pending.delete(done))
    pending.add(done)
    if (pending.size >= 4) await Promise.race(pending)
    if (pause) await new Promise((resolve) => setTimeout(resolve, pause))
  }
})()`

class Killing {
  #random = random(seed)
  #written = new Written(this.#random)
  #mirrors = ['', HALVES[1]].map((prefix) => new Mirror(prefix))
  #browser
  #site
  #writer // a tab
  #follower // another one
  #data // which it is: it stays the same
  #acknowledged = 0 // batches of this life
  #wrong = []
  #dead = false // it is not a page's fault if it fails now
  #amid = 0
  #opening = 0

  constructor(browser, site) {
    this.#browser = browser
    this.#site = site
  }

  async run() {
    await this.#start()
    await this.#connect()
    for (let kill = 1; kill <= kills; kill++) {
      await within(ROUND_MS, `kill ${kill}`, this.#round())
      const resets = this.#mirrors.map((mirror) => mirror.resets).join(' and ')
      console.log(`kill ${kill} of ${kills}: ${this.#acknowledged} batches acknowledged; resets so far ${resets}`)
      if (this.#wrong.length) throw new Error(this.#wrong.join('\n'))
    }
    console.log(
      `${kills} kills of Chromium, ${this.#amid} of them amid writes, and ${this.#opening} as it opened the data; ` +
        `${this.#written.acknowledged} acknowledged writes, none lost; every mirror is what list shows`,
    )
  }

  async #round() {
    await this.#live()
    if (this.#random() < 0.3) await this.#dieEarly()
    await this.#start()
    await this.#connect()
    await this.#check()
  }

  /** #start starts the browser, with a tab that is to write and one that is to follow. (What opens tabs does not bear it that the browser is killed.) */
  async #start() {
    this.#dead = false
    await this.#browser.start()
    this.#writer = await this.#open('acknowledged', (id) => {
      this.#acknowledged++
      this.#written.acknowledge(id)
    })
    this.#follower = await this.#open('told', (told) =>
      this.#mirrors.find(({ prefix }) => prefix === told.prefix).take(told),
    )
  }

  /** #open opens a tab, which is heard by a name. */
  async #open(name, listener) {
    const tab = await this.#browser.tab()
    await tab.hears(name, listener)
    await tab.hears('failed', (what) => void (this.#dead || this.#wrong.push(what)))
    await tab.goto(this.#site.url())
    return tab
  }

  /** #connect has the one open the data, and the other follow from where it was. */
  async #connect() {
    await connect(this.#writer)
    const since = Object.fromEntries(this.#mirrors.map(({ prefix, position }) => [prefix, position]))
    const data = await this.#follower.run(`Follower.follow(location.origin, ${JSON.stringify(since)}, told)`)
    this.#data ??= data
    if (data !== this.#data) this.#wrong.push('the data is another')
  }

  /** #live writes until the browser is killed. */
  async #live() {
    this.#acknowledged = 0
    await this.#writer.begin(writing(this.#written.plan(BATCHES)))
    await sleep(this.#random() * LIFE_MS)
    await this.#kill()
    if (this.#acknowledged < BATCHES) this.#amid++
  }

  /** #dieEarly kills the browser while it opens the data. */
  async #dieEarly() {
    await this.#start()
    const begun = this.#connect().catch(() => undefined) // what is killed rejects
    await sleep(this.#random() * OPENING_MS)
    await this.#kill()
    await begun
    this.#opening++
  }

  async #kill() {
    this.#dead = true
    await this.#browser.kill()
  }

  async #check() {
    const there = new Map(await this.#writer.run('masq.list()'))
    for (const who of [this.#written, ...this.#mirrors]) this.#wrong.push(...who.wrong(there))
  }
}

/** follower is the script of a page that follows. */
async function follower() {
  const path = (file) => fileURLToPath(new URL(file, import.meta.url))
  const made = await build({
    entryPoints: [path('../test/follower.ts')],
    ...{ bundle: true, write: false, format: 'iife', globalName: 'Follower', target: 'es2022' },
  })
  return made.outputFiles[0].text
}

const profile = mkdtempSync(join(tmpdir(), 'masq-kills-'))
process.on('exit', () => rmSync(profile, { recursive: true, force: true, maxRetries: 10 }))
const site = await Site.open()
site.first = await follower()
const browser = new Chromium({ profile })
console.log(`SEED=${seed}`)
try {
  await new Killing(browser, site).run()
} catch (e) {
  console.error(`SEED=${seed}: ${e.stack ?? e}`)
  process.exitCode = 1
}
await browser.kill()
process.exit()
