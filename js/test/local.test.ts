// The path to a local store, with a program in its place that does what the real one does not do on demand.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { Stand, run } from './browser.js'
import { FakeStore } from './fake-store.js'

let store: FakeStore
let stand: Stand
let profile: BrowserContext
before(async () => {
  store = await FakeStore.open()
  stand = await Stand.open({}, store.port)
})
after(async () => {
  await stand.close()
  await store.close()
})

const until = (page: Page, store: string): Promise<unknown> =>
  page.waitForFunction(`masq.status.store === ${JSON.stringify(store)}`)

async function fresh(): Promise<BrowserContext> {
  await profile?.close()
  store.data.clear()
  store.calls.length = 0
  store.instead = () => undefined
  return (profile = await stand.profile())
}

test('where there is a local store and the user agrees, data goes there, and no WebAssembly loads', async () => {
  const p = await fresh()
  const urls: string[] = []
  p.on('request', (r) => urls.push(new URL(r.url()).pathname))
  const a = await stand.tab(p)
  await until(a, 'local')
  await run(a, `masq.put('k', { a: 1 })`)
  await run(a, `masq.put('b', new Uint8Array([0, 255]))`)
  assert.deepEqual(store.data.get('k'), { value: { a: 1 } })
  assert.deepEqual(await run(a, `masq.get('k')`), { a: 1 })
  assert.equal(await run(a, `masq.get('b').then(String)`), '0,255')
  assert.equal(await run(a, `masq.get('none')`), undefined)
  const b = await stand.tab(p)
  await until(b, 'local')
  await run(b, `void (globalThis.seen = [], masq.watch('', (c) => seen.push([c.key, c.value, c.deleted, c.from])))`)
  await run(b, `masq.get('k')`)
  await run(a, `masq.batch([{ type: 'put', key: 'x', value: null }, { type: 'del', key: 'k' }])`)
  await b.waitForFunction('seen.length === 2')
  assert.deepEqual(await run(b, 'JSON.stringify(seen)'), '[["x",null,false,"tab"],["k",null,true,"tab"]]')
  assert.equal(await run(b, `masq.list().then((l) => JSON.stringify(l))`), '[["b",{"0":0,"1":255}],["x",null]]')
  assert.deepEqual(
    urls.filter((u) => /wasm|worker/.test(u)),
    [],
  )
  assert.deepEqual([a.workers().length, store.count('request')], [0, 1])
})
