// What is taken from Node, once, when this is loaded: fake timers that a test sets up later do not stop the engine, and
// nothing is missing where a test's environment lacks it.

import { webcrypto } from 'node:crypto'
import { performance as measured } from 'node:perf_hooks'
import timers from 'node:timers'
import util from 'node:util'

export const { setImmediate, setTimeout: setNodeTimeout, clearTimeout: clearNodeTimeout } = timers
export const { TextEncoder, TextDecoder } = util
export const crypto = webcrypto
export const performance = { now: measured.now.bind(measured) }

const began = measured.timeOrigin
/** Unix ms, never going back. */
export const realNow = (): number => began + performance.now()

/** What Go's own timers run by: they wait for nothing that a test does, and keep no process alive. */
export function goTimeout(run: () => void, ms: number): NodeJS.Timeout {
  return setNodeTimeout(run, ms).unref()
}
