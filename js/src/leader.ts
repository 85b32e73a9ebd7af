// Leader election by Web Locks, and a tab’s way to the engine. One tab holds the lock and runs the Worker; the others reach it by BroadcastChannel. When the
// leader goes, the browser gives the lock to another tab; when it is there but does not answer (a frozen tab), the lock is
// stolen from it, and storage sees to it that its engine can do no harm.

import { CODEC_VERSION } from './codec.gen.js'
import { MasqError } from './errors.js'
import { hidden, onLeaving, onVisibility } from './host.js'
import { withLock } from './lock.js'
import { names, type Announce, type Init, type ToTab, type ToWorker } from './messages.js'
import type { Options } from './options.js'
import { Pin, pins } from './pins.js'
import { Silence, TICK_MS } from './silence.js'
import { workerMakers, type Maker } from './spawn.js'

/** What a Leadership tells the tab. */
export interface LeadershipEvents {
  /** This tab leads, by no force, and its engine has not begun. */
  leads(): void
  /** From now on an engine may have written: this tab's gets its program, or this tab does not lead any more. */
  begins(): void
  /** There is a new engine, which knows nothing of this tab: ask again for everything. */
  welcome(): void
  /** The new engine has opened its data; `data` says which. Before that it returns nothing. */
  opened(data: string): void
  /** Messages of the codec. */
  out(bytes: Uint8Array): void
  /** The engine failed. If `final`, there will be no other. */
  failed(code: string, detail: string, final: boolean): void
  /** An engine of another version has the data: there is none for this tab until those tabs have gone. */
  held(): void
  /** A tab has a newer version of Masq. */
  newer(): void
  /** The application's own function did not make a Worker. It will not be called again. */
  refused(e: MasqError): void
  /** Whether something waits for an answer. */
  waiting(): boolean
  /** Whether the data has gone elsewhere since this tab was opened: then there must be no engine any more. */
  moved(): Promise<boolean>
}

const SPAWN_MS = 60_000 // for a script that has to be fetched by a slow network; a Worker says welcome before it loads anything else
const RESTART_MS = 250
const RESTART_MS_MAX = 30_000
const FRESH_MS = 1000 // for so long what was known when the tab was opened holds
const STEADY_MS = 60_000 // an engine that ran this long failed anew, not again

/** Failures that another engine on the same data would meet again. */
const FINAL = ['E_DAMAGED', 'E_VERSION', 'E_WASM', 'E_WORKER', 'E_UNSUPPORTED']

export class Leadership {
  readonly client: number
  #options: Options
  #events: LeadershipEvents
  #engine = 0 // the engine that has welcomed this tab
  #worker: Worker | undefined // if this tab is the leader
  #mine = 0 // the number of its engine
  #making = 0 // the number of the engine whose Worker is being made
  #stepDown: (() => void) | undefined // gives the lock back
  #dequeue: () => void = () => undefined // ends the wait for the lock
  #discovery: BroadcastChannel
  #port: BroadcastChannel
  #release: (() => void) | undefined // gives back the tab's own lock
  #timer: ReturnType<typeof setInterval>
  #listening = new AbortController() // to the page and the network
  #ticked = performance.now()
  #silence = new Silence() // of an engine in another tab
  #started = 0
  #opened = performance.now()
  #seized: (() => void) | undefined // the engine is to be this tab's alone
  #alone = 0 // the engine that is
  #restarts = 0
  #closed = false

