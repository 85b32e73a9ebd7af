// The real local store: getting access, living in it, losing it, and moving in.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { Harness, codeOf, eventually, run } from './browser.js'
import { RealStore, build, clean, type State } from './real-store.js'

let store: RealStore
let harness: Harness
before(async () => {
  build()
  store = await RealStore.open()
  harness = await Harness.open({}, store.port)
})
after(async () => {
  await harness?.close()
  await store?.stop()
  clean()
})

// A store that says nothing is noticed after 20 s: 10 until it is asked, and 10 for its answer.
const until = (page: Page, state: string): Promise<unknown> =>
  page.waitForFunction(`masq.status.store === '${state}'`, undefined, { timeout: 60_000 })
const stateOf = (page: Page): Promise<string> => run(page, 'masq.status.store')
const watch = (page: Page): Promise<unknown> =>
  run(
    page,
    `(globalThis.seen = [], masq.watch('', (c) => seen.push(c.type === 'reset' ? 'reset' : c.key + '=' + c.value + ' ' + c.from)), masq.get('-'))`,
  )
const seen = (page: Page, want: string): Promise<unknown> =>
  page.waitForFunction(`seen.includes(${JSON.stringify(want)})`)

/** Moves the data; the user types the digits that the manager shows. */
const USE = 'masq.useLocalStore({ digits: typed })'
const read = async (): Promise<string> => (await store.request()).digits

