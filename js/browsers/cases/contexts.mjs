// Where else a page's code may run: frames, a Worker, under a policy.
import assert from 'node:assert/strict'

/** frame has a page of the site in an iframe use Masq, and says how it went. */
const frame = (tab, attributes) =>
  tab.run(`new Promise((resolve) => {
    const frame = Object.assign(document.createElement('iframe'), ${JSON.stringify(attributes)})
    addEventListener('message', (e) => e.source === frame.contentWindow && resolve(e.data))
    document.body.append(frame)
  })`)

export const contexts = [
  [
    'sandboxed frame: a MasqError, and the page lives',
    async (t) => {
      const tab = await t.open()
      const { name, code } = await frame(tab, { src: '/frame', sandbox: 'allow-scripts' })
      assert.equal(name, 'MasqError')
      assert.equal(await tab.run(`(await masq.put('k', 1), masq.get('k'))`), 1)
      return code
    },
  ],
  [
    'frame of the same origin',
    async (t) => {
      const tab = await t.open()
      assert.deepEqual(await frame(tab, { src: '/frame' }), { value: 1 })
      assert.equal(await tab.run(`masq.get('inside')`), 1)
    },
  ],
  [
    'frame of another site: works, and shares nothing',
    async (t) => {
      const tab = await t.open()
      assert.deepEqual(await frame(tab, { src: t.site.url('/frame', '127.0.0.1') }), { value: 1 })
      assert.equal(await tab.run(`masq.get('inside').then((v) => v === undefined)`), true)
    },
  ],
  [
    'connect in a Worker',
    async (t) => {
      const tab = await t.tab()
      const done = await tab.run(`new Promise((resolve, reject) => {
      globalThis.worker = Object.assign(new Worker('/in-worker.js'), { onmessage: (e) => resolve(e.data), onerror: (e) => reject(new Error(e.message)) })
    })`)
      assert.deepEqual(done, { value: 1 })
    },
  ],
  [
    'a strict Content-Security-Policy, with worker.js beside',
    async (t) => {
      const tab = await t.open('', { url: '/policy' })
      assert.equal(await tab.run(`(await masq.put('k', 1), masq.get('k'))`), 1)
      assert.deepEqual(await t.complaints(), [])
    },
  ],
]
