import { createRxDatabase } from 'rxdb/plugins/core'
import { startWebsocketServer } from 'rxdb/plugins/replication-websocket'
import { getRxStorageMemory } from 'rxdb/plugins/storage-memory'
import { schema } from './rxdb-schema.mjs'

const database = await createRxDatabase({ name: 'server', storage: getRxStorageMemory(), multiInstance: false })
await database.addCollections({ kv: { schema } })
startWebsocketServer({ database, host: '127.0.0.1', port: Number(process.argv[2]) })
