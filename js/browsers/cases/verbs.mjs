// One tab: connecting, every verb, values, codes.
import assert from 'node:assert/strict'

const JSONS = [null, true, false, 0, -1.5, 1e300, '', 'text', 'é😀\u0000', [], [1, [2]], {}, { a: { b: [null, 'c'] } }]

/** Writes bytes as `put` takes them and says what comes back, in numbers. */
const bytesBack = (tab, expression) =>
  tab.run(`(await masq.put('bytes', ${expression}),
    await masq.get('bytes').then((v) => [v.constructor.name, ...v]))`)

export const verbs = [
  [
    'connect',
    async (t) => {
      const tab = await t.open()
      assert.equal(await tab.run('masq.status.store'), 'embedded')
      assert.deepEqual(await t.complaints(), [])
    },
  ],
  [
    'status, and its event',
    async (t) => {
      const tab = await t.open()
      const { sync, entries, self, devices, counts } = await tab.run('masq.status')
      assert.deepEqual([sync, entries, devices, counts], ['off', 0, [], { devices: 0, online: 0, upToDate: 0 }])
      assert.match(self.name, / on Linux$/)
      await tab.run(`new Promise((resolve) => {
      masq.addEventListener('status', () => masq.status.entries === 1 && resolve(1))
      masq.put('a', 1)
    })`)
    },
  ],
  [
    'get of nothing',
    async (t) => {
      const tab = await t.open()
      assert.equal(await tab.run(`masq.get('nothing').then((v) => v === undefined)`), true)
    },
  ],
  [
    'put and get of every kind of JSON',
    async (t) => {
      const tab = await t.open()
      for (const value of JSONS)
        assert.deepEqual(await tab.run(`(await masq.put('k', ${JSON.stringify(value)}), masq.get('k'))`), value)
    },
  ],
  [
    'del',
    async (t) => {
      const tab = await t.open()
      assert.equal(
        await tab.run(`(await masq.put('k', 1), await masq.del('k'), await masq.del('none'),
      (await masq.get('k')) === undefined && (await masq.list()).length === 0)`),
        true,
      )
    },
  ],
  [
    'batch: all or nothing',
    async (t) => {
      const tab = await t.open()
      await tab.run(`masq.batch([{ type: 'put', key: 'a', value: 1 }, { type: 'put', key: 'b', value: 2 },
      { type: 'del', key: 'a' }, { type: 'put', key: 'b', value: 3 }])`)
      const wrong = `masq.batch([{ type: 'put', key: 'c', value: 1 }, { type: 'put', key: '', value: 2 }])`
      assert.equal(await tab.code(wrong), 'E_KEY')
      assert.deepEqual(await tab.run('masq.list()'), [['b', 3]])
    },
  ],
  [
    'list: ranges, limits and order',
    async (t) => {
      const tab = await t.open()
      await tab.run(`Promise.all(['b', 'a', 'a/2', 'a/1', 'é', '\\uffff', '😀'].map((key, i) => masq.put(key, i)))`)
      const keys = (range) => tab.run(`masq.list(${range}).then((l) => l.map(([key]) => key))`)
      for (const [range, want] of [
        ['', ['a', 'a/1', 'a/2', 'b', 'é', '\uffff', '😀']],
        [`{ prefix: 'a/' }`, ['a/1', 'a/2']],
        [`{ gte: 'a/2', lt: 'é' }`, ['a/2', 'b']],
        [`{ reverse: true, limit: 2 }`, ['😀', '\uffff']],
        [`{ limit: 0 }`, []],
      ])
        assert.deepEqual(await keys(range), want, range)
    },
  ],
  [
    'entries and keys',
    async (t) => {
      const tab = await t.open()
      await tab.run(
        `Promise.all(Array.from({ length: 1200 }, (_, i) => masq.put('k' + String(i).padStart(4, '0'), i)))`,
      )
      const all = (what) =>
        tab.run(`(async () => { const all = []; for await (const e of masq.${what}) all.push(e); return all })()`)
      const keys = await all('keys({ gte: "k0001" })')
      assert.deepEqual([keys.length, keys[0], keys.at(-1)], [1199, 'k0001', 'k1199'])
      assert.deepEqual((await all('entries()'))[700], ['k0700', 700])
    },
  ],
  [
    'conflicts of what one device wrote: none',
    async (t) => {
      const tab = await t.open()
      assert.deepEqual(await tab.run(`(await masq.put('k', 1), await masq.put('k', 2), masq.conflicts('k'))`), [])
    },
  ],
  [
    'bytes: of every view, and a buffer',
    async (t) => {
      const tab = await t.open()
      for (const [expression, want] of [
        ['new Uint8Array([0, 1, 255])', [0, 1, 255]],
        ['new Uint8Array([9, 1, 2, 9]).subarray(1, 3)', [1, 2]],
        ['new Uint8Array([7, 8]).buffer', [7, 8]],
        ['new DataView(new Uint8Array([1, 2, 3]).buffer, 1)', [2, 3]],
        ['new Uint8Array(0)', []],
      ])
        assert.deepEqual(await bytesBack(tab, expression), ['Uint8Array', ...want], expression)
    },
  ],
  [
    'bytes: of another realm',
    async (t) => {
      const tab = await t.open()
      const realm = `document.body.appendChild(document.createElement('iframe')).contentWindow`
      assert.deepEqual(await bytesBack(tab, `new (${realm}.Uint8Array)([1, 2])`), ['Uint8Array', 1, 2])
      assert.deepEqual(await bytesBack(tab, `new (${realm}.Uint8Array)([3, 4]).buffer`), ['Uint8Array', 3, 4])
    },
  ],
  [
    'bytes: 1 MiB',
    async (t) => {
      const tab = await t.open()
      assert.equal(
        await tab.run(`(async () => {
      const bytes = new Uint8Array(1 << 20)
      for (let i = 0; i < bytes.length; i += 65536) crypto.getRandomValues(bytes.subarray(i, i + 65536))
      await masq.put('big', bytes)
      const back = await masq.get('big')
      return back.length === bytes.length && back.every((b, i) => b === bytes[i])
    })()`),
        true,
      )
    },
  ],
  [
    'codes of wrong calls',
    async (t) => {
      const tab = await t.open()
      for (const [expression, want] of [
        [`masq.put('', 1)`, 'E_KEY'],
        [`masq.get('x'.repeat(1025))`, 'E_KEY'],
        [`masq.put('k', undefined)`, 'E_VALUE'],
        [`masq.put('k', new Map())`, 'E_VALUE'],
        [`masq.put('k', { deep: new Uint8Array(1) })`, 'E_VALUE'],
        [`masq.put('k', 1n)`, 'E_VALUE'],
        [`masq.put('k', new Uint8Array((1 << 20) + 1))`, 'E_TOOBIG'],
        [`masq.batch(Array(1001).fill({ type: 'del', key: 'k' }))`, 'E_TOOBIG'],
        [`masq.list({ limit: -1 })`, 'E_OPTIONS'],
        [`Masq.connect({ app: {} })`, 'E_OPTIONS'],
        [`masq.join('nonsense')`, 'E_LINK'],
        [`masq.invite()`, 'E_SYNC'],
        [`(masq.close(), masq.get('k'))`, 'E_CLOSED'],
      ])
        assert.equal(await tab.code(expression), want, expression)
      assert.deepEqual(await t.complaints(), [])
    },
  ],
  [
    'close, and connect again',
    async (t) => {
      const tab = await t.open()
      await tab.run(`(masq.put('k', 1), masq.close())`)
      assert.equal(await tab.code(`masq.get('k')`), 'E_CLOSED')
      assert.equal(await tab.run(`Masq.connect({ app: { name: 'T' }, store: 'embedded' }).then((m) => m.get('k'))`), 1)
    },
  ],
]
