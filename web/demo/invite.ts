// The page's first script, loaded synchronously. An invite link carries its secret in the fragment: this takes it out of the
// address bar and of the history before any other code runs, and leaves it for main.ts.
import { takeInvite } from '@masq/client'
import { takeRest } from '../shared/link.js'

declare global {
  interface Window {
    /** The invite link that this page was opened with, until main.ts has taken it. */
    masqInvite?: string | undefined
  }
}

window.masqInvite = takeInvite() ?? takeRest()
