// What befalls the engine and its data while tabs are open: it freezes, storage hangs, data is cleared, versions meet.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, CDPSession, Page } from 'playwright-core'
import { CODEC_VERSION } from '../src/codec.gen.js'
import { Harness, codeOf, resolvesTrue, run } from './browser.js'

let harness: Harness
before(async () => void (harness = await Harness.open()))
after(() => harness.close())

/** A tab whose page runs `init` before anything else. */
async function tab(profile: BrowserContext, init: string, options = ''): Promise<Page> {
  const page = await profile.newPage()
  page.on('pageerror', (e) => console.error('page:', e.message))
  await page.addInitScript(init)
  await page.goto(harness.url())
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded', ${options} }))`)
  return page
}

/** Stops a page's Worker dead, its lock held, as a frozen tab does; returns what lets it go on. */
async function freeze(profile: BrowserContext, page: Page): Promise<() => Promise<unknown>> {
  const cdp: CDPSession = await profile.newCDPSession(page)
  const attached = new Promise<string>((resolve) => cdp.on('Target.attachedToTarget', (e) => resolve(e.sessionId)))
  await cdp.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false })
  const sessionId = await attached
  const send = (id: number, method: string): Promise<unknown> =>
    cdp.send('Target.sendMessageToTarget', { sessionId, message: JSON.stringify({ id, method }) })
  await send(1, 'Debugger.enable')
  await send(2, 'Debugger.pause')
  await run(page, `void masq.put('while frozen', 1)`) // the Worker stops at the next thing that it does
  return () => send(3, 'Debugger.resume').then(undefined, () => undefined) // its page may have ended it when the lock was stolen
}

test('a frozen leader is noticed by throttled tabs, and after the clock went back', async () => {
  const throttled = `{ const set = setInterval; globalThis.setInterval = (f, ms, ...r) => set(f, Math.max(ms, 3000), ...r) }`
  const back = `{ const now = Date.now; globalThis.off = 0; Date.now = () => now() + off }`
  for (const [init, before] of [
    [throttled, 'undefined'],
    [back, 'off = -3600e3'],
  ] as const) {
    const profile = await harness.profile()
    const leader = await harness.tab(profile, { options: `store: 'embedded'` })
    const page = await tab(profile, init)
    await run(page, `masq.put('x', 1)`)
    await run(page, `void (${before})`)
    const thaw = await freeze(profile, leader)
    await run(page, `masq.put('y', 2)`) // waits for a leader that answers
    await thaw()
    assert.equal(await run(leader, `masq.get('y')`), 2)
    await resolvesTrue(page, `masq.get('while frozen').then((v) => v === 1)`)
    await profile.close()
  }
})

/** A Worker in which IndexedDB stops answering when told, and in which 30 s are half a second. */
const hanging = (script: string): string => `
  const set = setTimeout
  self.setTimeout = (f, ms, ...r) => set(f, ms === 30000 ? 500 : ms, ...r)
  let hang = false
  const held = []
  const told = new BroadcastChannel('hang')
  told.onmessage = ({ data }) => { hang = data; if (!hang) held.splice(0).forEach((go) => go()); told.postMessage('heard') }
  const { open } = IDBFactory.prototype
  IDBFactory.prototype.open = function (...a) { return hang ? {} : open.apply(this, a) }
  const complete = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, 'oncomplete')
  Object.defineProperty(IDBTransaction.prototype, 'oncomplete', {
    set(f) { complete.set.call(this, (e) => (hang ? held.push(() => f(e)) : f(e))) },
  })
  importScripts('${script}')`

test('storage that does not answer ends the engine, and the next one goes on; a commit counts once or not', async () => {
  const profile = await harness.profile()
  const code = `[${JSON.stringify(hanging(harness.url('/worker.js')))}]`
  const page = await tab(profile, '', `worker: () => new Worker(URL.createObjectURL(new Blob(${code})))`)
  await run(page, `(globalThis.seen = [], masq.watch('', (c) => seen.push(c.key + '=' + c.value)), masq.put('n', 1))`)
  const hang = (yes: boolean): Promise<unknown> =>
    run(
      page,
      `new Promise((heard) => ((globalThis.hang ??= new BroadcastChannel('hang')).onmessage = () => heard(), hang.postMessage(${yes})))`,
    )
  await hang(true)
  assert.equal(await codeOf(page, `masq.put('late', 2)`), 'E_STORAGE')
  await hang(false)
  await resolvesTrue(page, `masq.put('n', 3).then(() => true, () => false)`)
  const late = await run(page, `masq.get('late')`)
  assert.ok(late === undefined || late === 2, String(late))
  await page.waitForFunction(`seen.at(-1) === 'n=3'`)
  await page.reload()
  await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded' }))`)
  assert.deepEqual(await run(page, `Promise.all(['late', 'n'].map((k) => masq.get(k)))`), [late, 3])
  await profile.close()
})

