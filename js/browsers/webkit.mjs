// WebKit, as WebKitGTK has it, by classic WebDriver.
import { createServer } from 'node:net'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Processes } from './processes.mjs'
import { Tab } from './tab.mjs'
import { WebDriver } from './webdriver.mjs'

const WINDOW = fileURLToPath(new URL('webkit-window.py', import.meta.url))
const POLL_MS = 20
const REDRAW = `const { style } = document.documentElement; style.opacity = style.opacity ? '' : '0.999'`
const COMMAND_MS = 10_000

/**
 * WebKit is one on a display, with the data in the folder profile; in private browsing, if `apart`. `program` is another that
 * WebKitWebDriver can drive: its path and arguments.
 */
export class WebKit {
  static title = 'WebKitGTK'
  #options
  #home
  #processes
  #driver
  #first

  constructor({ profile, display, apart = false, program }) {
    this.#options = program ?? { binary: '/usr/bin/python3', args: apart ? [WINDOW] : [WINDOW, profile] }
    this.#home = profile
    this.display = display
  }

  /** start starts it; once more if the driver and its browser have not found each other, as happens on a machine that is busy. */
  async start() {
    try {
      await this.#begin()
    } catch (error) {
      console.log(`  WebKit is started once more: ${error.message}`)
      await this.kill()
      await this.#begin()
    }
  }

  async #begin() {
    const port = await freePort()
    this.#processes = new Processes('WebKitWebDriver', ['--host=127.0.0.1', `--port=${port}`], {
      DISPLAY: this.display.name,
      ...{ XDG_DATA_HOME: this.#home, XDG_CONFIG_HOME: this.#home, XDG_CACHE_HOME: this.#home },
      LANGUAGE: 'en',
      NO_AT_BRIDGE: '1', // no accessibility bus: there is no desktop
      WEBKIT_DISABLE_DMABUF_RENDERER: '1', // no graphics card
    })
    await listens(port)
    this.#driver = await WebDriver.connect(`http://127.0.0.1:${port}`, {
      acceptInsecureCerts: true,
      'webkitgtk:browserOptions': this.#options,
    })
    await this.#driver.call('POST', '/timeouts', { script: COMMAND_MS, pageLoad: COMMAND_MS })
    this.version = this.#driver.capabilities.browserVersion
    this.#first = await this.#driver.call('GET', '/window')
  }

  /** tab opens another, empty one. */
  async tab() {
    const handle = this.#first ?? (await this.#open())
    this.#first = undefined
    return new WebKitTab(this.#driver, handle, () => (this.#first = handle))
  }

  /** processes is those that pages are in. */
  processes() {
    return this.#processes.list().filter(({ name }) => name.startsWith('WebKitWebProces'))
  }

  /** close ends it as its user would. */
  async close() {
    await this.#driver.call('DELETE', '').catch(() => undefined)
    await this.kill()
  }

  /** kill ends it at once. */
  async kill() {
    this.#processes?.kill()
    await this.#processes?.gone()
  }

  async #open() {
    return (await this.#driver.call('POST', '/window/new', { type: 'window' })).handle
  }
}

class WebKitTab extends Tab {
  #driver
  #handle
  #emptied // says that a window is left over: the last one, because with that the session would end

  constructor(driver, handle, emptied) {
    super()
    this.#driver = driver
    this.#handle = handle
    this.#emptied = emptied
  }

  goto(url) {
    return this.#in((d) => d.call('POST', '/url', { url }))
  }

  reload() {
    return this.#in((d) => d.call('POST', '/refresh'))
  }

  async back() {
    await this.#in((d) => d.call('POST', '/back'))
    await this.until(`document.readyState === 'complete'`)
  }

  // What takes long is begun and asked for again, because one command at a time is all that the driver does.
  async settle(expression, ms) {
    const name = `settled${Math.random().toString(36).slice(2)}`
    await this.#script(`const name = arguments[0]; ${expression}.then((text) => (window[name] = text))`, name)
    for (const end = Date.now() + ms; Date.now() < end;) {
      const text = await this.#script(
        'const t = window[arguments[0]]; if (t) delete window[arguments[0]]; return t',
        name,
      )
      if (text !== null && text !== undefined) return text
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    throw new Error(`no answer within ${ms} ms: ${expression}`)
  }

  // A picture waits for a window to be drawn anew: without a desktop nothing else makes that happen.
  png() {
    return this.#in(async (d) => {
      let taken = false
      const picture = d.call('GET', '/screenshot').finally(() => (taken = true))
      picture.catch(() => undefined) // awaited below
      while (!taken) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
        if (!taken) await d.call('POST', '/execute/sync', { script: REDRAW, args: [] })
      }
      return picture
    })
  }

  close() {
    return this.#in(async (d) => {
      const all = await d.call('GET', '/window/handles')
      if (all.length === 1) {
        await d.call('POST', '/url', { url: 'about:blank' })
        return this.#emptied()
      }
      await d.call('DELETE', '/window')
      d.left()
    })
  }

  #script(script, ...args) {
    return this.#in((d) => d.call('POST', '/execute/sync', { script, args }))
  }

  #in(commands) {
    return this.#driver.inWindow(this.#handle, commands)
  }
}

/** miniBrowser is WebKitGTK's own test browser, '' where there is none. It comes with the engine. */
export function miniBrowser() {
  for (const libraries of ['/usr/lib', '/usr/libexec'])
    for (const folder of readFolder(libraries))
      for (const path of [join(libraries, folder), libraries])
        for (const engine of readFolder(path).filter((name) => /^webkit2?gtk-/.test(name)))
          if (readFolder(join(path, engine)).includes('MiniBrowser')) return join(path, engine, 'MiniBrowser')
  return ''
}

function readFolder(path) {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function listens(port) {
  for (let tries = 0; ; tries++) {
    try {
      return await fetch(`http://127.0.0.1:${port}/status`)
    } catch (error) {
      if (tries > 500) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
