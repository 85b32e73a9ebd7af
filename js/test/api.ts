// The API, wherever it runs: in a browser's tab, and in memory.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { codeOf, run, type Realm } from './realm.js'

/** Tests what `open` answers: a realm with `Masq`, and `masq`, which is connected. */
export function apiTests(open: () => Promise<Realm>): void {
  let page: Realm
  before(async () => {
    page = await open()
  })

  test('what is put is got, of every kind', async () => {
    const values = [
      'null',
      'true',
      '0',
      '-1.5e300',
      "''",
      "'\\ud800'",
      "'ключ \\u0000'",
      '[]',
      '{ a: { b: [1, null] } }',
      'new Date(0)',
      '-0',
    ]
    for (const v of values) {
      const got = await run<boolean>(
        page,
        `(await masq.put('k', ${v}), JSON.stringify(await masq.get('k')) === JSON.stringify(${v}))`,
      )
      assert.ok(got, v)
    }
    const bytes = [
      'new Uint8Array([0, 255])',
      'new Uint8Array([9, 1, 2]).subarray(1)',
      'new Uint8Array([1, 2]).buffer',
      'new Uint8Array()',
    ]
    const want = ['0,255', '1,2', '1,2', '']
    for (const [i, v] of bytes.entries()) {
      assert.equal(await run(page, `(await masq.put('k', ${v}), String(await masq.get('k')))`), want[i], v)
    }
    assert.equal(await run(page, `(await masq.get('k')) instanceof Uint8Array`), true)
    assert.equal(await run(page, `masq.get('nothing')`), undefined)
    assert.equal(await run(page, `(await masq.del('k'), await masq.get('k'))`), undefined)
  })

  test('bad input is refused with a code, at once, and nothing else suffers', async () => {
    const table: [string, string][] = [
      [`masq.put('', 1)`, 'E_KEY'],
      [`masq.put(1, 1)`, 'E_KEY'],
      [`masq.put(null, 1)`, 'E_KEY'],
      [`masq.put('a\\u0000', 1)`, 'E_KEY'],
      [`masq.put('a\\ud800', 1)`, 'E_KEY'],
      [`masq.put('é'.repeat(513), 1)`, 'E_KEY'],
      [`masq.put('é'.repeat(512), 1)`, ''],
      [`masq.get()`, 'E_KEY'],
      [`masq.del({})`, 'E_KEY'],
      [`masq.watch(7, () => {})`, 'E_KEY'],
      [`masq.put('k', undefined)`, 'E_VALUE'],
      [`masq.put('k', () => {})`, 'E_VALUE'],
      [`masq.put('k', Symbol())`, 'E_VALUE'],
      [`masq.put('k', 1n)`, 'E_VALUE'],
      [`masq.put('k', new Map())`, 'E_VALUE'],
      [`masq.put('k', Promise.resolve(1))`, 'E_VALUE'],
      [`masq.put('k', new Blob([]))`, 'E_VALUE'],
      [`(() => { const a = []; a.push(a); return masq.put('k', a) })()`, 'E_VALUE'],
      [`masq.put('k', { toJSON() { throw new Error('no') } })`, 'E_VALUE'],
      [`masq.put('k', new Uint8Array((1 << 20) + 1))`, 'E_TOOBIG'],
      [`masq.put('k', new Uint8Array(1 << 20))`, ''],
      [`masq.put('k', 'x'.repeat((1 << 20) - 1))`, 'E_TOOBIG'],
      [`masq.batch(Array.from({ length: 1001 }, (_, i) => ({ type: 'del', key: 'k' + i })))`, 'E_TOOBIG'],
      [
        `masq.batch(Array.from({ length: 5 }, (_, i) => ({ type: 'put', key: 'k' + i, value: new Uint8Array(1 << 20) })))`,
        'E_TOOBIG',
      ],
      [`masq.batch([{ type: 'drop', key: 'k' }])`, 'E_VALUE'],
      [`masq.batch([null])`, 'E_VALUE'],
      [`masq.batch([])`, ''],
      [`masq.put('k', 1, { durability: 'never' })`, 'E_OPTIONS'],
      [`masq.list({ limit: -1 })`, 'E_OPTIONS'],
      [`masq.list({ limit: 1.5 })`, 'E_OPTIONS'],
      [`masq.list({ prefix: 3 })`, 'E_OPTIONS'],
      [`masq.rename('')`, 'E_OPTIONS'],
      [`masq.rename('x'.repeat(41))`, 'E_OPTIONS'],
      [`masq.join('https://example.org/')`, 'E_LINK'],
      [`masq.join()`, 'E_LINK'],
      [`Masq.connect()`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: '' } })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, sync: 'ftp://x' })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, sync: '/' })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, sync: 'wss://u:p@x' })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, sync: Array(9).fill('wss://x') })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, store: 'cloud' })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, device: '\\u202e' })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, id: 'x'.repeat(256) })`, 'E_OPTIONS'],
      [`Masq.connect({ app: { name: 'T' }, wasm: 'http://' })`, 'E_OPTIONS'],
    ]
    for (const [code, want] of table) assert.equal(await codeOf(page, code), want, code)
    assert.equal(await run(page, `(await masq.put('fine', 1), await masq.get('fine'))`), 1)
    const e = await run<{ name: string; message: string }>(
      page,
      `masq.put('', 1).catch((e) => ({ name: e.name, message: e.message, is: e instanceof Masq.MasqError }))`,
    )
    assert.deepEqual(e, { name: 'MasqError', message: e.message, is: true })
    assert.match(e.message, /1 to 1,024 bytes.*Use another key\. \(got an empty one\)/)
  })

  test('a range comes in order, whole, and page by page', async () => {
    await run(
      page,
      `Promise.all(Array.from({ length: 2500 }, (_, i) => masq.put('r/' + String(i).padStart(4, '0'), i)))`,
    )
    const list = (range: string): Promise<[string, number][]> => run(page, `masq.list(${range})`)
    const all = await list(`{ prefix: 'r/' }`)
    assert.deepEqual(
      all.map(([, v]) => v),
      Array.from({ length: 2500 }, (_, i) => i),
    )
    assert.deepEqual(await list(`{ prefix: 'r/', gte: 'r/0010', lt: 'r/0012' }`), [
      ['r/0010', 10],
      ['r/0011', 11],
    ])
    assert.deepEqual(await list(`{ prefix: 'r/', reverse: true, limit: 2 }`), [
      ['r/2499', 2499],
      ['r/2498', 2498],
    ])
    assert.equal((await list(`{ prefix: 'r/', reverse: true, limit: 1500 }`)).at(-1)![1], 1000)
    assert.deepEqual(await list(`{ prefix: 'r/', limit: 0 }`), [])
    assert.deepEqual(await list(`{ prefix: 'nothing/' }`), [])
    const count = (range: string): Promise<number> => run(page, `masq.count(${range})`)
    assert.equal(await count(`'r/'`), 2500)
    assert.equal(await count(`{ prefix: 'r/', gt: 'r/0010', lte: 'r/2000', reverse: true }`), 1990)
    assert.equal(await count(`{ prefix: 'r/', limit: 7 }`), 7)
    assert.equal(await count(`{ prefix: 'r/', limit: 0 }`), 0)
    assert.equal(await count(`'nothing/'`), 0)
    assert.equal(await count(''), (await list('')).length)
    const walked = `(async () => { let n = 0; for await (const k of masq.keys({ prefix: 'r/' })) { if (++n === 1200) return k } })()`
    assert.equal(await run(page, walked), 'r/1199')
    const entries = `(async () => { let sum = 0; for await (const [, v] of masq.entries({ prefix: 'r/' })) sum += v; return sum })()`
    assert.equal(await run(page, entries), (2499 * 2500) / 2)
  })

  test('a watch tells what changed, in order, until it is stopped', async () => {
    const seen = await run(
      page,
      `(async () => {
      const seen = [];
      const stop = masq.watch('w/', (c) => seen.push([c.key, c.value, c.previous, c.deleted, c.from]));
      await masq.put('w/1', 'a');
      await masq.put('other', 'x');
      await masq.batch([{ type: 'put', key: 'w/1', value: 'b' }, { type: 'put', key: 'w/2', value: new Uint8Array([1]) }]);
      await masq.del('w/1');
      stop(); stop();
      await masq.put('w/1', 'c');
      return JSON.stringify(seen);
    })()`,
    )
    assert.deepEqual(JSON.parse(seen as string), [
      ['w/1', 'a', null, false, 'here'],
      ['w/1', 'b', 'a', false, 'here'],
      ['w/2', { 0: 1 }, null, false, 'here'],
      ['w/1', null, 'b', true, 'here'],
    ])
  })

  test('a watch that is stopped, or a Masq that is closed, inside a listener tells no more of that message', async () => {
    const batch = `batch(['a', 'b', 'c'].map((k) => ({ type: 'put', key: 's/' + k, value: 1 })))`
    const turn = `Promise.all(['a', 'b', 'c'].map((k) => m.put('s/' + k, 1)))`
    const another = `Masq.connect({ app: { name: 'T' } })`
    const watch = (end: string): string => `m.watch('s/', (c) => { seen.push(c.key); heard(); ${end} })`
    const stands = `await m.get('-')` // the two objects have different ways to the engine
    const table: [what: string, code: string, want: string[]][] = [
      ['stop in a batch', `const stop = ${watch('stop()')}; await m.${batch}`, ['s/a']],
      ['stop in a turn of puts', `const stop = ${watch('stop()')}; await ${turn}`, ['s/a']],
      ['close', `${watch('m.close()')}; ${stands}; await masq.${batch}`, ['s/a']],
      ['close, two watches', `${watch('m.close()')}; ${watch('')}; ${stands}; await masq.${batch}`, ['s/a']],
      ['one stops the other', `${watch('stop()')}; const stop = ${watch('')}; await m.${batch}`, ['s/a', 's/b', 's/c']],
    ]
    for (const [what, code, want] of table) {
      const seen = await run(
        page,
        `(async () => {
          let heard
          const seen = [], told = new Promise((resolve) => (heard = resolve)), m = await ${another}
          ${code}
          await told
          await masq.get('-')
          await m.close()
          return seen
        })()`,
      )
      assert.deepEqual(seen, want, what)
    }
  })

  test('a batch counts the last of several operations on one key', async () => {
    await run(
      page,
      `masq.batch([{ type: 'put', key: 'b', value: 1 }, { type: 'del', key: 'b' }, { type: 'put', key: 'b', value: 3 }])`,
    )
    assert.equal(await run(page, `masq.get('b')`), 3)
  })

  test('a value is taken at the call', async () => {
    assert.equal(
      await run(
        page,
        `(async () => { const v = { n: 1 }; const p = masq.put('v', v); v.n = 2; await p; return (await masq.get('v')).n })()`,
      ),
      1,
    )
  })

  test('after close everything rejects, what was asked before is done, and it opens again', async () => {
    const codes = await run<string[]>(
      page,
      `(async () => {
      const put = masq.put('last', 1);
      const closed = masq.close();
      const code = (p) => p.then(() => '', (e) => e.code);
      const out = [await code(put), await code(closed)];
      for (const f of [() => masq.get('a'), () => masq.put('a', 1), () => masq.list(), () => masq.invite(), () => masq.rename('x'), () => masq.close()]) out.push(await code(f()));
      try { masq.watch('', () => {}) } catch (e) { out.push(e.code) }
      return out;
    })()`,
    )
    assert.deepEqual(codes, ['', '', 'E_CLOSED', 'E_CLOSED', 'E_CLOSED', 'E_CLOSED', 'E_CLOSED', '', 'E_CLOSED'])
    assert.equal(await run(page, `(globalThis.masq = await Masq.connect({ app: { name: 'T' } })).get('last')`), 1)
  })
}
