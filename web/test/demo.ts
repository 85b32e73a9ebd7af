// For tests: the page in Chromium, with a scripted client in it.
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { findChrome } from '../../js/test/browser.js'
import type { Scenario } from './demo-client.js'

const web = join(process.cwd(), '../web') // npm runs the tests in js/
const here = join(web, 'demo')

/** Tab is one tab with the page. problems are errors and Content-Security-Policy violations of the page. */
export interface Tab {
  page: Page
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
    const files = await bundle()
    const server = createServer((req, res) => {
      const [type, body] = files[new URL(req.url ?? '/', 'http://x').pathname] ?? []
      res.writeHead(body ? 200 : 404, { 'content-type': type ?? 'text/plain' }).end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
    return new Harness(server, await chromium.launch({ executablePath: findChrome(), args }))
  }

  get origin(): string {
    return `http://localhost:${(this.#server.address() as AddressInfo).port}`
  }

  /** tab opens the page with a script, by a link if fragment has one. */
  async tab(
    script: Scenario,
    { fragment = '', ...more }: BrowserContextOptions & { fragment?: string } = {},
  ): Promise<Tab> {
    const context = await this.#browser.newContext({ reducedMotion: 'reduce', ...more })
    context.setDefaultTimeout(60_000)
    await context.addInitScript((script) => (window.script = script as never), script as never)
    const page = await context.newPage()
    await page.clock.install()
    await page.clock.resume()
    const problems: string[] = []
    page.on('pageerror', (e) => problems.push(e.stack ?? e.message))
    page.on('console', (m) => m.type() === 'error' && problems.push(m.text()))
    await page.goto(`${this.origin}/${fragment}`)
    return { page, problems }
  }

  async close(): Promise<void> {
    await this.#browser.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

type Files = Record<string, [type: string, body: Uint8Array | string]>

async function bundle(): Promise<Files> {
  const out = await build({
    entryPoints: { demo: join(here, 'main.ts'), invite: join(here, 'invite.ts'), style: join(here, 'style.css') },
    outdir: '/',
    bundle: true,
    format: 'esm',
    alias: { '@masq/client': join(web, 'test/demo-client.ts') },
    define: { MASQ_WASM: '"masq.wasm"' },
    tsconfigRaw: {},
    write: false,
    logLevel: 'warning',
  })
  const of = (name: string) => out.outputFiles.find((f) => f.path === name)!.contents
  return {
    '/': ['text/html; charset=utf-8', readFileSync(join(here, 'index.html'))],
    '/icon.svg': ['image/svg+xml', readFileSync(join(here, 'icon.svg'))],
    '/demo.js': ['text/javascript; charset=utf-8', of('/demo.js')],
    '/invite.js': ['text/javascript; charset=utf-8', `{${new TextDecoder().decode(of('/invite.js'))}}`],
    '/demo.css': ['text/css; charset=utf-8', of('/style.css')],
  }
}
