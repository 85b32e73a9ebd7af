// A program of somebody else's on the local store's port: it says yes to all that it hears, and keeps it.
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { StoreSide } from './store-side.js'

interface Call {
  id: number
  method: string
  params: Record<string, string>
}

const url64 = (b: Buffer): string => b.toString('base64url')

export class Squatter {
  readonly heard: Call[] = []
  readonly #server: WebSocketServer
  readonly #api: number

  private constructor(server: WebSocketServer, api: number) {
    this.#server = server
    this.#api = api
    server.on('connection', (ws, request) => {
      const answer = this.#store(request.headers.origin ?? '')
      ws.on('message', (data) => {
        const calls = [JSON.parse(String(data)) as Call | Call[]].flat()
        this.heard.push(...calls)
        const answers = calls.map((call) => ({ jsonrpc: '2.0', id: call.id, result: answer(call) }))
        ws.send(JSON.stringify(answers.length > 1 ? answers : answers[0]))
      })
    })
  }

  /** `api` is the version that it claims to speak. */
  static async open(api: number): Promise<Squatter> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    await new Promise((resolve) => server.on('listening', resolve))
    return new Squatter(server, api)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** All that it has learned of the application. */
  get learned(): object[] {
    return this.heard.flatMap(({ method, params: { commitment, key, nonce, typing, ...more } }) =>
      method === 'hello' || Object.keys(more).length === 0 ? [] : [{ [method]: more }],
    )
  }

  async close(): Promise<void> {
    for (const ws of this.#server.clients) ws.terminate()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #store(origin: string): (call: Call) => object {
    const token = randomBytes(40)
    let side: StoreSide
    return ({ method, params }) => {
      switch (method) {
        case 'hello':
          return { name: 'masq', version: 'x', api: this.#api }
        case 'request':
          if (this.#api === 1) return { id: url64(token.subarray(0, 8)), key: url64(token.subarray(8)) }
          side = new StoreSide(origin, params.commitment!)
          return { key: side.share }
        case 'reveal':
          return { token: side.open(params.key!, params.nonce!).seal(token) }
        case 'watch':
          return { watch: 1, position: '1' }
        case 'list':
          return { entries: [], more: false }
        case 'status':
          return { sync: 'online', entries: 1, devices: 3, online: 3, upToDate: 3 }
      }
      return {}
    }
  }
}
