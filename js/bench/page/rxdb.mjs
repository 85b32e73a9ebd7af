import { createRxDatabase } from 'rxdb/plugins/core'
import { replicateWithWebsocketServer } from 'rxdb/plugins/replication-websocket'
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'
import { schema } from '../server/rxdb-schema.mjs'
import { offer } from './harness.mjs'

let collection
let address
let replication
let pending = []

async function replicate() {
  replication = await replicateWithWebsocketServer({
    replicationIdentifier: 'kv',
    collection,
    url: address,
    live: true,
  })
}

offer({
  async open({ server }) {
    const database = await createRxDatabase({ name: 'benchmark', storage: getRxStorageDexie() })
    const collections = await database.addCollections({ kv: { schema } })
    collection = collections.kv
    address = server
    await replicate()
  },
  put: (key, value) => void pending.push(collection.upsert({ key, value })),
  putAll: (entries) => void pending.push(collection.bulkUpsert(entries.map(([key, value]) => ({ key, value })))),
  async durable() {
    const all = pending
    pending = []
    await Promise.all(all)
  },
  get: async (key) => (await collection.findOne(key).exec())?.value,
  async range(from, limit) {
    const query = { selector: { key: { $gte: from } }, sort: [{ key: 'asc' }], ...(limit < Infinity && { limit }) }
    return (await collection.find(query).exec()).map(({ key, value }) => [key, value])
  },
  count: () => collection.count().exec(),
  watch: (told) => collection.$.subscribe(({ documentId, documentData }) => told(documentId, documentData.value)),
  share: () => 'kv',
  online: (yes) => (yes ? replicate() : replication.cancel()),
})