/** Each test has an origin of its own: the store keeps what it knows of one. */
let n = 0
async function fresh(options = ''): Promise<{ profile: BrowserContext; open: () => Promise<Page>; origin: string }> {
  const profile = await harness.profile()
  await profile.exposeFunction('typed', read)
  const host = `t${++n}.localhost`
  const open = async (): Promise<Page> => {
    const page = await profile.newPage()
    page.on('pageerror', (e) => console.error('page:', e.message))
    await page.goto(harness.url('/', host))
    await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, ${options} }))`)
    return page
  }
  return { profile, open, origin: harness.url('', host) }
}

/** An origin whose data is in the store. */
async function settled(): Promise<{ profile: BrowserContext; open: () => Promise<Page>; origin: string; page: Page }> {
  const f = await fresh()
  const page = await f.open()
  assert.equal(await stateOf(page), 'asking')
  await store.decide(true)
  await until(page, 'local')
  return { ...f, page }
}

async function entriesOf(origin: string, want: number): Promise<void> {
  const now = async (): Promise<number | undefined> =>
    (await store.call<State>('state')).apps.find((a) => a.app === origin)?.entries
  await eventually(`${want} entries`, async () => (await now()) === want)
}

test('operations wait while the user decides, and are done after a yes', async () => {
  const { profile, open, origin } = await fresh()
  const a = await open()
  assert.equal(await stateOf(a), 'asking')
  const watching = watch(a)
  const done = run(a, `masq.put('k', 1)`)
  const b = await open()
  assert.equal(await stateOf(b), 'asking')
  const request = await store.decide(true)
  assert.deepEqual([request.app, request.name], [origin, 'T'])
  await Promise.all([done, watching, seen(a, 'k=1 here')])
  await Promise.all([until(a, 'local'), until(b, 'local')])
  assert.equal(await run(b, `masq.get('k')`), 1)
  await profile.close()
})

const asking = (page: Page): Promise<{ digits?: string } | undefined> => run(page, 'masq.status.asking')

test('a page without data shows the digits that the manager shows, as long as it asks', async () => {
  const { profile, open } = await fresh()
  const page = await open()
  const { digits, typing } = await store.request()
  assert.match(digits, /^\d{6}$/)
  assert.deepEqual([await asking(page), typing], [{ digits }, false])
  const other = await open()
  assert.deepEqual([await stateOf(other), (await asking(other))?.digits], ['asking', undefined])
  await store.decide(false)
  await Promise.all([until(page, 'embedded'), until(other, 'embedded')])
  assert.deepEqual([await asking(page), await asking(other)], [undefined, undefined])
  const used = run(page, `masq.useLocalStore({ digits: () => Promise.reject(new Error('asked for digits')) })`)
  const again = await store.request()
  assert.deepEqual([await stateOf(page), await asking(page)], ['embedded', { digits: again.digits }])
  await store.decide(true)
  await used
  assert.deepEqual([await stateOf(page), await asking(page)], ['local', undefined])
  await profile.close()
})

test('data moves only after the user has typed the digits that the manager shows', async () => {
  const { profile, open, origin } = await fresh()
  const refused = open()
  await store.decide(false)
  const page = await refused
  await until(page, 'embedded')
  await run(page, `masq.put('k', 1)`)
  const type = '() => new Promise((resolve) => (globalThis.type = resolve))'
  await run(page, `void (globalThis.use = () => masq.useLocalStore({ digits: ${type} }))`)
  const state = (): Promise<State> => store.call<State>('state')

  assert.equal(await codeOf(page, 'masq.useLocalStore()'), 'E_OPTIONS')
  assert.deepEqual((await state()).requests, [])

  const wrong = codeOf(page, 'use()')
  const { request, digits, typing } = await store.request()
  assert.deepEqual([typing, (await asking(page))?.digits], [true, undefined])
  await store.call('allow', { request })
  assert.equal((await state()).requests[0]!.allowed, true)
  await run(page, `type('${digits.replace(/.$/, (d) => `${(Number(d) + 1) % 10}`)}')`)
  assert.equal(await wrong, 'E_AUTH')
  await eventually('no request is left', async () => (await state()).requests.length === 0)
  assert.deepEqual([(await state()).requests, await stateOf(page)], [[], 'embedded'])
  assert.equal(
    (await state()).apps.find((a) => a.app === origin),
    undefined,
    'no token',
  )

  const right = run(page, 'use()')
  const second = await store.request()
  await store.call('allow', { request: second.request })
  await run(page, `type(' ${second.digits.slice(0, 3)} ${second.digits.slice(3)}')`)
  await right
  assert.deepEqual([await stateOf(page), await run(page, `masq.get('k')`)], ['local', 1])
  await profile.close()
})

test('data that comes while a page without any asks moves by typed digits, too', async () => {
  for (const [digits, code, where] of [
    ['', 'E_OPTIONS', 'embedded'],
    ['{ digits: typed }', '', 'local'],
  ] as const) {
    const { profile, open } = await fresh()
    const refused = open()
    await store.decide(false)
    const page = await refused
    await until(page, 'embedded')
    const used = codeOf(page, `masq.useLocalStore(${digits})`)
    await store.request()
    await run(page, `masq.put('k', 1)`)
    await store.decide(true)
    if (!code) await store.decide(true)
    assert.equal(await used, code)
    assert.deepEqual([await stateOf(page), await run(page, `masq.get('k')`)], [where, 1])
    await profile.close()
  }
})

test('a store at another port, to which a program at 6277 passes everything on, is not asked', async () => {
  const elsewhere = await RealStore.open(0)
  const relayed = await Harness.open({}, elsewhere.port)
  const profile = await relayed.profile()
  const page = await relayed.tab(profile)
  await until(page, 'embedded')
  assert.deepEqual((await elsewhere.call<State>('state')).requests, [])
  await Promise.all([relayed.close(), elsewhere.stop()])
})

test('the request outlives a reload, and the tab that made it', async () => {
  const { profile, open } = await fresh()
  const a = await open()
  const b = await open()
  await store.request()
  await a.reload()
  await run(a, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  assert.deepEqual([await stateOf(a), await stateOf(b)], ['asking', 'asking'])
  await store.request()
  await b.close()
  const put = run(a, `masq.put('k', 1)`)
  let done = false
  void put.then(() => (done = true))
  await eventually('stored', async () => {
    const [request] = (await store.call<State>('state')).requests
    if (request) await store.call('allow', { request: request.request }).catch(() => undefined) // it may have gone meanwhile
    return done
  })
  await put
  await until(a, 'local')
  await profile.close()
})

test('where a store answers, or its grant is kept, no engine is asked for, and nothing of one is stored', async () => {
  const { profile, open } = await fresh()
  const asked: string[] = []
  profile.on('request', (r) => asked.push(new URL(r.url()).pathname))
  const page = await open()
  assert.equal(await stateOf(page), 'asking')
  const put = run(page, `masq.put('k', 1)`)
  await store.decide(true)
  await put
  await page.reload()
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  assert.equal(await run(page, `masq.get('k')`), 1)
  const names = await run<string[]>(page, 'indexedDB.databases().then((all) => all.map(({ name }) => name))')
  assert.deepEqual([names, page.workers().length], [['masq-local-store'], 0])
  assert.ok(asked.includes('/local.js') && !asked.includes('/masq.wasm') && !asked.includes('/worker.js'))
  await profile.close()
})

test('who has been let in proves it from then on, and finds everything', async () => {
  const { profile, open, page } = await settled()
  await run(page, `masq.put('k', 'v')`)
  await run(page, `masq.put('b', new Uint8Array([1, 0, 255]))`)
  await page.reload()
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  assert.equal(await stateOf(page), 'local')
  assert.deepEqual(
    await run(page, `masq.list().then((l) => JSON.stringify(l))`),
    '[["b",{"0":1,"1":0,"2":255}],["k","v"]]',
  )
  const other = await open()
  await Promise.all([watch(page), watch(other)])
  await run(other, `masq.batch([{ type: 'put', key: 'x', value: 1 }, { type: 'del', key: 'b' }])`)
  await Promise.all([seen(page, 'x=1 tab'), seen(other, 'b=undefined here')])
  for (const call of ['invite()', `join('http://x/#masq=1.a')`, 'devices()', `revoke('x')`, `rename('x')`])
    assert.equal(await codeOf(page, `masq.${call}`), 'E_DENIED', call)
  assert.deepEqual(await run(page, 'masq.status.counts'), { devices: 0, online: 0, upToDate: 0 })
  await profile.close()
})

test('a no is remembered, and the application works embedded', async () => {
  const { profile, open } = await fresh()
  const page = await open()
  const put = run(page, `masq.put('k', 1)`)
  await store.decide(false)
  await put
  assert.equal(await stateOf(page), 'embedded')
  await page.close()
  const again = await open()
  assert.equal(await stateOf(again), 'embedded')
  assert.equal(await run(again, `masq.get('k')`), 1)
  assert.deepEqual((await store.call<State>('state')).requests, [])
  await profile.close()
})

test("with store: 'local' a no is E_DENIED, until useLocalStore asks anew", async () => {
  const { profile, open } = await fresh(`store: 'local'`)
  const page = await open()
  const put = codeOf(page, `masq.put('k', 1)`)
  await store.decide(false)
  assert.equal(await put, 'E_DENIED')
  assert.equal(await stateOf(page), 'denied')
  assert.equal(await codeOf(page, `masq.get('k')`), 'E_DENIED')
  await page.close()
  const again = await open()
  assert.equal(await stateOf(again), 'denied')
  const used = run(again, 'masq.useLocalStore()')
  await store.decide(true)
  await used
  assert.equal(await codeOf(again, `masq.put('k', 1)`), '')
  await profile.close()
})

test('access that is taken away is E_DENIED here and after a reload, and is asked for anew', async () => {
  const { profile, page, origin } = await settled()
  await run(page, `masq.put('k', 1)`)
  await store.call('removeApp', { app: origin, data: false })
  await until(page, 'denied')
  assert.equal(await codeOf(page, `masq.get('k')`), 'E_DENIED')
  await page.reload()
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  assert.equal(await stateOf(page), 'denied')
  const used = run(page, 'masq.useLocalStore()')
  await store.decide(true)
  await used
  assert.equal(await run(page, `masq.get('k')`), 1)
  await profile.close()
})

test('useLocalStore moves everything, once, and other tabs follow with their watches', async () => {
  const { profile, open, origin } = await fresh()
  const refused = open()
  await store.decide(false)
  const a = await refused
  await until(a, 'embedded')
  const b = await open()
  await Promise.all([watch(a), watch(b)])
  await run(a, `Promise.all(Array.from({ length: 1500 }, (_, i) => masq.put('n/' + i, { i, pad: 'x'.repeat(50) })))`)
  await run(b, `masq.put('bytes', new Uint8Array(200000).fill(7))`)
  const used = run(b, USE)
  await store.decide(true)
  const during = run(a, `masq.put('during', 1)`)
  await Promise.all([used, during])
  await Promise.all([until(a, 'local'), until(b, 'local')])
  assert.equal(await run(a, `masq.list().then((l) => l.length)`), 1502)
  assert.equal(await run(a, `masq.get('bytes').then((v) => v.length + ' ' + v[9])`), '200000 7')
  assert.equal(await run(a, `masq.get('n/77').then((v) => v.i)`), 77)
  await run(a, `masq.put('after', 2)`)
  await Promise.all([seen(b, 'after=2 tab'), seen(a, 'after=2 here'), seen(b, 'during=1 tab')])
  const told = await run<string[]>(b, `seen.filter((s) => s.startsWith('n/7='))`)
  assert.equal(told.length, 1, 'nothing is told twice')
  assert.deepEqual([a.workers().length, b.workers().length], [0, 0])
  const left = await run<{ name: string }[]>(a, 'indexedDB.databases()')
  assert.deepEqual(
    left.map((d) => d.name),
    ['masq-local-store'],
  )
  await entriesOf(origin, 1503)
  const c = await open()
  assert.equal(await stateOf(c), 'local')
  await run(c, 'masq.useLocalStore()') // nothing to do
  await profile.close()
})

for (const [bytes, early] of [
  [2 << 10, true],
  [32 << 10, false],
] as const)
  test(`an icon of ${bytes} bytes is shown ${early ? 'with the request' : 'once the page is in'}`, async () => {
    const icon = 'data:image/png;base64,'.padEnd(bytes - 2, 'A')
    const app = JSON.stringify({ name: 'T', description: 'For a test', icon })
    const { open, origin, profile } = await fresh(`app: ${app}`)
    await open()
    const asked = await store.decide(true)
    assert.deepEqual([asked.icon, asked.description], [early ? icon : '', ''])
    const shown = async () => (await store.call<State>('state')).apps.find((a) => a.app === origin)
    while (!(await shown())?.description) await new Promise(setImmediate)
    assert.equal((await shown())!.icon, icon)
    await profile.close()
  })

test('useLocalStore says before it begins that there is no room', async () => {
  const { origin, page, profile } = await settled()
  await store.call('setQuota', { app: origin, bytes: 1 << 20 })
  const other = await harness.profile()
  await other.exposeFunction('typed', read)
  const b = await other.newPage()
  await b.goto(page.url())
  const connected = run(b, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  await store.decide(false)
  await connected
  await until(b, 'embedded')
  await run(b, `Promise.all([1, 2, 3].map((i) => masq.put('n/' + i, 'x'.repeat(400000))))`)
  const used = codeOf(b, USE)
  await store.decide(true)
  assert.equal(await used, 'E_QUOTA')
  assert.equal(await stateOf(b), 'embedded')
  assert.equal(await run(b, `masq.list().then((l) => l.length)`), 3)
  await entriesOf(origin, 0)
  await run(page, `masq.put('small', 1)`)
  assert.equal(
    await codeOf(page, `masq.batch([1, 2, 3].map((i) => ({ type: 'put', key: 'n/' + i, value: 'x'.repeat(400000) })))`),
    'E_QUOTA',
  )
  await page.waitForFunction(`masq.status.full === 'here'`)
  await store.call('setQuota', { app: origin, bytes: 1 << 22 })
  await page.waitForFunction(`masq.status.full === undefined`)
  await run(b, 'masq.useLocalStore()')
  await until(b, 'local')
  await entriesOf(origin, 4)
  await Promise.all([profile.close(), other.close()])
})

test('useLocalStore moves values as they were written, whatever another device has called JSON', async () => {
  const { profile, open } = await fresh()
  const refused = open()
  await store.decide(false)
  const page = await refused
  await until(page, 'embedded')
  await run(
    page,
    `void (globalThis.texts = {
      cut: '{"a":', deep: '['.repeat(100000) + ']'.repeat(100000), levels: '['.repeat(9990) + ']'.repeat(9990),
      minus: '-0', large: '1e999', spaced: '{ "a" : [ 1.50 ] }'
    })`,
  )
  // As a device does that looks into nothing that it writes.
  const write = `(async () => {
    const encode = TextEncoder.prototype.encode
    TextEncoder.prototype.encode = function (s) { return encode.call(this, /^"lie /.test(s) ? texts[s.slice(5, -1)] : s) }
    await Promise.all(Object.keys(texts).map((key) => masq.put(key, 'lie ' + key)))
    TextEncoder.prototype.encode = encode
  })()`
  await run(page, write)
  const depth = `((v) => { let n = 0; for (; Array.isArray(v); v = v[0]) n++; return n })`
  const values = `Promise.all(Object.keys(texts).map((key) => masq.get(key))).then(([cut, deep, levels, minus, large, spaced]) =>
    [cut.length, deep.length, ${depth}(levels), Object.is(minus, -0), large, JSON.stringify(spaced)].join())`
  const want = '5,200000,9990,true,Infinity,{"a":[1.5]}'
  assert.equal(await run(page, values), want)
  await watch(page)
  const used = run(page, USE)
  await store.decide(true)
  await used
  assert.equal(await stateOf(page), 'local')
  assert.equal(await run(page, values), want)
  await profile.close()
})

test('useLocalStore loses nothing that other tabs write meanwhile, though the leading one is slow to see that it is none', async () => {
  const { profile, open } = await fresh()
  const refused = open()
  await store.decide(false)
  const a = await refused // leads
  await until(a, 'embedded')
  const [b, c] = [await open(), await open()]
  await run(
    b,
    `masq.batch(Array.from({ length: 1000 }, (_, i) => ({ type: 'put', key: 'n/' + i, value: 'x'.repeat(200) })))`,
  )
  const used = run(b, USE)
  await store.decide(true)
  const writing = run<number>(
    c, // sends one by one, and hears nothing meanwhile: not of the new leader either
    `(async () => {
      const all = []
      for (const end = Date.now() + 1000; Date.now() < end; await null) all.push(masq.put('c/' + all.length, 1))
      await Promise.all(all)
      return all.length
    })()`,
  )
  const busy = run(a, 'void (() => { for (const end = Date.now() + 3000; Date.now() < end;); })()')
  const [written] = await Promise.all([writing, used, busy])
  await Promise.all([a, b, c].map((page) => until(page, 'local')))
  const length = `masq.list({ prefix: 'c/' }).then((l) => l.length)`
  assert.deepEqual(await Promise.all([a, b, c].map((page) => run(page, length))), [written, written, written])
  await profile.close()
})

test('a second browser’s data joins the first one’s: equal values once, different ones both', async () => {
  const first = await settled()
  await run(
    first.page,
    `masq.batch([['same', 1], ['differs', 'first'], ['only/first', 1]].map(([key, value]) => ({ type: 'put', key, value })))`,
  )
  const profile = await harness.profile()
  await profile.exposeFunction('typed', read)
  const page = await profile.newPage()
  await page.goto(first.origin + '/')
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded' }))`)
  await run(
    page,
    `masq.batch([['same', 1], ['differs', 'second'], ['only/second', 1]].map(([key, value]) => ({ type: 'put', key, value })))`,
  )
  await run(page, 'masq.close()')
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  assert.equal(await stateOf(page), 'embedded')
  await watch(page)
  const used = run(page, USE)
  await store.decide(true)
  await used
  const both = await run<string[]>(
    page,
    `Promise.all([masq.get('differs'), masq.conflicts('differs')]).then((x) => x.flat().sort())`,
  )
  assert.deepEqual(both, ['first', 'second'])
  assert.deepEqual(await run(page, `masq.conflicts('same')`), [])
  assert.equal(await run(page, `masq.list().then((l) => l.length)`), 4)
  await seen(page, 'only/first=1 device')
  assert.ok(await run(page, `seen.some((s) => s.startsWith('differs='))`))
  assert.ok(!(await run(page, `seen.some((s) => s.startsWith('same=') || s.startsWith('only/second'))`)))
  await Promise.all([profile.close(), first.profile.close()])
})

