// Ranges: what is given holds, exactly, in either store; what is not understood is refused.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { Harness, run } from './browser.js'
import { RealStore, build, clean } from './real-store.js'

interface Range {
  prefix?: string
  gt?: string
  gte?: string
  lt?: string
  lte?: string
  reverse?: boolean
  limit?: number
}

const LONGEST = 'x'.repeat(1024)
const keys = [
  ...['a', 'a\u0001', 'a/', 'a/1', 'a/10', 'a/2', 'a/é', 'a/\uffff', 'a/😀', 'a/\u{10ffff}', 'b', '\ufeffbom', 'é'],
  ...['\uffff', '😀', '\u{10ffff}', LONGEST, LONGEST.slice(1)],
]
const bounds = [undefined, '', 'a', 'a/', 'a/1', 'a/\uffff', 'a/😀', 'b', 'nothing', '\uffff', '\u{10ffff}', LONGEST]

let store: RealStore
let harness: Harness
const pages: Record<string, Page> = {}

before(async () => {
  build()
  store = await RealStore.open()
  harness = await Harness.open({}, store.port)
  const batch = JSON.stringify(keys.map((key) => ({ type: 'put', key, value: key })))
  for (const where of ['embedded', 'local']) {
    const page = await harness.tab(await harness.profile(), { connected: false })
    pages[where] = page
    await run(page, `void (globalThis.masq = await Masq.connect({ app: { name: 'T' }, store: '${where}' }))`)
    if (where === 'local') await store.decide(true)
    await run(page, `masq.batch(${batch})`)
  }
})
after(async () => {
  await harness?.close()
  await store?.stop()
  clean()
})

function expected({ prefix = '', gt, gte, lt, lte, reverse, limit }: Range): string[] {
  const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
  const all = keys
    .filter((k) => k.startsWith(prefix))
    .filter((k) => gt === undefined || order(k, gt) > 0)
    .filter((k) => gte === undefined || order(k, gte) >= 0)
    .filter((k) => lt === undefined || order(k, lt) < 0)
    .filter((k) => lte === undefined || order(k, lte) <= 0)
    .sort(order)
  return (reverse ? all.reverse() : all).slice(0, limit)
}

/** Every pair of bounds, each with something else as well. */
function ranges(): Range[] {
  const more: Range[] = [
    {},
    { reverse: true },
    { limit: 2 },
    { limit: 3, reverse: true },
    { prefix: 'a/' },
    { limit: 0 },
  ]
  const pairs = [
    ...bounds.flatMap((gt) => bounds.map((lte) => ({ gt, lte }))),
    ...bounds.flatMap((gte) => bounds.map((lt) => ({ gte, lt }))),
    ...bounds.flatMap((gt) => bounds.map((gte) => ({ gt, gte }))),
    ...bounds.flatMap((lt) => bounds.map((lte) => ({ lt, lte }))),
  ]
  return pairs.map((p, i) => ({ ...p, ...more[i % more.length] }) as Range)
}

for (const where of ['embedded', 'local'])
  test(`bounds are exact, ${where}`, async () => {
    const asked = ranges()
    const walk = `(async (r) => { const out = []; for await (const k of masq.keys(r)) out.push(k); return out })`
    const got = await run<string[][]>(
      pages[where]!,
      `Promise.all(${JSON.stringify(asked)}.map((r) => Promise.all([${walk}(r), masq.list(r), masq.count(r)]).then(([keys, list, count]) =>
        JSON.stringify(keys) === JSON.stringify(list.map(([k]) => k)) && keys.length === count ? keys : ['list, keys and count differ'])))`,
    )
    for (const [i, r] of asked.entries()) assert.deepEqual(got[i], expected(r), JSON.stringify(r).slice(0, 200))
    assert.ok(asked.length > 500 && got.some((g) => g.length > 10) && got.some((g) => g.length === 0))
  })

