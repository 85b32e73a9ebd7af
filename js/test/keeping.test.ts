// What a page says of the browser's storage, and when it asks for it to be kept.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { Harness, run } from './browser.js'

let harness: Harness
before(async () => void (harness = await Harness.open()))
after(() => harness.close())

/** A browser as far as its storage goes. */
const browser = (o: {
  vendor: string
  permission: string
  granted: boolean
  quota: number
  opfs?: boolean
}): string => `
  Object.defineProperty(Navigator.prototype, 'vendor', { get: () => '${o.vendor}' })
  Object.assign(Permissions.prototype, { query: async () => ({ state: '${o.permission}' }) })
  globalThis.asked = 0
  globalThis.kept = false
  Object.assign(StorageManager.prototype, {
    persist: async () => (asked++, (kept ||= ${o.granted})),
    persisted: async () => kept,
    estimate: async () => ({ quota: ${o.quota}, usage: 1000 }),
    getDirectory: async () => { if (${o.opfs === false}) throw new DOMException('private', 'SecurityError') },
  })`
const roomy = 1e9

async function open(init: string): Promise<Page> {
  const page = await (await harness.profile()).newPage()
  await page.addInitScript(init)
  await page.goto(harness.url())
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded' }))`)
  await page.waitForFunction('masq.status.room !== undefined')
  return page
}

test('storage is asked for by itself where that raises no prompt, once there is data, once', async () => {
  const table: [what: string, init: string, asked: number, persistent: boolean][] = [
    ['Chromium', browser({ vendor: 'Google Inc.', permission: 'prompt', granted: true, quota: roomy }), 1, true],
    [
      'Chromium says no',
      browser({ vendor: 'Google Inc.', permission: 'prompt', granted: false, quota: roomy }),
      1,
      false,
    ],
    ['Safari', browser({ vendor: 'Apple Computer, Inc.', permission: 'prompt', granted: true, quota: roomy }), 1, true],
    ['Firefox', browser({ vendor: '', permission: 'prompt', granted: true, quota: roomy }), 0, false],
    ['Firefox, allowed', browser({ vendor: '', permission: 'granted', granted: true, quota: roomy }), 1, true],
  ]
  for (const [what, init, asked, persistent] of table) {
    const page = await open(init)
    assert.deepEqual(await run(page, '[asked, masq.status.persistent]'), [0, false], `${what}: nothing worth keeping`)
    for (const n of [1, 2]) await run(page, `masq.put('k', ${n})`)
    if (asked > 0) await page.waitForFunction('asked > 0')
    await page.waitForFunction(`masq.status.entries === 1 && masq.status.persistent === ${persistent}`)
    assert.equal(await run(page, 'asked'), asked, what)
    await page.context().close()
  }
})

test('persist() asks whatever the browser, and says what it answered', async () => {
  for (const granted of [true, false]) {
    const page = await open(browser({ vendor: '', permission: 'prompt', granted, quota: roomy }))
    assert.deepEqual(await run(page, '[await masq.persist(), asked, masq.status.persistent]'), [granted, 1, granted])
    await page.context().close()
  }
})

test('little room and a private window are told before a write fails', async () => {
  const table: [quota: number, opfs: boolean, want: [low: boolean, temporary: boolean]][] = [
    [roomy, true, [false, false]],
    [20 << 20, true, [true, false]],
    [roomy, false, [false, true]],
  ]
  for (const [quota, opfs, want] of table) {
    const page = await open(browser({ vendor: '', permission: 'prompt', granted: false, quota, opfs }))
    await page.waitForFunction(`masq.status.temporary === ${want[1]}`)
    assert.deepEqual(await run(page, '[masq.status.low, masq.status.temporary]'), want)
    assert.equal(await run(page, 'masq.status.room'), quota - 1000)
    await page.context().close()
  }
})

test('a browser that says nothing of its storage', async () => {
  const page = await (await harness.profile()).newPage()
  await page.addInitScript(`Object.defineProperty(Navigator.prototype, 'storage', { get: () => undefined })`)
  await page.goto(harness.url())
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded' }))`)
  const { persistent, room, low, temporary } = await run<Record<string, unknown>>(page, 'masq.status')
  assert.deepEqual([persistent, room, low, temporary], [undefined, undefined, false, false])
  assert.equal(await run(page, 'masq.persist()'), false)
  await page.context().close()
})
