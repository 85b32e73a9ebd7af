// The client in a dedicated Worker: alone, beside a page's tab, as the leader and not, and in a local store.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { Harness, run } from './browser.js'
import { RealStore, build, clean } from './real-store.js'
import { SyncServer } from './sync-server.js'

/** Does in a Worker what the page asks it for. */
const serve = `onmessage = async ({ data: { n, code } }) => {
  try { postMessage({ n, value: await eval('(async () => (' + code + '))()') }) } catch (e) { postMessage({ n, error: (e.code ?? '') + ' ' + e.message }) }
}`
const ask = `globalThis.inWorker = (worker) => {
  let n = 0
  return (code) => new Promise((resolve, reject) => {
    const id = ++n
    worker.addEventListener('message', function told({ data }) {
      if (data.n !== id) return
      worker.removeEventListener('message', told)
      if (data.error) reject(new Error(data.error))
      else resolve(data.value)
    })
    worker.onerror = (e) => reject(new Error('the Worker failed: ' + e.message))
    worker.postMessage({ n: id, code })
  })
}`

let sync: SyncServer
let store: RealStore
let harness: Harness
before(async () => {
  build()
  sync = await SyncServer.open()
  store = await RealStore.open()
  const script = { 'content-type': 'text/javascript' }
  harness = await Harness.open(
    {
      '/app/classic.js': { body: `importScripts('/masq.global.js'); ${serve}`, headers: script },
      '/app/page.html': { body: '<!doctype html><title>Masq</title><script src="/masq.global.js"></script>' },
      '/app/module.js': { body: `import * as m from '/index.js'; globalThis.Masq = m; ${serve}`, headers: script },
    },
    store.port,
  )
})
after(async () => {
  await harness?.close()
  await store?.stop()
  sync?.close()
  clean()
})

const workers = {
  'a classic Worker': `new Worker('/app/classic.js')`,
  'a module Worker': `new Worker('/app/module.js', { type: 'module' })`,
  'a Worker from a blob:': `new Worker(URL.createObjectURL(new Blob(
    [\`importScripts('\${location.origin}/masq.global.js'); ${serve.replaceAll('`', '\\`')}\`], { type: 'text/javascript' })))`,
}

const EMBEDDED = `app: { name: 'T' }, store: 'embedded'`

/** A page with a Worker in it, of which `work` asks. */
async function open(profile: BrowserContext, worker: string): Promise<Page> {
  const page = await harness.tab(profile, { connected: false })
  await run(page, `void (${ask})`)
  await run(page, `void (globalThis.worker = ${worker}, globalThis.work = inWorker(worker))`)
  return page
}
const inWorker = <T = unknown>(page: Page, code: string): Promise<T> => run<T>(page, `work(${JSON.stringify(code)})`)

for (const [name, worker] of Object.entries(workers))
  test(`${name} connects, and shares the store with a page's tab`, async () => {
    const profile = await harness.profile()
    const page = await open(profile, worker)
    await inWorker(page, `void (globalThis.masq = await Masq.connect({ ${EMBEDDED} }))`)
    await inWorker(page, `masq.put('from/worker', { n: 1 })`)
    await inWorker(page, `void (globalThis.seen = [], masq.watch('', (c) => seen.push(c.key + ' ' + c.from)))`)
    const tab = await harness.tab(profile, { options: `store: 'embedded'` })
    assert.deepEqual(await run(tab, `masq.list()`), [['from/worker', { n: 1 }]])
    await run(tab, `masq.put('from/tab', 2)`)
    assert.deepEqual(await inWorker(page, `masq.get('from/tab')`), 2)
    assert.deepEqual(await inWorker(page, 'seen'), ['from/tab tab'])

    await run(page, 'worker.terminate()') // which led: the tab goes on by itself
    await run(tab, `masq.put('after/worker', 3)`)
    await run(page, `void (globalThis.worker = ${worker}, globalThis.work = inWorker(worker))`)
    await inWorker(page, `void (globalThis.masq = await Masq.connect({ ${EMBEDDED} }))`)
    const keys = `masq.list().then((l) => l.map(([k]) => k))`
    assert.deepEqual(await inWorker(page, keys), ['after/worker', 'from/tab', 'from/worker'])
    assert.equal(await inWorker(page, `Masq.takeInvite() ?? 'none'`), 'none')
    await inWorker(page, 'masq.close()')
    await profile.close()
  })

test('a Worker without an address says what it needs', async () => {
  const profile = await harness.profile()
  const page = await open(profile, workers['a Worker from a blob:'])
  const failure = (options: string): Promise<string> =>
    inWorker(
      page,
      `Masq.connect({ ${EMBEDDED}, ${options} }).then((m) => m.put('k', 1)).then(() => 'written', (e) => e.code + ' ' + e.message)`,
    )
  assert.match(await failure(`wasm: '/masq.wasm'`), /^E_OPTIONS .*wasm must be an address/)
  assert.match(await failure(`wasm: '${harness.url('/none.wasm')}'`), /^E_WASM .*none\.wasm answered 404/)
  await profile.close()
})

test('an invite leads to the page that made it, whoever runs the engine', async () => {
  const profile = await harness.profile()
  const page = await open(profile, workers['a classic Worker'])
  const options = `${EMBEDDED}, sync: '${sync.url}'`
  await inWorker(page, `void (globalThis.masq = await Masq.connect({ ${options} }))`)
  const made = `(globalThis.p = await masq.invite()).link.split('#')[0]`
  assert.equal(await inWorker(page, made), harness.url('/'))
  await inWorker(page, 'p.cancel()')
  const tab = await harness.tab(profile, { path: '/app/page.html', options: `store: 'embedded', sync: '${sync.url}'` })
  assert.equal(await run(tab, made), harness.url('/app/page.html'))
  await profile.close()
})

test('a Worker lives in a local store, too', async () => {
  const profile = await harness.profile()
  const page = await open(profile, workers['a classic Worker'])
  await inWorker(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'local' }))`)
  await store.decide(true)
  await inWorker(page, `masq.put('from/worker', 1)`)
  assert.equal(await inWorker(page, 'masq.status.store'), 'local')
  assert.deepEqual(await inWorker(page, `masq.list('from/')`), [['from/worker', 1]])
  await inWorker(page, 'masq.close()')
  await profile.close()
})
