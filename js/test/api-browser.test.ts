// The API in a real browser, in one tab.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { apiTests } from './api.js'
import { Harness, codeOf, run } from './browser.js'

let harness: Harness
let page: Page

after(() => harness.close())

apiTests(async () => {
  harness = await Harness.open()
  page = await harness.tab(await harness.profile())
  return page
})

test('a listener that throws harms nobody else', async () => {
  const seen = await run(
    page,
    `(async () => {
    const errors = [];
    addEventListener('error', (e) => (errors.push(e.error.message), e.preventDefault()), { once: true });
    const seen = [];
    const stops = [masq.watch('t/', () => { throw new Error('mine') }), masq.watch('t/', (c) => seen.push(c.key))];
    await masq.put('t/1', 1);
    stops.forEach((s) => s());
    return [errors, seen];
  })()`,
  )
  assert.deepEqual(seen, [['mine'], ['t/1']])
})

test('status and devices', async () => {
  const status = await run<Record<string, unknown>>(page, 'masq.status')
  assert.equal(status.store, 'embedded')
  assert.equal(status.sync, 'off')
  assert.deepEqual(status.devices, [])
  assert.match((status.self as { name: string }).name, /^Chrome on /)
  await run(
    page,
    `new Promise((resolve) => { masq.addEventListener('status', resolve, { once: true }); masq.rename('My desk') })`,
  )
  const devices = await run<{ name: string; self: boolean; online: boolean }[]>(page, 'masq.devices()')
  assert.deepEqual(
    devices.map((d) => [d.name, d.self, d.online]),
    [['My desk', true, true]],
  )
})

test('data is there after a reload, and apart for another id', async () => {
  await run(page, `masq.put('kept', { a: 1 })`)
  await page.reload()
  assert.deepEqual(await run(page, `(globalThis.masq = await Masq.connect({ app: { name: 'T' } })).get('kept')`), {
    a: 1,
  })
  assert.equal(
    await run(page, `(globalThis.other = await Masq.connect({ app: { name: 'U' }, id: 'another' })).get('kept')`),
    undefined,
  )
  await run(page, 'other.close()')
})

test('an invite needs a Sync Server, and its link is taken out of the address', async () => {
  assert.equal(await codeOf(page, 'masq.invite()'), 'E_SYNC')
  await page.goto(harness.url('/?q=1#masq=1.AAAA'))
  assert.deepEqual(await run(page, '[Masq.takeInvite(), Masq.takeInvite(), location.href]'), [
    harness.url('/?q=1#masq=1.AAAA'),
    undefined,
    harness.url('/?q=1'),
  ])
})
