// What the tests in a browser stand on: Chromium, a server of dist/ on loopback, and pages with the client in them.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const types: Record<string, string> = { js: 'text/javascript', wasm: 'application/wasm', html: 'text/html' }

/** Pages of the test server beside the files of dist/: a path, its HTML and its headers. */
export type Site = Record<string, { body?: string | Uint8Array; headers?: Record<string, string>; status?: number }>

const SCRIPT = '<!doctype html><meta charset="utf-8"><title>Masq</title><script src="/masq.global.js"></script>'

export class Harness {
  #server: Server
  #browser: Browser
  port: number

  private constructor(server: Server, browser: Browser) {
    this.#server = server
    this.#browser = browser
    this.port = (server.address() as AddressInfo).port
  }

  /** `store` is the port of what stands at localhost:6277; nothing, unless told. `args` are more of the browser's. */
  static async open(site: Site = {}, store = 9, args: string[] = []): Promise<Harness> {
    if (!existsSync(`${dist}masq.global.js`)) throw new Error('dist/ is not there: npm run build')
    const server = createServer((req, res) => {
      const path = new URL(req.url!, 'http://x').pathname
      const own = site[path] ?? (path === '/' ? { body: SCRIPT } : undefined)
      const file = dist + path.slice(1)
      const found =
        own ?? (/^\/[\w.-]+$/.test(path) && existsSync(file) ? { file } : { status: 404, body: 'not found' })
      const type = types['file' in found ? path.split('.').at(-1)! : 'html'] ?? 'text/plain'
      const headers = {
        'content-type': type,
        'access-control-allow-origin': '*',
        ...('headers' in found ? found.headers : {}),
      }
      res.writeHead(('status' in found && found.status) || 200, headers)
      res.end('file' in found ? readFileSync(found.file) : found.body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const browser = await chromium.launch({
      executablePath: findChrome(),
      args: [
        `--host-resolver-rules=MAP localhost:6277 127.0.0.1:${store}, MAP masq.test 127.0.0.1, MAP localhost 127.0.0.1`,
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        ...args,
      ],
    })
    return new Harness(server, browser)
  }

  url(path = '/', host = 'localhost'): string {
    return `http://${host}:${this.port}${path}`
  }

  /** A fresh profile, with nothing stored. */
  async profile(): Promise<BrowserContext> {
    const context = await this.#browser.newContext()
    context.setDefaultTimeout(60_000)
    return context
  }

  /** A tab of a profile, on a page that has loaded the client; unless told, it is connected as `masq`. */
  async tab(profile: BrowserContext, { path = '/', connected = true, options = '' } = {}): Promise<Page> {
    const page = await profile.newPage()
    page.on('pageerror', (e) => console.error('page:', e.message))
    await page.goto(this.url(path))
    if (connected)
      await page.evaluate(
        `(async () => { globalThis.masq = await Masq.connect({ app: { name: 'T' }, ${options} }) })()`,
      )
    return page
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export function findChrome(): string {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  for (const name of [process.env.CHROME, ...names]) {
    if (!name) continue
    if (name.includes('/')) return name
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim()
    } catch {
      // the next
    }
  }
  throw new Error('no Chromium or Chrome found: install one, or set $CHROME to its path')
}

export { codeOf, eventually, resolvesTrue, run } from './realm.js'
