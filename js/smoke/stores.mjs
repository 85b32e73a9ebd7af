// Local stores: `masq store`, and what its user does on the command line.
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Program } from './program.mjs'

const masq = new URL('../../.build/masq', import.meta.url).pathname

/** Store is a local store with data of its own in the folder dir. */
export class Store {
  #program
  #commands = []
  #port = 0

  constructor(name, dir, sync) {
    Object.assign(this, { name, dir, sync })
  }

  /** start runs it; again on the port that it had, where browsers look for it. */
  async start() {
    const args = [
      '--data',
      this.dir,
      '--port',
      `${this.#port}`,
      ...['--page-port', '6277'], // where its computer's browsers are told that it is
      '--name',
      this.name,
      '--sync',
      this.sync,
      '--no-keyring',
    ]
    this.#program = new Program(masq, ['store', ...args])
    this.#port = await this.#program.says(/listening on localhost:(\d+)/)
  }

  async stop() {
    for (const command of this.#commands) command.kill()
    const program = this.#program
    this.#program = undefined
    await program?.stop()
  }

  /** address is where it listens. */
  get address() {
    return `127.0.0.1:${this.#port}`
  }

  /** link opens its manager, once. */
  async link() {
    return (await this.#masq('open', '--print').output()).trim()
  }

  /** put writes a value as the command line's own application. */
  async put(key, value) {
    await this.#masq('put', key, JSON.stringify(value)).output()
  }

  /** entries is what it holds of an application, in the order of the keys, of each the value that wins. */
  async entries(app) {
    const lines = await this.#masq('ls', '--json', '--app', app).output()
    return lines
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }

  /** pair lets another store in, in two terminals. */
  async pair(other) {
    const host = this.#masq('pair')
    const joiner = other.#masq('pair', '--join')
    joiner.type(await host.says(/^(http.*)/))
    const digits = await joiner.says(/the digits are ([\d ]+)/)
    host.type(digits)
    joiner.type('yes')
    await Promise.all([host.output(), joiner.output()])
  }

  /** mark writes something in the clear beside the data, so that the search for such things can be seen to work. */
  mark() {
    this.marker = `marker of ${basename(this.dir)}`
    writeFileSync(join(this.dir, 'marker'), this.marker)
  }

  #masq(command, ...args) {
    this.#commands.push(new Program(masq, [command, '--data', this.dir, ...args]))
    return this.#commands.at(-1)
  }
}
