// The programs that the cases use: a Sync Server, the local store with what its user says to it, and Go's, which makes certificates.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Processes } from './processes.mjs'

const run = promisify(execFile)
const masq = fileURLToPath(new URL('../../.build/masq', import.meta.url))
const LISTENING = /listening on \S*?:(\d+)/

/** SyncServer is one, which keeps its port when it is started again. */
export class SyncServer {
  #processes
  #port = 0

  async start() {
    this.#processes = new Processes(masq, ['sync-server', '--listen', `127.0.0.1:${this.#port}`])
    this.#port = Number(await this.#processes.says(LISTENING))
    return this
  }

  get url() {
    return `ws://localhost:${this.#port}`
  }

  async stop() {
    this.#processes.kill()
    await this.#processes.gone()
  }
}

/** LocalStore is a local store where applications look for one, with its data in a folder. */
export class LocalStore {
  #processes
  #dir
  #command

  /** With `up`, Notes and a Sync Server are there, too. */
  constructor(dir, { up = false } = {}) {
    this.#dir = dir
    this.#command = up ? ['up', '--listen', 'localhost:0'] : ['store']
  }

  async start() {
    this.#processes = new Processes(masq, [...this.#command, '--data', this.#dir, '--no-keyring'])
    await this.#processes.says(/6277/)
    return this
  }

  /** notes is the address of Notes. */
  async notes() {
    return `http://localhost:${await this.#processes.says(/http:\/\/localhost:(?!6277)(\d+)/)}/`
  }

  /** allow waits for an application to ask, and says yes. */
  async allow(app) {
    for (let tries = 0; ; tries++)
      try {
        return await this.masq('apps', 'allow', app)
      } catch (error) {
        if (tries > 100) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
  }

  /** digits waits for an application to ask, and returns those that its user sees. */
  async digits(app) {
    for (let tries = 0; tries < 100; tries++) {
      const { requests } = JSON.parse(await this.masq('apps', '--json'))
      const request = requests.find((r) => r.app === app)
      if (request) return request.digits
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`${app} does not ask`)
  }

  /** link opens its manager, once. */
  link() {
    return this.masq('open', '--print')
  }

  async masq(...args) {
    const { stdout } = await run(masq, [...args, '--data', this.#dir])
    return stdout.trim()
  }

  async stop() {
    this.#processes.kill()
    await this.#processes.gone()
  }
}

/** certificate makes a certificate for localhost that nobody has signed, and its key, in a folder. */
export async function certificate(cwd) {
  const { stdout } = await run('go', ['env', 'GOROOT'])
  const program = join(stdout.trim(), 'src/crypto/tls/generate_cert.go')
  await run('go', ['run', program, '--host', 'localhost', '--ecdsa-curve', 'P256'], { cwd })
  return { cert: readFileSync(join(cwd, 'cert.pem')), key: readFileSync(join(cwd, 'key.pem')) }
}
