// First contact: what a program of somebody else's gets that is on the port where applications look for the local store, and how often
// it may try.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { Harness, codeOf, eventually, run } from './browser.js'
import { FakeStore, SILENCE, type Instead } from './fake-store.js'
import { Squatter } from './squatter.js'

const SECRET = 'my secret diary'
const ICON = 'data:image/png;base64,AAAA'

const squatters = new Map<number, { squatter: Squatter; harness: Harness }>()
before(async () => {
  for (const api of [1, 2]) {
    const squatter = await Squatter.open(api)
    squatters.set(api, { squatter, harness: await Harness.open({}, squatter.port) })
  }
})
after(async () => {
  for (const { squatter, harness } of squatters.values()) await Promise.all([harness.close(), squatter.close()])
})

/** A page whose data is in the browser, and a squatter that has heard nothing yet. */
async function diary(api: number): Promise<{ page: Page; squatter: Squatter; end: () => Promise<void> }> {
  const { squatter, harness } = squatters.get(api)!
  squatter.heard.length = 0
  const profile = await harness.profile()
  const page = await harness.tab(profile, { connected: false })
  const app = `app: { name: 'Diary', description: '${SECRET}', icon: '${ICON}' }`
  await run(page, `void (globalThis.open = (store) => Masq.connect({ ${app}, store }))`)
  await run(
    page,
    `(async () => { const m = await open('embedded'); await m.put('d/1', '${SECRET}'); await m.close() })()`,
  )
  await run(page, `void (globalThis.masq = await open('auto'))`)
  return { page, squatter, end: () => profile.close() }
}

const introduction = [{ request: { app: { name: 'Diary', icon: ICON } } }]

for (const [what, api, digits, code, learned] of [
  ['of another version', 1, `{ digits: async () => '000000' }`, 'E_VERSION', []],
  ['that plays the store, without digits to be typed', 2, '', 'E_OPTIONS', []],
  ['that plays the store, with other digits', 2, `{ digits: async () => '000000' }`, 'E_AUTH', introduction],
  ['that plays the store, with none', 2, `{ digits: async () => undefined }`, 'E_DENIED', introduction],
] as const)
  test(`useLocalStore gives data to no program ${what}`, async () => {
    const { page, squatter, end } = await diary(api)
    const got = await codeOf(page, `masq.useLocalStore(${digits})`)
    assert.deepEqual(
      squatter.heard.filter((call) => JSON.stringify(call).includes(SECRET)),
      [],
    )
    assert.equal(got, code)
    assert.deepEqual(squatter.learned, learned)
    assert.deepEqual(await run(page, `[masq.status.store, await masq.get('d/1')]`), ['embedded', SECRET])
    await end()
  })

test('under auto, nothing goes to a program of another version', async () => {
  const { squatter, harness } = squatters.get(1)!
  squatter.heard.length = 0
  const profile = await harness.profile()
  const page = await harness.tab(profile)
  await run(page, `masq.put('d/1', '${SECRET}')`)
  assert.equal(await run(page, 'masq.status.store'), 'embedded')
  assert.deepEqual(squatter.learned, [])
  await profile.close()
})

describe('exchanges that come to nothing', () => {
  let store: FakeStore
  let harness: Harness
  before(async () => {
    store = await FakeStore.open()
    harness = await Harness.open({}, store.port)
  })
  after(() => Promise.all([harness.close(), store.close()]))

  const cuts: Instead = ({ method }, ws) => (method === 'reveal' ? (ws.close(1001), SILENCE) : undefined)
  const waits: Instead = ({ method }, ws) =>
    method === 'reveal'
      ? (ws.send('{"jsonrpc":"2.0","method":"asking","params":{"expires":1800000600000}}'), SILENCE)
      : undefined

  /** A profile that has never met a store, with a clock that can be moved. */
  async function fresh(instead: Instead): Promise<{ profile: BrowserContext; page: Page }> {
    store.calls.length = 0
    store.instead = instead
    const profile = await harness.profile()
    await profile.addInitScript(() => {
      const now = Date.now
      Date.now = () => now() + Number(sessionStorage.getItem('later') ?? 0)
    })
    return { profile, page: await harness.tab(profile, { connected: false }) }
  }
  const connect = (page: Page, options = ''): Promise<unknown> =>
    run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, ${options} }))`)
  const until = (page: Page, state: string): Promise<unknown> =>
    page.waitForFunction(`masq.status.store === '${state}'`, undefined, { timeout: 60_000 })
  const asked = async (n: number): Promise<void> => {
    await eventually('asked', () => store.count('reveal') >= n)
    assert.equal(store.count('reveal'), n)
  }

  test('after three a page asks only by a click, and after ten minutes', async () => {
    const { profile, page } = await fresh(cuts)
    await connect(page, `store: 'local'`)
    await until(page, 'denied')
    await asked(3)
    assert.equal(await codeOf(page, 'masq.useLocalStore()'), 'E_DENIED')
    await run(page, `sessionStorage.setItem('later', 590_000)`)
    await page.reload()
    await connect(page, `store: 'local'`)
    assert.equal(await run(page, 'masq.status.store'), 'denied')
    assert.equal(await codeOf(page, 'masq.useLocalStore()'), 'E_DENIED')
    await asked(3)
    await run(page, `sessionStorage.setItem('later', 620_000)`)
    assert.equal(await codeOf(page, 'masq.useLocalStore()'), 'E_STORE_AWAY')
    assert.equal(await codeOf(page, 'masq.useLocalStore()'), 'E_DENIED')
    await asked(4)
    store.instead = () => undefined
    await run(page, `sessionStorage.setItem('later', 1_300_000)`)
    await run(page, 'masq.useLocalStore()')
    await asked(5)
    await page.reload()
    await connect(page)
    assert.equal(await run(page, 'masq.status.store'), 'local', 'what is proven stays so')
    await asked(5)
    await profile.close()
  })

  test('auto asks once, and three times where the page itself went away', async () => {
    const cut = await fresh(cuts)
    for (let i = 0; i < 3; i++) {
      await connect(cut.page)
      await until(cut.page, 'embedded')
      await cut.page.reload()
    }
    await asked(1)
    await cut.profile.close()

    const { profile, page } = await fresh(waits)
    for (const n of [1, 2, 3]) {
      await connect(page)
      await until(page, 'asking')
      await asked(n)
      await page.reload()
    }
    await connect(page)
    await until(page, 'embedded')
    await asked(3)
    await profile.close()
  })

  test('a token of before counts as proven', async () => {
    const { profile, page } = await fresh(() => undefined)
    await connect(page)
    await until(page, 'local')
    await run(page, `masq.close()`)
    const older = `(all) => ({ id: all.id, key: all.key, refused: false, revoked: false, used: true })`
    await run(
      page,
      `new Promise((resolve) => {
        const open = indexedDB.open('masq-local-store', 1)
        open.onsuccess = () => {
          const grants = open.result.transaction('grant', 'readwrite').objectStore('grant')
          grants.get(0).onsuccess = (e) => grants.put((${older})(e.target.result), 0)
          grants.transaction.oncomplete = () => resolve(open.result.close())
        }
      })`,
    )
    await page.reload()
    await connect(page)
    assert.equal(await run(page, `(await masq.put('k', 1), masq.status.store)`), 'local')
    await asked(1)
    await profile.close()
  })
})
