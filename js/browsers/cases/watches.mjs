// What a page is told of changes.
import assert from 'node:assert/strict'

/** watch collects what a watch of everything tells, as `key=value from`. */
export const watch = (tab) =>
  tab.run(
    `(globalThis.seen = [], masq.watch('', (c) => seen.push(c.key + '=' + c.value + ' ' + c.from)), masq.get('-'))`,
  )
export const sees = (tab, ...all) => tab.until(`${JSON.stringify(all)}.every((one) => seen.includes(one))`)

export const watches = [
  [
    'watch: here',
    async (t) => {
      const tab = await t.open()
      await watch(tab)
      await tab.run(`(await masq.put('a', 1), await masq.put('a', 2), masq.del('a'))`)
      await sees(tab, 'a=1 here', 'a=2 here', 'a=undefined here')
      assert.equal(await tab.run('seen.length'), 3)
    },
  ],
  [
    'watch: of a prefix, until it is stopped',
    async (t) => {
      const tab = await t.open()
      await tab.run(
        `(globalThis.told = [], globalThis.stop = masq.watch('n/', (c) => told.push(c.key)), masq.get('-'))`,
      )
      await tab.run(`(await masq.put('m/1', 1), await masq.put('n/1', 1), await masq.put('n/2', 1))`)
      await tab.until('told.length === 2')
      await tab.run(`(stop(), await masq.put('n/3', 1), await masq.get('-'), await masq.get('-'))`)
      assert.deepEqual(await tab.run('told'), ['n/1', 'n/2'])
    },
  ],
  [
    'watch: stopped inside its callback',
    async (t) => {
      const tab = await t.open()
      await tab.run(
        `(globalThis.told = [], globalThis.stop = masq.watch('', (c) => (told.push(c.key), stop())), masq.get('-'))`,
      )
      await tab.run(`masq.batch([1, 2, 3].map((n) => ({ type: 'put', key: 'k' + n, value: n })))`)
      await tab.run(`(await masq.get('-'), await masq.get('-'))`)
      assert.deepEqual(await tab.run('told'), ['k1'])
    },
  ],
  [
    'watch: across tabs',
    async (t) => {
      const [a, b] = [await t.open(), await t.open()]
      await Promise.all([watch(a), watch(b)])
      await a.run(`masq.put('x', 1)`)
      await b.run(`masq.put('y', 2)`)
      await Promise.all([sees(a, 'x=1 here', 'y=2 tab'), sees(b, 'x=1 tab', 'y=2 here')])
    },
  ],
]
