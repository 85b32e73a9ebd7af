import PouchDB from 'pouchdb-browser'
import { offer } from './harness.mjs'

const database = new PouchDB('benchmark')
const revisions = new Map() // key → the revision that the next write replaces
let address
let sync
let pending = []

function begin() {
  sync = database.sync(address, { live: true, retry: true })
}

offer({
  async open({ server }) {
    address = `${server}/benchmark`
    await database.info()
    begin()
  },
  put(key, value) {
    const writing = database.put({ _id: key, _rev: revisions.get(key), value })
    pending.push(writing.then(({ rev }) => revisions.set(key, rev)))
  },
  putAll(entries) {
    const docs = entries.map(([key, value]) => ({ _id: key, _rev: revisions.get(key), value }))
    const writing = database.bulkDocs(docs)
    pending.push(writing.then((answers) => answers.forEach(({ id, rev }) => revisions.set(id, rev))))
  },
  async durable() {
    const all = pending
    pending = []
    await Promise.all(all)
  },
  get: (key) =>
    database.get(key).then(
      ({ value }) => value,
      () => undefined,
    ),
  async range(from, limit) {
    const options = { startkey: from, include_docs: true, ...(limit < Infinity && { limit }) }
    return (await database.allDocs(options)).rows.map(({ id, doc }) => [id, doc.value])
  },
  count: async () => (await database.info()).doc_count,
  watch: (told) =>
    database.changes({ since: 'now', live: true, include_docs: true }).on('change', ({ id, doc }) => {
      revisions.set(id, doc._rev)
      told(id, doc.value)
    }),
  share: () => 'benchmark',
  online: (yes) => (yes ? begin() : sync.cancel()),
})
