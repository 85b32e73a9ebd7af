// A page that pins the script by its hash: nothing of another build runs, whoever serves it.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { Harness, run, type Site } from './browser.js'
import { SyncServer } from './sync-server.js'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const bytesOf = (file: string): Buffer => readFileSync(dist + file)
const hashOf = (b: Uint8Array): string => `sha384-${createHash('sha384').update(b).digest('base64')}`

const site: Site = {}
let harness: Harness
let sync: SyncServer
const pages = {
  'a script tag, from the page’s origin': '/script',
  'a script tag, from another origin': '/script-elsewhere',
  'a module, from the page’s origin': '/module',
  'a module, from another origin': '/module-elsewhere',
}
before(async () => {
  sync = await SyncServer.open()
  harness = await Harness.open(site)
  const cdn = harness.url('', '127.0.0.1')
  for (const [suffix, from] of [
    ['', ''],
    ['-elsewhere', cdn],
  ] as const) {
    const policy = [
      `default-src 'none'; worker-src blob:; script-src 'nonce-n' 'wasm-unsafe-eval' ${from || "'self'"}`,
      `connect-src ${from || "'self'"} ws://127.0.0.1:* ws://localhost:*`,
    ]
    const headers = { 'content-type': 'text/html', 'content-security-policy': policy.join('; ') }
    const integrity = (file: string): string => hashOf(bytesOf(file))
    const script = `<script src="${from}/masq.global.js" integrity="${integrity('masq.global.js')}" crossorigin></script>`
    const map = { integrity: { [`${from}/masq.pinned.js`]: integrity('masq.pinned.js') } }
    const module = `<script type="importmap" nonce="n">${JSON.stringify(map)}</script>
      <script type="module" nonce="n">import * as m from '${from}/masq.pinned.js'; globalThis.Masq = m</script>`
    const page = (body: string): { body: string; headers: Record<string, string> } => ({
      body: `<!doctype html><meta charset="utf-8"><title>Masq</title>${body}`,
      headers,
    })
    site[`/script${suffix}`] = page(script)
    site[`/module${suffix}`] = page(module)
  }
})
after(async () => {
  await harness?.close()
  sync?.close()
})

const PUT = `Masq.connect({ ...o, store: 'embedded' }).then((m) => m.put('k', 1))`

/** What a page does that needs the file, and how that fails. */
const needs: Record<string, [code: string, failure: RegExp]> = {
  'worker.js': [PUT, /^E_WORKER .*\/worker\.js is missing, or of another/],
  'masq.wasm': [PUT, /^E_WASM .*\/masq\.wasm is of another build/],
  'local.js': [`Masq.connect({ ...o, store: 'local' })`, /^E_WASM .*\/local\.js/],
  'pairing.js': [`Masq.connect({ ...o, store: 'embedded' }).then((m) => m.invite())`, /^E_WASM .*\/pairing\.js/],
  'qr.js': [
    `Masq.connect({ ...o, store: 'embedded' }).then((m) => m.invite()).then((p) => p.qr())`,
    /^E_WASM .*qr\.js/,
  ],
}

/** Opens a page and does it; resolves with how it failed, and which files that are not of this build have run. */
async function outcome(path: string, code: string): Promise<{ failed: string; ran: string[]; asked: string[] }> {
  const profile = await harness.profile()
  const page = await profile.newPage()
  const asked: string[] = []
  page.on('request', (r) => asked.push(new URL(r.url()).pathname))
  await page.goto(harness.url(path))
  await page.waitForFunction('globalThis.Masq')
  await run(page, `void (globalThis.ran = [], new BroadcastChannel('ran').onmessage = (e) => ran.push(e.data))`)
  const o = `const o = { app: { name: 'T' }, sync: '${sync.url}' };`
  const failed = await run<string>(
    page,
    `(() => { ${o} return ${code}.then(() => '', (e) => e.code + ' ' + e.message) })()`,
  )
  const ran = await told(page)
  await profile.close()
  return { failed, ran, asked }
}

/** What has been told so far by whatever ran. */
async function told(page: Page): Promise<string[]> {
  await run(
    page,
    `new Promise((told) => {
    const own = new BroadcastChannel('ran')
    new BroadcastChannel('ran').onmessage = (e) => e.data === '' && told()
    own.postMessage('')
  })`,
  )
  return run(page, `ran.filter(Boolean)`)
}

/** The file, changed by whoever serves it, so that it works, and tells that it ran. */
function changed(file: string): { body: Uint8Array; headers: Record<string, string> } {
  const headers = { 'access-control-allow-origin': '*' }
  if (file === 'masq.wasm') {
    const section = Uint8Array.of(0, 2, 1, 0x78) // an empty one of its own, named x
    return {
      body: Buffer.concat([bytesOf(file), section]),
      headers: { ...headers, 'content-type': 'application/wasm' },
    }
  }
  const body = Buffer.concat([Buffer.from(`new BroadcastChannel('ran').postMessage('${file}');`), bytesOf(file)])
  return { body, headers: { ...headers, 'content-type': 'text/javascript' } }
}

for (const [name, path] of Object.entries(pages))
  describe(name, () => {
    test('with this build’s files all works, each asked for once', async () => {
      for (const [file, [code]] of Object.entries(needs)) {
        const { failed, ran, asked } = await outcome(path, code)
        assert.deepEqual([failed, ran], ['', []], file)
        assert.deepEqual(asked, [...new Set(asked)], file)
      }
    })

    for (const [file, [code, failure]] of Object.entries(needs))
      test(`a changed ${file} does not run`, async () => {
        site[`/${file}`] = changed(file)
        try {
          const { failed, ran } = await outcome(path, code)
          assert.match(failed, failure)
          assert.deepEqual(ran, [])
        } finally {
          delete site[`/${file}`]
        }
      })
  })

test('a bundle’s entry takes no other masq.wasm than its build’s', async () => {
  site['/bundle'] = {
    body: '<!doctype html><title>Masq</title><script type="module">import * as m from "/index.js"; globalThis.Masq = m</script>',
  }
  site['/masq.wasm'] = changed('masq.wasm')
  try {
    const [code, failure] = needs['masq.wasm']!
    assert.match((await outcome('/bundle', code)).failed, failure)
  } finally {
    delete site['/masq.wasm']
  }
  assert.equal((await outcome('/bundle', needs['masq.wasm']![0])).failed, '')
})
