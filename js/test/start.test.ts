// The first load of an origin: what is answered before there is an engine, and what waits for it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { Harness, codeOf, resolvesTrue, run } from './browser.js'

let harness: Harness
before(async () => void (harness = await Harness.open()))
after(() => harness.close())

/** A fresh profile in which no engine gets its program, or what else `of` names, before `go` is called. */
async function late(of = '**/masq.wasm'): Promise<{ profile: BrowserContext; go: () => void }> {
  const profile = await harness.profile()
  let go!: () => void
  const gate = new Promise<void>((resolve) => (go = resolve))
  await profile.route(of, async (route) => {
    await gate
    await route.continue()
  })
  return { profile, go }
}

/** A page that has begun to connect, as the promise `connecting`. */
async function connecting(profile: BrowserContext, options = '', init = ''): Promise<Page> {
  const page = await profile.newPage()
  await page.addInitScript(init)
  await page.goto(harness.url())
  const connect = `Masq.connect({ app: { name: 'T' }, device: 'Desk', store: 'embedded', ${options} })`
  const connected = `(m) => {
    globalThis.masq = m
    m.addEventListener('status', () => (globalThis.said = m.status.error))
  }`
  await run(page, `void (globalThis.connecting = ${connect}.then(${connected}), connecting.catch(() => 0))`)
  return page
}

const WAIT_MS = 500
/** Whether a promise has not settled in a while. */
const waits = (page: Page, promise: string): Promise<boolean> =>
  run(page, `Promise.race([${promise}.then(() => false), new Promise((r) => setTimeout(r, ${WAIT_MS}, true))])`)

const all = `(async () => {
  const keys = []
  for await (const key of masq.keys()) keys.push(key)
  return JSON.stringify([await masq.get('k'), await masq.list(), keys, await masq.count(''), await masq.conflicts('k')])
})()`
const watch = `void (globalThis.seen = [], masq.watch('', (c) => seen.push(c.type === 'reset' ? c.reason : c.key + '=' + c.value + ' ' + c.from)))`

test('a store that does not exist is empty at once; the rest waits for the engine', async () => {
  const { profile, go } = await late()
  const page = await connecting(profile)
  await run(page, 'connecting')
  assert.equal(await run(page, all), '[null,[],[],0,[]]')
  const { store, sync, entries, devices, self, error } = await run<Record<string, unknown>>(page, 'masq.status')
  assert.deepEqual([store, sync, entries, devices, error], ['embedded', 'off', 0, [], undefined])
  assert.deepEqual([(self as { id: string }).id, (self as { name: string }).name], ['', 'Desk'])
  await run(page, watch)
  await run(page, `void (globalThis.asked = [masq.devices(), masq.rename('Shelf'), masq.put('k', 1), masq.get('k')])`)
  assert.equal(await waits(page, 'Promise.race(asked)'), true)
  go()
  const [known, , , value] = await run<[{ id: string }[], unknown, unknown, number]>(page, 'Promise.all(asked)')
  assert.match(known[0]!.id, /./)
  assert.equal(value, 1, 'what was written here before is read')
  assert.equal(await run(page, all), '[1,[["k",1]],["k"],1,[]]')
  assert.deepEqual(await run(page, 'seen'), ['k=1 here'])
  assert.deepEqual(await run(page, '[masq.status.self.name, masq.status.entries]'), ['Shelf', 1])
  await page.reload()
  assert.equal(await run(page, `Masq.connect({ app: { name: 'T' } }).then((m) => m.get('k'))`), 1)
  await profile.close()
})

test('what is asked of several kinds in one turn comes in order', async () => {
  const { profile, go } = await late()
  const page = await connecting(profile)
  await run(page, 'connecting')
  const turn = `Promise.all([masq.get('k'), masq.put('k', 1), masq.get('k'), masq.del('k'), masq.count('')])`
  await run(page, `void (globalThis.turn = ${turn})`)
  go()
  assert.deepEqual(await run(page, 'turn'), [undefined, undefined, 1, undefined, 0])
  await profile.close()
})

