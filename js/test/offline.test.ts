// Browsers that have no network, say that they have none, or both; with the real Sync Server.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { Harness, run } from './browser.js'
import { SyncServer } from './sync-server.js'

const headers = { 'content-type': 'text/javascript' }
const lie = `Object.defineProperty(Object.getPrototypeOf(navigator), 'onLine', { get: () => false })`
const workerCode = readFileSync(fileURLToPath(new URL('../dist/worker.js', import.meta.url)), 'utf8')

let harness: Harness
let here: SyncServer // on this computer
let away: SyncServer // by its name elsewhere

before(async () => {
  here = await SyncServer.open()
  away = await SyncServer.open('masq.test')
  const site = { '/liar.js': { body: `${lie}\n${workerCode}`, headers } }
  harness = await Harness.open(site, 9, ['--ignore-certificate-errors'])
})

after(async () => {
  await harness?.close()
  here?.close()
  away?.close()
})

/** A tab with all of the client in memory, as a page that works offline has it. */
async function tab(name: string, sync: SyncServer, of?: Page): Promise<Page> {
  const page = await harness.tab(of?.context() ?? (await harness.profile()), { connected: false })
  await run(
    page,
    `(async () => {
      const take = async (file, type) => URL.createObjectURL(new Blob([await (await fetch(file)).blob()], { type }))
      globalThis.options = {
        app: { name: 'T' }, store: 'embedded', device: '${name}', sync: '${sync.url}',
        worker: await take('/worker.js', 'text/javascript'), wasm: await take('/masq.wasm', 'application/wasm'),
      }
    })()`,
  )
  return page
}

const connect = (page: Page): Promise<void> => run(page, `void (globalThis.masq = await Masq.connect(options))`)
const disconnect = (page: Page): Promise<void> => run(page, 'masq.close()')
const offline = (page: Page, yes: boolean): Promise<void> => page.context().setOffline(yes)
const invite = (page: Page): Promise<string> => run(page, `(globalThis.p = await masq.invite()).link`)
const join = (page: Page, link: string): Promise<void> => run(page, `void (globalThis.p = await masq.join('${link}'))`)

/** Has two compare and say yes, until they are in sync. */
async function finish(a: Page, b: Page): Promise<void> {
  const digits = await Promise.all([a, b].map((page) => run(page, '(await p.compared, p.digits)')))
  assert.equal(digits[0], digits[1])
  await Promise.all([a, b].map((page) => run(page, 'p.confirm({ bring: true }).then(() => p.done)')))
}

async function pair(a: Page, b: Page): Promise<void> {
  await join(b, await invite(a))
  await finish(a, b)
}

/** Waits for `masq.status.sync`. */
const sync = (page: Page, state: string): Promise<void> =>
  run(
    page,
    `new Promise((resolve) => {
      const look = () => masq.status.sync === '${state}' && resolve()
      masq.addEventListener('status', look)
      look()
    })`,
  )

const value = (page: Page, key: string): Promise<unknown> =>
  run(
    page,
    `new Promise(async (resolve) => {
      masq.watch('${key}', (c) => resolve(c.value))
      const now = await masq.get('${key}')
      if (now !== undefined) resolve(now)
    })`,
  )

const close = (...pages: Page[]): Promise<void[]> => Promise.all(pages.map((page) => page.context().close()))

test('a page that is opened offline says so, and syncs when the network is back, without a reload', async () => {
  const [laptop, phone] = [await tab('Laptop', away), await tab('Phone', away)]
  await Promise.all([connect(laptop), connect(phone)])
  await pair(laptop, phone)
  await disconnect(laptop)
  await offline(laptop, true)
  await run(phone, `masq.put('k', 1)`)
  await connect(laptop)
  await sync(laptop, 'offline')
  await offline(laptop, false)
  assert.equal(await value(laptop, 'k'), 1)
  await sync(laptop, 'online')
  await close(laptop, phone)
})

test('any tab tells the engine that the network is back', async () => {
  const [laptop, phone] = [await tab('Laptop', away), await tab('Phone', away)]
  const second = await tab('Laptop', away, laptop)
  await run(laptop, `addEventListener('online', (e) => e.stopImmediatePropagation())`)
  await Promise.all([connect(laptop), connect(phone)])
  await connect(second)
  await pair(laptop, phone)
  await offline(laptop, true)
  await sync(laptop, 'offline')
  await run(phone, `masq.put('k', 1)`)
  await offline(laptop, false)
  assert.equal(await value(laptop, 'k'), 1)
  await close(laptop, phone)
})

for (const [who, what] of ['invites', 'joins'].entries())
  test(`a device that ${what} without a network says so, and goes on when it is back`, async () => {
    const pages = [await tab('Laptop', away), await tab('Phone', away)]
    const [laptop, phone, cut] = [pages[0]!, pages[1]!, pages[who]!]
    await Promise.all(pages.map(connect))
    await run(cut, `masq.invite().then((p) => p.cancel())`) // what pairing needs is in memory then
    if (cut === laptop) await offline(cut, true)
    const link = await invite(laptop)
    if (cut === phone) {
      await offline(cut, true)
      await join(cut, link)
    }
    assert.deepEqual(await run(cut, '[p.offline, p.step, p.expires > Date.now()]'), [true, 'waiting', true])
    const back = run(cut, `new Promise((resolve) => p.addEventListener('change', () => p.offline || resolve()))`)
    await offline(cut, false)
    await back
    if (cut === laptop) await join(phone, link)
    await finish(laptop, phone)
    await close(...pages)
  })

test('a browser that says offline pairs and syncs by a Sync Server on this computer, and says nothing of it', async () => {
  const [laptop, phone] = [await tab('Laptop', here), await tab('Phone', here)]
  for (const page of [laptop, phone]) {
    await run(page, lie)
    await run(page, `void (options.worker = '/liar.js')`)
    await connect(page)
  }
  await run(laptop, `void (globalThis.said = [], masq.addEventListener('status', () => said.push(masq.status.sync)))`)
  const link = await invite(laptop)
  await run(laptop, `void p.addEventListener('change', () => p.offline && said.push('offline'))`)
  assert.equal(await run(laptop, 'p.offline'), false)
  await join(phone, link)
  await finish(laptop, phone)
  await run(phone, `masq.put('k', 1)`)
  assert.equal(await value(laptop, 'k'), 1)
  assert.equal(await run(laptop, `said.includes('offline')`), false)
  await close(laptop, phone)
})

test('a browser that says offline, and is not, pairs and syncs by a Sync Server elsewhere', async () => {
  const [laptop, phone] = [await tab('Laptop', away), await tab('Phone', away)]
  await run(laptop, lie)
  await run(laptop, `void (options.worker = '/liar.js')`)
  await Promise.all([connect(laptop), connect(phone)])
  await pair(laptop, phone)
  await run(phone, `masq.put('k', 1)`)
  assert.equal(await value(laptop, 'k'), 1)
  await close(laptop, phone)
})
