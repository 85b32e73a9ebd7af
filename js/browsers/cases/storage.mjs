// What is kept: over the browser's end, in private browsing, when the data is cleared.
import assert from 'node:assert/strict'
import { until } from '../stage.mjs'

/** restart ends the browser in a way and starts it again with the same profile. */
async function restart(t, end) {
  await end()
  t.forget()
  await t.browser.start()
  return t.open()
}

/** writing has a page write numbers, and tell the server of each that is acknowledged, for as long as it lives. */
const writing = `(async () => {
  for (let i = 0; ; i++) {
    await masq.put('k' + i, i)
    await fetch('/acknowledge?key=k' + i)
  }
})()`

/** refused has a second engine commit a log record that there is, and more: what it is told, and what is there then. */
const refused = `(async () => {
  await new Promise((resolve, reject) =>
    document.head.append(Object.assign(document.createElement('script'), { src: '/storage.js', onload: resolve, onerror: reject })))
  const block = (id, byte) => ({ id, data: new Uint8Array(100).fill(byte) })
  const log = 2 ** 48 + 1
  const store = await MasqStorage.BlockStore.open('blocks')
  await store.commit([block(log, 1)], [block(0, 1)], [], false, 0)
  const again = store.commit([block(log, 2), block(2 * 2 ** 48, 2)], [block(0, 2)], [log - 1], false, 0)
  const told = await again.then(() => 'done', (e) => e.reason)
  return { told, ids: await store.list(), bytes: (await store.load([0, log])).map((data) => data[0]), log }
})()`

export const storage = [
  [
    'a commit that adds what is there is refused, with all that it has',
    async (t) => {
      const tab = await t.tab()
      const { told, ids, bytes, log } = await tab.run(refused)
      assert.deepEqual({ told, ids, bytes }, { told: 'exists', ids: [0, log], bytes: [1, 1] })
    },
  ],
  [
    'the browser is restarted: the data is there',
    async (t) => {
      const tab = await t.open()
      const id = await tab.run(
        `(await masq.put('k', { a: 1 }), await masq.put('b', new Uint8Array([1, 2])), masq.status.self.id)`,
      )
      const again = await restart(t, () => t.browser.close())
      assert.deepEqual(await again.run(`[masq.status.self.id, await masq.get('k'), ...(await masq.get('b'))]`), [
        id,
        { a: 1 },
        1,
        2,
      ])
    },
  ],
  [
    'the browser is killed amid writes: what was acknowledged is there',
    async (t) => {
      const tab = await t.open()
      await tab.begin(writing)
      await until(() => t.site.acknowledged.size >= 50)
      const again = await restart(t, () => t.browser.kill())
      const keys = new Set(await again.run(`masq.list({ prefix: 'k' }).then((l) => l.map(([key]) => key))`))
      const acknowledged = [...t.site.acknowledged]
      assert.deepEqual(
        acknowledged.filter((key) => !keys.has(key)),
        [],
      )
      return `${acknowledged.length} acknowledged writes`
    },
  ],
  [
    'private browsing: works, and shares nothing',
    async (t) => {
      const tab = await t.open()
      await tab.run(`masq.put('k', 'ordinary')`)
      const privately = await t.open('', { browser: await t.privately() })
      assert.equal(await privately.run(`masq.get('k').then((v) => v === undefined)`), true)
      assert.equal(await privately.run(`(await masq.put('k', 'private'), masq.get('k'))`), 'private')
      assert.equal(await tab.run(`masq.get('k')`), 'ordinary')
    },
  ],
  [
    'persist(), and what status says of the storage',
    async (t) => {
      const tab = await t.open()
      const granted = await tab.run(`(await masq.put('k', 1), masq.persist())`)
      assert.equal(typeof granted, 'boolean')
      if (granted) await tab.until('masq.status.persistent === true')
      const { low, temporary } = await tab.run('masq.status')
      assert.deepEqual([low, typeof temporary], [false, 'boolean'])
      return granted ? 'granted' : 'not granted'
    },
  ],
  [
    'the data is cleared while the page is open: it is told, and goes on',
    async (t) => {
      const [a, b] = [await t.open(), await t.tab()]
      await a.run(`(globalThis.told = [], masq.watch('', (c) => told.push(c)), masq.put('x', 1))`)
      await b.run(`new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase('masq:' + location.origin)
      Object.assign(request, { onsuccess: () => resolve(1), onerror: reject })
    })`)
      await a.code(`masq.put('y', 2)`) // E_STORAGE, or done already by the next engine
      await a.run(`masq.put('z', 3)`)
      await a.until(`told.some((c) => c.type === 'reset' && c.reason === 'cleared')`)
      assert.deepEqual(await a.run(`[(await masq.get('x')) === undefined, await masq.get('z')]`), [true, 3])
    },
  ],
]