test('a store that goes away and comes back: operations wait, watches go on, nothing is missed or told twice', async () => {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const { profile, open, page: a } = await settled()
    const b = await open()
    await Promise.all([watch(a), watch(b)])
    await run(a, `masq.put('before', 1)`)
    await seen(b, 'before=1 tab')
    const running = run(
      a,
      `(globalThis.answered = [], Promise.all(Array.from({ length: 300 }, (_, i) =>
        new Promise((r) => setTimeout(r, 2 * i)).then(() => masq.put('k' + i, i)).then(() => answered.push('k' + i)))))`,
    )
    await seen(b, 'k20=20 tab')
    await a.waitForFunction('answered.length > 0')
    const answered = await run<string[]>(a, 'answered')
    await store.stop(signal)
    await until(a, 'away')
    const waiting = run(a, `masq.get('before')`)
    await store.start()
    await running
    assert.equal(await waiting, 1)
    await Promise.all([until(a, 'local'), until(b, 'local')])
    await run(a, `masq.put('after', 1)`)
    await seen(b, 'after=1 tab')
    assert.equal(await run(b, `masq.list({ prefix: 'k' }).then((l) => l.length)`), 300)
    const all = await run<string[]>(b, 'seen')
    // What was told and not stored when the store was killed is taken back by a reset: behind it comes all that there is.
    if (signal === 'SIGINT') assert.ok(!all.includes('reset'))
    const told = all.slice(all.lastIndexOf('reset') + 1)
    const missing = Array.from({ length: 300 }, (_, i) => `k${i}=${i} `).filter(
      (k) => !told.some((s) => s.startsWith(k)),
    )
    assert.deepEqual(missing, [])
    const keys = told.map((s) => s.split('=')[0])
    // What was answered is not done again. What was under way may be: more of it the slower the disk.
    const twice = answered.filter((k) => keys.indexOf(k!) !== keys.lastIndexOf(k!))
    assert.deepEqual(twice, [])
    await profile.close()
  }
})

