// What the views need of the page: what is shown now, and what their buttons do. The manager is one.
import type { Child } from '../shared/dom.js'
import type { State } from './state.js'
import type { Phase, Why } from './store.js'

/** ViewName is one of the page's views; its fragment leads to it. */
export type ViewName = 'applications' | 'devices' | 'help'
export const viewNames: readonly ViewName[] = ['applications', 'devices', 'help']

/** PairingDialog follows a pairing of the state: the one with this number, once the store has said it. */
export interface PairingDialog {
  kind: 'pairing'
  side: 'host' | 'joiner'
  pairing?: number
  seen?: boolean // in the state
  again?: () => void
  failed?: unknown // it did not begin
}

/** Dialog is what is asked now. */
export type Dialog =
  | PairingDialog
  | { kind: 'join'; link: string }
  | { kind: 'paste' }
  | { kind: 'rename' }
  | { kind: 'relays' }
  | { kind: 'revoke'; id: string; name: string; app?: string }
  | { kind: 'quota'; app: string }
  | { kind: 'remove-token'; app: string; id: string }
  | { kind: 'remove-app'; app: string; confirm: boolean; data?: boolean | undefined }

/** Shown is a dialog's content; step changes when it is another one, to which the focus goes. */
export interface Shown {
  step: string
  body: Child[]
}

/** Page is the page as its views see it. */
export interface Page {
  /** How the page stands with the store, and what is known of it. */
  readonly store: { readonly phase: Phase; readonly why: Why; readonly state: State | undefined }
  /** The state, where there must be one: throws E_AWAY. */
  readonly state: State
  readonly view: ViewName
  /** The applications whose details are shown. */
  readonly open: Set<string>
  /** What was typed above a long list, by the list's name. */
  readonly queries: ReadonlyMap<string, string>
  readonly dialog: Dialog | undefined
  /** What went wrong with the last thing that was asked for in the dialog. */
  problem: string
  /** A message at the bottom of the page. */
  readonly message: string
  /** The text that has just been copied. */
  readonly copied: string
  /** A pairing link that the page was opened with and cannot use, as it is locked: what became of it. */
  readonly link: { link: string; taken: boolean } | undefined

  /** ready says whether a request has been shown long enough to be answered. */
  ready(request: number): boolean
  /** act asks the store for something that a button stands for, and resolves with whether it did it. It says what goes wrong. */
  act(method: string, params?: object): Promise<boolean>
  /** fail says in the dialog what was wrong with what was typed. It resolves with false, as act does. */
  fail(text: string): Promise<boolean>
  /** say shows a message; '' takes it away. */
  say(text: string): void
  /** copy puts text into the clipboard, or selects what is in place for copying by hand where that is not allowed. */
  copy(text: string, place?: HTMLElement | null): Promise<void>
  /** search shows of a long list what fits. */
  search(list: string, query: string): void
  /** show opens a dialog. */
  show(dialog: Dialog): void
  /** closeDialog closes it, and cancels a pairing that is not decided yet. */
  closeDialog(): void
  /** unlock tries a code of `masq open`, as it was typed into the locked page. */
  unlock(code: string): void
  /** invite begins letting a device in: into one application, or, without one, another store. */
  invite(app?: string): Promise<void>
  /** join begins joining the devices of whoever made a link. */
  join(link: string): Promise<void>
  /** render brings the page up to date, once for all that has changed now. */
  render(): void
}
