// Notes as it is served, with real stores, browsers and a Sync Server, all on loopback: what a person meets when something goes wrong.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { findChrome } from '../../js/test/browser.js'

const masq = join(process.cwd(), '../.build/masq')
const folder = mkdtempSync(join(tmpdir(), 'masq-notes-'))
const started: ChildProcess[] = []
const browsers: Browser[] = []
let site: { program: ChildProcess; demo: string }

before(async () => {
  if (!existsSync(masq)) throw new Error('.build/masq is not there: make build')
  const { program, said } = await run('up', '--listen', 'localhost:0', '--port', '0', '--data', join(folder, 'up'))
  site = { program, demo: said.demo! }
})

after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()))
  await Promise.all(started.map(end))
  rmSync(folder, { recursive: true, force: true })
})

/** run starts masq, and returns what it says of itself. */
function run(...args: string[]): Promise<{ program: ChildProcess; said: Record<string, string> }> {
  const program = spawn(masq, [...args, '--no-keyring', '--json'], { stdio: ['ignore', 'pipe', 'ignore'] })
  started.push(program)
  return new Promise((resolve, reject) => {
    program.stdout!.once('data', (line) =>
      resolve({ program, said: JSON.parse(String(line)) as Record<string, string> }),
    )
    program.on('exit', (code) => reject(new Error(`masq ${args[0]} ended with ${code}`)))
  })
}

function end(program: ChildProcess): Promise<unknown> {
  if (program.exitCode !== null || program.signalCode) return Promise.resolve()
  const over = new Promise((resolve) => program.on('exit', resolve))
  program.kill('SIGTERM')
  return over
}

/** Store is a local store that can be stopped and started again. */
class Store {
  #program: ChildProcess | undefined
  #port = '0'
  readonly #dir: string

  private constructor(dir: string) {
    this.#dir = dir
  }