test('what a second tab writes is seen by the first one, however it hears of it', async () => {
  const { profile, go } = await late()
  const a = await connecting(profile)
  await run(a, 'connecting')
  await run(a, watch)
  assert.equal(await run(a, all), '[null,[],[],0,[]]')
  const hears = `new Promise((resolve) => (new BroadcastChannel('app').onmessage = () => resolve(masq.get('x'))))`
  const reads = `(async () => {
    while (!localStorage.written) await new Promise((r) => setTimeout(r))
    return masq.get('x')
  })()`
  await run(a, `void (globalThis.heard = Promise.all([${hears}, ${reads}]))`)
  const b = await connecting(profile)
  assert.equal(await waits(b, 'connecting'), true, 'a tab that does not lead knows nothing')
  const told = `(new BroadcastChannel('app').postMessage(0), (localStorage.written = 1))`
  await run(b, `void (globalThis.written = connecting.then(() => masq.put('x', 1)).then(() => ${told}))`)
  assert.equal(await waits(b, 'written'), true)
  assert.deepEqual(await run(a, 'seen'), [])
  // The engine has the other tab's write before it hears of this one's watch.
  await run(a, `void (globalThis.late = [], masq.watch('x', (c) => late.push(c.type, c.value)))`)
  assert.deepEqual(await run(a, 'masq.list()'), [])
  go()
  assert.deepEqual(await run(a, 'heard'), [1, 1])
  await run(b, 'written')
  await run(a, `masq.put('y', 2)`)
  assert.deepEqual(await run(a, 'seen'), ['x=1 tab', 'y=2 here'])
  assert.deepEqual(await run(a, 'late'), ['change', 1])
  await profile.close()
})

test('a watch that is stopped before the engine is there is told of nothing', async () => {
  const { profile, go } = await late()
  const page = await connecting(profile)
  await run(page, 'connecting')
  await run(page, `void (globalThis.told = [], masq.watch('', (c) => told.push(c.key))())`)
  assert.equal(await run(page, `masq.get('k')`), undefined, 'and that asks nothing of the engine')
  await run(page, watch)
  await run(page, `void (globalThis.written = masq.put('k', 1))`)
  go()
  await run(page, 'written')
  await page.waitForFunction('seen.length === 1')
  assert.deepEqual(await run(page, 'told'), [])
  await profile.close()
})

