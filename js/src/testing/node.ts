// What is taken from Node, once, when this is loaded: nothing is missing where a test's environment lacks it, and fake timers do not
// stop the engine. Those that were set up before stop long waits alone.

import { webcrypto } from 'node:crypto'
import { performance as measured } from 'node:perf_hooks'
import timers from 'node:timers'
import util from 'node:util'
import { MessageChannel } from 'node:worker_threads'

export const { setTimeout: setNodeTimeout, clearTimeout: clearNodeTimeout } = timers
export const { TextEncoder, TextDecoder } = util
export const crypto = webcrypto
export const performance = { now: measured.now.bind(measured) }

const began = measured.timeOrigin
/** Unix ms, never going back. */
export const realNow = (): number => began + performance.now()

const turns: (() => void)[] = []
const { port1: here, port2: there } = new MessageChannel()
here.on('message', () => {
  const run = turns.shift()!
  if (turns.length === 0) here.unref()
  run()
})
here.unref()

/** Does it in another turn of the event loop, for which the process is kept alive. */
export function nextTurn(run: () => void): void {
  turns.push(run)
  here.ref()
  there.postMessage(0)
}

/** What Go's own timers run by: they wait for nothing that a test does, and keep no process alive. */
export function goTimeout(run: () => void, ms: number): NodeJS.Timeout {
  return setNodeTimeout(run, ms).unref()
}
