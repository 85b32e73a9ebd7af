import { createMergeableStore } from 'tinybase/mergeable-store'
import { createIndexedDbPersister } from 'tinybase/persisters/persister-indexed-db'
import { createWsSynchronizer } from 'tinybase/synchronizers/synchronizer-ws-client'
import { offer } from './harness.mjs'

const room = 'benchmark'
const store = createMergeableStore()
const persister = createIndexedDbPersister(store, room)
let address
let synchronizer
let saving
let again = false

// Each save writes the whole store. Auto-save would do so for every single write; this is kinder to TinyBase: one save at a time,
// and what is written meanwhile is in the next.
function save() {
  if (saving) {
    again = true
    return
  }
  saving = persister.save().finally(() => {
    saving = undefined
    if (!again) return
    again = false
    save()
  })
}

async function connect() {
  synchronizer = await createWsSynchronizer(store, new WebSocket(address))
  void synchronizer.startSync()
}

offer({
  async open({ server }) {
    await persister.load()
    store.addDidFinishTransactionListener(save)
    address = `${server}/${room}`
    await connect()
  },
  put: (key, value) => void store.setCell('kv', key, 'v', value),
  putAll: (entries) => store.transaction(() => entries.forEach(([key, value]) => store.setCell('kv', key, 'v', value))),
  async durable() {
    while (saving) await saving
  },
  get: (key) => store.getCell('kv', key, 'v'),
  range: (from, limit) =>
    store
      .getRowIds('kv')
      .filter((key) => key >= from)
      .sort()
      .slice(0, limit)
      .map((key) => [key, store.getCell('kv', key, 'v')]),
  count: () => store.getRowCount('kv'),
  watch: (told) => store.addCellListener('kv', null, 'v', (_store, _table, key, _cell, value) => told(key, value)),
  share: () => room,
  online: (yes) => (yes ? connect() : synchronizer.destroy()),
})
