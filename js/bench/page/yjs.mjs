import { IndexeddbPersistence } from 'y-indexeddb'
import { WebsocketProvider } from 'y-websocket'
import { Doc } from 'yjs'
import { offer } from './harness.mjs'

const room = 'benchmark'
const doc = new Doc()
const map = doc.getMap('kv')
let persistence
let provider

offer({
  async open({ server }) {
    persistence = new IndexeddbPersistence(room, doc)
    provider = new WebsocketProvider(server, room, doc)
    await persistence.whenSynced
  },
  put: (key, value) => void map.set(key, value),
  putAll: (entries) => doc.transact(() => entries.forEach(([key, value]) => map.set(key, value))),
  // y-indexeddb writes each update by itself and does not say when it is done: a later transaction waits for all before it.
  durable: () =>
    new Promise((resolve, reject) => {
      const behind = persistence.db.transaction('updates', 'readwrite')
      behind.objectStore('updates').get(0)
      Object.assign(behind, { oncomplete: () => resolve(), onabort: () => reject(behind.error) })
    }),
  get: (key) => map.get(key),
  range: (from, limit) =>
    [...map.keys()]
      .filter((key) => key >= from)
      .sort()
      .slice(0, limit)
      .map((key) => [key, map.get(key)]),
  count: () => map.size,
  watch: (told) => map.observe(({ keysChanged }) => keysChanged.forEach((key) => told(key, map.get(key)))),
  share: () => room,
  online: (yes) => (yes ? provider.connect() : provider.disconnect()),
})
