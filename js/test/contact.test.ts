// First contact: what a program of somebody else's gets that is on the port where applications look for the local store.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { Harness, codeOf, run } from './browser.js'
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