test('connect does not wait for ever for storage', async () => {
  const profile = await harness.profile()
  const fast = `const set = setTimeout; globalThis.setTimeout = (f, ms, ...r) => set(f, ms === 30000 ? 300 : ms, ...r);`
  const table: [what: string, init: string, options: string][] = [
    ['the page', `IDBFactory.prototype.databases = () => new Promise(() => {})`, `store: 'auto'`],
    [
      'the Worker',
      '',
      `store: 'embedded', worker: () => new Worker(URL.createObjectURL(new Blob([
      'const set = setTimeout; self.setTimeout = (f, ms) => set(f, ms === 30000 ? 300 : ms); IDBFactory.prototype.open = () => ({}); importScripts("' + location.origin + '/worker.js")'])))`,
    ],
  ]
  for (const [what, init, options] of table) {
    const page = await profile.newPage()
    await page.addInitScript(fast + init)
    await page.goto(harness.url())
    const put = `Masq.connect({ app: { name: 'T' }, ${options} }).then((m) => m.put('k', 1))`
    assert.equal(await codeOf(page, put), 'E_STORAGE', what)
    await page.close()
  }
  await profile.close()
})

test('a Worker that says nothing is E_WORKER', async () => {
  const fast = `const set = setTimeout; globalThis.setTimeout = (f, ms, ...r) => set(f, ms === 60000 ? 500 : ms, ...r)`
  const mute = `new Worker(URL.createObjectURL(new Blob(['onmessage = () => undefined'])))`
  const profile = await harness.profile()
  for (const worker of [`() => ${mute}`, `() => new Promise(() => undefined)`]) {
    const page = await profile.newPage()
    await page.addInitScript(fast)
    await page.goto(harness.url())
    const put = `Masq.connect({ app: { name: 'T' }, store: 'embedded', worker: ${worker} }).then((m) => m.put('k', 1))`
    assert.match(await codeOf(page, put), /^E_(WORKER|OPTIONS)$/)
    await page.close()
  }
  await profile.close()
})

test('an UnknownError at opening is tried again', async () => {
  const profile = await harness.profile()
  const failing = (times: number): string => `
    const { open } = IDBFactory.prototype
    let failures = ${times}
    IDBFactory.prototype.open = function (...a) {
      if (failures-- <= 0) return open.apply(this, a)
      const request = { error: new DOMException('Connection to Indexed Database server lost', 'UnknownError') }
      setTimeout(() => request.onerror())
      return request
    }
    importScripts('${harness.url('/worker.js')}')`
  for (const [times, want] of [
    [2, ''],
    [9, 'E_STORAGE'],
  ] as const) {
    const page = await harness.tab(profile, { connected: false })
    const worker = `() => new Worker(URL.createObjectURL(new Blob([${JSON.stringify(failing(times))}])))`
    const put = `Masq.connect({ app: { name: 'T' }, store: 'embedded', worker: ${worker} }).then((m) => m.put('k', 1))`
    assert.equal(await codeOf(page, put), want)
    await page.close()
  }
  await profile.close()
})

const deleted = `new Promise((resolve, reject) => {
  const r = indexedDB.deleteDatabase('masq:' + location.origin)
  r.onsuccess = resolve
  r.onerror = reject
})`
const follow = `(globalThis.seen = [], globalThis.errors = [],
  masq.addEventListener('status', () => masq.status.error && errors.push(masq.status.error)),
  masq.watch('', (c) => seen.push(c.type === 'reset' ? c.reason : c.key + '=' + c.value)), masq.get('-'))`

/** As the user does it in the browser's settings. */
async function clearSite(page: Page): Promise<void> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Storage.clearDataForOrigin', { origin: new URL(page.url()).origin, storageTypes: 'indexeddb' })
}

