// What the rest of the client lends to the chunk of the local store, and how a local store begins. The chunk imports nothing at run
// time that the rest of the client has too: there would be two MasqErrors.

import type { MasqError } from './errors.js'
import type { Grant } from './grants.js'
import type { Status, StoreStatus } from './status.js'

/** What the rest of the client lends to the chunk. */
export interface Tools {
  failure(code: string, detail?: string): MasqError
  asMasqError(e: unknown): MasqError
  permission(): Promise<PermissionState>
  meet: typeof import('./contact.js').meet
  host: Pick<typeof import('./host.js'), 'hidden' | 'onVisibility' | 'policy'>
  readGrant(): Promise<Grant>
  saveGrant(change: Partial<Grant>): Promise<Grant>
  within<T>(ms: number, p: Promise<T>): Promise<T | void>
  blank(store: Status['store']): StoreStatus
  moved: MasqError // ends a store that is not in charge any more
}

/** How the application introduces itself. */
export interface About {
  name: string
  description: string
  icon: string // URL, or ''
}

/** How a LocalStore begins, and what that has become: it changes as access comes and goes. It belongs to the LocalStore. */
export interface Beginning {
  grant: Grant
  /** Gives up, once and for all, when it cannot get in at first. Else it goes on trying. */
  once: boolean
  /** The user has just asked for it: the browser may prompt, and a store that said no is asked again. */
  click: boolean
  /** Getting access means that the origin's data is there from now on. */
  use: boolean
  /** There is data in this browser that is to move: a store that is asked for access has to be the one whose digits the user types. */
  typing: boolean
  /** Has the user type them. Without it, with `typing`, nobody is asked. */
  digits?: Digits | undefined
}

/** Has the user type the digits that the Store manager shows. Resolves with undefined if there will be none. */
export type Digits = () => Promise<string | undefined>
