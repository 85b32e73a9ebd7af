// `make test-browsers`: every case in every browser, on what is real: the client in dist/, a Sync Server, a local store, and the
// browsers as Debian has them, each by its standard protocol. BROWSER=firefox,webkit and CASE=reload, a regular
// expression, choose among them.
//
//   cases/     what is tested: a name, and what happens on a stage
//   stage.mjs  what a case has
//   limits.mjs what a browser is documented not to do
//
// A browser's cases share it; after one that fails it is killed and started with a fresh profile. Pictures go to .build/browsers.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contexts } from './cases/contexts.mjs'
import { loads } from './cases/loads.mjs'
import { opfs } from './cases/opfs.mjs'
import { pages } from './cases/pages.mjs'
import { pinned } from './cases/pinned.mjs'
import { storage } from './cases/storage.mjs'
import { sync } from './cases/sync.mjs'
import { tabs } from './cases/tabs.mjs'
import { verbs } from './cases/verbs.mjs'
import { watches } from './cases/watches.mjs'
import { Chromium } from './chromium.mjs'
import { Display } from './display.mjs'
import { Firefox } from './firefox.mjs'
import { limits } from './limits.mjs'
import { Stage } from './stage.mjs'
import { within } from './tab.mjs'
import { table } from './table.mjs'
import { WebKit } from './webkit.mjs'

const CASE_MS = 300_000
const kinds = { chromium: Chromium, firefox: Firefox, webkit: WebKit }
const pictures = fileURLToPath(new URL('../../.build/browsers/', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'masq-browsers-'))
const display = new Display()
const running = new Set() // browsers

const chosen = (process.env.BROWSER || 'chromium,firefox,webkit').split(',')
const unknown = chosen.find((kind) => !kinds[kind])
if (unknown) throw new Error(`BROWSER is made of ${Object.keys(kinds)}, by commas: what is ${unknown}?`)
const wanted = new RegExp(process.env.CASE ?? '')
const cases = [
  ...verbs,
  ...watches,
  ...tabs,
  ...loads,
  ...storage,
  ...opfs,
  ...contexts,
  ...pinned,
  ...sync,
  ...pages,
].filter(([name]) => wanted.test(name))

if (cases.length === 0) throw new Error(`CASE=${process.env.CASE} is in no case's name`)

const everywhere = [...verbs, ...watches, ...tabs, ...loads].find(([name]) => limits[name])
if (everywhere) throw new Error(`limits.mjs has what must pass everywhere: ${everywhere[0]}`)

const notes = []
const outcomes = {}
let failed = 0

/** make makes a browser, which is ended with the program. */
function make(kind, options) {
  const browser = new kinds[kind]({ display, ...options })
  running.add(browser)
  return browser
}

async function started(kind) {
  const browser = make(kind, { profile: mkdtempSync(join(folder, `${kind}-`)) })
  await within(CASE_MS, `${kind} starts`, browser.start())
  return browser
}

async function ended(browser) {
  running.delete(browser)
  await browser.kill()
}

/** play plays one case; it resolves with what is to be said about it, and rejects if it fails. */
async function play(scene, stage) {
  try {
    await stage.begin()
    const said = await within(CASE_MS, 'the case', scene(stage))
    await stage.end()
    return said
  } catch (error) {
    await stage.end().catch(() => undefined)
    throw error
  }
}

function outcome(kind, name, error) {
  if (!error) return 'passed'
  const limit = limits[name]?.[kind]
  if (!limit || error.code !== limit.code) return 'FAILED'
  if (!notes.includes(limit.note)) notes.push(limit.note)
  return `limit ${limit.code} [${notes.indexOf(limit.note) + 1}]`
}

async function playAll(kind, other) {
  let browser = await started(kind)
  const title = `${browser.constructor.title} ${browser.version}`
  outcomes[title] = new Map()
  console.log(title)
  for (const [name, scene] of cases) {
    const start = Date.now()
    const stage = new Stage({ browser, other, pictures, make: (options) => make(kind, options) })
    const done = await play(scene, stage).then(
      (said) => ({ said }),
      (error) => ({ error }),
    )
    const came = outcome(kind, name, done.error)
    outcomes[title].set(name, came)
    const more = [`${((Date.now() - start) / 1000).toFixed(1)} s`, done.said]
      .filter((s) => typeof s === 'string')
      .join(', ')
    console.log(`  ${came}: ${name} (${more})`)
    if (came === 'FAILED') console.log(String(done.error.stack ?? done.error).replace(/^/gm, '    '), ++failed && '')
    if (!done.error) continue
    await ended(browser)
    browser = await started(kind)
  }
  await browser.close()
  await ended(browser)
}

process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))

async function end(code) {
  await Promise.allSettled([...running].map((browser) => browser.kill()))
  process.exit(code)
}

mkdirSync(pictures, { recursive: true })
try {
  const start = Date.now()
  if (chosen.includes('webkit')) await display.open()
  const other = make('chromium', { profile: join(folder, 'other'), apart: true })
  await other.start()
  for (const kind of chosen) await playAll(kind, other)
  const names = cases.map(([name]) => name)
  console.log(`\n${table(names, outcomes, notes)}`)
  console.log(
    `\n${names.length} cases, ${failed} failed, ${Math.round((Date.now() - start) / 1000)} s; pictures in ${pictures}`,
  )
  await end(failed === 0 ? 0 : 1)
} catch (error) {
  console.error(error)
  await end(1)
}
