// A screen that nobody sees, for WebKit, which has no headless mode.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Display is one; `name` is what DISPLAY has to be. */
export class Display {
  #child

  async open() {
    const args = ['-displayfd', '3', '-screen', '0', '1400x1000x24', '-nolisten', 'tcp']
    this.#child = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    process.on('exit', () => this.close())
    const failed = once(this.#child, 'exit').then(() => Promise.reject(new Error('Xvfb does not start')))
    failed.catch(() => undefined)
    const [number] = await Promise.race([once(this.#child.stdio[3], 'data'), failed])
    this.name = `:${String(number).trim()}`
  }

  close() {
    this.#child?.kill()
  }
}
