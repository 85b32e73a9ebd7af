// The path to a local store, with a program in its place that does what the real one does not do on demand.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { Harness, codeOf, resolvesTrue, run } from './browser.js'
import { FakeStore, Refusal, SILENCE, type Instead } from './fake-store.js'

const script = '<!doctype html><meta charset="utf-8"><title>Masq</title><script src="/masq.global.js"></script>'
const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'`

let store: FakeStore
let harness: Harness
let profile: BrowserContext
before(async () => {
  store = await FakeStore.open()
  harness = await Harness.open({ '/csp': { body: script, headers: { 'content-security-policy': policy } } }, store.port)
})
after(async () => {
  await harness.close()
  await store.close()
})

const until = (page: Page, store: string): Promise<unknown> =>
  page.waitForFunction(`masq.status.store === ${JSON.stringify(store)}`)

async function fresh(): Promise<BrowserContext> {
  await profile?.close()
  store.data.clear()
  store.calls.length = 0
  store.instead = () => undefined
  store.forget = false
  profile = await harness.profile()
  await profile.exposeFunction('typed', () => store.digits())
  return profile
}

/** Moves the data; the user types the digits that the store shows. */
const USE = 'masq.useLocalStore({ digits: typed })'

test('where there is a local store and the user agrees, data goes there, and no WebAssembly loads', async () => {
  const p = await fresh()
  const urls: string[] = []
  p.on('request', (r) => urls.push(new URL(r.url()).pathname))
  const a = await harness.tab(p)
  await until(a, 'local')
  await run(a, `masq.put('k', { a: 1 })`)
  await run(a, `masq.put('b', new Uint8Array([0, 255]))`)
  assert.deepEqual(store.data.get('k'), { value: { a: 1 } })
  assert.deepEqual(await run(a, `masq.get('k')`), { a: 1 })
  assert.equal(await run(a, `masq.get('b').then(String)`), '0,255')
  assert.equal(await run(a, `masq.get('none')`), undefined)
  const b = await harness.tab(p)
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

/** A tab whose data is in the store. */
async function settled(p: BrowserContext): Promise<Page> {
  const page = await harness.tab(p)
  await until(page, 'local')
  return page
}

const reconnect = (page: Page): Promise<unknown> =>
  run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)

test('what cannot prove that it is the store is away, and is told nothing', async () => {
  const page = await settled(await fresh())
  const impostors: [string, Instead][] = [
    ['knows no key', () => undefined],
    ['says what it has heard before', ({ method }) => (method === 'prove' ? replay : undefined)],
    ['proves nothing', ({ method }) => (method === 'prove' ? {} : undefined)],
    ['proves something else', ({ method }) => (method === 'prove' ? { sn: 'AA', mac: 'AA' } : undefined)],
    ['refuses', ({ method }) => (method === 'prove' ? new Refusal('E_AUTH') : undefined)],
    ['is something else', ({ method }) => (method === 'hello' ? { name: 'other' } : undefined)],
  ]
  await page.reload()
  await reconnect(page)
  const replay = store.proved
  store.forget = true
  for (const [what, instead] of impostors) {
    store.instead = instead
    await page.reload()
    store.calls.length = 0
    await reconnect(page)
    assert.equal(await run(page, 'masq.status.store'), 'away', what)
    await run(page, `void masq.put('secret', 1).catch(() => {})`)
    await run(page, `void masq.get('secret').catch(() => {})`)
    await run(page, `new Promise((r) => setTimeout(r, 100))`)
    assert.deepEqual(
      store.calls.filter((c) => c !== 'hello' && c !== 'prove'),
      [],
      what,
    )
  }
  store.forget = false
  store.instead = () => undefined
  await until(page, 'local') // by itself, when the real one is back
  assert.equal(await run(page, `masq.get('secret')`), 1)
})

test('a store that proves itself and does not take our token any more has taken access away', async () => {
  const page = await settled(await fresh())
  store.instead = ({ method }) => (method === 'proof' ? new Refusal('E_AUTH') : undefined)
  await page.reload()
  await reconnect(page)
  assert.equal(await run(page, 'masq.status.store'), 'denied')
  assert.equal(await codeOf(page, `masq.get('k')`), 'E_DENIED')
})

test('a store of another version is told as such', async () => {
  const page = await settled(await fresh())
  store.instead = ({ method }) => (method === 'hello' ? { name: 'masq', version: '0.1.0', api: 1 } : undefined)
  await page.reload()
  await reconnect(page)
  await page.waitForFunction(`masq.status.error === 'E_VERSION'`)
  assert.equal(await run(page, 'masq.status.store'), 'away')
  assert.equal(await codeOf(page, `masq.get('k')`), 'E_VERSION')
  store.instead = () => undefined
  await until(page, 'local')
  assert.equal(await run(page, 'masq.status.error'), undefined)
})

test('garbage where a store should be: a new application works embedded, one that knows a store waits', async () => {
  const garbage: [string, Instead][] = [
    ['no JSON', (_, ws) => (ws.send('{'), SILENCE)],
    ['bytes', (_, ws) => (ws.send(Buffer.from([1, 2])), SILENCE)],
    ['null', (_, ws) => (ws.send('null'), SILENCE)],
    ['answers to nothing', (_, ws) => (ws.send('{"jsonrpc":"2.0","id":99,"result":{}}'), SILENCE)],
    ['no result', (_, ws) => (ws.send('{"jsonrpc":"2.0","id":1}'), SILENCE)],
    [
      'a long message',
      (_, ws) => (ws.send(`{"jsonrpc":"2.0","id":1,"result":{"name":"${'x'.repeat(1 << 17)}"}}`), SILENCE),
    ],
    ['a flood', (_, ws) => (Array.from({ length: 5000 }, () => ws.send('[]')), ws.close(), SILENCE)],
    ['nothing', () => SILENCE],
    ['a share that is none', ({ method }) => (method === 'request' ? { key: 'AAAA' } : undefined)],
    ['a token of another key', ({ method }) => (method === 'reveal' ? { token: 'A'.repeat(75) } : undefined)],
    ['a token that is none', ({ method }) => (method === 'reveal' ? { token: 'y' } : undefined)],
  ]
  for (const [what, instead] of garbage) {
    const p = await fresh()
    store.instead = instead
    const page = await harness.tab(p)
    await until(page, 'embedded')
    assert.equal(await run(page, `(await masq.put('k', 1), await masq.get('k'))`), 1, what)
  }
})

test('a store that takes its time is waited for, also by an application that has never met it', async () => {
  const p = await fresh()
  store.instead = ({ method }) =>
    method === 'hello' ? new Promise((resolve) => setTimeout(() => resolve(undefined), 800)) : undefined
  const page = await harness.tab(p)
  assert.equal(await run(page, `(await masq.put('k', 1), masq.status.store)`), 'local')
})

test('what was sent and not answered when the connection fell is asked again', async () => {
  const page = await settled(await fresh())
  let first = true
  store.instead = ({ method }, ws) => {
    if (method !== 'put' || !first) return undefined
    first = false
    ws.close(1001)
    return SILENCE
  }
  await run(page, `Promise.all([masq.put('a', 1), masq.put('b', 2)])`)
  assert.deepEqual([store.data.get('a'), store.data.get('b')], [{ value: 1 }, { value: 2 }])
})

test('the calls of a turn go out together, as many as the store takes', async () => {
  const page = await settled(await fresh())
  store.frames.length = 0
  await run(page, `Promise.all(Array.from({ length: 2500 }, (_, i) => masq.put('k' + i, i)))`)
  assert.deepEqual(store.frames, [1000, 1000, 500])
  store.frames.length = 0
  await run(page, `Promise.all(Array.from({ length: 5 }, (_, i) => masq.put('k' + i, 'x'.repeat(400000))))`)
  assert.deepEqual(store.frames, [2, 2, 1])
  let left = true // as the store does when a batch's answers get too long together
  store.instead = ({ method }) => (method === 'get' && left ? ((left = false), new Refusal('E_TOOBIG')) : undefined)
  assert.deepEqual(await run(page, `Promise.all([masq.get('k10'), masq.get('k11')])`), [10, 11])
  assert.equal(await codeOf(page, `masq.put('k', new Uint8Array((1 << 20) + 1))`), 'E_TOOBIG')
  const busy = `Promise.all(Array.from({ length: 100 }, () => masq.put('k', 'x'.repeat(1000000))))`
  assert.equal(await codeOf(page, busy), 'E_BUSY')
})

/** An application with data in this browser, whose user said no once. */
async function embedded(p: BrowserContext): Promise<Page> {
  store.instead = ({ method }) => (method === 'request' ? new Refusal('E_DENIED') : undefined)
  const page = await harness.tab(p)
  await until(page, 'embedded')
  await run(page, `Promise.all(Array.from({ length: 50 }, (_, i) => masq.put('k' + i, i)))`)
  store.instead = () => undefined
  return page
}

const count = (page: Page): Promise<number> => run(page, `masq.list().then((l) => l.length)`)

test('moving that fails leaves everything as it was, in every tab, and can be done again', async () => {
  const p = await fresh()
  const [a, b] = [await embedded(p), await harness.tab(p)]
  const failures: [string, Instead, string][] = [
    ['no room', ({ method }) => (method === 'import' ? new Refusal('E_QUOTA') : undefined), 'E_QUOTA'],
    ['something gets lost', ({ method }) => (method === 'import' ? {} : undefined), 'E_INTERRUPTED'],
    ['a no', ({ method }) => (method === 'request' ? new Refusal('E_DENIED') : undefined), 'E_DENIED'],
  ]
  for (const [what, instead, code] of failures.reverse()) {
    store.instead = instead
    const put = run(b, `masq.put('meanwhile', '${what}')`)
    assert.equal(await codeOf(a, USE), code, what)
    await put
    assert.equal(await run(a, 'masq.status.store'), 'embedded')
    assert.deepEqual([await count(a), await count(b), await run(a, `masq.get('meanwhile')`)], [51, 51, what])
  }
  store.instead = () => undefined
  await run(a, USE)
  await Promise.all([until(a, 'local'), until(b, 'local')])
  assert.deepEqual([store.data.size, await count(b)], [51, 51])
})

test('a tab that is closed in the middle of moving loses nothing, and another one can do it again', async () => {
  const p = await fresh()
  const [a, b] = [await embedded(p), await harness.tab(p)]
  const importing = new Promise<void>((resolve) => {
    store.instead = ({ method }) => (method === 'import' ? (resolve(), SILENCE) : undefined)
  })
  await run(a, `void ${USE}.catch(() => {})`)
  await importing
  const put = run(b, `masq.put('meanwhile', 1)`)
  await a.close()
  await put
  assert.equal(await count(b), 51)
  store.instead = () => undefined
  await run(b, USE)
  assert.deepEqual([store.data.size, await count(b), store.count('request')], [51, 51, 2], 'the token is kept')
})

test('both tabs may move at once', async () => {
  const p = await fresh()
  const [a, b] = [await embedded(p), await harness.tab(p)]
  await Promise.all([run(a, USE), run(b, USE)])
  await Promise.all([until(a, 'local'), until(b, 'local')])
  assert.deepEqual([store.data.size, await count(a), await count(b)], [50, 50, 50])
})

test('embedded data that is left after moving is deleted next time', async () => {
  const p = await fresh()
  const page = await embedded(p)
  await run(page, `void (IDBFactory.prototype.deleteDatabase = () => { throw new Error('crash') })`)
  assert.equal(await codeOf(page, USE), 'E_INTERNAL')
  await page.reload()
  await reconnect(page)
  await until(page, 'local')
  await resolvesTrue(page, `indexedDB.databases().then((l) => l.length === 1)`)
})

test("with store: 'local' data that was in this browser stays there until useLocalStore", async () => {
  const p = await fresh()
  const before = await embedded(p)
  await run(before, `masq.close()`)
  const page = await harness.tab(p, { options: `store: 'local'` })
  assert.equal(await run(page, 'masq.status.store'), 'denied') // there was a no before
  await run(page, USE)
  await run(page, `masq.get('k1')`)
  assert.deepEqual([store.data.size, await count(page)], [50, 50])
  await resolvesTrue(page, `indexedDB.databases().then((l) => l.length === 1)`)
})

test('where options say embedded, it stays', async () => {
  const p = await fresh()
  for (const options of [`store: 'embedded'`, `id: 'own'`]) {
    const page = await harness.tab(p, { options })
    assert.equal(await run(page, 'masq.status.store'), 'embedded')
    assert.equal(await codeOf(page, 'masq.useLocalStore()'), 'E_OPTIONS')
    assert.equal(await codeOf(page, `Masq.connect({ app: { name: 'T' }, store: 'local', id: 'own' })`), 'E_OPTIONS')
  }
  assert.deepEqual(store.calls, [])
})

test('a policy that forbids the local store is said once, and the application works embedded', async () => {
  const p = await fresh()
  const page = await p.newPage()
  const said: string[] = []
  page.on('console', (m) => m.text().startsWith('masq:') && said.push(m.text()))
  await page.goto(harness.url('/csp'))
  await reconnect(page)
  assert.equal(await run(page, `(await masq.put('k', 1), await masq.get('k'))`), 1)
  assert.equal(await codeOf(page, USE), 'E_STORE_AWAY')
  assert.deepEqual(said, [`masq: to use a local store, add ws://localhost:6277 to the policy's connect-src`])
  assert.deepEqual(store.calls, [])
})

/** A page that the browser takes for one of the public network. */
async function publicPage(p: BrowserContext): Promise<Page> {
  await p.route('https://notes.example/**', async (route) => {
    const response = await fetch(harness.url(new URL(route.request().url()).pathname))
    const body = Buffer.from(await response.arrayBuffer())
    await route.fulfill({ status: response.status, contentType: response.headers.get('content-type')!, body })
  })
  const page = await p.newPage()
  await page.goto('https://notes.example/')
  await reconnect(page)
  return page
}

test('a public page does not raise the browser’s prompt by itself: it works embedded, with no attempt', async () => {
  const p = await fresh()
  store.connections = 0
  const page = await publicPage(p)
  assert.equal(await run(page, 'masq.status.store'), 'embedded')
  await run(page, `masq.put('k', 1)`)
  assert.equal(store.connections, 0)
  assert.equal(await codeOf(page, USE), 'E_STORE_AWAY') // without a window nobody answers the prompt: no
  assert.equal(await run(page, `masq.get('k')`), 1)
})

test('when the browser lets it, useLocalStore moves a public page’s data, once', async () => {
  const p = await fresh()
  const page = await publicPage(p)
  await run(page, `Promise.all(Array.from({ length: 50 }, (_, i) => masq.put('k' + i, i)))`)
  await p.grantPermissions(['local-network-access'])
  await run(page, USE)
  assert.equal(await run(page, 'masq.status.store'), 'local')
  assert.deepEqual([store.data.size, await count(page), store.count('import')], [50, 50, 1])
  await page.reload()
  await reconnect(page)
  await run(page, USE)
  assert.deepEqual([await count(page), store.count('import'), store.count('request')], [50, 1, 1])
  await p.clearPermissions()
  await page.reload()
  store.connections = 0
  await reconnect(page)
  assert.deepEqual([await run(page, 'masq.status.store'), store.connections], ['away', 0], 'and does not prompt')
})
