// Several tabs share one engine, whatever becomes of the one that runs it.
import assert from 'node:assert/strict'
import { until } from '../stage.mjs'
import { sees, watch } from './watches.mjs'

const many = (name, n) =>
  `Promise.all(Array.from({ length: ${n} }, (_, i) => new Promise((r) => setTimeout(r, i * 5)).then(() => masq.put('${name}' + i, i))))`
const count = (tab, prefix) => tab.run(`masq.list({ prefix: '${prefix}' }).then((l) => l.length)`)

/** goes has the leading tab go while another writes: every write is there, the third tab is told of each. */
async function goes(t, leave, options = '') {
  const [leader, b, c] = [await t.open(options), await t.open(options), await t.open(options)]
  await leader.run(`masq.put('before', 1)`)
  await watch(c)
  const written = b.run(`${many('k', 100)}.then(() => 1)`, 90_000)
  written.catch(() => undefined) // awaited below
  await leave(leader)
  await written
  assert.deepEqual([await count(c, 'k'), await c.run(`masq.get('before')`)], [100, 1])
  await c.until(`new Set(seen.filter((s) => s.startsWith('k'))).size === 100`)
  return [leader, b, c]
}

/**
 * killed has the leading tab's process killed while another tab writes. That one tells the server itself how it went: WebKit's
 * driver ends its session when a page crashes. The browser is started again, for the cases that follow.
 */
async function killed(t) {
  const [leader, other] = [await t.open(), await t.open()]
  const pid = await pidOf(t, leader)
  assert.notEqual(pid, await pidOf(t, other), 'each tab has a process of its own')
  await other.begin(`${many('k', 100)}
    .then(() => masq.list({ prefix: 'k' }))
    .then((l) => l.length, (e) => e.code)
    .then((value) => fetch('/report?value=' + JSON.stringify(value)))`)
  process.kill(pid, 'SIGKILL')
  await until(() => t.site.reports.length > 0)
  assert.deepEqual(t.site.reports, [100])
  t.forget()
  await t.browser.kill()
  await t.browser.start()
}

/** pidOf is the process that a tab's page is in: of the browser's processes the one that works when the page does. */
async function pidOf(t, tab) {
  const before = new Map(t.browser.processes().map(({ pid, cpu }) => [pid, cpu]))
  await tab.run(`(() => { for (const end = performance.now() + 1000; performance.now() < end; ); })()`)
  const used = t.browser.processes().map(({ pid, cpu }) => [cpu - (before.get(pid) ?? 0), pid])
  return used.sort(([a], [b]) => b - a)[0][1]
}

/** freezes has the leading tab's Worker freeze, now or when it next writes, and thaw when another leads. */
async function freezes(t, when) {
  const freeze = async (leader) => {
    await leader.run(`(globalThis.freeze = new BroadcastChannel('freeze'), freeze.postMessage('${when}'), 1)`)
    await until(() => t.site.frozen === 1)
  }
  const [leader, , c] = await goes(t, freeze, `worker: '/freezable.js'`)
  t.site.thaw()
  await leader.run(`masq.put('thawed', 1)`)
  await sees(c, 'thawed=1 tab')
  assert.equal(await count(leader, 'k'), 100)
}

export const tabs = [
  [
    'two tabs write at once',
    async (t) => {
      const [a, b] = [await t.open(), await t.open()]
      await Promise.all([a.run(`${many('a', 60)}.then(() => 1)`), b.run(`${many('b', 60)}.then(() => 1)`)])
      assert.deepEqual([await count(a, 'b'), await count(b, 'a')], [60, 60])
    },
  ],
  [
    'two tabs: the same key',
    async (t) => {
      const [a, b] = [await t.open(), await t.open()]
      const race = (tab, n) =>
        tab.run(`Promise.all(Array.from({ length: 30 }, (_, i) => masq.put('k', ${n} + i))).then(() => 1)`)
      await Promise.all([race(a, 100), race(b, 200)])
      const [one, two] = await Promise.all([a, b].map((tab) => tab.run(`masq.get('k')`)))
      assert.equal(one, two)
      assert.ok([129, 229].includes(one), `${one}`)
      assert.deepEqual(await a.run(`masq.conflicts('k')`), [])
    },
  ],
  ['the leader’s tab is closed: another leads', (t) => goes(t, (leader) => t.close(leader))],
  ['the leader calls close(): another leads', (t) => goes(t, (leader) => leader.run('masq.close()'))],
  ['the leader goes to another page: another leads', (t) => goes(t, (leader) => leader.goto('about:blank'))],
  ['the leader’s process is killed: another leads', killed],
  ['the leader freezes: another leads, and it comes back as one of them', (t) => freezes(t, 'now')],
  ['the leader freezes as it begins to write: another leads, and it comes back', (t) => freezes(t, 'write')],
]
