// Where connect cannot work, or only in another way: each says what is wrong.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { Harness, run } from './browser.js'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const file = (name: string): string => (existsSync(dist + name) ? readFileSync(dist + name, 'utf8') : '')
const html = (body: string): string => `<!doctype html><meta charset="utf-8"><title>Masq</title>${body}`
const pasted = html(`<script>${file('masq.global.js').replaceAll('</script', '<\\/script')}</script>`)

let harness: Harness
before(async () => {
  harness = await Harness.open({
    '/pasted.html': { body: pasted },
    '/apart/pasted.html': { body: pasted },
    '/frame.html': {
      body: html(
        `<script src="/masq.global.js"></script><script>
          const m = (options) => Masq.connect({ app: { name: 'T' }, ...options })
          onmessage = (e) => m(e.data).then((m) => m.put('k', 1)).then(() => 'written', (e) => e.code + ' ' + e.message).then((r) => parent.postMessage(r, '*'))
        </script>`,
      ),
    },
  })
})
after(() => harness?.close())

const failure = (page: Page, options = ''): Promise<string> =>
  run(
    page,
    `Masq.connect({ app: { name: 'T' }, ${options} }).then((m) => m.put('k', 1)).then(() => 'written', (e) => e.code + ' ' + e.message)`,
  )

/** A page in which a script has run before the client. */
async function open(init: string, path = '/'): Promise<Page> {
  const page = await (await harness.profile()).newPage()
  await page.addInitScript(init)
  await page.goto(harness.url(path))
  return page
}

const DENIED = `new DOMException('The operation is insecure.', 'SecurityError')`
const refusals: [name: string, init: string, want: RegExp][] = [
  ['IndexedDB is null', `Object.defineProperty(window, 'indexedDB', { value: null })`, /^E_STORAGE .*there is no IndexedDB/],
  ['IndexedDB is missing', `Object.defineProperty(window, 'indexedDB', { value: undefined })`, /^E_STORAGE/],
  ['IndexedDB throws', `Object.defineProperty(window, 'indexedDB', { get() { throw ${DENIED} } })`, /^E_STORAGE/],
  ['open throws', `indexedDB.open = () => { throw ${DENIED} }; indexedDB.databases = () => Promise.resolve([{ name: 'masq-local-store' }])`, /^E_STORAGE .*SecurityError/],
  ['databases throws', `indexedDB.databases = () => { throw ${DENIED} }`, /^E_STORAGE .*SecurityError/],
  ['databases rejects', `indexedDB.databases = () => Promise.reject(${DENIED})`, /^E_STORAGE .*SecurityError/],
  ['databases fails', `indexedDB.databases = () => Promise.reject(new DOMException('x', 'UnknownError'))`, /^E_STORAGE .*UnknownError/],
  ['channels are refused', `window.BroadcastChannel = class { constructor() { throw ${DENIED} } }`, /^E_STORAGE .*insecure/],
  ['nobody foresaw it', `window.BroadcastChannel = class { constructor() { throw new Error('what?') } }`, /^E_INTERNAL .*what\?/],
  ['there are no channels', `delete window.BroadcastChannel`, /^E_UNSUPPORTED .*lacks BroadcastChannel/],
  ['there are no Workers', `delete window.Worker`, /^E_UNSUPPORTED .*lacks Worker/],
  ['there are no locks', `Object.defineProperty(navigator, 'locks', { value: undefined })`, /^E_UNSUPPORTED .*lacks navigator.locks/],
  ['it is not secure', `Object.defineProperty(window, 'isSecureContext', { value: false })`, /^E_INSECURE/],
] // prettier-ignore

for (const [name, init, want] of refusals)
  test(`${name}`, async () => assert.match(await failure(await open(init)), want))

test('a sandboxed frame keeps no data, and says so', async () => {
  const page = await open('')
  for (const options of ['{}', `{ store: 'local' }`]) {
    const got = await run<string>(
      page,
      `new Promise((resolve) => {
        const f = document.createElement('iframe')
        f.sandbox = 'allow-scripts'
        f.src = '/frame.html'
        addEventListener('message', (e) => (f.remove(), resolve(e.data)), { once: true })
        f.onload = () => f.contentWindow.postMessage(${options}, '*')
        document.body.append(f)
      })`,
    )
    assert.match(got, /^E_STORAGE .*allow this site to store data/, options)
  }
})

test('a script that stands in the page finds what is beside the page, or says where it looked', async () => {
  const page = await open('', '/pasted.html')
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' } }))`)
  assert.equal(await run(page, `(await masq.put('k', 1), await masq.get('k'))`), 1)
  const apart = await open('', '/apart/pasted.html')
  assert.match(await failure(apart, `worker: '/worker.js'`), /^E_WASM .*\/apart\/masq\.wasm answered 404/)
  assert.match(await failure(apart, `wasm: '/masq.wasm', id: 'another'`), /^E_WORKER .*\/apart\/worker\.js/)
})

test('on a server it loads, does nothing, and says that it needs a browser', () => {
  const code = `
    const before = Object.keys(globalThis).length
    const m = await import('${dist}index.js')
    const errors = [await m.connect({ app: { name: 'T' } }).catch((e) => e.code + ' ' + e.message)]
    console.log(JSON.stringify([Object.keys(globalThis).length - before, m.takeInvite() ?? 'none', ...errors]))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })
  assert.equal(stderr, '')
  const [more, invite, error] = JSON.parse(stdout) as [number, string, string]
  assert.deepEqual([more, invite], [0, 'none'])
  assert.match(error, /^E_UNSUPPORTED Masq needs a browser/)
})
