// A program in the local store's place, for what the real one does not do on demand: cannot prove who it is, answers garbage,
// falls over in the middle of things. What it does right is the least of the protocol that a page needs to go on.
import { createHmac, randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'
import { StoreSide } from './store-side.js'

interface Call {
  id: number
  method: string
  params: Record<string, unknown>
}

/** What to answer instead: a result, a Promise of one, or undefined to go on as usual. */
export type Instead = (call: Call, ws: WebSocket) => unknown

const url64 = (b: Buffer): string => b.toString('base64url')
/** Answers nothing. */
export const SILENCE = Symbol('silence')

/** An error as the store answers it. */
export class Refusal {
  constructor(readonly code: string) {}
}

/** What it knows of a connection. */
interface State {
  origin: string
  client: Buffer
  side: StoreSide | undefined
}

export class FakeStore {
  readonly data = new Map<string, object>()
  readonly calls: string[] = []
  readonly sockets = new Set<WebSocket>()
  /** How many calls each message had. */
  readonly frames: number[] = []
  /** How many bytes there is room for. */
  room = 1 << 30
  connections = 0
  instead: Instead = () => undefined
  /** Whether it has no keys: what it proves is nothing. */
  forget = false
  /** What it proved last. */
  proved: object = {}
  #digits = '' // of the last exchange; '' until that is revealed
  #server: WebSocketServer
  #tokens = new Map<string, Buffer>()
  #position = 0
  #watches: { ws: WebSocket; n: number; prefix: string }[] = []
  #n = 0
  #log: { position: number; key: string; now: object; ws: WebSocket }[] = []

  private constructor(server: WebSocketServer) {
    this.#server = server
    server.on('connection', (ws, request) => this.#serve(ws, request.headers.origin ?? ''))
  }

  static async open(port = 0): Promise<FakeStore> {
    const server = new WebSocketServer({ host: '127.0.0.1', port })
    await new Promise((resolve) => server.on('listening', resolve))
    return new FakeStore(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The digits of the last exchange, as soon as its user sees them. */
  async digits(): Promise<string> {
    while (!this.#digits) await new Promise(setImmediate)
    return this.#digits
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.calls.filter((c) => c === method).length
  }

  /** Ends every connection, as when the store is stopped, or with another code. */
  drop(code = 1001): void {
    for (const ws of this.sockets) ws.close(code)
  }

  async close(): Promise<void> {
    for (const ws of this.sockets) ws.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(ws: WebSocket, origin: string): void {
    this.sockets.add(ws)
    this.connections++
    ws.on('close', () => {
      this.sockets.delete(ws)
      this.#watches = this.#watches.filter((w) => w.ws !== ws)
    })
    const state: State = { origin, client: Buffer.alloc(0), side: undefined }
    ws.on('message', async (data) => {
      const message = JSON.parse(String(data)) as Call | Call[]
      const answers: object[] = []
      this.frames.push([message].flat().length)
      for (const call of [message].flat()) {
        this.calls.push(call.method)
        const result = (await this.instead(call, ws)) ?? this.#answer(call, ws, state)
        if (result === SILENCE) continue
        const { id } = call
        if (result instanceof Refusal)
          answers.push({ jsonrpc: '2.0', id, error: { code: -32000, message: 'no', data: { code: result.code } } })
        else answers.push({ jsonrpc: '2.0', id, result })
      }
      if (answers.length > 0) ws.send(JSON.stringify(Array.isArray(message) ? answers : answers[0]))
    })
  }

  #answer({ method, params }: Call, ws: WebSocket, state: State): unknown {
    const p = params as Record<string, string>
    switch (method) {
      case 'hello':
        return { name: 'masq', api: 2 }
      case 'request':
        this.#digits = ''
        state.side = new StoreSide(state.origin, p.commitment!)
        return { key: state.side.share }
      case 'reveal': {
        const [id, key] = [randomBytes(8), randomBytes(32)]
        const { digits, seal } = state.side!.open(p.key!, p.nonce!)
        this.#digits = digits
        this.#tokens.set(url64(id), key)
        return { token: seal(Buffer.concat([id, key])) }
      }
      case 'compared':
      case 'describe':
        return {}
      case 'prove': {
        const key = (!this.forget && this.#tokens.get(p.id!)) || randomBytes(32)
        const [cn, sn] = [Buffer.from(p.cn!, 'base64url'), randomBytes(32)]
        state.client = mac(key, 'client', state.origin, cn, sn)
        return (this.proved = { sn: url64(sn), mac: url64(mac(key, 'store', state.origin, cn, sn)) })
      }
      case 'proof':
        return p.mac === url64(state.client) ? {} : new Refusal('E_AUTH')
      case 'status':
        return {
          ...{ store: 'local', sync: 'off', entries: this.data.size, toSend: 0, toReceive: false, recovery: false },
          ...{ devices: 0, online: 0, upToDate: 0, full: false, fullThere: 0 },
        }
      case 'room':
        return { bytes: this.room }
      case 'get':
        return this.data.get(p.key!) ?? {}
      case 'put':
        this.#write(p.key!, 'bytes' in p ? { bytes: p.bytes } : { value: p.value }, ws)
        return {}
      case 'del':
        this.#write(p.key!, undefined, ws)
        return {}
      case 'import':
      case 'batch':
        for (const o of params.operations as Record<string, string>[])
          this.#write(o.key!, o.type === 'del' ? undefined : 'bytes' in o ? { bytes: o.bytes } : { value: o.value }, ws)
        return {}
      case 'list': {
        const keys = [...this.data.keys()].filter((k) => k.startsWith(p.prefix ?? '') && k > (p.after ?? '')).sort()
        return { entries: keys.map((key) => ({ key, ...this.data.get(key) })), more: false }
      }
      case 'conflicts':
        return { entries: [] }
      case 'watch': {
        const n = ++this.#n
        this.#watches.push({ ws, n, prefix: p.prefix! })
        const since = p.since === undefined ? this.#position : Number(p.since)
        for (const e of this.#log) if (e.position > since) this.#tell(ws, n, e)
        return { watch: n, position: String(this.#position) }
      }
      case 'unwatch':
        this.#watches = this.#watches.filter((w) => w.n !== Number(p.watch))
        return {}
    }
    return new Refusal('E_METHOD')
  }

  #write(key: string, now: object | undefined, ws: WebSocket): void {
    if (now) this.data.set(key, now)
    else this.data.delete(key)
    const entry = { position: ++this.#position, key, now: now ?? {}, ws }
    this.#log.push(entry)
    for (const w of this.#watches) if (key.startsWith(w.prefix)) this.#tell(w.ws, w.n, entry)
  }

  #tell(
    to: WebSocket,
    n: number,
    { position, key, now, ws }: { position: number; key: string; now: object; ws: WebSocket },
  ): void {
    const changes = [{ key, ...now, conflicts: 0, from: ws === to ? 'here' : 'tab' }]
    const params = { watch: n, position: String(position), changes }
    to.send(JSON.stringify({ jsonrpc: '2.0', method: 'changed', params }))
  }
}

function mac(key: Buffer, side: string, app: string, cn: Buffer, sn: Buffer): Buffer {
  const lv = Buffer.concat([Buffer.from([app.length >> 8, app.length & 255]), Buffer.from(app)])
  return createHmac('sha256', key)
    .update(Buffer.concat([Buffer.from(`masq-store/1 ${side}`), lv, cn, sn]))
    .digest()
}
