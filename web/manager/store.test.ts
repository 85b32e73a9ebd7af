// The page before real stores, which `make build` has built: applications are let in, two computers are paired through their
// managers, and shut out again. Everything runs on loopback.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createECDH, createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { findChrome } from '../../js/test/browser.js'
import { accessible } from '../test/looks.js'

const masq = join(process.cwd(), '../.build/masq')
const folder = mkdtempSync(join(tmpdir(), 'masq-'))
const started: ChildProcess[] = []
let browser: Browser
let site: Server // of an application

before(async () => {
  if (!existsSync(masq)) throw new Error('.build/masq is not there: make build')
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  browser = await chromium.launch({ executablePath: findChrome(), args })
  site = createServer((req, res) => {
    const file = join(process.cwd(), '../web/dist', req.url ?? '/')
    const found = /^\/[\w.-]+\.(js|wasm)$/.test(req.url ?? '') && existsSync(file)
    const type = !found ? 'text/html' : file.endsWith('.js') ? 'text/javascript' : 'application/wasm'
    res.writeHead(200, { 'content-type': type })
    res.end(found ? readFileSync(file) : '<title>App</title><script src="masq.global.js"></script>')
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
})

after(async () => {
  await browser?.close()
  site?.closeAllConnections()
  site?.close()
  await Promise.all(started.map(end))
  rmSync(folder, { recursive: true, force: true })
})

// run starts masq and returns the port that it says it listens on.
function run(...args: string[]): Promise<{ port: string; program: ChildProcess }> {
  const program = spawn(masq, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(program)
  return new Promise((resolve, reject) => {
    let said = ''
    program.stdout!.on('data', (data) => {
      const port = /listening on localhost:(\d+)/.exec((said += data))?.[1]
      if (port) resolve({ port, program })
    })
    program.on('exit', (code) => reject(new Error(`masq ${args[0]} ended with ${code}`)))
  })
}

function end(program: ChildProcess): Promise<unknown> {
  if (program.exitCode !== null || program.signalCode) return Promise.resolve()
  const over = new Promise((resolve) => program.on('exit', resolve))
  program.kill('SIGTERM')
  return over
}

/** Computer is a store with a browser of its own. */
class Computer {
  program!: ChildProcess
  port = '0'
  page!: Page
  readonly #sync: string

  private constructor(
    readonly name: string,
    readonly context: BrowserContext,
    sync: string,
  ) {
    this.#sync = sync
  }

  static async open(name: string, sync: string): Promise<Computer> {
    const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce' })
    context.setDefaultTimeout(60_000)
    const c = new Computer(name, context, sync)
    await c.start()
    c.page = await context.newPage()
    c.page.on('pageerror', (e) => assert.fail(e))
    const answer = await c.page.goto(c.link())
    assert.match(answer?.headers()['content-security-policy'] ?? '', /frame-ancestors 'none'/)
    await c.page.getByRole('heading', { name: 'Applications' }).waitFor()
    return c
  }

  async start(): Promise<void> {
    const args = ['--data', join(folder, this.name), '--port', this.port, '--name', this.name, '--no-keyring']
    ;({ port: this.port, program: this.program } = await run('store', ...args, '--sync', this.#sync))
  }

  /** masq runs a command on this store. */
  masq(...args: string[]): string {
    return execFileSync(masq, [...args, '--data', join(folder, this.name)], { encoding: 'utf8' }).trim()
  }

  /** link is that of `masq open`. */
  link = (): string => this.masq('open', '--print')

  view = (name: string) => this.page.getByRole('link', { name, exact: true }).click()
  button = (name: string | RegExp) => this.page.getByRole('button', { name, exact: typeof name === 'string' })
  text = (text: string | RegExp) => this.page.getByText(text).first().waitFor()
  title = (name: string) => this.page.getByRole('heading', { name, exact: true }).waitFor()

  /** app opens an application's page, which asks for access; ask resolves with the answer. */
  async app(name: string): Promise<{ page: Page; origin: string; ask: Promise<{ token?: string; code?: string }> }> {
    const page = await this.context.newPage()
    const origin = `http://localhost:${(site.address() as AddressInfo).port}`
    await page.goto(origin)
    const ask = page.evaluate(
      ([port, name, { commitment, ...reveal }]) =>
        new Promise<{ token?: string; code?: string }>((resolve) => {
          const socket = new WebSocket(`ws://localhost:${port}/v1`)
          Object.assign(globalThis, { socket })
          const call = (id: number, method: string, params: object) =>
            socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
          const app = { name, description: 'For a test' }
          socket.onopen = () => call(1, 'request', { app, commitment })
          socket.onmessage = ({ data }) => {
            const { id, result, error } = JSON.parse(data as string)
            if (id === 1) call(2, 'reveal', reveal)
            if (id === 2) resolve(result ?? error.data)
          }
        }),
      [this.port, name, contact(origin, Number(this.port))] as const,
    )
    await this.page.bringToFront() // a page in the background is slow
    return { page, origin, ask }
  }
}

/** contact is an application's side of first contact with the store at port. */
function contact(owner: string, port: number): { commitment: string; key: string; nonce: string } {
  const lv = (s: string) => Buffer.concat([Buffer.from([s.length >> 8, s.length & 255]), Buffer.from(s)])
  const about = [lv('masq-contact/1'), lv(owner), Buffer.from([port >> 8, port & 255])]
  const [key, nonce] = [createECDH('prime256v1').generateKeys(), randomBytes(32)]
  const commitment = createHash('sha256').update(Buffer.concat([...about, key, nonce]))
  const text = (b: Buffer) => b.toString('base64url')
  return { commitment: text(commitment.digest()), key: text(key), nonce: text(nonce) }
}

const put = (page: Page, key: string): Promise<unknown> =>
  page.evaluate((key) => {
    const { socket } = globalThis as unknown as { socket: WebSocket }
    const params = { key, value: { title: key } }
    return new Promise((resolve) => {
      socket.addEventListener('message', ({ data }) => JSON.parse(data as string).id === key && resolve(data))
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: key, method: 'put', params }))
    })
  }, key)

// pair opens the link that the host shows at the joiner, and returns the digits that it shows.
async function pair(host: Computer, joiner: Computer): Promise<string> {
  const link = await host.page.getByRole('textbox', { name: 'Pairing link' }).inputValue()
  await joiner.page.goto(link.replace(/localhost:\d+/, `localhost:${joiner.port}`))
  await joiner.title('Join the devices of whoever made this link?')
  assert.ok(!joiner.page.url().includes('masq='), 'the link is taken out of the address')
  await joiner.button('Join').click()
  await joiner.title('Type these digits on the other computer')
  const digits = (await joiner.page.locator('.digits [aria-hidden]').textContent()) ?? ''
  await joiner.button('Yes, join').click()
  return digits
}

const other = (digits: string): string => digits.replace(/.$/, (d) => String((Number(d) + 1) % 10))

test('applications are let in, and two computers paired and parted, through their managers', async () => {
  const { port } = await run('sync-server', '--listen', 'localhost:0')
  const sync = `ws://localhost:${port}`
  const [desk, laptop] = await Promise.all([Computer.open('Desk', sync), Computer.open('Laptop', sync)])

  // An application asks: refused at first, then allowed.
  const refused = await desk.app('Notes')
  await desk.page.getByRole('article', { name: refused.origin }).waitFor()
  assert.equal(await desk.page.title(), '(1) Masq')
  await desk.button(/^Refuse/).click()
  assert.equal((await refused.ask).code, 'E_DENIED')
  const notes = await desk.app('Notes')
  await desk.button(/^Allow/).click()
  assert.ok((await notes.ask).token)
  await desk.title('On this computer')
  await put(notes.page, 'note/1')
  await put(notes.page, 'note/2')
  await desk.button(/^Notes/).click()
  await desk.text(/^2 entries/)
  await desk.text('1 connection')
  await desk.text('For a test')
  assert.deepEqual(await accessible(desk.page), [])

  // A phone would be invited to the application's own address.
  await desk.button(/^Open on my phone/).click()
  const field = desk.page.getByRole('textbox', { name: 'Pairing link' })
  await desk.page.locator('.qr img').waitFor()
  assert.ok((await field.inputValue()).startsWith(notes.origin + '/#masq=1.'))
  await desk.page.keyboard.press('Escape')

  // The laptop joins: the digits that it shows are typed at the desk. Wrong ones let nobody in.
  await desk.view('Devices')
  await desk.button('Add a computer').click()
  await desk.page.getByLabel('Six digits').fill(other(await pair(desk, laptop)))
  await desk.button('Let it in').click()
  await desk.title('The two could not trust each other')
  await laptop.page.getByRole('button', { name: 'Close' }).click()
  await desk.button('Make a new link').click()
  await desk.page.getByLabel('Six digits').fill(await pair(desk, laptop))
  await desk.button('Let it in').click()
  await desk.title('Connected with Laptop')
  await laptop.title('Connected with Desk')
  await desk.button('Done').click()
  await laptop.button('Done').click()
  await desk.text(/Online.*has everything/)

  // The laptop has the application, which nobody uses there.
  await laptop.view('Applications')
  await laptop.title('On your other devices only')
  await laptop.button(/^Notes/).click()
  await laptop.text(/^2 entries/)

  // A switch turns it off with one computer, which tells the other.
  await desk.view('Applications')
  await desk.page.getByRole('switch', { name: /Notes.* with .*Laptop/ }).click()
  await desk.text('Off on this computer')
  await laptop.text('Off on that computer')

  // A new name is seen on the other.
  await desk.view('Devices')
  await desk.button('Rename').click()
  await desk.page.getByLabel('Your devices will show it as').fill('Study')
  await desk.page.keyboard.press('Enter')
  await laptop.view('Devices')
  await laptop.text('Study')

  // The laptop is shut out.
  await desk.button(/^Remove .*Laptop/).click()
  await desk.button('Remove this device').click()
  await desk.text('Add a second computer')
  await laptop.text('This computer was removed from your devices')

  // The application loses access, and its data.
  await desk.view('Applications')
  await desk.button('Remove this application').click()
  await desk.page.getByRole('radio', { name: /^Delete it/ }).check()
  await desk.button('Continue').click()
  await desk.button('Delete for good').click()
  await desk.title('No application yet')

  // A store that was restarted knows no session.
  await end(desk.program)
  await desk.title('The store is not running')
  await desk.start()
  await desk.text('The store has been restarted since you opened it.')
  await desk.page.goto(desk.link())
  await desk.title('Applications')
})

// opens runs `masq open` with a browser that writes down what it is given, and returns that when it is there.
async function opens(c: Computer): Promise<{ file: string; code: Promise<string>; ended: Promise<unknown> }> {
  const bin = mkdtempSync(join(folder, 'bin-'))
  writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\necho "$1" >${bin}/new && mv ${bin}/new ${bin}/given\n`, {
    mode: 0o755,
  })
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const program = spawn(masq, ['open', '--data', join(folder, c.name)], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  started.push(program)
  const code = new Promise<string>((resolve) => program.stdout!.on('data', (said) => resolve(String(said).trim())))
  const ended = new Promise((resolve) => program.on('exit', resolve))
  while (!existsSync(join(bin, 'given'))) await new Promise(setImmediate)
  return { file: readFileSync(join(bin, 'given'), 'utf8').trim(), code, ended }
}

test('masq open leads to the manager by a file, or by a code', { skip: process.platform !== 'linux' }, async () => {
  const desk = await Computer.open('Desk 3', 'ws://localhost:1')
  const byFile = await opens(desk)
  const page = await desk.context.newPage()
  await page.goto('file://' + byFile.file)
  await page.getByRole('heading', { name: 'Applications' }).waitFor()
  assert.equal(page.url(), `http://localhost:${desk.port}/`)
  assert.equal(await byFile.ended, 0)
  assert.ok(!existsSync(byFile.file))

  const byCode = await opens(desk)
  const locked = await desk.context.newPage()
  await locked.goto(`http://localhost:${desk.port}/`)
  await locked.getByLabel('If it shows a code, type that here:').fill((await byCode.code).toLowerCase())
  await locked.keyboard.press('Enter')
  await locked.getByRole('heading', { name: 'Applications' }).waitFor()
  assert.equal(await byCode.ended, 0)
})

test('a phone opens one application, and a computer that joins brings its data', async () => {
  const { port } = await run('sync-server', '--listen', 'localhost:0')
  const sync = `ws://localhost:${port}`
  const [desk, laptop] = await Promise.all([Computer.open('Desk 2', sync), Computer.open('Laptop 2', sync)])
  const notes = await desk.app('Notes')
  await desk.button(/^Allow/).click()
  await notes.ask
  await put(notes.page, 'note/1')

  // The phone has no store: the application keeps its data in the page.
  await desk.button(/^Notes/).click()
  await desk.button(/^Open on my phone/).click()
  const link = await desk.page.getByRole('textbox', { name: 'Pairing link' }).inputValue()
  const phone = await (await browser.newContext()).newPage()
  await phone.goto(notes.origin)
  await phone.evaluate(
    async ([link, sync]) => {
      const { Masq } = globalThis as unknown as { Masq: typeof import('../../js/src/index.js') }
      const masq = await Masq.connect({ app: { name: 'Notes' }, sync, store: 'embedded', device: 'Phone' })
      Object.assign(globalThis, { masq, pairing: await masq.join(link) })
    },
    [link, sync] as const,
  )
  await desk.title('The same digits on both devices?')
  const digits = (await desk.page.locator('.digits [aria-hidden]').textContent()) ?? ''
  const theirs = await phone.evaluate(() => {
    const { pairing } = globalThis as unknown as { pairing: { digits: string; confirm(): Promise<void> } }
    void pairing.confirm()
    return pairing.digits
  })
  assert.equal(theirs, digits.replace(' ', ''))
  await desk.button('Yes, they match').click()
  await desk.title('Connected with Phone')
  await desk.button('Done').click()
  const get = 'masq.get("note/1")'
  for (let i = 0; i < 200 && !(await phone.evaluate(get)); i++)
    await phone.evaluate('new Promise(requestAnimationFrame)')
  assert.deepEqual(await phone.evaluate(get), { title: 'note/1' })
  await desk.text(/Online.*has everything/)

  // The laptop has data of its own, and says what becomes of it.
  laptop.masq('put', 'mine', '1')
  await desk.view('Devices')
  await desk.button('Add a computer').click()
  const shown = await pair(desk, laptop)
  await laptop.page.getByRole('alert').filter({ hasText: 'Choose first' }).waitFor()
  await laptop.page.getByRole('radio', { name: /^Bring it along/ }).check()
  await laptop.button('Yes, join').click()
  await desk.page.getByLabel('Six digits').fill(shown)
  await desk.button('Let it in').click()
  await desk.title('Connected with Laptop 2')
  await desk.button('Done').click()
  await desk.view('Applications')
  await desk.title('On your other devices only')
  await desk.button(/^org\.masq\.cli|masq/i).click()
  await desk.text(/^1 entry/)
})
