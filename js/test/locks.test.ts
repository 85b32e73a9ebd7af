// Web Locks that are refused, stolen, or lost with the document.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { Harness, codeOf, run } from './browser.js'

const frame = (sandbox: string): string =>
  `<!doctype html><title>Frame</title><iframe sandbox="${sandbox}" src="/inner"></iframe>`
const inner = `<!doctype html><script src="/masq.global.js"></script><script>
  const open = async (store) => { try { await Masq.connect({ app: { name: 'T' }, store }); return 'ok' } catch (e) { return e.code + ': ' + e.message } }
  onmessage = async ({ data }) => parent.postMessage(await open(data), '*')
</script>`

/** Counts requests for locks, and lets a test take one away as the browser does when the document goes: with AbortError. */
const countLocks = `
  globalThis.asked = []
  const request = LockManager.prototype.request
  const takers = new Map()
  globalThis.takeAway = (end) => takers.forEach((take, name) => name.endsWith(end) && take())
  LockManager.prototype.request = function (name, options, work) {
    if (asked.push(name) > 100) return new Promise(() => {}) // a page that asks without end could not even be asked
    let let_go
    const gone = new Promise((_, reject) => takers.set(name, () => {
      reject(new DOMException('the browsing context is going away', 'AbortError'))
      let_go()
    }))
    const held = new Promise((resolve) => (let_go = resolve))
    return Promise.race([gone, request.call(this, name, options, (lock) => Promise.race([work(lock), held]))])
  }`

let harness: Harness
let profile: BrowserContext
before(async () => {
  const page = (body: string): { body: string } => ({ body })
  harness = await Harness.open({ '/sandbox': page(frame('allow-scripts')), '/inner': page(inner) })
  profile = await harness.profile()
})
after(() => harness.close())

const tab = async (init: string): Promise<Page> => {
  const page = await profile.newPage()
  await page.addInitScript(init)
  await page.goto(harness.url())
  return page
}
const turn = (page: Page): Promise<unknown> => run(page, 'new Promise((resolve) => setTimeout(resolve))')

test('a sandboxed frame is told that there is no storage, and the page around it lives', async () => {
  for (const store of ['embedded', 'auto', 'local']) {
    const page = await harness.tab(profile, { path: '/sandbox', connected: false })
    const answer = await run(
      page,
      `new Promise((resolve) => {
        onmessage = (e) => resolve(e.data)
        frames[0].postMessage('${store}', '*')
      })`,
    )
    assert.match(String(answer), /^E_STORAGE: The browser does not keep data here/, store)
    assert.equal(await run(page, '1 + 1'), 2)
    await page.close()
  }
})

test('locks that are refused are not asked for again', async () => {
  for (const name of ['SecurityError', 'InvalidStateError', 'NotSupportedError', 'TypeError']) {
    const page = await tab(
      `globalThis.asked = 0
       LockManager.prototype.request = () => (asked++, Promise.reject(new DOMException('no', '${name}')))`,
    )
    const connected = `Masq.connect({ app: { name: 'T' }, store: 'embedded' })`
    assert.equal(await codeOf(page, connected), 'E_STORAGE', name)
    await turn(page)
    assert.equal(await run(page, 'asked'), 2, 'the engine’s and the tab’s')
    await page.close()
  }
})

test('a lock that is lost with the document is asked for in another turn, once', async () => {
  for (const lock of [':engine', '']) {
    const page = await tab(countLocks)
    await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded' }))`)
    await run(page, `masq.put('k', 1)`)
    const inTurn = await run(
      page,
      `(asked.length = 0, takeAway('${lock}'), await null, await null, await null, asked.length)`,
    )
    assert.equal(inTurn, 0, 'in the turn in which it was lost')
    await run(page, `masq.put('k', 2)`)
    assert.equal(await run(page, `masq.get('k')`), 2)
    const asked = await run<string[]>(page, `asked`)
    assert.ok(asked.length <= 2 && asked.length >= 1, String(asked))
    await page.close()
  }
})

test('a tab that has lost its own lock is welcomed anew, and its watches go on', async () => {
  const leader = await harness.tab(profile, { options: `store: 'embedded', id: 'own'` })
  const page = await tab(countLocks)
  await run(
    page,
    `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded', id: 'own' }), globalThis.seen = [],
      masq.watch('', (c) => seen.push(c.value)))`,
  )
  await run(page, `masq.put('k', 1)`)
  const [own] = await run<string[]>(page, `asked.filter((name) => name.includes(':tab:'))`)
  await run(page, `takeAway('${own}')`)
  await run(leader, `masq.put('k', 2)`)
  await run(page, `masq.put('k', 3)`)
  await page.waitForFunction('seen.length === 3')
  assert.deepEqual(await run(page, 'seen'), [1, 2, 3])
  await leader.close()
  await page.close()
})

test('a leader whose page goes into the browser’s cache ends its engine, and is there again when it comes back', async () => {
  const page = await harness.tab(profile, { options: `store: 'embedded', id: 'cache'` })
  const other = await harness.tab(profile, { options: `store: 'embedded', id: 'cache'` })
  const go = (type: string): Promise<unknown> =>
    run(page, `dispatchEvent(new PageTransitionEvent('${type}', { persisted: true }))`)
  await run(page, `void (globalThis.seen = [], masq.watch('', (c) => seen.push(c.value)), masq.put('k', 1))`)
  await page.waitForFunction('seen.length === 1')
  assert.equal(page.workers().length, 1)
  await go('pagehide')
  await run(other, `masq.put('k', 2)`)
  assert.deepEqual([page.workers().length, other.workers().length], [0, 1])
  await go('pageshow')
  await run(page, `masq.put('k', 3)`)
  assert.deepEqual(await run(page, 'seen'), [1, 2, 3])
  await other.close()
  await run(page, `masq.put('k', 4)`)
  assert.equal(page.workers().length, 1)
  await page.close()
})
