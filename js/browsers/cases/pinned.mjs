// Pages that pin the script by its hash.
import assert from 'node:assert/strict'
import { connect } from '../stage.mjs'

const failure = (tab, code) => tab.run(`${code}.then(() => 'nothing', (e) => e.code + ' ' + e.message)`)
const CONNECT = `Masq.connect({ app: { name: 'T' }, store: 'embedded' })`
const PUT = `${CONNECT}.then((m) => m.put('k', 1))`
const changes = [
  ['worker.js', PUT, /^E_WORKER .*worker\.js is missing, or of another build/],
  ['masq.wasm', PUT, /^E_WASM .*masq\.wasm is of another build/],
  ['pairing.js', `${CONNECT}.then((m) => m.invite())`, /^E_WASM .*pairing\.js/],
  ['local.js', `Masq.connect({ app: { name: 'T' }, store: 'local' })`, /^E_WASM .*local\.js/],
]

/** loaded opens a page and waits for its script. */
async function loaded(t, page) {
  const tab = await t.tab(page)
  await tab.run(`(async () => { while (!globalThis.Masq) await new Promise((r) => setTimeout(r, 10)); return 1 })()`)
  return tab
}

const scene = (page, script) => async (t) => {
  t.site.changed = script
  const none = await t.tab(page) // which waits for its scripts
  assert.equal(await none.run('typeof globalThis.Masq'), 'undefined')
  await t.close(none)
  for (const [file, code, message] of changes) {
    t.site.changed = file
    const tab = await loaded(t, page)
    assert.match(await failure(tab, code), message)
    await t.close(tab)
  }
  t.site.changed = ''
  const tab = await loaded(t, page)
  t.site.asked = []
  await connect(tab)
  assert.equal(await tab.run(`(await masq.put('k', 1), masq.get('k'))`), 1)
  assert.match(await failure(tab, 'masq.invite()'), /^E_SYNC/)
  assert.deepEqual(t.site.asked.sort(), ['/masq.wasm', '/pairing.js', '/worker.js'])
}

export const pinned = [
  ['pinned script: what is of another build does not run', scene('/pinned-script', 'masq.global.js')],
  ['pinned module: what is of another build does not run', scene('/pinned-module', 'masq.pinned.js')],
]
