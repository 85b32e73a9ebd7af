// For tests: the page in Chromium, before a scripted store. What the store itself does is tested with the real one.
import { createHmac, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page, type WebSocketRoute } from 'playwright-core'
import { findChrome } from '../../js/test/browser.js'
import type { State } from '../manager/state.js'

const root = process.cwd() // js/, where npm runs the tests
const dist = join(root, '../web/dist/manager')
const types: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
}

/** secret is what the link of `masq open` has. */
export const secret = 'AAECAwQFBgcICQoLDA0ODw'

/** code is what `masq open` shows where a browser cannot read its file. */
export const code = '7KQ2-M9XD'

/** Answer is what a method is answered with: a result, or an error by its code. */
type Answer = (params: Record<string, unknown>) => unknown

interface Call {
  id: number
  method: string
  params: Record<string, unknown>
}

/** Failure makes a method fail. */
export class Failure extends Error {}

/** ScriptedStore is a store of which the test says what it returns. It lets in whoever knows its secret or its session. */
export class ScriptedStore {
  readonly calls: { method: string; params: Record<string, unknown> }[] = []
  answers: Record<string, Answer> = {}
  /** running: whether connections are taken. */
  running = true
  readonly #session = { id: 'AAECAwQFBgc', key: randomBytes(32).toString('base64url') }
  #socket: WebSocketRoute | undefined
  #sn = ''
  #used = false

  constructor(
    public state: State,
    readonly origin: string,
  ) {}

  /** set changes the state, and tells. */
  set(state: State): void {
    this.state = state
    this.#send({ jsonrpc: '2.0', method: 'state', params: state })
  }

  /** stop ends the connection, as a store does that ends; it knows no session afterwards if forgets. */
  stop(forgets = false): void {
    this.running = false
    if (forgets) this.#session.key = randomBytes(32).toString('base64url')
    void this.#socket?.close({ code: 1001 })
  }

  /** connect takes a connection. */
  connect(socket: WebSocketRoute): void {
    if (!this.running) return void socket.close({ code: 1006 })
    this.#socket = socket
    socket.onMessage((data) => {
      const calls = JSON.parse(data as string) as Call | Call[]
      for (const call of Array.isArray(calls) ? calls : [calls]) this.#take(call)
    })
  }

  /** called waits until a method has been called, and returns the parameters of the last call. */
  async called(method: string): Promise<Record<string, unknown>> {
    for (let i = 0; i < 400; i++) {
      const found = this.calls.filter((c) => c.method === method).at(-1)
      if (found) return found.params
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`${method} was not called`)
  }

  #send(message: object): void {
    this.#socket?.send(JSON.stringify(message))
  }

  #take({ id, method, params }: Call): void {
    this.calls.push({ method, params })
    try {
      const result = (this.answers[method] ?? this.#builtIn(method))(params)
      this.#send({ jsonrpc: '2.0', id, result: result ?? {} })
    } catch (error) {
      const code = error instanceof Failure ? error.message : 'E_INTERNAL'
      this.#send({ jsonrpc: '2.0', id, error: { code: -32000, message: 'what the store says of it', data: { code } } })
      if (method === 'exchange' || method === 'proof') void this.#socket?.close({ code: 4002 })
    }
  }

  #builtIn(method: string): Answer {
    const mac = (side: string, cn: string, sn: string) => {
      const app = Buffer.from(this.origin)
      const length = Buffer.from([app.length >> 8, app.length & 255])
      const [c, s] = [Buffer.from(cn, 'base64url'), Buffer.from(sn, 'base64url')]
      const key = Buffer.from(this.#session.key, 'base64url')
      return createHmac('sha256', key)
        .update(Buffer.concat([Buffer.from('masq-store/1 ' + side), length, app, c, s]))
        .digest('base64url')
    }
    const methods: Record<string, Answer> = {
      exchange: ({ secret: given, code: typed }) => {
        if ((given !== secret && typed !== code) || this.#used) throw new Failure('E_AUTH')
        this.#used = true
        return this.#session
      },
      prove: ({ cn }) => {
        this.#sn = randomBytes(32).toString('base64url')
        this.answers.proof = ({ mac: given }) => {
          if (given !== mac('manager', String(cn), this.#sn)) throw new Failure('E_AUTH')
        }
        return { sn: this.#sn, mac: mac('store', String(cn), this.#sn) }
      },
      state: () => this.state,
    }
    return methods[method] ?? (() => ({}))
  }
}

/** Tab is one tab with the page. */
export interface Tab {
  page: Page
  script: ScriptedStore
  /** problems are errors and Content-Security-Policy violations of the page. */
  problems: string[]
}

/** Harness is Chromium and a server of the page. */
export class Harness {
  readonly #server: Server
  readonly #browser: Browser

  private constructor(server: Server, browser: Browser) {
    this.#server = server
    this.#browser = browser
  }

  static async open(): Promise<Harness> {
    if (!existsSync(join(dist, 'index.html'))) throw new Error('web/dist/manager is not there: npm run build')
    const server = createServer((req, res) => {
      const path = new URL(req.url ?? '/', 'http://x').pathname
      const file = join(dist, path === '/' ? 'index.html' : path)
      if (!/^\/[\w.]*$/.test(path) || !existsSync(file)) return void res.writeHead(404).end()
      res.writeHead(200, { 'content-type': types[file.split('.').at(-1) ?? ''] ?? 'text/plain' })
      res.end(readFileSync(file))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    return new Harness(server, await chromium.launch({ executablePath: findChrome(), args }))
  }

  get origin(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** tab opens the page, with the link of `masq open` unless fragment says otherwise. */
  async tab(state: State, options: BrowserContextOptions & { fragment?: string } = {}): Promise<Tab> {
    const { fragment = `#masq-open=${secret}`, ...more } = options
    const context = await this.#browser.newContext({ reducedMotion: 'reduce', ...more })
    context.setDefaultTimeout(60_000)
    const script = new ScriptedStore(state, this.origin)
    await context.routeWebSocket('**/v1', (socket) => script.connect(socket))
    const page = await context.newPage()
    const problems: string[] = []
    page.on('pageerror', (e) => problems.push(e.stack ?? e.message))
    page.on('console', (m) => m.type() === 'error' && problems.push(m.text()))
    await page.goto(`${this.origin}/${fragment}`)
    return { page, script, problems }
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
