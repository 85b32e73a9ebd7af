// The page's first script, inline in its head. What stands in the fragment is a secret, of `masq open` or of a pairing link:
// this takes it out of the address bar and of the history before any other code runs, and leaves it for main.ts.
import { takeFragment } from './fragment.js'

declare global {
  interface Window {
    /** The address that this page was opened with, if it has a secret, until main.ts has taken it. */
    masqAddress?: string | undefined
  }
}

window.masqAddress = takeFragment()
