// What browsers stored under earlier commits (core/testdata/stored) opens with all its contents, is written, and syncs on.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { gunzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { codeOf, Harness, run } from './browser.js'
import { SyncServer } from './sync-server.js'

interface Device {
  app: string
  key: string // base64
  blocks: Record<string, string>
}
interface Entry {
  key: string
  value: string
  conflicts?: string[]
}

const read = <T>(commit: string, name: string): T => {
  const file = fileURLToPath(new URL(`../../core/testdata/stored/${commit}/${name}.json.gz`, import.meta.url))
  return JSON.parse(String(gunzipSync(readFileSync(file)))) as T
}
const expected = (commit: string, name: string): Entry[] =>
  read<Record<string, { apps: { entries: Entry[] }[] }>>(commit, 'expected')[name]!.apps[0]!.entries

let harness: Harness
let server: SyncServer
before(async () => {
  server = await SyncServer.open()
  const { port } = new URL(server.url)
  // The devices know their Sync Server as localhost:6280.
  const rules = `--host-resolver-rules=MAP localhost:6280 127.0.0.1:${port}, MAP localhost:6277 127.0.0.1:9, MAP localhost 127.0.0.1`
  harness = await Harness.open({}, 9, [rules])
})
after(async () => {
  await harness?.close()
  server?.close()
})

/** Puts a device's blocks into a page's IndexedDB, and its key, wrapped as the client wraps it. */
const fill = async ({ app, key, blocks }: Device): Promise<void> => {
  const bytes = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  const wrapping = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, wrapping, bytes(key))
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.open(`masq:${app}`, 1)
    request.onupgradeneeded = () => {
      const db = request.result
      const stored = db.createObjectStore('blocks')
      for (const [id, data] of Object.entries(blocks)) stored.add(bytes(data), Number(id))
      db.createObjectStore('keys').add({ key: wrapping, iv, sealed }, 'store')
    }
    request.onsuccess = () => (request.result.close(), resolve())
    request.onerror = () => reject(request.error!)
  })
}

/** A tab of a fresh profile that has a device's data. */
async function open(commit: string, name: string): Promise<Page> {
  const device = read<Device>(commit, name)
  const page = await harness.tab(await harness.profile(), { connected: false })
  await page.evaluate(fill, device)
  await connect(page, device.app)
  return page
}

