// Everything that can be called wrongly, is: each call rejects or throws a MasqError with a fitting code, nothing is left unhandled,
// and the engine still works.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { Harness, run } from './browser.js'
import { SyncServer } from './sync-server.js'

let sync: SyncServer
let harness: Harness
let page: Page
before(async () => {
  sync = await SyncServer.open()
  harness = await Harness.open({ '/none.wasm': { status: 404, body: 'none' }, '/broken.js': { body: 'no script' } })
  page = await harness.tab(await harness.profile(), { connected: false })
  await run(page, `globalThis.unhandled = []`)
  for (const type of ['unhandledrejection', 'error'])
    await run(page, `addEventListener('${type}', (e) => unhandled.push('${type}: ' + (e.reason ?? e.message)))`)
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, sync: '${sync.url}' }))`)
  await run(page, `void (globalThis.pairing = await masq.invite())`)
  await run(page, `void (globalThis.single = await Masq.connect({ app: { name: 'T' }, id: 'single' }))`)
  await run(page, `void (globalThis.gone = await Masq.connect({ app: { name: 'T' } }), await gone.close())`)
})
after(async () => {
  await harness?.close()
  sync?.close()
})

const app = `app: { name: 'T' }`
/** Each of these would be an engine of its own, if it were right. */
let id = 0
const connect = (options: string): string => `Masq.connect({ ${app}, id: 'wrong${++id}', ${options} })`
const firstPut = (options: string): string => `${connect(options)}.then((m) => m.put('k', 1))`

const calls: Record<string, [call: string, code: string][]> = {
  connect: [
    [`Masq.connect()`, 'E_OPTIONS'],
    [`Masq.connect(null)`, 'E_OPTIONS'],
    [`Masq.connect('Notes')`, 'E_OPTIONS'],
    [`Masq.connect([])`, 'E_OPTIONS'],
    [`Masq.connect({})`, 'E_OPTIONS'],
    [`Masq.connect({ name: 'Notes' })`, 'E_OPTIONS'],
    [`Masq.connect({ app: null })`, 'E_OPTIONS'],
    [`Masq.connect({ app: 'Notes' })`, 'E_OPTIONS'],
    [`Masq.connect({ app: {} })`, 'E_OPTIONS'],
    [`Masq.connect({ app: { name: '' } })`, 'E_OPTIONS'],
    [`Masq.connect({ app: { name: 5 } })`, 'E_OPTIONS'],
    [`Masq.connect({ app: { name: 'T', nmae: 'T' } })`, 'E_OPTIONS'],
    [`Masq.connect({ app: { name: 'T', description: 5 } })`, 'E_OPTIONS'],
    [`Masq.connect({ app: { name: 'T', icon: {} } })`, 'E_OPTIONS'],
    [`Masq.connect({ app: new (class { get name() { throw new Error('no') } })() })`, 'E_OPTIONS'],
    [`Masq.connect({ get app() { throw new Error('no') } })`, 'E_OPTIONS'],
    [connect(`snyc: 'wss://sync.example.org'`), 'E_OPTIONS'],
    [connect(`sync: null`), 'E_OPTIONS'],
    [connect(`sync: 5`), 'E_OPTIONS'],
    [connect(`sync: ''`), 'E_OPTIONS'],
    [connect(`sync: '/'`), 'E_OPTIONS'],
    [connect(`sync: 'ftp://x'`), 'E_OPTIONS'],
    [connect(`sync: 'wss://u:p@x'`), 'E_OPTIONS'],
    [connect(`sync: ['wss://x', undefined]`), 'E_OPTIONS'],
    [connect(`sync: [['wss://x']]`), 'E_OPTIONS'],
    [connect(`sync: Array(9).fill('wss://x')`), 'E_OPTIONS'],
    [connect(`store: 'cloud'`), 'E_OPTIONS'],
    [connect(`store: true`), 'E_OPTIONS'],
    [connect(`store: 'local'`), 'E_OPTIONS'],
    [connect(`device: 5`), 'E_OPTIONS'],
    [connect(`device: ''`), 'E_OPTIONS'],
    [connect(`device: null`), 'E_OPTIONS'],
    [connect(`device: '\\u202e'`), 'E_OPTIONS'],
    [`Masq.connect({ ${app}, id: null })`, 'E_OPTIONS'],
    [`Masq.connect({ ${app}, id: '' })`, 'E_OPTIONS'],
    [`Masq.connect({ ${app}, id: '\\ud800' })`, 'E_OPTIONS'],
    [`Masq.connect({ ${app}, id: 'x'.repeat(256) })`, 'E_OPTIONS'],
    [connect(`wasm: 5`), 'E_OPTIONS'],
    [connect(`wasm: null`), 'E_OPTIONS'],
    [connect(`wasm: 'http://'`), 'E_OPTIONS'],
    [firstPut(`wasm: '/none.wasm'`), 'E_WASM'],
    [connect(`worker: 42`), 'E_OPTIONS'],
    [connect(`worker: {}`), 'E_OPTIONS'],
    [connect(`worker: () => 42`), 'E_OPTIONS'],
    [connect(`worker: () => null`), 'E_OPTIONS'],
    [connect(`worker: async () => undefined`), 'E_OPTIONS'],
    [connect(`worker: class {}`), 'E_WORKER'],
    [connect(`worker: () => { throw new Error('mine') }`), 'E_WORKER'],
    [connect(`worker: () => Promise.reject(new Error('mine'))`), 'E_WORKER'],
    [firstPut(`worker: '/nothing.js'`), 'E_WORKER'],
    [firstPut(`worker: '/broken.js'`), 'E_WORKER'],
    [firstPut(`worker: 'https://other.example/worker.js'`), 'E_WORKER'],
  ],
  get: [
    [`masq.get()`, 'E_KEY'],
    [`masq.get(null)`, 'E_KEY'],
    [`masq.get('')`, 'E_KEY'],
    [`masq.get('a\\0')`, 'E_KEY'],
    [`masq.get(['a'])`, 'E_KEY'],
    [`gone.get('a')`, 'E_CLOSED'],
  ],
  put: [
    [`masq.put()`, 'E_KEY'],
    [`masq.put(1, 1)`, 'E_KEY'],
    [`masq.put('a\\ud800', 1)`, 'E_KEY'],
    [`masq.put('é'.repeat(513), 1)`, 'E_KEY'],
    [`masq.put('k')`, 'E_VALUE'],
    [`masq.put('k', () => {})`, 'E_VALUE'],
    [`masq.put('k', 1n)`, 'E_VALUE'],
    [`masq.put('k', NaN)`, 'E_VALUE'],
    [`masq.put('k', document.body)`, 'E_VALUE'],
    [`masq.put('k', { el: document.createElement('p') })`, 'E_VALUE'],
    [`masq.put('k', { file: new File([], 'x') })`, 'E_VALUE'],
    [`masq.put('k', new ImageData(1, 1))`, 'E_VALUE'],
    [`masq.put('k', masq)`, 'E_VALUE'],
    [`masq.put('k', window)`, 'E_VALUE'],
    [`masq.put('k', document.querySelectorAll('p'))`, 'E_VALUE'],
    [
      `crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt']).then((key) => masq.put('k', key))`,
      'E_VALUE',
    ],
    [`fetch('/').then((r) => masq.put('k', { r }))`, 'E_VALUE'],
    [`masq.put('k', masq.get('k'))`, 'E_VALUE'],
    [`masq.put('k', new Uint8Array((1 << 20) + 1))`, 'E_TOOBIG'],
    [`masq.put('k', 'x'.repeat(1 << 20))`, 'E_TOOBIG'],
    [`masq.put('k', 1, null)`, 'E_OPTIONS'],
    [`masq.put('k', 1, 'relaxed')`, 'E_OPTIONS'],
    [`masq.put('k', 1, { durabilty: 'relaxed' })`, 'E_OPTIONS'],
    [`masq.put('k', 1, { durability: 'never' })`, 'E_OPTIONS'],
    [`masq.put('k', 1, { durability: null })`, 'E_OPTIONS'],
    [`gone.put('k', 1)`, 'E_CLOSED'],
  ],
  del: [
    [`masq.del()`, 'E_KEY'],
    [`masq.del({})`, 'E_KEY'],
    [`masq.del('k', 5)`, 'E_OPTIONS'],
    [`gone.del('k')`, 'E_CLOSED'],
  ],
  batch: [
    [`masq.batch()`, 'E_VALUE'],
    [`masq.batch(null)`, 'E_VALUE'],
    [`masq.batch({ type: 'del', key: 'k' })`, 'E_VALUE'],
    [`masq.batch(new Set([{ type: 'del', key: 'k' }]))`, 'E_VALUE'],
    [`masq.batch([null])`, 'E_VALUE'],
    [`masq.batch(['k'])`, 'E_VALUE'],
    [`masq.batch([,])`, 'E_VALUE'],
    [`masq.batch([{ type: 'set', key: 'k', value: 1 }])`, 'E_VALUE'],
    [`masq.batch([{ type: 'put', key: 'k' }])`, 'E_VALUE'],
    [`masq.batch([{ type: 'put', key: 'k', value: { m: new Map() } }])`, 'E_VALUE'],
    [`masq.batch([{ type: 'put', value: 1 }])`, 'E_KEY'],
    [`masq.batch([{ get type() { throw new Error('no') } }])`, 'E_VALUE'],
    [`masq.batch(Array.from({ length: 1001 }, (_, i) => ({ type: 'del', key: 'k' + i })))`, 'E_TOOBIG'],
    [`masq.batch([{ type: 'del', key: 'k' }], { durability: true })`, 'E_OPTIONS'],
    [`gone.batch([{ type: 'del', key: 'k' }])`, 'E_CLOSED'],
  ],
  range: [
    [`masq.list(null)`, 'E_OPTIONS'],
    [`masq.list(5)`, 'E_OPTIONS'],
    [`masq.list({ start: 'b' })`, 'E_OPTIONS'],
    [`masq.list({ prefix: null })`, 'E_OPTIONS'],
    [`masq.list({ limit: -1 })`, 'E_OPTIONS'],
    [`masq.list({ limit: 1.5 })`, 'E_OPTIONS'],
    [`masq.list('x'.repeat(1025))`, 'E_KEY'],
    [`masq.count(null)`, 'E_OPTIONS'],
    [`masq.count({ start: 'b' })`, 'E_OPTIONS'],
    [`masq.count({ limit: -1 })`, 'E_OPTIONS'],
    [`masq.count('x'.repeat(1025))`, 'E_KEY'],
    [`gone.count()`, 'E_CLOSED'],
    [`gone.list()`, 'E_CLOSED'],
    [`masq.entries(null).next()`, 'E_OPTIONS'],
    [`(async () => { for await (const _ of masq.entries({ form: 'a' })); })()`, 'E_OPTIONS'],
    [`gone.entries().next()`, 'E_CLOSED'],
    [`masq.keys(7).next()`, 'E_OPTIONS'],
    [`masq.keys('\\0').next()`, 'E_KEY'],
    [`gone.keys().next()`, 'E_CLOSED'],
  ],
  watch: [
    [`masq.watch()`, 'E_KEY'],
    [`masq.watch(() => {})`, 'E_KEY'],
    [`masq.watch({ prefix: 'a' }, () => {})`, 'E_KEY'],
    [`masq.watch('a\\0', () => {})`, 'E_KEY'],
    [`masq.watch('a')`, 'E_OPTIONS'],
    [`masq.watch('a', null)`, 'E_OPTIONS'],
    [`masq.watch('a', { handleEvent() {} })`, 'E_OPTIONS'],
    [`gone.watch('a', () => {})`, 'E_CLOSED'],
  ],
  conflicts: [
    [`masq.conflicts()`, 'E_KEY'],
    [`masq.conflicts('')`, 'E_KEY'],
    [`gone.conflicts('a')`, 'E_CLOSED'],
  ],
  devices: [
    [`gone.devices()`, 'E_CLOSED'],
    [`masq.revoke()`, 'E_VALUE'],
    [`masq.revoke('x')`, 'E_VALUE'],
    [`masq.revoke(masq.status.self.id)`, 'E_VALUE'],
    [`masq.revoke(masq.status.self)`, 'E_VALUE'],
    [`masq.revoke('x'.repeat(1e6))`, 'E_VALUE'],
    [`gone.revoke('x')`, 'E_CLOSED'],
    [`masq.rename()`, 'E_OPTIONS'],
    [`masq.rename('')`, 'E_OPTIONS'],
    [`masq.rename(5)`, 'E_OPTIONS'],
    [`masq.rename('x'.repeat(41))`, 'E_OPTIONS'],
    [`gone.rename('x')`, 'E_CLOSED'],
  ],
  pairing: [
    [`masq.invite()`, 'E_BUSY'], // there is one
    [`gone.invite()`, 'E_CLOSED'],
    [`masq.join()`, 'E_LINK'],
    [`masq.join(null)`, 'E_LINK'],
    [`masq.join('https://example.org/')`, 'E_LINK'],
    [`single.join('#masq=1.AAAA')`, 'E_LINK'],
    [`single.invite()`, 'E_SYNC'],
    [`masq.join('https://example.org/#masq=1.' + 'A'.repeat(1e5))`, 'E_LINK'],
    [`gone.join(pairing.link)`, 'E_CLOSED'],
    [`pairing.confirm(null)`, 'E_OPTIONS'],
    [`pairing.confirm(true)`, 'E_OPTIONS'],
    [`pairing.confirm({ bring: 'yes' })`, 'E_OPTIONS'],
    [`pairing.confirm({ brng: true })`, 'E_OPTIONS'],
    [`pairing.confirm({ bring: true, discard: true })`, 'E_OPTIONS'],
    [`pairing.confirm()`, 'E_BUSY'], // nobody has come
  ],
  useLocalStore: [
    [`masq.useLocalStore()`, 'E_STORE_AWAY'],
    [`masq.useLocalStore(null)`, 'E_OPTIONS'],
    [`masq.useLocalStore({ digits: '000000' })`, 'E_OPTIONS'],
    [`masq.useLocalStore({ digit: async () => '000000' })`, 'E_OPTIONS'],
    [`gone.useLocalStore()`, 'E_CLOSED'],
    [`single.useLocalStore()`, 'E_OPTIONS'],
  ],
}

