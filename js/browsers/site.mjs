// A server on loopback: a few pages, and the files of a folder beside them. Each has a port, and so an origin, of its own.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { fileURLToPath } from 'node:url'

const folder = (path) => fileURLToPath(new URL(path, import.meta.url))
export const client = folder('../dist/')
export const notes = folder('../../web/dist/')

const types = {
  js: 'text/javascript',
  css: 'text/css',
  wasm: 'application/wasm',
  html: 'text/html',
  svg: 'image/svg+xml',
}

const html = (body) => `<!doctype html><meta charset="utf-8"><title>Masq</title><link rel="icon" href="data:,">${body}`
const scripts = '<script src="/errors.js"></script><script src="/masq.global.js"></script>'
const policy = `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src data:`

// What a page does that is asked by postMessage to use Masq: an iframe, or a Worker.
const use = `async function use() {
  try {
    const masq = await Masq.connect({ app: { name: 'T' }, store: 'embedded' })
    await masq.put('inside', 1)
    return { value: await masq.get('inside') }
  } catch (e) { return { name: e.name, code: e.code, message: e.message } }
}`

const inFiles = `
let store, handle
const folder = async () => {
  const masq = await (await navigator.storage.getDirectory()).getDirectoryHandle('masq', { create: true })
  return masq.getDirectoryHandle('opfs', { create: true })
}
const file = async (name) => (await (await folder()).getFileHandle(name)).getFile()
const calls = {
  has: () => typeof FileSystemSyncAccessHandle !== 'undefined',
  async make(name) { await (await folder()).getFileHandle(name, { create: true }) },
  async names() {
    const all = []
    if (calls.has()) for await (const name of (await folder()).keys()) all.push(name)
    return all
  },
  size: async (name) => (await file(name)).size,
  text: async (name) => (await file(name)).text(),
  async remove(name) { await (await folder()).removeEntry(name) },
  async hold(name) { handle = await (await (await folder()).getFileHandle(name)).createSyncAccessHandle() },
  release: () => handle.close(),
  write: (text) => (handle.write(new TextEncoder().encode(text), { at: handle.getSize() }), handle.flush()),
  async open() { store = await MasqOpfs.OpfsStore.open('opfs'); await store.ready() },
  close: () => store.close(),
  list: () => store.list(),
  // of each block the byte that it is made of, and how often
  load: async (ids) => (await store.load(ids)).map((data) => data && (new Set(data).size > 1 ? 'mixed' : [data[0], data.length])),
  commit({ adds = [], dels = [], relaxed = false, after = 0 }) {
    return store.commit(adds.map(([id, byte, size]) => ({ id, data: new Uint8Array(size).fill(byte) })), [], dels, relaxed, after)
  },
  freeze() {
    const { transaction } = IDBDatabase.prototype
    IDBDatabase.prototype.transaction = function (stores, mode, options) {
      if (mode !== 'readwrite') return transaction.call(this, stores, mode, options)
      IDBDatabase.prototype.transaction = transaction
      const request = new XMLHttpRequest(); request.open('GET', '/freeze', false); request.send()
      return transaction.call(this, stores, mode, options)
    }
  },
}
onmessage = async ({ data: { name, args, port } }) => {
  try { port.postMessage({ value: await calls[name](...args) }) }
  catch (e) { port.postMessage({ code: e.reason ?? e.name }) }
}`

const hashOf = (file) =>
  `sha384-${createHash('sha384')
    .update(readFileSync(client + file))
    .digest('base64')}`
