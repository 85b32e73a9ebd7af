// Pages that are loaded again, left and come back to.
import assert from 'node:assert/strict'
import { cpuBetween } from '../processes.mjs'
import { connect } from '../stage.mjs'

const TIMES = 20
const CPU_S = 2 // of each load, in all processes that pages are in

/** again loads a page with an open store 20 times in a way: each time everything is there, and the page has not worked in vain. */
export async function again(t, load) {
  const tab = await t.open()
  await tab.run(`masq.put('loads', 0)`)
  const used = []
  for (let i = 1; i <= TIMES; i++) {
    const before = t.browser.processes()
    await load(tab, i)
    await connect(tab)
    assert.equal(await tab.run(`masq.get('loads')`), i - 1)
    await tab.run(`masq.put('loads', ${i})`)
    used.push(cpuBetween(before, t.browser.processes()))
  }
  const most = Math.max(...used)
  assert.ok(most < CPU_S, `${most.toFixed(1)} s of CPU in one load`)
  assert.deepEqual(await t.complaints(), [])
  return `at most ${most.toFixed(2)} s of CPU each`
}

export const reload = (t) => again(t, (tab) => tab.reload())
export const navigate = (t) => again(t, (tab, i) => tab.goto(t.site.url(i % 2 ? '/other' : '/')))

export const loads = [
  ['reload 20 times', reload],
  ['20 navigations to pages of the same origin', navigate],
  [
    'reload beside another tab',
    async (t) => {
      const [a, b] = [await t.open(), await t.open()]
      for (let i = 0; i < 5; i++) {
        await a.reload()
        await connect(a)
        await a.run(`masq.put('k', ${i})`)
        assert.equal(await b.run(`masq.get('k')`), i)
      }
    },
  ],
  [
    'to about:blank and to the page again',
    async (t) => {
      const tab = await t.open()
      await tab.run(`masq.put('k', 1)`)
      await tab.goto('about:blank')
      await tab.goto(t.site.url())
      await connect(tab)
      assert.equal(await tab.run(`masq.get('k')`), 1)
    },
  ],
  [
    'away and back by the history',
    async (t) => {
      const tab = await t.open()
      await tab.run(`(addEventListener('pageshow', (e) => (globalThis.kept = e.persisted)), masq.put('k', 1))`)
      await tab.goto(t.site.url('/other'))
      await tab.back()
      const kept = await tab.run('globalThis.kept === true')
      if (!kept) await connect(tab) // the page was loaded anew
      assert.equal(await tab.run(`(await masq.put('l', 2), masq.get('k'))`), 1)
      assert.deepEqual(await t.complaints(), [])
      return kept ? 'the page was kept' : 'the page was loaded anew'
    },
  ],
]
