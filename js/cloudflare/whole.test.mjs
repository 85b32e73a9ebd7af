// Two devices, each a browser with the built client, sync through the Worker in workerd, which forgets everything between whiles and
// is killed in the end.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { script, testPlace } from './build.mjs'
import { Workerd } from './serve.mjs'

const patienceMs = 20_000

/** browser is ../test/browser.ts, which Node does not read. */
async function browser() {
  const outfile = fileURLToPath(new URL('../.build/worker-browser.mjs', import.meta.url)) // from there it finds dist/
  const entryPoints = [fileURLToPath(new URL('../test/browser.ts', import.meta.url))]
  await build({
    entryPoints,
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    tsconfigRaw: {},
  })
  return import(outfile)
}

describe('two devices', () => {
  const watched = join(testPlace, 'watched.mjs')
  const expected = new Map()
  let workerd, harness, run, one, other

  before(async () => {
    await script('watched.mjs', testPlace)
    workerd = await Workerd.start({ script: watched })
    const { Harness, ...rest } = await browser()
    run = rest.run
    harness = await Harness.open()
    const device = async (name) =>
      harness.tab(await harness.profile(), { options: `device: '${name}', sync: 'ws://localhost:${workerd.port}'` })
    ;[one, other] = await Promise.all([device('One'), device('Other')])
  })
  after(async () => {
    await harness?.close()
    await workerd?.stop()
  })

  const made = async () => Number(await (await fetch(`http://localhost:${workerd.port}/made`)).text())

  async function put(page, key, value) {
    expected.set(key, value)
    await run(page, `masq.put('${key}', '${value}')`)
  }

  /** sees waits until a device has a value. It returns how long after start that was. */
  async function sees(page, key, start = performance.now()) {
    const text = `new Promise((resolve) => {
      const look = async () => (await masq.get('${key}')) === '${expected.get(key)}' && (stop(), resolve());
      const stop = masq.watch('${key}', look);
      look();
    })`
    const late = pause(patienceMs, undefined, { ref: false }).then(() =>
      Promise.reject(new Error(`waited in vain for ${key}`)),
    )
    await Promise.race([run(page, text), late])
    return performance.now() - start
  }

  /** same checks that both have all that was written, and nothing else. */
  async function same() {
    const want = [...expected].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const page of [one, other]) assert.deepEqual(await run(page, `masq.list()`), want)
  }

  it('pair', async () => {
    await put(one, 'first', 'of one')
    const link = await run(one, `(globalThis.p = await masq.invite()).link`)
    await run(other, `void (globalThis.p = await masq.join('${link}'))`)
    const digits = (page) => run(page, `(await p.compared, p.digits)`)
    assert.equal(await digits(one), await digits(other))
    await run(other, `p.confirm()`)
    await run(one, `p.confirm()`)
    await sees(other, 'first')
    await put(other, 'second', 'of other')
    await sees(one, 'second')
    await same()
  })

  it('do not notice that the channel sleeps', async (t) => {
    const slept = []
    const awake = []
    for (let n = 0; n < 3; n++) {
      const before = await made()
      await pause(10_500) // after 10 s of nothing the platform lets it go
      const writer = n % 2 ? other : one
      const reader = n % 2 ? one : other
      const start = performance.now()
      await put(writer, `slept/${n}`, `value ${n}`)
      slept.push(await sees(reader, `slept/${n}`, start))
      assert.ok((await made()) > before, 'it was not evicted')
      const again = performance.now()
      await put(reader, `awake/${n}`, `value ${n}`)
      awake.push(await sees(writer, `awake/${n}`, again))
    }
    await same()
    const list = (all) => all.map((ms) => ms.toFixed(0)).join(', ')
    const [asleep, atOnce] = [slept, awake].map((all) => all.sort((a, b) => a - b)[1])
    t.diagnostic(`put to get through an object that slept ${list(slept)} ms, awake ${list(awake)} ms`)
    t.diagnostic(`so waking it costs ${(asleep - atOnce).toFixed(0)} ms; it is to be less than 50`)
  })

  it('converge after the Sync Server was killed', async (t) => {
    const { port } = workerd
    await workerd.stop()
    await put(one, 'apart/one', 'of one')
    await put(other, 'apart/other', 'of other')
    workerd = await Workerd.start({ script: watched, port })
    const start = performance.now()
    const [a, b] = await Promise.all([sees(one, 'apart/other', start), sees(other, 'apart/one', start)])
    await same()
    t.diagnostic(`they had converged ${(Math.max(a, b) / 1000).toFixed(1)} s after it was back`)
  })
})
