import { connect } from '@masq/client'
import wasm from '@masq/client/masq.wasm'
import { offer } from './harness.mjs'

let masq
let pending = []

/** yes says yes on either side, as both users would who have compared the digits. */
async function yes(pairing) {
  await pairing.compared
  await pairing.confirm()
  await pairing.done
}

offer({
  async open({ server, join, options }) {
    const more = options !== 'default' && { store: 'embedded' }
    masq = await connect({ app: { name: 'Benchmark' }, sync: server, wasm, ...more })
    if (join) void masq.join(join).then(yes).catch(reportError)
  },
  put: (key, value) => void pending.push(masq.put(key, value)),
  async putAll(entries) {
    for (let at = 0; at < entries.length; at += 1000) {
      pending.push(masq.batch(entries.slice(at, at + 1000).map(([key, value]) => ({ type: 'put', key, value }))))
    }
  },
  async durable() {
    const all = pending
    pending = []
    await Promise.all(all)
  },
  get: (key) => masq.get(key),
  range: (from, limit) => masq.list({ gte: from, ...(limit < Infinity && { limit }) }),
  async count() {
    let n = 0
    for await (const _ of masq.keys()) n++
    return n
  },
  watch: (told) => masq.watch('', ({ key, value }) => told(key, value)),
  async share() {
    const pairing = await masq.invite()
    void yes(pairing).catch(reportError)
    return pairing.link
  },
  // There is nothing to switch off. A page that is seen again dials at once.
  online: (yes) => void (yes && document.dispatchEvent(new Event('visibilitychange'))),
})