const connect = (page: Page, app: string): Promise<unknown> =>
  run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, id: '${app}', store: 'embedded' }))`)

/** Asks until it is so. */
async function until(so: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await so()); await sleep(50))
    assert.ok(Date.now() < end, 'not within a minute')
}

/** All that a page's store shows, as the list of what is expected has it; JSON is as the page writes it. */
const contents = (page: Page): Promise<Entry[]> =>
  run(
    page,
    `(async () => {
      const hex = (b) => [...new Uint8Array(b)].map((n) => n.toString(16).padStart(2, '0')).join('')
      const text = async (v) =>
        !(v instanceof Uint8Array) ? JSON.stringify(v)
        : v.length > 4000 ? v.length + ' bytes: ' + hex(await crypto.subtle.digest('SHA-256', v))
        : 'bytes: ' + btoa(String.fromCharCode(...v))
      const all = []
      for (const [key, value] of await masq.list()) {
        const conflicts = await Promise.all((await masq.conflicts(key)).map(text))
        all.push({ key, value: await text(value), ...(conflicts.length ? { conflicts } : {}) })
      }
      return all
    })()`,
  )

/** JSON as a page writes it. */
const same = (e: Entry): Entry => {
  const text = (v: string): string => (/^(bytes|\d+ bytes): /.test(v) ? v : JSON.stringify(JSON.parse(v)))
  return { ...e, value: text(e.value), ...(e.conflicts ? { conflicts: e.conflicts.map(text) } : {}) }
}

test('what an earlier commit stored opens with all its contents, is written, and syncs on', async (t) => {
  for (const commit of ['763b28b', '311a148'])
    await t.test(commit, async () => {
      const chromium = await open(commit, 'chromium')
      const first = await contents(chromium)
      assert.deepEqual(first, expected(commit, 'chromium').map(same))
      await run(chromium, `masq.put('written', { by: 'this engine' })`)
      await chromium.reload()
      await connect(chromium, read<Device>(commit, 'chromium').app)
      assert.deepEqual(await run(chromium, `masq.get('written')`), { by: 'this engine' })
      assert.equal(await run(chromium, 'masq.list().then((l) => l.length)'), first.length + 1)

      const firefox = await open(commit, 'firefox')
      await until(async () => (await run(chromium, `masq.get('from/firefox')`)) === 'not sent yet')
      await until(async () => (await run(firefox, `masq.get('written')`)) !== undefined)
      await run(firefox, `masq.put('last', 1)`)
      await until(async () => (await run(chromium, `masq.get('last')`)) === 1)
      await until(async () => isDeepStrictEqual(await contents(chromium), await contents(firefox)))
      assert.deepEqual(await run(firefox, `Promise.all(['gone/late', 'many/000'].map((k) => masq.get(k)))`), [
        undefined,
        undefined,
      ])
    })
})

test('what an earlier commit stored is not taken for nothing, however late the engine is', async () => {
  const device = read<Device>('311a148', 'chromium')
  const profile = await harness.profile()
  let go!: () => void
  const gate = new Promise<void>((resolve) => (go = resolve))
  await profile.route('**/masq.wasm', async (route) => {
    await gate
    await route.continue()
  })
  const page = await harness.tab(profile, { connected: false })
  const waits = (): Promise<boolean> =>
    run(page, `Promise.race([connected.then(() => false), new Promise((r) => setTimeout(r, 500, true))])`)
  // Another tab leads, and what is stored is not there before this one waits for the lead.
  const other = await harness.tab(profile, { connected: false })
  const lock = `'masq:${device.app}:engine'`
  await run(
    other,
    `new Promise((held) => void navigator.locks.request(${lock}, () => (held(), new Promise((r) => (globalThis.leave = r)))))`,
  )
  await run(
    page,
    `void (globalThis.connected = Masq.connect({ app: { name: 'T' }, id: '${device.app}', store: 'embedded' }).then((m) => (globalThis.masq = m)))`,
  )
  assert.equal(await waits(), true)
  await other.evaluate(fill, device)
  await run(other, 'leave()')
  assert.equal(await waits(), true)
  go()
  await run(page, 'void (await connected)')
  const keys = new Set((await contents(page)).map(({ key }) => key))
  assert.deepEqual(
    expected('311a148', 'chromium').filter(({ key }) => !keys.has(key)),
    [],
  )
  await profile.close()
})

/** The blocks that a page's IndexedDB has, as a device's are written. */
const blocksOf = (page: Page, app: string): Promise<Device['blocks']> =>
  page.evaluate(async (name) => {
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error!)
    })
    const get = <T>(request: IDBRequest<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result)
        request.onerror = () => reject(request.error!)
      })
    const blocks = db.transaction('blocks').objectStore('blocks')
    const [ids, all] = await Promise.all([get(blocks.getAllKeys()), get<Uint8Array[]>(blocks.getAll())])
    db.close()
    return Object.fromEntries(all.map((b, i) => [String(ids[i]), btoa(String.fromCharCode(...b))]))
  }, `masq:${app}`)

test('what a version to come stored is E_VERSION, and stays as it is', async () => {
  const device = read<Device>('311a148', 'firefox')
  const manifest = Buffer.from(device.blocks['0']!, 'base64')
  manifest[0] = 200 // the format of a sealed block
  device.blocks['0'] = manifest.toString('base64')
  const page = await harness.tab(await harness.profile(), { connected: false })
  await page.evaluate(fill, device)
  const connecting = `Masq.connect({ app: { name: 'T' }, id: '${device.app}', store: 'embedded' })`
  for (let loads = 0; loads < 2; loads++) {
    assert.equal(await codeOf(page, connecting), 'E_VERSION')
    await page.reload()
  }
  assert.deepEqual(await blocksOf(page, device.app), device.blocks)
})

/** Flips a bit of a page's largest block of values. */
const flip = async (name: string): Promise<void> => {
  const of = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error!)
    })
  const db = await of(indexedDB.open(name))
  const blocks = db.transaction('blocks', 'readwrite').objectStore('blocks')
  const range = IDBKeyRange.bound(2 * 2 ** 48, 3 * 2 ** 48, false, true) // of the class of value segments
  const [ids, all] = await Promise.all([
    of(blocks.getAllKeys(range)),
    of(blocks.getAll(range) as IDBRequest<Uint8Array[]>),
  ])
  const largest = all.reduce((best, b, i) => (b.length > all[best]!.length ? i : best), 0)
  all[largest]![all[largest]!.length >> 1]! ^= 1
  await of(blocks.put(all[largest], ids[largest]))
  db.close()
}

test('a bit that flipped takes the values beside it, which are counted, and no others', async () => {
  const page = await harness.tab(await harness.profile(), { connected: false })
  const app = 'org.example.flip'
  await connect(page, app)
  for (let n = 0; n < 600; n += 100)
    await run(
      page,
      `masq.batch(Array.from({ length: 100 }, (_, i) => ({ type: 'put', key: 'k/' + (${n} + i), value: ${n} + 'x'.repeat(9_000) })))`,
    )
  await run(page, 'masq.close()')
  await page.evaluate(flip, `masq:${app}`)
  await connect(page, app)
  const damaged = (): Promise<number> => run(page, 'masq.status.damaged')

  const left = new Set(await run<string[]>(page, 'masq.list().then((all) => all.map(([key]) => key))'))
  const lost = Array.from({ length: 600 }, (_, i) => `k/${i}`).filter((key) => !left.has(key))
  assert.ok(
    lost.length > 0 && left.size > 0 && lost.length + left.size === 600,
    `${lost.length} lost, ${left.size} left`,
  )
  for (const key of lost.slice(0, 3)) assert.equal(await codeOf(page, `masq.get('${key}')`), 'E_DAMAGED')
  await until(async () => (await damaged()) === lost.length)

  await run(page, `masq.put('${lost[0]}', 'anew')`)
  await until(async () => (await damaged()) === lost.length - 1)
  await page.reload()
  await connect(page, app)
  assert.equal(await run(page, `masq.get('${lost[0]}')`), 'anew')
  await until(async () => (await damaged()) === lost.length - 1)
})