test('a store that stays away is E_STORE_AWAY after a while, and nothing empty is shown', async () => {
  const { profile, open, page } = await settled()
  await run(page, `masq.put('k', 1)`)
  await store.stop()
  try {
    await until(page, 'away')
    const start = Date.now()
    assert.equal(await codeOf(page, `masq.get('k')`), 'E_STORE_AWAY')
    assert.ok(Date.now() - start > 9_000, `waited ${Date.now() - start} ms`)
    await page.close()
    const again = await open()
    assert.equal(await stateOf(again), 'away')
    assert.equal(await codeOf(again, `masq.list()`), 'E_STORE_AWAY')
    assert.equal(await codeOf(again, `masq.useLocalStore()`), 'E_STORE_AWAY')
    await store.start()
    await until(again, 'local')
    assert.equal(await run(again, `masq.get('k')`), 1)
  } finally {
    await store.start()
  }
  await profile.close()
})

test('a store that hangs is away, and does what was asked when it goes on', async () => {
  const { profile, page } = await settled()
  store.signal('SIGSTOP')
  try {
    const put = run(page, `masq.put('k', 1)`)
    await until(page, 'away')
    store.signal('SIGCONT')
    await put
  } finally {
    store.signal('SIGCONT')
  }
  await until(page, 'local')
  assert.equal(await run(page, `masq.get('k')`), 1)
  await profile.close()
})