const pages = {
  '/': { body: html(scripts) },
  '/other': { body: html(scripts + 'another page') },
  '/pinned-script': {
    get body() {
      return html(`<script src="/masq.global.js" integrity="${hashOf('masq.global.js')}"></script>`)
    },
  },
  '/pinned-module': {
    get body() {
      const map = JSON.stringify({ integrity: { '/masq.pinned.js': hashOf('masq.pinned.js') } })
      const use = `import * as m from '/masq.pinned.js'; globalThis.Masq = m`
      return html(`<script type="importmap">${map}</script><script type="module">${use}</script>`)
    },
  },
  '/policy': { body: html(scripts), headers: { 'content-security-policy': policy } },
  '/frame': { body: html(`${scripts}<script>${use}; use().then((done) => parent.postMessage(done, '*'))</script>`) },
  // What a page complains about is kept, and looked at when a case ends.
  '/errors.js': {
    body: `globalThis.errors = []
addEventListener('error', (e) => errors.push(e.message))
addEventListener('unhandledrejection', (e) => errors.push('unhandled: ' + e.reason))`,
  },
  // The blocks in IndexedDB by themselves.
  '/storage.js': {
    get body() {
      return readFileSync(`${notes}storage.js`)
    },
  },
  '/in-worker.js': { body: `importScripts('/masq.global.js'); ${use}; use().then((done) => postMessage(done))` },
  // A Worker that stops dead, as in a tab that is frozen, until the server answers: when it is told to, or when it next writes,
  // before it has heard that its transaction has started.
  '/freezable.js': {
    body: `const freeze = () => {
  const request = new XMLHttpRequest(); request.open('GET', '/freeze', false); request.send()
}
let atWrite = false
const { transaction } = IDBDatabase.prototype
IDBDatabase.prototype.transaction = function (stores, mode, options) {
  if (mode === 'readwrite' && atWrite) queueMicrotask(freeze)
  return transaction.call(this, stores, mode, options)
}
new BroadcastChannel('freeze').onmessage = ({ data }) => (data === 'write' ? (atWrite = true) : freeze())
importScripts('/worker.js')`,
  },
  // A Worker that has blocks in files, and does what it is told with one store. It can be told to stop dead when it next writes: what is
  // to be in a file is flushed, and nothing else has begun.
  '/opfs-worker.js': {
    get body() {
      return readFileSync(`${notes}opfs.js`) + inFiles
    },
  },
  // A Worker that takes itself to be offline, whatever happens.
  '/offline-worker.js': {
    body: `Object.defineProperty(WorkerNavigator.prototype, 'onLine', { get: () => false }); importScripts('/worker.js')`,
  },
}

/** Site is one. */
export class Site {
  #server
  #files
  #frozen = []
  #scheme
  acknowledged = new Set() // what pages say that they have been told is stored
  reports = [] // what else pages say by themselves
  first = '' // what a page runs first of all
  changed = '' // a file of which whoever serves it has made another that does the same
  asked = [] // the paths that were asked for

  /** With `tls`, a certificate and its key, it is served by https:. */
  static async open(files = client, tls) {
    const site = new Site()
    const answer = (request, response) => site.#answer(request, response)
    site.#files = files
    site.#scheme = tls ? 'https' : 'http'
    site.#server = tls ? createSecureServer(tls, answer) : createServer(answer)
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    return site
  }

  url(path = '/', host = 'localhost') {
    return `${this.#scheme}://${host}:${this.#server.address().port}${path}`
  }

  get frozen() {
    return this.#frozen.length
  }

  /** thaw lets go on what has stopped. */
  thaw() {
    for (const response of this.#frozen.splice(0)) response.end()
  }

  async close() {
    this.thaw()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost')
    this.asked.push(pathname)
    if (pathname === '/freeze') return void this.#frozen.push(response)
    if (pathname === '/report') this.reports.push(JSON.parse(searchParams.get('value')))
    if (pathname === '/acknowledge') this.acknowledged.add(searchParams.get('key'))
    const found = this.#find(pathname)
    const type = types[/\.(\w+)$/.exec(pathname)?.[1] ?? 'html'] ?? 'text/plain'
    response.writeHead(found ? 200 : 404, { 'content-type': type, 'cache-control': 'no-cache', ...found?.headers })
    response.end(pathname === '/errors.js' ? `${this.first}\n${found.body}` : found?.body)
  }

  #find(pathname) {
    const file = this.#files + (pathname === '/' ? 'index.html' : pathname.slice(1))
    if (this.#files === client && pages[pathname]) return pages[pathname]
    if (/^\/[\w.-]*$/.test(pathname) && existsSync(file))
      return { body: this.#changed(pathname.slice(1), readFileSync(file)) }
    return undefined
  }

  /** #changed adds an empty section to the engine, a line break to a script. */
  #changed(file, body) {
    if (file !== this.changed) return body
    return Buffer.concat([body, file.endsWith('.wasm') ? Uint8Array.of(0, 2, 1, 0x78) : Buffer.from('\n')])
  }
}
