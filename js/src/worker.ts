// The Worker: one engine, and the tabs that use it. Started by the tab that holds the lock; see leader.ts.

import { CODEC_VERSION, EventType, Verb, beginOp, readOpHead, readOpID, writeOpID } from './codec.gen.js'
import { Reader, Writer, messages } from './codec.js'
import { Engine } from './engine.js'
import { names, type Announce, type Init, type ToTab, type ToWorker } from './messages.js'
import { browser } from './platform.js'

/** What a tab is spoken to by: the Worker's own scope or a BroadcastChannel. */
interface Port {
  postMessage(message: ToTab): void
  close?(): void
}

/** A tab, the messages that wait for it, and its ops that go on until they are ended. */
interface Tab {
  port: Port
  out: Uint8Array[]
  lasting: Map<number, Verb> // n of a watch or a pairing → the verb that ends it
}

const scope = globalThis as unknown as {
  postMessage(message: ToTab): void
  onmessage: ((e: MessageEvent<ToWorker>) => void) | null
}

/** The tabs of one engine. */
export class Hub {
  #init: Init
  #engine: Engine
  #tabs = new Map<number, Tab>()
  #status: Uint8Array | undefined // the newest status message, for tabs that come
  #data = '' // which data the engine has opened, when it has
  #newer = 0 // the version of a tab with a newer one
  #failed: ToTab | undefined
  #ended = 0 // numbers the Hub's own ops
  #only: number | undefined // the one client whose ops are taken

  constructor(init: Init, platform = browser) {
    this.#init = init
    this.#engine = new Engine(init, platform, {
      opened: (data) => this.#opened(data),
      tab: (client, message) => this.#tabs.get(client)?.out.push(message.slice()),
      status: (message) => this.#setStatus(message.slice()),
      flush: () => this.#tabs.forEach((tab) => this.#send(tab)),
      failed: (code, detail) => this.#fail(code, detail),
    })
    const discovery = new BroadcastChannel(names.discovery(init.app))
    discovery.onmessage = (e: MessageEvent<ToWorker | Announce>) => {
      if (e.data.t === 'hello') this.#hello(e.data, undefined)
    }
    discovery.postMessage({ t: 'engine', engine: init.engine } satisfies Announce)
    void this.#engine.start()
  }

  /** Takes a message that came on the tab's own port. */
  take(m: ToWorker, port?: Port): void {
    switch (m.t) {
      case 'hello':
        return this.#hello(m, port)
      case 'ops':
        if (m.engine === this.#init.engine) this.#ops(m.client, m.bytes)
        return
      case 'module':
        return this.#engine.compiled(m.module, m.hash)
      case 'online':
        return this.#engine.online(m.online)
      case 'alone':
        this.#only = m.client
        return
      case 'bye':
        return this.#leave(m.client)
    }
  }

  #hello({ client, version }: { client: number; version: number }, port: Port | undefined): void {
    if (version !== CODEC_VERSION) return this.#otherVersion(client, version)
    const { engine } = this.#init
    let tab = this.#tabs.get(client)
    const known = tab !== undefined
    if (!tab) {
      tab = { port: port ?? this.#channel(client), out: [], lasting: new Map() }
      this.#tabs.set(client, tab)
      if (!port) this.#leaveWhenGone(client)
    }
    this.#post(tab, { t: 'welcome', engine })
    if (this.#newer) this.#post(tab, { t: 'version', engine, version: this.#newer })
    if (this.#data && !known) this.#post(tab, { t: 'opened', engine, data: this.#data })
    if (this.#failed) this.#post(tab, this.#failed)
    else if (this.#status && !known) this.#post(tab, { t: 'out', engine, bytes: this.#status })
  }

  /** A tab of another version cannot be served; it waits for the lock. If its version is newer, the other tabs hear of it. */
  #otherVersion(client: number, version: number): void {
    const { engine } = this.#init
    const channel = new BroadcastChannel(names.port(this.#init.app, client))
    channel.postMessage({ t: 'version', engine, version: CODEC_VERSION } satisfies ToTab)
    channel.close()
    if (version <= CODEC_VERSION || this.#newer) return
    this.#newer = version
    for (const tab of this.#tabs.values()) this.#post(tab, { t: 'version', engine, version })
  }

  #opened(data: string): void {
    this.#data = data
    for (const tab of this.#tabs.values()) this.#post(tab, { t: 'opened', engine: this.#init.engine, data })
  }

  #channel(client: number): Port {
    const channel = new BroadcastChannel(names.port(this.#init.app, client))
    channel.onmessage = (e: MessageEvent<ToWorker>) => this.take(e.data)
    return channel
  }

  /** A tab holds a lock as long as it lives: who gets it knows that the tab has gone, crashed or not. */
  #leaveWhenGone(client: number): void {
    const gone = (): void => this.#leave(client)
    navigator.locks.request(names.tabLock(this.#init.app, client), gone).catch(gone)
  }

  #leave(client: number): void {
    const tab = this.#tabs.get(client)
    if (!tab) return
    this.#tabs.delete(client)
    tab.port.close?.()
    const w = new Writer()
    for (const [n, verb] of tab.lasting) this.#end(w, client, n, verb)
    if (w.length > 0) this.#engine.ops(w.take())
  }

  /** Writes the op that ends a watch or pairing of another client: ids of the Hub's own ops have client 0. */
  #end(w: Writer, client: number, n: number, verb: Verb): void {
    beginOp(w, { client: 0, n: ++this.#ended, verb })
    writeOpID(w, { client, n })
    w.end()
  }

  #ops(client: number, bytes: Uint8Array): void {
    const tab = this.#tabs.get(client)
    if (!tab || this.#failed || (this.#only ?? client) !== client) return
    for (const m of messages(bytes)) {
      const r = new Reader(m.body)
      const { client: from, n, verb } = readOpHead(r)
      if (m.type !== EventType.Op || from !== client) throw new Error('masq: a tab sent what is not its own op')
      if (verb === Verb.Watch) tab.lasting.set(n, Verb.Unwatch)
      else if (verb === Verb.Invite || verb === Verb.Join) tab.lasting.set(n, Verb.Cancel)
      else if (verb === Verb.Unwatch || verb === Verb.Cancel) tab.lasting.delete(readOpID(r).n)
    }
    this.#engine.ops(bytes)
  }

  #setStatus(message: Uint8Array): void {
    this.#status = message
    for (const tab of this.#tabs.values()) tab.out.push(message)
  }

  #send(tab: Tab): void {
    if (tab.out.length === 0) return
    const bytes = concat(tab.out)
    tab.out = []
    this.#post(tab, { t: 'out', engine: this.#init.engine, bytes })
  }

  #post(tab: Tab, message: ToTab): void {
    tab.port.postMessage(message)
  }

  #fail(code: string, detail: string): void {
    this.#failed = { t: 'failed', engine: this.#init.engine, code, detail }
    for (const tab of this.#tabs.values()) {
      this.#send(tab)
      this.#post(tab, this.#failed)
    }
  }
}

function concat(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) {
    out.set(p, at)
    at += p.length
  }
  return out
}

let hub: Hub | undefined
scope.onmessage = (e) => {
  if (e.data.t === 'init') hub ??= new Hub(e.data)
  else hub?.take(e.data, { postMessage: (m) => scope.postMessage(m) })
}
