// No system at all: IndexedDB as it comes, one strict transaction for each write, and a relay that sends each message to the
// other side. Nothing is encrypted or merged, and a device that comes later gets nothing: it is what nobody can beat.
import { offer } from './harness.mjs'

let db
let socket
let pending = []
let listeners = []

const tell = (entries) => listeners.forEach((told) => entries.forEach(([key, value]) => told(key, value)))

function done(tx) {
  return new Promise((resolve, reject) =>
    Object.assign(tx, { oncomplete: () => resolve(), onabort: () => reject(tx.error) }),
  )
}

function write(entries) {
  const tx = db.transaction('kv', 'readwrite', { durability: 'strict' })
  for (const [key, value] of entries) tx.objectStore('kv').put(value, key)
  tx.commit()
  pending.push(done(tx))
}

function send(entries) {
  socket.send(JSON.stringify(entries))
  write(entries)
  tell(entries)
}

function ask(what) {
  const request = what(db.transaction('kv').objectStore('kv'))
  return new Promise((resolve, reject) =>
    Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }),
  )
}

offer({
  async open({ server }) {
    socket = new WebSocket(server)
    const connected = new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }))
    const request = indexedDB.open('raw', 1)
    request.onupgradeneeded = () => request.result.createObjectStore('kv')
    await new Promise((resolve, reject) =>
      Object.assign(request, { onsuccess: resolve, onerror: () => reject(request.error) }),
    )
    db = request.result
    socket.onmessage = ({ data }) => {
      const entries = JSON.parse(data)
      tell(entries)
      write(entries)
    }
    await connected
  },
  put: (key, value) => send([[key, value]]),
  putAll: send,
  async durable() {
    const all = pending
    pending = []
    await Promise.all(all)
  },
  get: (key) => ask((kv) => kv.get(key)),
  async range(from, limit) {
    const bound = IDBKeyRange.lowerBound(from)
    const most = limit < Infinity ? limit : undefined
    const [keys, values] = await Promise.all([
      ask((kv) => kv.getAllKeys(bound, most)),
      ask((kv) => kv.getAll(bound, most)),
    ])
    return keys.map((key, i) => [key, values[i]])
  },
  count: () => ask((kv) => kv.count()),
  watch: (told) => void listeners.push(told),
  share: () => 'none',
})