for (const [how, clear] of [
  ['by a script', (page: Page) => run(page, deleted)],
  ['by the browser', clearSite],
] as const)
  test(`data that is cleared ${how}: one reset for each watch, no deletions, one error, and on with none`, async () => {
    const profile = await harness.profile()
    const pages = [await harness.tab(profile), await harness.tab(profile)] as const
    for (const page of pages) await run(page, follow)
    await run(pages[0], `masq.batch([1, 2, 3].map((n) => ({ type: 'put', key: 'k' + n, value: n })))`)
    const other = await harness.tab(profile, { connected: false })
    await clear(other)
    for (const page of pages) await page.waitForFunction(`seen.includes('cleared') && masq.status.error === undefined`)
    await run(pages[1], `masq.put('new', 4)`)
    for (const page of pages) {
      await page.waitForFunction(`seen.at(-1) === 'new=4'`)
      assert.deepEqual(await run(page, 'seen'), ['k1=1', 'k2=2', 'k3=3', 'cleared', 'new=4'])
      assert.deepEqual(await run(page, 'errors'), ['E_CLEARED'])
      assert.deepEqual(await run(page, 'masq.list()'), [['new', 4]])
    }
    await profile.close()
  })

test('a leader that ends, or its lock that is stolen, is no reset', async () => {
  const profile = await harness.profile()
  const pages = [await harness.tab(profile), await harness.tab(profile)] as const
  await run(pages[1], follow)
  await run(pages[0], `masq.put('k', 1)`)
  await pages[0].close()
  await run(pages[1], `masq.put('k', 2)`)
  await run(
    pages[1],
    `navigator.locks.request('masq:' + location.origin + ':engine', { steal: true }, () => undefined)`,
  )
  await run(pages[1], `masq.put('k', 3)`)
  await pages[1].waitForFunction('seen.length === 3')
  assert.deepEqual(await run(pages[1], '[seen, errors]'), [['k=1', 'k=2', 'k=3'], []])
  await profile.close()
})

test('to read the key of a reset is told in the console', async () => {
  const profile = await harness.profile()
  const page = await harness.tab(profile)
  await run(
    page,
    `(globalThis.told = [], addEventListener('error', (e) => (told.push(e.error.code), e.preventDefault())),
      masq.watch('', ({ key, value }) => told.push(key)), masq.put('k', 1))`,
  )
  await run(await harness.tab(profile, { connected: false }), deleted)
  await page.waitForFunction('told.length === 2')
  assert.deepEqual(await run(page, 'told'), ['k', 'E_RESET'])
  await profile.close()
})

/** A tab of another version of Masq: one that says another number, of which the rest is as it is. */
const ofVersion = (version: number): string => `
  const { postMessage } = BroadcastChannel.prototype
  const other = (m) => (m?.t === 'hello' ? { ...m, version: ${version} } : m)
  BroadcastChannel.prototype.postMessage = function (m) { postMessage.call(this, other(m)) }`

test('a page of another version waits until the tabs with the data have gone; those hear of a newer one', async () => {
  for (const [version, newer] of [
    [CODEC_VERSION + 1, true],
    [CODEC_VERSION - 1, false],
  ] as const) {
    const profile = await harness.profile()
    const old = [await harness.tab(profile), await harness.tab(profile)] as const
    await run(old[0], `masq.put('k', 1)`)
    const page = await tab(profile, ofVersion(version))
    assert.deepEqual(await run(page, '[masq.status.error, masq.status.sync]'), ['E_VERSION', 'off'])
    await run(page, `void (globalThis.seen = [], masq.watch('', (c) => seen.push(c.key + '=' + c.value)))`)
    for (const call of [`masq.get('k')`, `masq.put('k', 2)`, 'masq.list()', 'masq.invite()'])
      assert.equal(await codeOf(page, call), 'E_VERSION', call)
    for (const o of old) {
      await o.waitForFunction(`masq.status.newer === ${newer}`)
      assert.equal(await run(o, `masq.get('k')`), 1)
    }
    await old[0].close()
    assert.equal(await run(old[1], `masq.get('k')`), 1)
    assert.equal(await codeOf(page, `masq.put('k', 2)`), 'E_VERSION')
    await old[1].close()
    await page.waitForFunction('masq.status.error === undefined')
    await run(page, `masq.put('k', 3)`)
    assert.deepEqual(await run(page, `Promise.all([masq.get('k'), seen])`), [3, ['k=3']])
    await profile.close()
  }
})
