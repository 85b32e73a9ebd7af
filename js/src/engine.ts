// Drives the engine inside the Worker: events in, actions out, storage, sockets and time.

import { ActionType, EventType, StorageFailure, forTab, readWorkerAction, writeEvent } from './codec.gen.js'
import type { EngineEvent, WorkerAction } from './codec.gen.js'
import { Writer, clientOf, messages, type Message } from './codec.js'
import { names, storageCode, type Init } from './messages.js'
import type { Blocks, Connections, Platform } from './platform.js'
import { StorageError, explain, type StoredBlock } from './storage.js'
import { WasmError, compile, run, textOf, type Program } from './wasm.js'

/** What the engine has for the tabs. */
export interface EngineEvents {
  /** The data is open; `data` names it. Nothing else is told before. */
  opened(data: string): void
  /** A message for one tab. It is a view that is valid during the call. */
  tab(client: number, message: Uint8Array): void
  /** A status message, for all tabs. It is a view that is valid during the call. */
  status(message: Uint8Array): void
  /** The actions of one step have all been seen. */
  flush(): void
  /** The engine has stopped for good. */
  failed(code: string, detail: string): void
}

const TIMER_MS_MAX = 2 ** 31 - 1
const LOG = 1 // a class of blocks

/** One engine, from start to failure. */
export class Engine {
  #init: Init
  #events: EngineEvents
  #ahead: Promise<WebAssembly.Module | undefined> // what the tab compiles
  #settle!: (module: WebAssembly.Module | undefined) => void
  #in = new Writer() // events of this turn
  #program: Program | undefined
  #platform: Platform
  #store: Blocks | undefined
  #sockets: Connections
  #scheduled = false
  #stopped = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #newest = 0 // the last log record that was there at the start, or that this engine has added
  #cause = '' // of what storage failed
  #late = false // it does not answer
  #committing: Promise<void> = Promise.resolve() // never rejects

