// The time of all devices, and what is under way between them. A wait of a few seconds is skipped when nothing else goes on,
// so that tests take milliseconds; longer ones, like an invite's 5 minutes, are for `advance`.

import { clearNodeTimeout, nextTurn, realNow, setNodeTimeout } from './node.js'

const SKIPPED_MS_MAX = 3000

interface Timer {
  at: number
  run: () => void
}

export class Clock {
  #skipped = 0
  #told = 0
  #tasks: (() => void)[] = []
  #timers = new Map<number, Timer>()
  #last = 0
  #held = 0
  #turning = false
  #quiet = 0 // turns in a row without anything to do
  #real: NodeJS.Timeout | undefined
  #waiters: (() => void)[] = []

  now(): number {
    return Math.floor(realNow() + this.#skipped)
  }

  /** Another time at each call: of two writes one after the other, on whichever devices, the second is the newer. */
  next(): number {
    this.#skip(this.#told + 1)
    return (this.#told = this.now())
  }

  /** Does it in the next turn, in the order of the calls. */
  soon(run: () => void): void {
    this.#tasks.push(run)
    this.#turn()
  }

  start(run: () => void, ms = 0): number {
    this.#timers.set(++this.#last, { at: this.now() + ms, run })
    this.#turn()
    return this.#last
  }

  stop(timer: number | undefined): void {
    if (timer !== undefined) this.#timers.delete(timer)
  }

  /** Waits for what is not in these turns: until then something is under way. */
  async hold<T>(work: Promise<T>): Promise<T> {
    this.#held++
    try {
      return await work
    } finally {
      this.#held--
      this.#turn()
    }
  }

  /** Resolves when nothing is under way, and no wait is short. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
      this.#turn()
    })
  }

  /** Lets time pass, with all that happens in it. */
  async advance(ms: number): Promise<void> {
    const until = this.now() + ms
    for (;;) {
      await this.idle()
      const next = this.#first()
      if (!next || next[1].at > until) break
      this.#fire(next)
    }
    this.#skip(until)
  }

  #turn(): void {
    this.#quiet = 0
    if (this.#turning) return
    this.#turning = true
    nextTurn(() => this.#run())
  }

  #run(): void {
    const tasks = this.#tasks
    this.#tasks = []
    for (const task of tasks) task()
    this.#turning = false
    if (this.#tasks.length > 0 || tasks.length > 0) return this.#turn()
    if (this.#held > 0) return
    if (this.#quiet++ === 0) {
      this.#turning = true // once more: what was done may go on in promises
      nextTurn(() => this.#run())
      return
    }
    this.#rest()
  }

  #rest(): void {
    clearNodeTimeout(this.#real)
    const next = this.#first()
    const wait = next ? next[1].at - this.now() : Infinity
    if (next && wait <= SKIPPED_MS_MAX) return this.#fire(next)
    if (next) this.#real = setNodeTimeout(() => this.#turn(), Math.min(wait, 2 ** 31 - 1)).unref()
    for (const resolve of this.#waiters.splice(0)) resolve()
  }

  #fire([id, { at, run }]: [number, Timer]): void {
    this.#skip(at)
    this.#timers.delete(id)
    this.soon(run)
  }

  #skip(to: number): void {
    this.#skipped += Math.max(0, to - this.now())
  }

  #first(): [number, Timer] | undefined {
    let first: [number, Timer] | undefined
    for (const t of this.#timers) if (!first || t[1].at < first[1].at) first = t
    return first
  }
}

export const clock = new Clock()
