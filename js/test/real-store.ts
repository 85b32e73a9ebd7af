// A real local store, `masq store`, and the user who decides in it: by the socket that masq itself uses.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from './realm.js'

interface Request {
  request: number
  app: string
  name: string
  description: string
  icon: string
  digits: string
  typing: boolean
  allowed: boolean
}

/** What the tests look at in the manager's state. */
export interface State {
  requests: Request[]
  apps: { app: string; description: string; icon: string; tokens: { id: string }[]; entries: number }[]
}

const folder = mkdtempSync(join(tmpdir(), 'masq-store-'))
const binary = join(folder, 'masq')

/** Builds masq; once a test file. */
export function build(): void {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  execFileSync('go', ['build', '-buildvcs=false', '-o', binary, './core/cmd/masq'], { cwd: root, stdio: 'inherit' })
}

/** Deletes what was built and stored. */
export function clean(): void {
  rmSync(folder, { recursive: true, force: true })
}

export class RealStore {
  readonly dir: string
  port = 0
  #process: ChildProcess | undefined
  #socket: Socket | undefined
  #calls = new Map<number, { resolve: (result: never) => void; reject: (e: Error) => void }>()
  #n = 0

  readonly #pagePort: number

  private constructor(dir: string, pagePort: number) {
    this.dir = dir
    this.#pagePort = pagePort
  }

  /** `pagePort` is where it is told that pages reach it; 0: where it listens. */
  static async open(pagePort = 6277): Promise<RealStore> {
    const store = new RealStore(mkdtempSync(join(folder, 'data-')), pagePort)
    await store.start()
    return store
  }

  /** Starts it if it does not run, on the port that it had before. */
  async start(): Promise<void> {
    if (this.#process) return
    const args = [
      'store',
      '--data',
      this.dir,
      '--port',
      String(this.port),
      '--page-port',
      String(this.#pagePort),
      '--no-keyring',
      '--headless',
    ]
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    const line = await new Promise<string>((resolve, reject) => {
      child.on('exit', (code) => reject(new Error(`masq store ended with ${code}`)))
      child.stdout.once('data', (data) => resolve(String(data)))
    })
    this.port = Number(/localhost:(\d+)/.exec(line)![1])
    const socket = createConnection(join(this.dir, 'masq.sock'))
    await new Promise((resolve, reject) => socket.on('connect', resolve).on('error', reject))
    this.#socket = socket
    let text = ''
    socket.on('data', (data) => {
      text += String(data)
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        this.#take(JSON.parse(text.slice(0, end)) as { id?: number; result?: never; error?: { message: string } })
        text = text.slice(end + 1)
      }
    })
  }

  /** Ends it: as Ctrl-C does, or at once. */
  async stop(signal: 'SIGINT' | 'SIGKILL' = 'SIGINT'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child) return
    const ended = new Promise((resolve) => child.on('exit', resolve))
    this.#socket?.destroy()
    child.kill(signal)
    await ended
  }

  /** Stops its clock, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal)
  }

  /** Calls a method as masq itself. */
  call<T = object>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#n
    this.#socket!.write(JSON.stringify({ jsonrpc: '2.0', id, method, params }) + '\n')
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }))
  }

  /** Waits for a request for access. */
  async request(): Promise<Request> {
    let request: Request | undefined
    await eventually(
      'somebody asks for access',
      async () => !!([request] = (await this.call<State>('state')).requests)[0],
    )
    return request!
  }

  /** Waits for a request for access and says yes or no. */
  async decide(yes: boolean): Promise<Request> {
    const request = await this.request()
    await this.call(yes ? 'allow' : 'refuse', { request: request.request })
    return request
  }

  #take(m: { id?: number; result?: never; error?: { message: string } }): void {
    const call = this.#calls.get(m.id ?? 0)
    if (!call) return // a notification
    this.#calls.delete(m.id!)
    if (m.error) call.reject(new Error(m.error.message))
    else call.resolve(m.result!)
  }
}
