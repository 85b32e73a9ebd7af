// The files of this build, by their hashes. A page that pins the script by `integrity` has the rest pinned by it.

import { checkedModule, hasIntegrity } from './host.js'

declare const MASQ_SCRIPT: boolean // set by the build: whether this is used as it is, by a script tag or as masq.pinned.js

declare const MASQ_PINS: string // set by the build

/** Whose hash it is. */
export const enum Pin {
  Wasm,
  Worker,
  Local,
  Pairing,
  QR,
}

/** The hashes, by Pin, as `integrity` takes them. In a bundle there is but masq.wasm's: bundlers make the other files anew. */
export const pins = MASQ_PINS.split(' ')

/**
 * Whether nothing may run that is not of this build. Otherwise whoever can change the other files beside the script can change
 * the script.
 */
export const pinned = MASQ_SCRIPT && (Boolean(import.meta.url) || hasIntegrity)

/** Imports what has this hash, or, if the script is not pinned, whatever is there. Rejects if it cannot. */
export async function load<T>(url: string, pin: Pin): Promise<T> {
  if (pinned) await checkedModule(url, pins[pin]!)
  return import(url) as Promise<T>
}
