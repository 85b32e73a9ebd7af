// What IndexedDB can do at most. Nothing waits for the one before it.
const writes = 2000

let db

function open() {
  const request = indexedDB.open('limits', 1)
  request.onupgradeneeded = () => request.result.createObjectStore('kv')
  return new Promise((resolve, reject) =>
    Object.assign(request, { onsuccess: () => resolve((db = request.result)), onerror: () => reject(request.error) }),
  )
}

const done = (tx) =>
  new Promise((resolve, reject) => Object.assign(tx, { oncomplete: resolve, onabort: () => reject(tx.error) }))

const value = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(75))))
const values = (n) => Array.from({ length: n }, value)

/** each returns the microseconds for each of the writes, lot of which share a transaction that `put` fills. */
async function each(lot, durability, put) {
  const lots = Array.from({ length: writes / lot }, () => values(lot))
  const start = performance.now()
  await Promise.all(
    lots.map((lot, i) => {
      const tx = db.transaction('kv', 'readwrite', { durability })
      put(tx.objectStore('kv'), lot, i)
      tx.commit()
      return done(tx)
    }),
  )
  return ((performance.now() - start) * 1000) / writes
}

const single = (kv, lot, i) => lot.forEach((value, j) => kv.put(value, `${i}/${j}`))
const packed = (kv, lot, i) => kv.put(new TextEncoder().encode(lot.join('')), `packed/${i}`)

async function gets() {
  const start = performance.now()
  for (let i = 0; i < writes / 100; i++) {
    const tx = db.transaction('kv')
    for (let j = 0; j < 100; j++) tx.objectStore('kv').get(`${i}/${j}`)
    await done(tx)
  }
  return ((performance.now() - start) * 1000) / writes
}

window.bench = {
  opened: open().then(() => undefined),
  async limits() {
    return {
      oneStrict: await each(1, 'strict', single),
      oneRelaxed: await each(1, 'relaxed', single),
      hundredStrict: await each(100, 'strict', single),
      packedStrict: await each(100, 'strict', packed),
      get: await gets(),
    }
  },
}