for (const where of ['embedded', 'local'])
  test(`a range of many pages keeps to its bounds, ${where}`, async () => {
    const page = pages[where]!
    const name = (i: number): string => `many/${String(i).padStart(4, '0')}`
    await run(
      page,
      `Promise.all(Array.from({ length: 10 }, (_, b) => masq.batch(Array.from({ length: 1000 }, (_, i) =>
        ({ type: 'put', key: 'many/' + String(b * 1000 + i).padStart(4, '0'), value: 1 })))))`,
    )
    const all = Array.from({ length: 10_000 }, (_, i) => name(i))
    const table: [Range, string[]][] = [
      [{ gt: name(0), lte: name(9998) }, all.slice(1, 9999)],
      [{ gt: name(0), lte: name(9998), reverse: true }, all.slice(1, 9999).reverse()],
      [{ gt: name(10), lte: name(9000), limit: 8500 }, all.slice(11, 8511)],
      [{ gt: name(10), lte: name(9000), limit: 8500, reverse: true }, all.slice(501, 9001).reverse()],
    ]
    for (const [range, want] of table) {
      const got = await run<string[]>(page, `masq.list(${JSON.stringify(range)}).then((l) => l.map(([k]) => k))`)
      assert.deepEqual(got, want)
      assert.equal(await run<number>(page, `masq.count(${JSON.stringify(range)})`), want.length)
    }
    await run(
      page,
      `masq.list('many/').then((l) => l.map(([key]) => ({ type: 'del', key }))).then((all) =>
      Promise.all(Array.from({ length: 10 }, (_, b) => masq.batch(all.slice(b * 1000, b * 1000 + 1000)))))`,
    )
  })

for (const where of ['embedded', 'local'])
  test(`text is a prefix, and what is undefined is not there, ${where}`, async () => {
    const list = (range: string): Promise<string[]> =>
      run(pages[where]!, `masq.list(${range}).then((l) => l.map(([k]) => k))`)
    assert.deepEqual(await list(`'a/'`), expected({ prefix: 'a/' }))
    assert.deepEqual(await list(`''`), expected({}))
    assert.deepEqual(await list(''), expected({}))
    assert.deepEqual(await list('undefined'), expected({}))
    const nothing =
      'prefix: undefined, gt: undefined, gte: undefined, lte: undefined, limit: undefined, start: undefined'
    assert.deepEqual(await list(`{ ${nothing}, lt: 'b', reverse: undefined }`), expected({ lt: 'b' }))
    assert.deepEqual(await list(`Object.assign(Object.create(null), { lt: 'b' })`), expected({ lt: 'b' }))
  })

test('what is not understood is refused, and says what may be meant', async () => {
  const message = (code: string): Promise<string> =>
    run(
      pages.embedded!,
      `(async () => { try { await (${code}); return '' } catch (e) { return e.code + ' ' + e.message } })()`,
    )
  const table: [string, RegExp][] = [
    [`masq.list({ start: 'b' })`, /^E_OPTIONS .*a range has no `start`, but prefix, gt, gte, lt, lte, reverse, limit/],
    [`masq.list({ prefx: 'b' })`, /^E_OPTIONS .*a range has no `prefx`: do you mean `prefix`\?/],
    [`masq.list({ limits: 1 })`, /do you mean `limit`\?/],
    [`masq.list({ ['x'.repeat(1e6)]: 1 })`, /a range has no `x{30}`, but prefix/],
    [`masq.list({ toString: 1 })`, /a range has no `toString`/],
    [`masq.list({ __proto__: null, __proto__x: 1 })`, /a range has no `__proto__x`/],
    [`masq.list({ prefix: null })`, /^E_OPTIONS .*`prefix` must be a string/],
    [`masq.list({ prefix: 5 })`, /^E_OPTIONS/],
    [`masq.list({ gte: new String('a') })`, /^E_OPTIONS/],
    [`masq.list({ limit: '2' })`, /^E_OPTIONS/],
    [`masq.list({ limit: null })`, /^E_OPTIONS/],
    [`masq.list({ limit: NaN })`, /^E_OPTIONS .*a whole number/],
    [`masq.list({ limit: 2 ** 32 })`, /^E_OPTIONS/],
    [`masq.list({ reverse: 1 })`, /^E_OPTIONS/],
    [`masq.list(null)`, /^E_OPTIONS .*a range must be an object with prefix, gt/],
    [`masq.list(5)`, /^E_OPTIONS/],
    [`masq.list(['a'])`, /^E_OPTIONS/],
    [`masq.list(new Map([['prefix', 'a']]))`, /^E_OPTIONS/],
    [`masq.list(IDBKeyRange.only('a'))`, /^E_OPTIONS/],
    [`masq.list({ get prefix() { throw new Error('no') } })`, /^E_OPTIONS .*a range cannot be read: Error: no/],
    [`masq.list({ gt: 'a\\0' })`, /^E_KEY/],
    [`masq.list({ lte: '\\ud800' })`, /^E_KEY/],
    [`masq.list({ lte: 'x'.repeat(1025) })`, /^E_KEY/],
    [`masq.entries(null).next()`, /^E_OPTIONS/],
    [`masq.keys({ form: 'a' }).next()`, /^E_OPTIONS/],
  ]
  for (const [code, want] of table) assert.match(await message(code), want, code)
})
