// Pages that are loaded again, left and come back to.
import assert from 'node:assert/strict'
import { cpuBetween } from '../processes.mjs'
import { connect } from '../stage.mjs'

const TIMES = 20
const CPU_S = 2 // of each load, in the processes that pages are in
const TRIES = 3 // of a load: on a busy machine the same work takes more CPU time, but what works in vain does so each time

/** again loads a page with an open store 20 times in a way: each time everything is there, and the page has not worked in vain. */
export async function again(t, load) {
  const tab = await t.open()
  await tab.run(`masq.put('loads', 0)`)
  let most = 0
  for (let i = 1; i <= TIMES; i++) most = Math.max(most, await cheap(t, tab, () => load(tab, i), i))
  assert.deepEqual(await t.complaints(), [])
  return `at most ${most.toFixed(2)} s of CPU each`
}

/** cheap loads the page until that took little CPU, and returns how much. */
async function cheap(t, tab, load, i) {
  const used = []
  while (used.length < TRIES) {
    const before = t.browser.processes()
    await load()
    await connect(tab)
    assert.equal(await tab.run(`masq.get('loads')`), used.length === 0 ? i - 1 : i)
    await tab.run(`masq.put('loads', ${i})`)
    used.push(cpuBetween(before, t.browser.processes()))
    if (used.at(-1) < CPU_S) return used.at(-1)
  }
  throw new Error(`load ${i} took ${used.map((s) => s.toFixed(1)).join(', ')} s of CPU`)
}

export const reload = (t) => again(t, (tab) => tab.reload())
export const navigate = (t) => again(t, (tab, i) => tab.goto(t.site.url(i % 2 ? '/other' : '/')))

// Nothing compiles before it may go on.
const late = `const compile = WebAssembly.compileStreaming
WebAssembly.compileStreaming = (...args) => new Promise((go) => (globalThis.go = go)).then(() => compile(...args))`

export const loads = [
  [
    'the first load: there is nothing, before there is an engine; a write waits for it',
    async (t) => {
      t.site.first = late
      const tab = await t.open()
      assert.deepEqual(await tab.run(`masq.list()`), [])
      await tab.begin(`(globalThis.written = masq.put('k', 1))`)
      await tab.until('!!globalThis.go')
      await tab.run('(go(), 1)')
      assert.equal(await tab.run(`written.then(() => masq.get('k'))`), 1)
    },
  ],
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
