// A program that the smoke test starts: the server, a store, or what a user does with a store on the command line.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const endMs = 5_000

/** Program runs from its making on, until it ends or is stopped. */
export class Program {
  #child
  #exit
  #lines
  #errors = ''

  constructor(path, args) {
    this.what = [path.replace(/.*\//, ''), ...args].join(' ')
    this.#child = spawn(path, args)
    this.#exit = once(this.#child, 'exit')
    this.#exit.catch(() => undefined) // it could not be started: whoever waits for it hears
    this.#child.stdin.on('error', () => undefined) // it has ended
    this.#child.stderr.on('data', (data) => (this.#errors += data))
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** line is the next line that it prints. */
  async line() {
    const { value, done } = await this.#lines.next()
    if (done) throw await this.#trouble('ended too early')
    return value
  }

  /** says waits for a line that pattern matches, and returns what the pattern has in parentheses. */
  async says(pattern) {
    for (;;) {
      const [, found] = pattern.exec(await this.line()) ?? []
      if (found !== undefined) return found
    }
  }

  /** type gives it a line of input. */
  type(line) {
    this.#child.stdin.write(line + '\n')
  }

  /** output waits until it has ended well, and returns what it printed and nobody has read. */
  async output() {
    this.#child.stdin.end()
    let text = ''
    for await (const line of this.#lines) text += line + '\n'
    if ((await this.#exit)[0] !== 0) throw await this.#trouble('failed')
    return text
  }

  /** kill ends it, if it has not ended, whatever it is doing. */
  kill() {
    this.#child.kill('SIGKILL')
  }

  /** stop ends it as Ctrl-C would, and waits for that. */
  async stop() {
    const late = setTimeout(() => this.kill(), endMs)
    this.#child.kill('SIGTERM')
    const [code] = await this.#exit
    clearTimeout(late)
    if (code !== 0) throw await this.#trouble(code === null ? `did not end within ${endMs} ms` : 'failed')
  }

  async #trouble(how) {
    await this.#exit
    return new Error(`${this.what} ${how}: ${this.#errors.trim() || 'it does not say why'}`)
  }
}
