// In `make test`, where WebKit's driver is installed (`make test-browsers` installs it): a page with an open store that is loaded
// again, or left for another of its origin. It needs WebKitGTK's own test browser only.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { navigate, reload } from './cases/loads.mjs'
import { Display } from './display.mjs'
import { Stage } from './stage.mjs'
import { WebKit, miniBrowser } from './webkit.mjs'

const there = (program) => {
  try {
    return execFileSync('sh', ['-c', `command -v ${program}`]).length > 0
  } catch {
    return false
  }
}
const binary = miniBrowser()
const missing = !binary || !there('WebKitWebDriver') || !there('Xvfb')
const skip = missing && 'WebKit’s driver is not installed: make test-browsers installs it'
if (skip) console.log(`WebKit, 20 reloads and 20 navigations: ${skip}`)

const folder = mkdtempSync(join(tmpdir(), 'masq-webkit-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
const display = new Display()
let browser

before(async () => {
  if (skip) return
  await display.open()
  browser = new WebKit({ display, program: { binary, args: ['--automation'] }, profile: folder })
  await browser.start()
})

after(async () => {
  await browser?.kill()
  display.close()
})

for (const [name, scene] of [
  ['20 reloads', reload],
  ['20 navigations to pages of the same origin', navigate],
])
  test(`WebKit: ${name}`, { skip, timeout: 240_000 }, async (context) => {
    const stage = new Stage({ browser })
    try {
      await stage.begin()
      context.diagnostic(await scene(stage))
    } finally {
      await stage.end().catch(() => undefined)
    }
  })
