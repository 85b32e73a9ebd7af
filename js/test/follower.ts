// Watches that outlive their browser. A page's watch begins with what happens from now on; these begin where they were when the browser
// was killed, as another tab's do when the one with the engine is: they speak to the engine as a tab does (../src/messages.ts).
import {
  ActionType,
  CODEC_VERSION,
  Verb,
  readTabAction,
  writeOp,
  type Ask,
  type RawChange,
  type TabAction,
} from '../src/codec.gen.js'
import { Writer, messages } from '../src/codec.js'
import { names, type Announce, type ToTab, type ToWorker } from '../src/messages.js'
import { decodeValue } from '../src/values.js'

/** What a watch is told, and how far it has been told then. A value is null if the key was deleted. */
export interface Told {
  prefix: string
  position: number
  reset: boolean
  changes: [key: string, value: unknown][]
}

type Reply = Extract<TabAction, { type: ActionType.Reply }>

/** Follows prefixes, each from a position; 0 is now. Resolves, with which data it is, when each watch has been told what it has missed. */
export async function follow(app: string, since: Record<string, number>, told: (t: Told) => void): Promise<string> {
  const engine = await meet(app)
  const prefixes = Object.keys(since)
  engine.told = (n, position, changes) => {
    const prefix = prefixes[n]
    if (prefix === undefined) return
    const reset = changes.some(({ key }) => !key)
    const named = changes.filter(({ key }) => key)
    told({ prefix, position, reset, changes: named.map((c) => [c.key, decodeValue(c) ?? null]) })
  }
  await Promise.all(prefixes.map((prefix, n) => engine.ask(n, { verb: Verb.Watch, prefix, since: since[prefix]! })))
  await engine.ask(prefixes.length, { verb: Verb.Get, key: '-' }) // which is done after what the watches missed
  return engine.data
}

interface Engine {
  data: string // which it has
  /** Hears of changes, and of where a watch begins. */
  told: (n: number, position: number, changes: RawChange[]) => void
  ask(n: number, op: Ask): Promise<Reply>
}

/** Waits for the engine, which another tab has or will have. */
async function meet(app: string): Promise<Engine> {
  const client = crypto.getRandomValues(new Uint32Array(1))[0]! || 1
  await new Promise<void>((held) => {
    void navigator.locks.request(names.tabLock(app, client), () => (held(), new Promise(() => undefined)))
  })
  const discovery = new BroadcastChannel(names.discovery(app))
  const port = new BroadcastChannel(names.port(app, client))
  const waiting = new Map<number, (r: Reply) => void>()
  const hello = (): void => discovery.postMessage({ t: 'hello', client, version: CODEC_VERSION } satisfies ToWorker)
  return new Promise((resolve, reject) => {
    let number = 0
    const engine: Engine = {
      data: '',
      told: () => undefined,
      ask: (n, op) =>
        new Promise((answered) => {
          const w = new Writer()
          writeOp(w, { ...op, client, n })
          waiting.set(n, answered)
          port.postMessage({ t: 'ops', client, engine: number, bytes: w.take() } satisfies ToWorker)
        }),
    }
    const take = (a: ReturnType<typeof readTabAction>): void => {
      if (a.type === ActionType.Changed) engine.told(a.n, a.position, a.changes)
      if (a.type !== ActionType.Reply) return
      if (a.code) throw new Error(`the engine says ${a.code}`)
      engine.told(a.n, a.number, [])
      waiting.get(a.n)?.(a)
    }
    port.onmessage = ({ data }: MessageEvent<ToTab>) => {
      if (data.t === 'failed') reject(new Error(data.code))
      if (data.t === 'welcome') number = data.engine
      if (data.t === 'opened') resolve(Object.assign(engine, { data: data.data }))
      if (data.t === 'out') for (const m of messages(data.bytes)) take(readTabAction(m))
    }
    discovery.onmessage = ({ data }: MessageEvent<Announce | ToWorker>) => data.t === 'engine' && hello()
    hello()
  })
}