const outcome = (code: string): Promise<string> =>
  run(
    page,
    `(async () => {
      const late = new Promise((resolve) => setTimeout(resolve, 15_000, 'no answer'))
      try { if ((await Promise.race([(async () => (${code}))(), late])) === 'no answer') return 'no answer' } catch (e) {
        return e instanceof Masq.MasqError ? e.code : 'no MasqError: ' + e
      }
      return 'it did not fail'
    })()`,
  )

const total = Object.values(calls).flat().length
for (const [name, table] of Object.entries(calls))
  test(`${table.length} of ${total} wrong calls: ${name}`, async () => {
    const got: typeof table = []
    for (const [call] of table) got.push([call, await outcome(call)])
    assert.deepEqual(got, table)
  })

test(`after ${total} wrong calls nothing is unhandled, and all still works`, async (t) => {
  assert.ok(total >= 90)
  assert.deepEqual(await run(page, `[Masq.takeInvite('x'), await gone.close(), await pairing.cancel()]`), [
    undefined,
    undefined,
    undefined,
  ])
  assert.equal(await outcome('pairing.confirm()'), 'E_EXPIRED')
  const works = await run(
    page,
    `(async () => {
      const seen = []
      const stop = masq.watch('after/', (c) => seen.push(c.value))
      await masq.put('after/1', 1)
      await masq.batch([{ type: 'put', key: 'after/2', value: 2 }])
      stop()
      return [seen, await masq.get('after/1'), await masq.list('after/')]
    })()`,
  )
  const entries = [['after/1', 1], ['after/2', 2]] // prettier-ignore
  assert.deepEqual(works, [[1, 2], 1, entries])
  await run(page, 'new Promise((resolve) => setTimeout(resolve))') // when rejections have been told
  assert.deepEqual(await run(page, 'unhandled'), [])
  t.diagnostic(`${total} wrong calls, 0 unhandled`)
})