  constructor(init: Init, platform: Platform, events: EngineEvents) {
    this.#init = init
    this.#platform = platform
    this.#ahead = new Promise((resolve) => (this.#settle = resolve))
    if (!init.ahead) this.#settle(undefined)
    this.#events = events
    this.#sockets = platform.connections({
      opened: (conn) => this.#tell({ type: EventType.Opened, conn }),
      frame: (conn, data) => this.#tell({ type: EventType.Frame, conn, data }),
      pong: (conn) => this.#tell({ type: EventType.Pong, conn }),
      closed: (conn, code) => this.#tell({ type: EventType.Closed, conn, code }),
    })
    if (!navigator.onLine) this.online(false) // until a page says something else: a Worker is not told that it has become true
  }

  /** Takes what the tab has compiled, if its hash is the right one. */
  compiled(module: WebAssembly.Module | undefined, hash: ArrayBuffer | undefined): void {
    const { pin } = this.#init
    this.#settle(pin && !(hash && textOf(hash) === pin) ? undefined : module)
  }

  /** Loads everything and gives the engine its first events; ops that came meanwhile follow. Never rejects. */
  async start(): Promise<void> {
    try {
      const module = this.#ahead.then((m) => m ?? compile(this.#init.wasm, this.#init.pin))
      module.catch(() => undefined) // awaited below, unless storage fails first
      const store = await this.#platform.open(names.database(this.#init.app))
      this.#store = store
      store.onlost = (e) => this.#fail(storageCode(e.reason), e.message)
      const [{ key, id }, ids] = await Promise.all([this.#platform.key(store), store.list()])
      const error = (text: string): void => console.error(`masq: ${text}`)
      const program = await run(await module, error, () => this.#fail('E_INTERNAL', 'the engine ended'))
      this.#newest = lastRecord(ids)
      if (this.#stopped) return
      this.#events.opened(id)
      this.#begin(program, key, ids)
    } catch (e) {
      if (e instanceof WasmError) return this.#fail('E_WASM', e.message)
      if (!(e instanceof StorageError || e instanceof DOMException)) return this.#fail('E_INTERNAL', String(e))
      const { reason, message } = explain(e)
      this.#fail(storageCode(reason), message)
    }
  }

  /** Takes op messages of a tab. */
  ops(bytes: Uint8Array): void {
    this.#feed((w) => w.raw(bytes))
  }

  /** Tells the engine what is known of the network. */
  online(yes: boolean): void {
    this.#tell({ type: yes ? EventType.Online : EventType.Offline })
  }

  #begin(program: Program, key: Uint8Array, ids: number[]): void {
    const { app, name, url, sync } = this.#init
    const first = new Writer()
    writeEvent(first, { type: EventType.Config, key, app, name, url, sync })
    writeEvent(first, { type: EventType.Start, ids })
    key.fill(0)
    this.#program = program
    this.#turn(first)
    first.wipe()
    this.#schedule()
  }

  #tell(e: EngineEvent): void {
    this.#feed((w) => writeEvent(w, e))
  }

  #feed(write: (w: Writer) => void): void {
    if (this.#stopped) return
    write(this.#in)
    this.#schedule()
  }

  /** All events of a turn make one step. */
  #schedule(): void {
    if (this.#scheduled || !this.#program) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#in.length > 0) this.#turn(this.#in)
    })
  }

  #turn(events: Writer): void {
    if (this.#stopped || !this.#program) return
    const actions = this.#program.step(Date.now(), events.length, events.buffer)
    events.reset()
    const last: WorkerAction[] = []
    for (const m of messages(actions)) this.#act(m, last)
    this.#events.flush()
    for (const a of last) this.#carryOut(a)
    this.#program.rest()
  }

  /** Carries an action out, or puts it into `last`: what storage is asked for takes long to hand over, and others wait for the rest. */
  #act(m: Message, last: WorkerAction[]): void {
    if (forTab(m.type)) return this.#events.tab(clientOf(m), m.whole)
    if (m.type === ActionType.Status) return this.#events.status(m.whole)
    const a = readWorkerAction(m)
    if (a.type === ActionType.Commit || a.type === ActionType.Load || a.type === ActionType.Failed) last.push(a)
    else this.#carryOut(a)
  }

  #carryOut(a: WorkerAction): void {
    switch (a.type) {
      case ActionType.Dial:
        return this.#sockets.dial(a.conn, a.url)
      case ActionType.Send:
        return this.#sockets.send(a.conn, a.data)
      case ActionType.Ping:
        return this.#sockets.ping(a.conn)
      case ActionType.Hangup:
        return this.#sockets.hangup(a.conn)
      case ActionType.Commit:
        return this.#commit(a.adds as StoredBlock[], a.puts as StoredBlock[], a.dels, a.relaxed, a.after)
      case ActionType.Load:
        return this.#load(a.ids)
      case ActionType.WakeAt:
        return this.#wakeAt(a.at)
      case ActionType.Failed:
        return void this.#explain(a.code).then((code) => this.#fail(code, this.#cause || 'the engine stopped'))
    }
  }

  #commit(adds: StoredBlock[], puts: StoredBlock[], dels: number[], relaxed: boolean, after: number): void {
    this.#committing = this.#store!.commit(adds, puts, dels, relaxed, after).then(
      () => {
        this.#newest = Math.max(this.#newest, lastRecord(adds.map((b) => b.id)))
        this.#tell({ type: EventType.Committed, failure: StorageFailure.None })
      },
      (e: unknown) => {
        const failure = this.#failure(e)
        if (this.#late)
          this.#fail('E_STORAGE', this.#cause) // it would not say either what it has
        else this.#tell({ type: EventType.Committed, failure })
      },
    )
  }

  /**
   * Blocks that are not as they should be may be so because another engine has taken over, of a tab that took this one for
   * dead, or because this one has and the other went on for a moment. Then the log has a record that this engine knows
   * nothing of, and the data is not damaged. A commit may fail of the same, and Firefox does not say that it did.
   */
  async #explain(code: string): Promise<string> {
    if (code !== 'E_DAMAGED' && (code !== 'E_STORAGE' || this.#late)) return code
    await this.#committing
    const ids = await this.#store!.list().catch(() => [])
    return lastRecord(ids) > this.#newest ? 'E_FENCED' : code
  }

  #load(ids: number[]): void {
    this.#store!.load(ids).then(
      (data) =>
        this.#tell({
          type: EventType.Loaded,
          failure: StorageFailure.None,
          blocks: ids.map((id, i) => ({ id, data: data[i] })),
        }),
      (e: unknown) => this.#tell({ type: EventType.Loaded, failure: this.#failure(e), blocks: [] }),
    )
  }

  #failure(e: unknown): StorageFailure {
    if (e instanceof StorageError) {
      this.#cause = e.message
      this.#late = e.reason === 'late'
    }
    return failureOf(e)
  }

  #wakeAt(at: number): void {
    clearTimeout(this.#timer)
    if (at === 0) return
    const wait = Math.min(Math.max(at - Date.now(), 0), TIMER_MS_MAX)
    this.#timer = setTimeout(() => this.#tell({ type: EventType.Tick }), wait)
  }

  #fail(code: string, detail: string): void {
    if (this.#stopped) return
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#sockets.close()
    if (this.#store) this.#store.onlost = undefined
    this.#store?.close()
    this.#events.failed(code, detail)
  }
}

/** The highest number of a log record among blocks, 0 if there is none; see core/storage, ID. */
function lastRecord(ids: number[]): number {
  return ids.reduce((last, id) => (Math.floor(id / 2 ** 48) === LOG ? Math.max(last, id) : last), 0)
}

function failureOf(e: unknown): StorageFailure {
  const reason = e instanceof StorageError ? e.reason : 'other'
  if (reason === 'exists') return StorageFailure.Exists
  return reason === 'quota' ? StorageFailure.Quota : StorageFailure.Other
}
