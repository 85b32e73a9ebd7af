// Where the client is loaded from, and where it cannot run.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { Harness, codeOf, run } from './browser.js'

const script = (src: string): string =>
  `<!doctype html><meta charset="utf-8"><title>Masq</title><script src="${src}"></script>`
const CSP = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ws://localhost:6277`
const NO_WASM = `default-src 'none'; script-src 'self'; worker-src blob:; connect-src 'self'`
const site: Record<string, { body?: string; headers?: Record<string, string>; status?: number }> = {
  '/csp': { body: script('/masq.global.js'), headers: { 'content-security-policy': CSP } },
  '/csp-no-wasm': { body: script('/masq.global.js'), headers: { 'content-security-policy': NO_WASM } },
  '/module': {
    body: '<!doctype html><title>Masq</title><script type="module">import * as m from "/index.js"; globalThis.Masq = m</script>',
  },
  '/spa.wasm': { body: '<!doctype html><title>not found</title>' },
  '/plain.wasm': { status: 302, headers: { location: '/masq.wasm' } },
}

let harness: Harness
before(async () => {
  harness = await Harness.open(site)
  site['/elsewhere'] = { body: script(harness.url('/masq.global.js', '127.0.0.1')) }
})
after(() => harness.close())

const works = async (page: Page): Promise<void> =>
  assert.equal(await run(page, `(await masq.put('k', 'v'), await masq.get('k'))`), 'v')

async function violations(path: string, options: string): Promise<number> {
  const profile = await harness.profile()
  const page = await harness.tab(profile, { path, connected: false })
  await run(page, `void (globalThis.violations = 0, addEventListener('securitypolicyviolation', () => violations++))`)
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, ${options} }))`)
  await works(page)
  const n = await run<number>(page, 'violations')
  await profile.close()
  return n
}

test('a strict policy: without a murmur', async () => {
  assert.equal(await violations('/csp', `worker: '/worker.js'`), 0)
  assert.equal(await violations('/csp', `worker: () => new Worker('/worker.js')`), 0)
  assert.equal(await violations('/csp', ''), 0)
})

test('from another origin', async () => {
  const profile = await harness.profile()
  const page = await harness.tab(profile, { path: '/elsewhere' })
  await works(page)
  await profile.close()
})

test('as a module, and the QR code is fetched when asked for', async () => {
  const profile = await harness.profile()
  const page = await harness.tab(profile, { path: '/module', connected: false })
  const fetched: string[] = []
  page.on('request', (r) => fetched.push(new URL(r.url()).pathname))
  await page.waitForFunction('globalThis.Masq')
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  await works(page)
  assert.ok(!fetched.includes('/qr.js'))
  await profile.close()
})

test('what cannot work says why', async () => {
  const profile = await harness.profile()
  const page = await harness.tab(profile, { connected: false })
  const table: [string, string, RegExp][] = [
    [`wasm: '/nowhere.wasm'`, 'E_WASM', /nowhere\.wasm answered 404/],
    [`wasm: '/spa.wasm'`, 'E_WASM', /spa\.wasm is not WebAssembly but text\/html/],
    [`wasm: 'http://localhost:1/masq.wasm'`, 'E_WASM', /cannot be fetched/],
    [`worker: '/nowhere.js'`, 'E_WORKER', /worker/],
    [`worker: () => { throw new Error('no') }`, 'E_WORKER', /worker/],
  ]
  for (const [options, code, message] of table) {
    const connect = `Masq.connect({ app: { name: 'T' }, id: 'w', ${options} }).then((m) => m.put('k', 1))`
    const e = await run<{ code: string; message: string }>(
      page,
      `${connect}.catch((e) => ({ code: e.code, message: e.message }))`,
    )
    assert.equal(e.code, code, options)
    assert.match(e.message, message, options)
  }
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, id: 'w', wasm: '/plain.wasm' }))`)
  await works(page)
  await profile.close()
})

test('a policy without WebAssembly is E_WASM', async () => {
  const profile = await harness.profile()
  const page = await harness.tab(profile, { path: '/csp-no-wasm', connected: false })
  assert.equal(await codeOf(page, `Masq.connect({ app: { name: 'T' } }).then((m) => m.put('k', 1))`), 'E_WASM')
  await profile.close()
})

test('plain http that is not localhost is E_INSECURE', async () => {
  const profile = await harness.profile()
  const page = await profile.newPage()
  await page.goto(harness.url('/', 'masq.test'))
  assert.equal(await codeOf(page, `Masq.connect({ app: { name: 'T' } })`), 'E_INSECURE')
  await profile.close()
})

test('a browser that keeps nothing is E_STORAGE', async () => {
  const profile = await harness.profile()
  const page = await harness.tab(profile, { connected: false })
  // As Firefox does it in some private windows.
  const worker = `() => new Worker(URL.createObjectURL(new Blob(["indexedDB.open = () => { throw new DOMException('', 'SecurityError') }; importScripts('" + location.origin + "/worker.js')"])))`
  const put = `Masq.connect({ app: { name: 'T' }, worker: ${worker} }).then((m) => m.put('k', 1))`
  assert.equal(await codeOf(page, put), 'E_STORAGE')
  await profile.close()
})

test('a tab that could not start its Worker is not in the way of the next', async () => {
  const profile = await harness.profile()
  const page = await harness.tab(profile, { connected: false })
  for (const worker of [`() => { throw new Error('no') }`, `'/nowhere.js'`]) {
    const put = `Masq.connect({ app: { name: 'T' }, worker: ${worker} }).then((m) => m.put('k', 1))`
    assert.equal(await codeOf(page, put), 'E_WORKER')
    const held = await run<unknown[]>(page, `navigator.locks.query().then((l) => l.held)`)
    assert.deepEqual(held, [])
  }
  await profile.close()
})
