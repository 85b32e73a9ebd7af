// Runs the Worker on this computer, in workerd, which is the platform's own runtime:
//
//	node cloudflare/serve.mjs [port]
//
// `make worker` builds the Worker, and `make test-worker` installs workerd.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { place } from './build.mjs'

const program = createRequire(join(place, '../workerd/'))('workerd').default
const wrangler = readFileSync(new URL('wrangler.jsonc', import.meta.url), 'utf8')
const [, date] = /"compatibility_date": "([\d-]+)"/.exec(wrangler)

const quote = (text) => JSON.stringify(text)

const config = ({ script, port, vars }) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = ${quote(`127.0.0.1:${port}`)}, http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed ${quote(`/${basename(script)}`)}),
    (name = "front.wasm", wasm = embed "/front.wasm"),
    (name = "channel.wasm", wasm = embed "/channel.wasm"),
  ],
  compatibilityDate = ${quote(date)},
  bindings = [
    ${Object.entries(vars)
      .map(([name, value]) => `(name = ${quote(name)}, text = ${quote(value)}), `)
      .join('')}
    (name = "CHANNEL", durableObjectNamespace = "Channel"),
  ],
  durableObjectNamespaces = [(className = "Channel", uniqueKey = "masq", enableSql = true)],
  durableObjectStorage = (inMemory = void),
);
`

/** Workerd is a running workerd. */
export class Workerd {
  #dir = mkdtempSync(join(tmpdir(), 'masq-worker-'))
  #child

  /** start runs the Worker, or another script, in its place. Port 0 is any that is free; vars are the Worker's variables. */
  static async start({ script = join(place, 'worker.mjs'), port = 0, vars = {} } = {}) {
    const workerd = new Workerd()
    const file = join(workerd.#dir, 'config.capnp')
    writeFileSync(file, config({ script, port, vars }))
    const paths = [dirname(script), place].map((path) => `--import-path=${path}`)
    workerd.#child = spawn(program, ['serve', '--control-fd=3', ...paths, file], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    })
    process.once('exit', () => workerd.#child.kill('SIGKILL'))
    const told = createInterface({ input: workerd.#child.stdio[3] })
    const [line] = await Promise.race([once(told, 'line'), once(workerd.#child, 'exit').then(() => ['{}'])])
    told.close()
    workerd.port = JSON.parse(line).port
    if (!workerd.port) throw new Error('workerd did not start')
    return workerd
  }

  /** stop ends it, and with it all connections. */
  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL') // or it would wait until everybody has left
      await once(this.#child, 'exit')
    }
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { port } = await Workerd.start({ port: process.argv[2] ?? 6280 })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit())
  console.log(`a Sync Server is at ws://localhost:${port}`)
}
