// What the client's code finds in the place of a browser's globals: scripts/build.mjs puts these in. Where a test has a page
// (jsdom), its address is the application's.

import { clock } from './clock.js'
import { TextDecoder, TextEncoder, crypto, nextTurn, performance } from './node.js'

export { TextDecoder, TextEncoder, crypto, performance }

const real = globalThis as typeof globalThis & { location?: Location; history?: History; document?: Document }
const address = new URL('https://app.test/')

export const location = real.location ?? address
export const history = real.history
export const document = real.document ?? { baseURI: address.href }
const storage = {
  persist: async () => true,
  persisted: async () => true,
  estimate: async () => ({ quota: 2 ** 30, usage: 0 }),
}
export const navigator = { userAgent: '', onLine: true, storage }
export const queueMicrotask = (run: () => void): void => void Promise.resolve().then(run) // never a fake one
export const setTimeout = (run: () => void, ms?: number): number => clock.start(run, ms)
export const clearTimeout = (timer?: number): void => clock.stop(timer)
export const dateNow = (): number => clock.next()

/** A listener's error fails the test: nobody else would see it. */
export function reportError(e: unknown): void {
  nextTurn(() => {
    throw e
  })
}

// Devices find each other by home.ts: nobody listens here.
export const addEventListener = (): void => undefined
export class BroadcastChannel {
  onmessage: unknown
  postMessage(): void {}
  close(): void {}
}

/** The global object of Go's programs, and of nothing else. */
const sandbox = { Object, Array, Uint8Array, Date, TextDecoder, TextEncoder, crypto, performance }
export { sandbox as globalThis }

/** Go's loader, which puts itself there. */
export function Go(): object {
  return new (sandbox as typeof sandbox & { Go: new () => object }).Go()
}
