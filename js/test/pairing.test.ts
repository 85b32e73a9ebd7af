// Two profiles pair through the real Sync Server and share what they have.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { Harness, codeOf, run } from './browser.js'
import { SyncServer } from './sync-server.js'

let harness: Harness
let server: SyncServer
let sync: string

before(async () => {
  server = await SyncServer.open()
  sync = server.url
  harness = await Harness.open()
})

after(async () => {
  await harness?.close()
  server?.close()
})

const device = async (name: string): Promise<Page> =>
  harness.tab(await harness.profile(), { options: `device: '${name}', sync: '${sync}'` })

const invite = (page: Page): Promise<string> => run(page, `(globalThis.p = await masq.invite()).link`)
const answer = (page: Page, link: string): Promise<unknown> =>
  run(page, `void (globalThis.p = await masq.join('${link}'))`)
const state = (page: Page): Promise<string[]> =>
  run(page, `(await p.compared, [p.step, p.digits, p.name, String(p.hasData)])`)

test('an invite, its QR code, the digits on both, two yeses, and each has what the other had', async () => {
  const [laptop, phone] = [await device('Laptop'), await device('Phone')]
  await run(laptop, `masq.put('from/laptop', 1)`)
  await run(phone, `masq.put('from/phone', 2)`)
  const link = await invite(laptop)
  assert.match(link, /^http:\/\/localhost:\d+\/#masq=1\.[\w-]{22}/)
  assert.match(await run<string>(laptop, 'p.qr()'), /^<svg [^]*<\/svg>/)
  assert.deepEqual(await run(laptop, `[p.step, p.digits, p.expires > Date.now(), p.expires < Date.now() + 301_000]`), [
    'waiting',
    '',
    true,
    true,
  ])
  await answer(phone, link)
  const [a, b] = [await state(laptop), await state(phone)]
  assert.match(a[1]!, /^\d{6}$/)
  assert.deepEqual(a, ['compare', b[1], 'Phone', 'false'])
  assert.deepEqual(b, ['compare', a[1], 'Laptop', 'true'])
  assert.equal(await codeOf(phone, 'p.confirm()'), 'E_DATA')
  assert.equal(await codeOf(phone, 'p.confirm({ bring: true, discard: true })'), 'E_OPTIONS')
  await run(phone, 'p.confirm({ bring: true })')
  await run(laptop, 'p.confirm()')
  await Promise.all([run(laptop, 'p.done'), run(phone, 'p.done')])
  const has = `new Promise((resolve) => {
    const look = async () => (await masq.list()).length === 2 && (stop(), resolve(masq.list()));
    const stop = masq.watch('', look);
    look();
  })`
  const want = [
    ['from/laptop', 1],
    ['from/phone', 2],
  ]
  assert.deepEqual(await run(laptop, has), want)
  assert.deepEqual(await run(phone, has), want)
  const seen = run(laptop, `new Promise((resolve) => masq.watch('live', (c) => resolve([c.value, c.from])))`)
  await run(phone, `masq.put('live', true)`)
  assert.deepEqual(await seen, [true, 'Phone'])
  assert.deepEqual(await run(laptop, `(await masq.devices()).map((d) => [d.name, d.self])`), [
    ['Laptop', true],
    ['Phone', false],
  ])
  assert.equal(await run(laptop, `masq.status.sync`), 'online')

  const phoneID = await run<string>(laptop, `masq.status.devices[0].id`)
  assert.equal(await codeOf(laptop, `masq.revoke('nobody')`), 'E_VALUE')
  await run(laptop, `masq.revoke('${phoneID}')`)
  const out = `new Promise((resolve) => {
    const look = () => masq.status.error && resolve([masq.status.error, masq.status.sync, masq.status.devices.length]);
    masq.addEventListener('status', look);
    look();
  })`
  assert.deepEqual(await run(phone, out), ['E_REVOKED', 'off', 0])
  assert.equal(await run(laptop, `masq.status.devices.length`), 0)
  assert.equal(await run(phone, `masq.get('live')`), true)
  await Promise.all([laptop.context().close(), phone.context().close()])
})

test('a no on one side is told to the other', async () => {
  const [laptop, phone] = [await device('Laptop'), await device('Phone')]
  await answer(phone, await invite(laptop))
  await Promise.all([state(laptop), state(phone)])
  await run(phone, 'p.cancel()')
  assert.equal(await codeOf(laptop, 'p.done'), 'E_DENIED')
  assert.deepEqual(await run(laptop, '[p.step, p.error.code]'), ['failed', 'E_DENIED'])
  assert.equal(await codeOf(phone, 'p.cancel()'), '')
  await Promise.all([laptop.context().close(), phone.context().close()])
})

test('a pairing whose engine goes away ends, and says so', async () => {
  const leader = await device('Laptop')
  const other = await harness.tab(leader.context(), { options: `sync: '${sync}'` })
  await invite(other)
  await leader.close()
  assert.equal(await codeOf(other, 'p.done'), 'E_INTERRUPTED')
  assert.match(await invite(other), /#masq=1\./)
  await other.context().close()
})

test('no Sync Server to meet at is E_SYNC', async () => {
  const alone = await harness.tab(await harness.profile(), { options: `sync: 'ws://127.0.0.1:1'` })
  const failed = await codeOf(alone, `masq.invite().then((p) => p.done)`)
  assert.equal(failed, 'E_SYNC')
  await alone.context().close()
})
