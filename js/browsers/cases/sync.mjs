// Two devices: this browser and Chromium.
import assert from 'node:assert/strict'
import { offline, online } from '../network.mjs'
import { connect, pair } from '../stage.mjs'
import { sees, watch } from './watches.mjs'

/** paired is a tab here and one on the other device, paired over a Sync Server. */
async function paired(t, options = '') {
  const server = await t.syncServer()
  const here = await t.open(`device: 'Here', sync: '${server.url}', ${options}`)
  const there = await t.device(`device: 'There', sync: '${server.url}'`)
  await pair(here, there)
  await Promise.all([watch(here), watch(there)])
  return { server, here, there }
}

const arrives = (tab, key, value, ms) => tab.until(`(await masq.get('${key}')) === ${value}`, ms)

export const sync = [
  [
    'an invite: its link, its QR code',
    async (t) => {
      const { url } = await t.syncServer()
      const tab = await t.open(`sync: '${url}'`)
      const [link, qr] = await tab.run(`(globalThis.pairing = await masq.invite(), [pairing.link, await pairing.qr()])`)
      assert.match(link, /#masq=1\./)
      assert.match(qr, /^<svg [^]*<\/svg>/)
      await tab.run('pairing.cancel()')
    },
  ],
  [
    'pairing with Chromium, and live sync both ways',
    async (t) => {
      const { here, there } = await paired(t)
      await here.run(`masq.put('from/here', 1)`)
      await there.run(`masq.put('from/there', 2)`)
      await Promise.all([sees(here, 'from/there=2 There'), sees(there, 'from/here=1 Here')])
      assert.deepEqual(await here.run(`[masq.status.sync, masq.status.counts.online]`), ['online', 1])
    },
  ],
  [
    'an invite that Chromium makes',
    async (t) => {
      const { url } = await t.syncServer()
      const there = await t.device(`device: 'There', sync: '${url}'`)
      const here = await t.open(`device: 'Here', sync: '${url}'`)
      await Promise.all([there.run(`masq.put('t', 1)`), here.run(`masq.put('h', 2)`)])
      await pair(there, here)
      await Promise.all([arrives(here, 't', 1), arrives(there, 'h', 2)])
    },
  ],
  [
    'bytes and 500 keys to Chromium',
    async (t) => {
      const { here, there } = await paired(t)
      await here.run(`(await masq.put('bytes', new Uint8Array(100_000).fill(7)),
      Promise.all(Array.from({ length: 500 }, (_, i) => masq.put('k' + i, i))).then(() => 1))`)
      await there.until(`(await masq.list({ prefix: 'k' })).length === 500`)
      await there.until(`(await masq.get('bytes'))?.every((b) => b === 7)`)
    },
  ],
  [
    'the Sync Server is restarted: sync goes on, and conflicts are kept',
    async (t) => {
      const { server, here, there } = await paired(t)
      await server.stop()
      await Promise.all([here.run(`masq.put('same', 'here')`), there.run(`masq.put('same', 'there')`)])
      await server.start()
      for (const tab of [here, there])
        await tab.until(`(await masq.conflicts('same')).length === 1 && masq.status.sync === 'online'`, 60_000)
      assert.equal(await here.run(`masq.get('same')`), await there.run(`masq.get('same')`))
    },
  ],
  [
    'a page that is opened offline syncs when the network is there',
    async (t) => {
      const { server, here, there } = await paired(t)
      await offline(here, t.site)
      await server.stop()
      await here.reload()
      await connect(here, `sync: '${server.url}'`)
      await here.run(`masq.put('offline', 1)`)
      await there.run(`masq.put('meanwhile', 2)`)
      await server.start()
      await online(here, t.site)
      await Promise.all([arrives(there, 'offline', 1, 60_000), arrives(here, 'meanwhile', 2, 60_000)])
    },
  ],
  [
    'a browser that says it is offline, a Sync Server on loopback',
    async (t) => {
      const { here, there } = await paired(t, `worker: '/offline-worker.js'`)
      await here.run(`masq.put('k', 1)`)
      await arrives(there, 'k', 1)
    },
  ],
  [
    'reloaded while it is paired',
    async (t) => {
      const { server, here, there } = await paired(t)
      await here.reload()
      await connect(here, `sync: '${server.url}'`)
      await there.run(`masq.put('k', 1)`)
      await arrives(here, 'k', 1)
    },
  ],
]
