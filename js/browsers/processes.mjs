// The processes of a browser: all that it starts are in one session of the system's, by which they are found, measured and ended.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'

const TICKS = 100 // of a CPU's time, in a second: the same on every Linux
const END_MS = 10_000

const running = new Set()
process.on('exit', () => running.forEach((processes) => processes.kill())) // however this program ends
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

/** Processes is a program that was started, with everything that it starts. */
export class Processes {
  #child
  #said = ''
  #gone

  constructor(path, args, env = {}) {
    this.#child = spawn(path, args, {
      detached: true, // a session of its own
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(this)
    this.#gone = once(this.#child, 'exit').catch((error) => [String(error)])
    for (const out of [this.#child.stdout, this.#child.stderr])
      out.on('data', (data) => (this.#said = (this.#said + data).slice(-20_000)))
  }

  /** says waits until pattern is in what the program prints, and returns what the pattern has in parentheses. */
  async says(pattern, ms = 60_000) {
    const end = Date.now() + ms
    for (;;) {
      const found = pattern.exec(this.#said)
      if (found) return found[1] ?? found[0]
      if (this.ended) throw new Error(`ended too early: ${this.#said}`)
      if (Date.now() > end) throw new Error(`does not start: ${this.#said}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  get ended() {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** list is the processes that run now: number, name, command line, and seconds of CPU that each has used so far. */
  list() {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => stat(pid))
      .filter((p) => p?.session === this.#child.pid)
  }

  /** gone waits until the program has ended by itself; what is left of it then, or after ms, is killed. */
  async gone(ms = END_MS) {
    const late = setTimeout(() => this.kill(), ms)
    await this.#gone
    clearTimeout(late)
    this.kill()
    running.delete(this)
  }

  /** kill ends all of it, whatever it is doing. */
  kill() {
    for (const { pid } of this.list())
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // it has just ended
      }
  }
}

function stat(pid) {
  try {
    const [, name, rest] = /\((.*)\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    const fields = rest.split(' ')
    if (fields[0] === 'Z') return undefined
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
    return {
      command,
      pid: Number(pid),
      name,
      session: Number(fields[3]),
      cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    }
  } catch {
    return undefined // it has just ended
  }
}

/** cpuBetween is how many seconds of CPU processes used between two lists: those that came meanwhile with all they used. */
export function cpuBetween(before, after) {
  const used = new Map(before.map(({ pid, cpu }) => [pid, cpu]))
  return after.reduce((sum, { pid, cpu }) => sum + cpu - (used.get(pid) ?? 0), 0)
}