  constructor(options: Options, client: number, events: LeadershipEvents) {
    this.client = client
    this.#options = options
    this.#events = events
    this.#discovery = new BroadcastChannel(names.discovery(options.app))
    this.#port = new BroadcastChannel(names.port(options.app, client))
    this.#discovery.onmessage = (e: MessageEvent<ToWorker | Announce>) => {
      if (e.data.t !== 'engine' || e.data.engine === this.#mine) return
      this.#events.begins() // it has taken the lead by force, and this tab may hear that later than of what it writes
      this.#hello()
    }
    this.#port.onmessage = (e: MessageEvent<ToTab>) => this.#take(e.data)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    onVisibility(this.#seen, this.#listening)
    onLeaving(this.#left, this.#back, this.#listening)
    for (const type of ['online', 'offline']) addEventListener(type, this.#network, this.#listening)
    this.#live()
    this.#compete(false) // not after the other lock: who leads needs it only when another takes over
  }

  /** Sends ops. If there is no engine now it returns false and drops them: a welcome will follow. */
  post(bytes: Uint8Array): boolean {
    if (this.#engine) this.#send({ t: 'ops', client: this.client, engine: this.#engine, bytes })
    return this.#engine !== 0
  }

  /** Whether this tab runs the engine. */
  get leader(): boolean {
    return this.#worker !== undefined
  }

  /**
   * Leads, and from then on nobody's operations but this tab's are done. `alone` says whether that still holds: not with the
   * next engine, for which it has to be called again.
   */
  seize(): Promise<void> {
    return new Promise((resolve) => {
      this.#seized = resolve
      if (this.#closed) resolve()
      else if (!this.leader) this.#compete(true)
      else if (this.#engine === this.#mine) this.#shut()
    })
  }

  get alone(): boolean {
    return this.leader && this.#alone === this.#mine && this.#engine === this.#mine
  }

  /** Lets go of everything. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#seized?.()
    if (!this.leader) this.#send({ t: 'bye', client: this.client })
    clearInterval(this.#timer)
    this.#listening.abort()
    this.#dequeue()
    this.#end()
    this.#stepDown?.()
    this.#discovery.close()
    this.#port.close()
    this.#release?.()
  }

  /** Holds the tab's own lock until the tab is closed: an engine in another tab forgets a tab that has lost it. */
  #live(): void {
    const live = (): Promise<void> => {
      if (this.#closed) return Promise.resolve()
      this.#hello()
      return new Promise((resolve) => (this.#release = resolve))
    }
    withLock(names.tabLock(this.#options.app, this.client), {}, live, {
      lost: () => undefined,
      again: () => {
        if (this.#closed) return
        if (!this.leader) this.#engine = 0 // it has to welcome this tab anew
        this.#live()
      },
      refused: (e) => this.#refused(e),
    })
  }

  #compete(steal: boolean): void {
    this.#dequeue()
    this.#dequeue = withLock(names.lock(this.#options.app), { steal }, () => this.#lead(steal), {
      lost: () => this.#end(), // what it still says is not to be heard
      again: () => this.#closed || this.#deposed(),
      refused: (e) => this.#refused(e),
    })
  }

  /** A sandboxed frame, or a browser that stores nothing here: then it refuses locks, too. */
  #refused(e: unknown): void {
    if (!this.#closed) this.#events.failed('E_STORAGE', `Web Locks: ${(e as Error).name}`, true)
  }

  /** Runs with the lock held, until the tab steps down. */
  async #lead(stolen: boolean): Promise<void> {
    if (performance.now() - this.#opened > FRESH_MS && (await this.#events.moved().catch(() => false))) return
    if (this.#closed) return
    const over = new Promise<void>((resolve) => (this.#stepDown = resolve))
    if (!stolen) this.#events.leads()
    void this.#spawn(workerMakers(this.#options.worker)) // may step down at once
    await over
  }

  #shut(): void {
    this.#alone = this.#mine
    this.#send({ t: 'alone', client: this.client })
    this.#seized?.()
    this.#seized = undefined
  }

  /** The lock was lost to another tab. */
  #deposed(): void {
    this.#stepDown = undefined
    this.#hello()
    this.#compete(false)
  }

  /** Ends this tab's engine. */
  #end(): void {
    this.#events.begins()
    this.#worker?.terminate()
    this.#worker = undefined
    this.#making = 0
    this.#mine = 0
    this.#engine = 0
  }

  async #spawn([make, ...others]: Maker[]): Promise<void> {
    const init = this.#init()
    const compiled = compile(init.wasm)
    this.#making = init.engine
    const silent = (): boolean => this.#making === init.engine && this.#engine !== init.engine
    setTimeout(() => silent() && this.#notSpawned(others, new Error('it says nothing')), SPAWN_MS)
    let worker: Worker
    try {
      worker = await make!()
    } catch (e) {
      if (this.#making === init.engine) this.#notSpawned(others, e)
      return
    }
    if (this.#making !== init.engine) return worker.terminate() // closed or deposed meanwhile
    this.#worker = worker
    this.#mine = init.engine
    this.#engine = 0
    this.#started = performance.now()
    worker.onmessage = (e: MessageEvent<ToTab>) => this.#take(e.data)
    worker.onerror = (e) => {
      if (worker !== this.#worker) return
      if (this.#engine !== init.engine) {
        e.preventDefault()
        this.#notSpawned(others)
      }
    }
    worker.postMessage(init)
    worker.postMessage({ t: 'hello', client: this.client, version: CODEC_VERSION } satisfies ToWorker)
    const [module, hash] = await compiled
    this.#events.begins()
    worker.postMessage({ t: 'module', module, hash } satisfies ToWorker)
  }

  #notSpawned(others: Maker[], e?: unknown): void {
    this.#worker?.terminate()
    this.#worker = undefined
    this.#making = 0
    if (others.length > 0) return void this.#spawn(others)
    this.#stepDown?.()
    if (e instanceof MasqError) this.#events.refused(e)
    else this.#events.failed('E_WORKER', e instanceof Error ? e.message : '', true)
  }

  #init(): Init {
    const { app, name, url, sync, wasm } = this.#options
    return { t: 'init', engine: randomId(), app, name, url, sync, wasm, pin: pins[Pin.Wasm]!, ahead: true }
  }

  #hello(): void {
    if (!this.#closed)
      this.#discovery.postMessage({ t: 'hello', client: this.client, version: CODEC_VERSION } satisfies ToWorker)
  }

  #send(m: ToWorker): void {
    if (this.#worker) this.#worker.postMessage(m)
    else this.#port.postMessage(m)
  }

  #take(m: ToTab): void {
    if (this.#closed || (this.#mine && m.engine !== this.#mine)) return // from an engine that has lost the lock
    if (m.t === 'version') return this.#otherVersion(m.version, m.engine)
    if (m.t !== 'welcome' && m.engine !== this.#engine && !this.#concerns(m)) return
    this.#silence.heard()
    if (m.t === 'out') {
      this.#silence.works()
      return this.#events.out(m.bytes)
    }
    if (m.t === 'opened') return this.#events.opened(m.data)
    if (m.t === 'failed') return this.#failed(m.code, m.detail)
    if (m.engine === this.#engine) return
    this.#engine = m.engine
    if (this.#seized && m.engine === this.#mine) this.#shut()
    this.#seen()
    this.#events.welcome()
  }

  /** Whether what an engine says that has not welcomed this tab is about it: not the end of one that went before. */
  #concerns(m: ToTab): boolean {
    return m.t === 'failed' && this.#engine === 0
  }

  /** An engine of this version has heard of a tab with a newer one, or an engine of another version does not take this tab. */
  #otherVersion(version: number, engine: number): void {
    this.#silence.heard()
    if (version > CODEC_VERSION) this.#events.newer()
    if (engine === this.#engine) return
    this.#engine = 0
    this.#events.held()
  }

  #failed(code: string, detail: string): void {
    const final = FINAL.includes(code)
    this.#engine = 0
    this.#events.failed(code, detail, final)
    if (final || this.#closed || !this.#worker) return // the Worker stays and tells every tab that comes
    const worker = this.#worker
    if (performance.now() - this.#started > STEADY_MS) this.#restarts = 0
    setTimeout(
      () => {
        if (this.#closed || worker !== this.#worker) return
        worker.terminate()
        void this.#spawn(workerMakers(this.#options.worker))
      },
      Math.min(RESTART_MS * 2 ** this.#restarts++, RESTART_MS_MAX),
    )
  }

  /** Looks after an engine in another tab. */
  #tick(): void {
    const now = performance.now() // the clock may be set back
    const gap = now - this.#ticked
    this.#ticked = now
    if (this.leader) return
    const verdict = this.#silence.tick(gap, !hidden() || this.#events.waiting())
    if (verdict === 'ask') this.#hello()
    if (verdict !== 'dead') return
    this.#engine = 0
    this.#compete(true)
  }

  #seen = (): void => {
    if (!hidden()) this.#network()
  }

  /** In the browser's cache of pages the Worker would stand still, in the middle of a transaction, which keeps all others waiting. */
  #left = (): void => {
    if (!this.#stepDown) return
    this.#end()
    this.#stepDown()
    this.#stepDown = undefined
  }

  #back = (): void => {
    if (this.#stepDown) return
    this.#hello()
    this.#compete(false)
  }

  /** Tells the engine what the browser says of the network: its Worker may not hear of it. */
  #network = (): void => this.#send({ t: 'online', client: this.client, online: navigator.onLine })
}

/**
 * Compiles while the Worker starts: the one takes as long as the other. A page that is loaded again in the same process finds
 * there what was compiled for it before, which a Worker of its own does not. The hash is for the Worker to look at: with
 * `integrity` nothing would be compiled before all had come.
 */
async function compile(url: string): Promise<[module?: WebAssembly.Module, hash?: ArrayBuffer]> {
  try {
    const response = await fetch(url, { credentials: 'same-origin' })
    const copy = response.clone()
    const hash = async (): Promise<ArrayBuffer> => crypto.subtle.digest('SHA-256', await copy.arrayBuffer())
    return await Promise.all([WebAssembly.compileStreaming(response), hash()])
  } catch {
    return []
  }
}

/** A random number of 32 bits that is not 0. */
export function randomId(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! || 1
}
