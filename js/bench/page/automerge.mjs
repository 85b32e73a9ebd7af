import { Automerge, Repo, initializeWasm } from '@automerge/automerge-repo/slim'
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket'
import { IndexedDBStorageAdapter } from '@automerge/automerge-repo-storage-indexeddb'
import wasm from '@automerge/automerge/automerge.wasm'
import { offer } from './harness.mjs'

let repo
let handle
let network
let server

const text = (value) => new Automerge.ImmutableString(value) // a string that is replaced, not edited: costs less
const value = (text) => text?.val
const kv = () => handle.doc().kv

offer({
  async open(options) {
    server = options.server
    await initializeWasm(fetch(wasm))
    network = new WebSocketClientAdapter(server)
    repo = new Repo({ storage: new IndexedDBStorageAdapter(), network: [network] })
    const url = options.join ?? localStorage.getItem('document')
    handle = url ? await repo.find(url) : repo.create({ kv: {} })
    localStorage.setItem('document', handle.url)
  },
  put: (key, value) => handle.change(({ kv }) => void (kv[key] = text(value))),
  putAll: (entries) =>
    handle.change(({ kv }) => {
      for (const [key, value] of entries) kv[key] = text(value)
    }),
  durable: () => repo.flush([handle.documentId]),
  get: (key) => value(kv()[key]),
  range: (from, limit) =>
    Object.keys(kv())
      .filter((key) => key >= from)
      .sort()
      .slice(0, limit)
      .map((key) => [key, value(kv()[key])]),
  count: () => Object.keys(kv()).length,
  watch: (told) =>
    handle.on('change', ({ patches, doc }) => {
      const keys = new Set(patches.filter(({ path }) => path[0] === 'kv' && path.length > 1).map(({ path }) => path[1]))
      for (const key of keys) told(key, value(doc.kv[key]))
    }),
  share: () => handle.url,
  online: (yes) => (yes ? network.connect(repo.peerId, {}) : network.disconnect()),
})
