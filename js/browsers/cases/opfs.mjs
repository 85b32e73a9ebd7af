// Blocks in files of the origin private file system: js/src/opfs.ts, which says what has to hold, and what browsers have to do for it.
// Where a browser has no such files for Workers, all blocks are in IndexedDB, and the same holds.
import assert from 'node:assert/strict'
import { until } from '../stage.mjs'

const log = (n) => 2 ** 48 + n
const segment = (n) => 2 * 2 ** 48 + n
const SIZE = 60 * 1024 // 15 pages of a file
const [OLD, ANOTHER] = ['1-1', '2-2'] // files of the store's that were made long ago

/** workers returns what makes a Worker in a page of its own, and whether it has files. */
async function workers(t) {
  const make = async () => {
    const tab = await t.tab()
    await tab.run(`(globalThis.worker = new Worker('/opfs-worker.js'), 1)`)
    return new FileWorker(tab)
  }
  const first = await make()
  return { make, first, files: await first.call('has') }
}

/** FileWorker is one: see site.mjs. */
class FileWorker {
  #tab

  constructor(tab) {
    this.#tab = tab
  }

  /** call resolves with what the Worker returns, or `! ` and the code with which it fails. */
  call(name, ...args) {
    return this.#tab.run(`new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = ({ data }) => resolve(data.code ? '! ' + data.code : data.value ?? null)
      worker.postMessage({ name: '${name}', args: ${JSON.stringify(args)}, port: port2 }, [port2])
    })`)
  }

  /** commit adds a log record and segments, by their numbers. */
  commit(record, segments = [], more = {}) {
    const adds = [[log(record), 0, 10], ...segments.map((n) => [segment(n), n, SIZE])]
    return this.call('commit', { adds, ...more })
  }

  /** has checks that these segments are there and no others. */
  async has(...segments) {
    const ids = (await this.call('list')).filter((id) => id >= segment(0))
    assert.deepEqual(ids, segments.map(segment))
    assert.deepEqual(
      await this.call('load', ids),
      segments.map((n) => [n, SIZE]),
    )
  }

  end() {
    return this.#tab.run(`(worker.terminate(), 1)`)
  }

  /** holds opens a file's handle when nobody else has it any more. */
  async holds(name) {
    for (let tries = 0; tries < 100 && (await this.call('hold', name)) !== null; tries++)
      await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const opfs = [
  [
    'files: what is flushed is seen beside an open handle; nobody else opens or removes the file',
    async (t) => {
      const { make, first: a, files } = await workers(t)
      if (!files) return 'has none'
      const b = await make()
      await a.call('make', OLD)
      await a.call('hold', OLD)
      await a.call('write', 'flushed')
      assert.equal(await b.call('text', OLD), 'flushed')
      assert.equal(await b.call('hold', OLD), '! NoModificationAllowedError')
      assert.equal(await b.call('remove', OLD), '! NoModificationAllowedError')
      await a.call('write', ', more')
      assert.equal(await b.call('text', OLD), 'flushed, more')
      await a.end()
      await b.holds(OLD)
      await b.call('write', ', and by another')
      assert.equal(await b.call('text', OLD), 'flushed, more, and by another')
    },
  ],
  [
    'files: a Worker that is frozen between its flush and its commit does no harm when it thaws',
    async (t) => {
      const { make, first: a, files } = await workers(t)
      if (files) await a.call('make', OLD)
      await a.call('open')
      await a.commit(1, [1])
      await a.call('freeze')
      const frozen = a.commit(2, [2])
      await until(() => t.site.frozen === 1)

      const b = await make()
      if (files) await b.call('make', ANOTHER)
      await b.call('open')
      await b.has(1)
      assert.equal(await b.commit(2, [3], { after: log(1) }), null)
      if (files) assert.deepEqual([await b.call('size', OLD), await b.call('size', ANOTHER)], [2 * SIZE, SIZE])

      t.site.thaw()
      assert.equal(await frozen, '! exists')
      assert.equal(await a.commit(2, [4]), '! exists')
      await b.has(1, 3)
      await Promise.all([a.end(), b.end()])
      await succeeds(await make(), files)
    },
  ],
  [
    'files: nothing is written to one before its name is sure to be on the disk',
    async (t) => {
      const { make, first: a, files } = await workers(t)
      await a.call('open')
      const all = Array.from({ length: 20 }, (_, i) => i + 1)
      for (const n of all) await a.commit(n, [n])
      const made = await a.call('names')
      assert.equal(made.length, files ? 1 : 0)
      for (const name of made) assert.equal(await a.call('size', name), 0)
      await a.end()
      const b = await make()
      await b.call('open')
      await b.has(...all)
    },
  ],
  [
    'files: room is used again when the deletion of what was there lasts, and not before',
    async (t) => {
      const { make, first: a, files } = await workers(t)
      const size = async () => files && (await a.call('size', OLD)) / SIZE
      if (files) await a.call('make', OLD)
      await a.call('open')
      await a.commit(1, [1, 2, 3])
      await a.commit(2, [], { dels: [segment(2)], relaxed: true })
      await a.commit(3, [4], { relaxed: true })
      assert.equal(await size(), files && 4)
      await a.commit(4)
      await a.commit(5, [5])
      assert.equal(await size(), files && 4)
      await a.has(1, 3, 4, 5)
      await a.end()
      const b = await make()
      await b.call('open')
      await b.has(1, 3, 4, 5)
    },
  ],
]

/** succeeds has a Worker take over all files, and use the room that commits in vain have left. */
async function succeeds(c, files) {
  for (const name of files ? [OLD, ANOTHER] : []) {
    await c.holds(name)
    await c.call('release')
  }
  await c.call('open')
  await c.has(1, 3)
  await c.commit(3, [], { after: log(2) })
  await c.call('list') // behind what the commit has begun
  await c.commit(4, [5])
  if (files) assert.equal(await c.call('size', OLD), 2 * SIZE)
  await c.has(1, 3, 5)
}
