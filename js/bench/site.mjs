// Serves the pages, as a good server would: compressed beforehand, to be kept by the browser.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'

const types = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html; charset=utf-8' }
const isolated = {
  'cross-origin-opener-policy': 'same-origin', // for clocks of 5 µs and the measure of memory
  'cross-origin-embedder-policy': 'require-corp',
}

/** compress writes nothing: it returns the body as it is sent. */
function compress(file) {
  const body = readFileSync(file)
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: body.length }
  return brotliCompressSync(body, { params })
}

export class Site {
  #server
  #files = new Map()
  #asked = new Set()
  origin

  /** start serves folder, which has a page/name.js for each page. */
  static async start(folder) {
    const site = new Site()
    for (const name of readdirSync(folder, { recursive: true })) {
      if (types[extname(name)]) site.#files.set(`/${name}`, compress(join(folder, name)))
    }
    site.#server = createServer((req, res) => site.#answer(new URL(req.url, 'http://site').pathname, res))
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    site.origin = `http://localhost:${site.#server.address().port}`
    return site
  }

  /** page is the address of a system's page. */
  page(name, options) {
    return `${this.origin}/${name}?${new URLSearchParams(options)}`
  }

  /** download is how many kB were sent since it was last asked, each file counted once. */
  download() {
    const bytes = [...this.#asked].reduce((n, path) => n + this.#files.get(path).length, 0)
    this.#asked.clear()
    return bytes / 1000
  }

  stop() {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #answer(path, res) {
    const file = this.#files.get(path)
    if (file) {
      this.#asked.add(path)
      res.writeHead(200, {
        ...isolated,
        'content-type': types[extname(path)],
        'content-encoding': 'br',
        'content-length': file.length,
        'cache-control': 'public, max-age=31536000, immutable',
      })
      return res.end(file)
    }
    const name = path.slice(1)
    if (!this.#files.has(`/${name}.js`)) return res.writeHead(404).end()
    res.writeHead(200, { ...isolated, 'content-type': types['.html'] })
    res.end(
      `<!doctype html><meta charset="utf-8"><title>${name}</title><link rel="icon" href="data:,"><script type="module" src="/${name}.js"></script>`,
    )
  }
}