test('a tab that loses the lead before its engine is there is told all that there is, once, by whoever has it', async () => {
  const { profile, go } = await late()
  const a = await connecting(profile)
  await run(a, 'connecting')
  await run(a, watch)
  assert.deepEqual(await run(a, 'masq.list()'), [])
  await run(a, `dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))`)
  assert.equal(await waits(a, `masq.get('x')`), true, 'it knows nothing any more')
  const b = await connecting(profile)
  await run(b, `void (globalThis.written = connecting.then(() => masq.put('x', 1)))`)
  go()
  await run(b, 'written')
  await run(a, `dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
  assert.equal(await run(a, `masq.get('x')`), 1)
  await run(b, `masq.put('y', 3)`)
  await a.waitForFunction(`seen.includes('y=3 tab')`)
  assert.deepEqual(await run(a, 'seen'), ['x=1 tab', 'y=3 tab'])
  await profile.close()
})

test('a tab that stood still while another took the lead reads what it then hears of', async () => {
  const { profile, go } = await late()
  const a = await connecting(profile)
  await run(a, 'connecting')
  await run(
    a,
    `void (globalThis.heard = new Promise((resolve) => (new BroadcastChannel('app').onmessage = () => resolve(masq.get('x')))))`,
  )
  const b = await connecting(profile)
  const other = await harness.tab(profile, { connected: false })
  const tell = `new BroadcastChannel('app').postMessage(0), performance.timeOrigin + performance.now()`
  await run(b, `void (globalThis.written = connecting.then(() => masq.put('x', 1)).then(() => (${tell})))`)
  go() // which this tab would hear of if it did not stand still
  const stood = run(
    a,
    `(() => { for (const end = performance.now() + 8000; performance.now() < end; ); return performance.timeOrigin + performance.now() })()`,
  )
  const lock = `'masq:' + location.origin + ':engine'`
  await run(other, `navigator.locks.request(${lock}, { steal: true }, () => undefined)`)
  const written = await run<number>(b, 'written')
  assert.ok(written < ((await stood) as number), 'it was written meanwhile')
  assert.equal(await run(a, 'heard'), 1)
  await profile.close()
})

test('nothing is said where it is not known: a database that there is, one of the grants, a lock that is held, a browser that does not list', async () => {
  const database = (name: string): string =>
    `new Promise((resolve) => (indexedDB.open('${name}').onsuccess = (e) => (e.target.result.close(), resolve())))`
  const lock = `new Promise((held) => void navigator.locks.request('masq:' + location.origin + ':engine', () => (held(), new Promise((go) => (globalThis.leave = go)))))`
  const table: [what: string, before: string, init: string][] = [
    ['grants', database('masq-local-store'), ''],
    ['a lock', lock, ''],
    ['no list', '0', 'delete IDBFactory.prototype.databases'],
    [
      'a list that fails',
      '0',
      `IDBFactory.prototype.databases = () => Promise.reject(new DOMException('', 'UnknownError'))`,
    ],
  ]
  for (const [what, before, init] of table) {
    const { profile, go } = await late()
    const other = await harness.tab(profile, { connected: false })
    await run(other, before)
    const page = await connecting(profile, '', init)
    assert.equal(await waits(page, 'connecting'), true, what)
    await run(other, 'globalThis.leave?.()')
    go()
    await run(page, 'connecting')
    assert.equal(await run(page, `(await masq.put('k', 1), await masq.get('k'))`), 1, what)
    await profile.close()
  }
})

test('a store that another tab has begun and left has to be opened', async () => {
  const { profile, go } = await late()
  const a = await connecting(profile)
  await run(a, 'connecting')
  await resolvesTrue(
    a,
    `indexedDB.databases().then((all) => all.some(({ name }) => name === 'masq:' + location.origin))`,
  )
  await a.close()
  const b = await connecting(profile)
  assert.equal(await waits(b, 'connecting'), true)
  go()
  await run(b, 'connecting')
  assert.deepEqual(await run(b, 'masq.list()'), [])
  await profile.close()
})

test('each id has a store of its own, and so has what is said of it', async () => {
  const { profile, go } = await late()
  const a = await connecting(profile)
  await run(a, 'connecting')
  const b = await connecting(profile, `id: 'another'`)
  await run(b, 'connecting')
  assert.deepEqual([await run(a, 'masq.list()'), await run(b, 'masq.list()')], [[], []])
  go()
  await Promise.all([run(a, `masq.put('k', 1)`), run(b, `masq.put('k', 2)`)])
  assert.deepEqual([await run(a, `masq.get('k')`), await run(b, `masq.get('k')`)], [1, 2])
  await profile.close()
})

test('an engine that does not come: what waits for it rejects, and so does every read from then on', async () => {
  for (const [options, code] of [
    [`wasm: '/nowhere.wasm'`, 'E_WASM'],
    [`worker: () => fetch('/nowhere.wasm').then(() => Promise.reject())`, 'E_WORKER'],
  ] as const) {
    const { profile, go } = await late('**/nowhere.wasm')
    const page = await connecting(profile, options)
    await run(page, 'connecting')
    go()
    assert.equal(await codeOf(page, `masq.put('k', 1)`), code)
    for (const call of [`get('k')`, 'list()', `count('')`, `conflicts('k')`, `put('k', 1)`, 'devices()'])
      assert.equal(await codeOf(page, `masq.${call}`), code, call)
    assert.deepEqual(await run(page, '[said, masq.status.error, masq.status.sync]'), [code, code, 'off'])
    await profile.close()
  }
})

test('close before the engine is there lets what was written be stored', async () => {
  const { profile, go } = await late()
  const page = await connecting(profile)
  await run(page, 'connecting')
  await run(page, `void (globalThis.written = masq.put('k', 1), globalThis.closed = masq.close())`)
  go()
  await run(page, 'Promise.all([written, closed])')
  await page.reload()
  assert.equal(await run(page, `Masq.connect({ app: { name: 'T' } }).then((m) => m.get('k'))`), 1)
  await profile.close()
})