  static async open(name: string): Promise<Store> {
    const store = new Store(join(folder, name))
    await store.start()
    return store
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const ports = ['--port', this.#port, '--page-port', '6277'] // the second one as its browser is told
    const { program, said } = await run('store', '--headless', ...ports, '--data', this.#dir)
    this.#program = program
    this.#port = new URL(said.store!).port
  }

  stop(): Promise<unknown> {
    return end(this.#program!)
  }

  allow(app: string): void {
    execFileSync(masq, ['apps', 'allow', '--data', this.#dir, app])
  }

  /** digits are those that the user sees beside the application that asks. */
  digits(): string {
    const apps = execFileSync(masq, ['apps', '--json', '--data', this.#dir], { encoding: 'utf8' })
    return (JSON.parse(apps) as { requests: { digits: string }[] }).requests[0]!.digits
  }
}

/** device is Notes in a browser of its own, which has this local store or none. */
async function device(store = '~NOTFOUND', path = ''): Promise<Page> {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const args = [`--host-resolver-rules=MAP localhost:6277 ${store}`, ...sandbox]
  const browser = await chromium.launch({ executablePath: findChrome(), args })
  browsers.push(browser)
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce' })
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  page.on('pageerror', (e) => assert.fail(e))
  await page.goto(site.demo + path)
  return page
}

const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name }).waitFor()
const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()

async function write(page: Page, title: string): Promise<void> {
  await press(page, 'New note')
  await page.getByLabel('Title', { exact: true }).fill(title)
}

async function invite(page: Page): Promise<string> {
  await page.locator('#sync').click()
  await page.getByRole('dialog').getByRole('button', { name: 'Add a device' }).click()
  return page.getByRole('textbox', { name: 'Invite link' }).inputValue()
}

const fragment = (link: string): string => link.slice(link.indexOf('/#'))

async function pair(host: Page, joiner: Page, name: string): Promise<void> {
  await heading(joiner, 'Connect this device?')
  await joiner.getByLabel('What this device is called').fill(name)
  await press(joiner, 'Continue')
  await agree(host, joiner)
}

async function agree(host: Page, joiner: Page): Promise<void> {
  for (const page of [host, joiner]) await heading(page, 'The same digits on both devices?')
  const bring = joiner.getByLabel(/^Bring/)
  if (await bring.isVisible()) await bring.check()
  for (const page of [joiner, host]) await press(page, 'Yes, they match')
  await press(host, 'Done')
  await press(joiner, 'Show my notes')
}

describe('Notes', { concurrency: 2 }, () => {
  test('the engine is fetched once, by the name with its hash, and is there by its plain name, too', async () => {
    const context = await chromium.launchPersistentContext(join(folder, 'once'), {
      executablePath: findChrome(),
      args: [
        '--host-resolver-rules=MAP localhost:6277 ~NOTFOUND',
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ],
      locale: 'en-GB',
    })
    const page = await context.newPage()
    const fetched = () =>
      page.evaluate(() =>
        (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
          .filter(({ name }) => name.endsWith('.wasm'))
          .map(({ name, transferSize }) => ({ name, transferred: transferSize > 0 })),
      )
    await page.goto(site.demo)
    await heading(page, 'Nothing written yet')
    const [first, ...more] = await fetched()
    assert.match(first!.name, /\/masq\.[0-9a-f]{8}\.wasm$/)
    assert.deepEqual([first!.transferred, more], [true, []])
    await page.reload()
    await heading(page, 'Nothing written yet')
    assert.deepEqual(await fetched(), [{ name: first!.name, transferred: false }])
    await context.close()
    const [hashed, plain] = await Promise.all([first!.name, `${site.demo}/masq.wasm`].map((url) => fetch(url)))
    assert.equal(hashed!.headers.get('cache-control'), 'public, max-age=31536000, immutable')
    assert.equal(plain!.headers.get('cache-control'), 'no-cache')
    const bytes = await Promise.all([hashed!, plain!].map(async (answer) => Buffer.from(await answer.arrayBuffer())))
    assert.ok(bytes[0]!.length > 0 && bytes[0]!.equals(bytes[1]!))
  })

  test('what could not be saved while the local store was away is saved as soon as it is back', async () => {
    const store = await Store.open('back')
    const page = await device(store.address)
    await heading(page, 'Allow Notes in the Store manager')
    store.allow(site.demo)
    await heading(page, 'Nothing written yet')
    await write(page, 'Before')
    await page.getByText('Saved on this device').waitFor()
    await store.stop()
    await page.getByLabel('Text', { exact: true }).fill('written meanwhile')
    await page.getByRole('alert').getByText('Not saved.').waitFor()
    await page
      .getByRole('navigation')
      .getByRole('button', { name: /Before.*Not saved/ })
      .waitFor()
    await store.start()
    await page.locator('#toast').getByText('Everything you wrote is saved now.').waitFor()
    await page.getByText('Saved on this device').waitFor()
    await page.getByText('Not saved').waitFor({ state: 'hidden' })
    await page.reload()
    await page.getByRole('button', { name: /Before.*written meanwhile/ }).waitFor()
  })

  test('notes that are in the browser move into the store whose digits are typed, and into no other', async () => {
    const store = await Store.open('digits')
    await store.stop()
    const page = await device(store.address)
    await write(page, 'Kept here')
    await page.getByText('Saved on this device').waitFor()
    await store.start()
    const move = async (digits: () => string) => {
      await page.locator('#sync').click()
      await page.getByText('Masq runs on this computer').click()
      await press(page, 'Keep my notes in Masq on this computer')
      await heading(page, 'Type the digits of the Store manager')
      await page.getByLabel('Six digits').fill(digits())
      await press(page, 'Continue')
    }
    await move(() => store.digits().replace(/.$/, (d) => String((Number(d) + 1) % 10)))
    await heading(page, 'The notes stay in this browser')
    await page.getByText('The digits are wrong, or another program is in the place of Masq.').waitFor()
    await press(page, 'Close')
    await move(() => store.digits())
    store.allow(site.demo)
    await heading(page, 'Your notes are in Masq')
    await press(page, 'Close')
    await page.reload()
    await page.getByRole('button', { name: 'Kept here' }).waitFor()
    assert.equal(await page.locator('a[href*="6277"]').count(), 0)
  })

  test('an invite is kept by whoever keeps the notes in the browser instead', async () => {
    const store = await Store.open('instead')
    const host = await device()
    const link = await invite(host)
    const joiner = await device(store.address, fragment(link))
    await heading(joiner, 'Connect this device?')
    await press(joiner, 'Continue')
    await heading(joiner, 'Allow Notes in the Store manager')
    await press(joiner, 'Keep them in this browser instead')
    await agree(host, joiner)
    await joiner.locator('#sync').filter({ hasText: 'In sync with' }).waitFor()
    await joiner.reload()
    await joiner.locator('#sync').filter({ hasText: 'In sync with' }).waitFor()
  })

  test('a device is removed, hears of it, keeps its notes, and comes back or starts over', async () => {
    const host = await device()
    await write(host, 'Shared')
    const phone = await device(undefined, fragment(await invite(host)))
    await pair(host, phone, 'Old phone')
    await phone.getByRole('button', { name: 'Shared' }).waitFor()
    const remove = async () => {
      await host.locator('#sync').click()
      await press(host, 'Remove \u2068Old phone\u2069')
      await heading(host, /Remove .*Old phone.*\?/)
      await press(host, 'Remove this device')
      await heading(host, 'Devices')
      assert.equal(await host.getByRole('dialog').getByText('Old phone').count(), 0)
      await press(host, 'Close')
      await phone.locator('#notice').getByText('This device was removed by another of your devices.').waitFor()
    }
    await remove()
    await phone.getByRole('button', { name: 'Shared' }).waitFor()
    const link = await invite(host)
    await press(phone, 'What now?')
    await phone.getByLabel('Invite link').fill(link)
    await press(phone, 'Continue')
    await pair(host, phone, 'Old phone')
    await phone.locator('#notice').waitFor({ state: 'hidden' })
    await phone.locator('#sync').filter({ hasText: 'In sync with' }).waitFor()
    await remove()
    await press(phone, 'What now?')
    await press(phone, 'Start over…')
    await press(phone, 'Delete and start over')
    await heading(phone, 'Nothing written yet')
    assert.equal(await phone.locator('#notice').isVisible(), false)
  })

  test('a link that was cut off is told at once, an invite that was closed within seconds', async () => {
    const host = await device()
    const link = await invite(host)
    for (const cut of [
      link.slice(0, -3),
      link.slice(0, link.indexOf('1.') + 9),
      link.slice(0, link.indexOf('1.') - 2),
    ]) {
      const page = await device(undefined, fragment(cut))
      await heading(page, 'This invite link is not complete')
      assert.doesNotMatch(page.url(), /#./)
    }
    await press(host, 'Cancel')
    const late = await device(undefined, fragment(link))
    await press(late, 'Continue')
    await heading(late, 'Looking for the other device')
    await heading(late, 'Nobody answers this invite')
    assert.equal(await late.getByText(/min \d+ s left/).count(), 0)
    await late.getByRole('button', { name: 'Try again' }).waitFor()
  })
})

test('a Sync Server that cannot be reached is told, with since when', async () => {
  const host = await device()
  const other = await device(undefined, fragment(await invite(host)))
  await pair(host, other, 'Tablet')
  await host.locator('#sync').filter({ hasText: 'In sync with' }).waitFor()
  await end(site.program)
  await host
    .locator('#sync')
    .filter({ hasText: /Sync Server not reached since \d\d:\d\d/ })
    .waitFor()
  await host.locator('#sync').click()
  await host.locator('dialog .outage').getByText('This device has not reached the Sync Server since').waitFor()
  await host.getByRole('dialog').getByRole('button', { name: 'Add a device' }).click()
  await heading(host, 'The Sync Server cannot be reached')
})
