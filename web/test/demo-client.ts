// For tests: a client in Masq's place that says what the test tells it to, so that each state of the page can be looked at. What Masq
// itself does is tested with the real one.
import type { Pairing, Status } from '@masq/client'

export { takeInvite } from '../../js/src/invite.js'

/** Scenario is what the client is to say. */
export interface Scenario {
  status?: Record<string, unknown>
  /** notes by id, and other versions of some. */
  notes?: Record<string, unknown>
  versions?: Record<string, unknown[]>
  /** fails has the code that a verb rejects with; 'never': it does not settle. */
  fails?: Record<string, string>
  /** types says that the notes move only after digits were typed. */
  types?: boolean
}

type Listener = (told: object) => void

const device = (id: string, name: string, self: boolean) => ({
  ...{ id, name, self, online: true, lastHeard: 0, toSend: 0, toReceive: false, full: false, overdue: false },
})

const usual = {
  ...{
    store: 'embedded',
    sync: 'off',
    error: undefined,
    entries: 0,
    damaged: 0,
    toSend: 0,
    toReceive: false,
    full: undefined,
    recovery: false,
    copied: false,
  },
  ...{ newer: false, asking: undefined, persistent: undefined, room: undefined, low: false, temporary: false },
  ...{ self: device('self', 'Desk', true), devices: [], counts: { devices: 0, online: 0, upToDate: 0 } },
}

class Failure extends Error {
  constructor(readonly code: string) {
    super('a sentence for programmers')
  }
}

/** Scripted is the client, which window.scripted is, too. */
export class Scripted extends EventTarget {
  status: Status
  readonly notes: Map<string, unknown>
  fails: Record<string, string>
  pairing: EventTarget & { step: string } = Object.assign(new EventTarget(), { step: 'waiting' })
  readonly calls: unknown[][] = []
  readonly #listeners = new Set<Listener>()
  readonly #script: Scenario

  constructor(script: Scenario) {
    super()
    this.#script = script
    this.status = { ...usual, ...script.status } as unknown as Status
    this.notes = new Map(Object.entries(script.notes ?? {}))
    this.fails = script.fails ?? {}
  }

  /** become changes the status. */
  become(status: Record<string, unknown>): void {
    this.status = { ...this.status, ...status } as Status
    this.dispatchEvent(new Event('status'))
  }

  /** tell has the watches hear of something. */
  tell(told: object): void {
    for (const listener of this.#listeners) listener(told)
  }

  /** arrive writes a note as another device does. */
  arrive(id: string, value: unknown, from = 'device'): void {
    if (value === undefined) this.notes.delete(id)
    else this.notes.set(id, value)
    this.tell({ type: 'change', key: 'note/' + id, value, deleted: value === undefined, conflicts: 0, from })
  }

  /** pair changes the pairing. */
  pair(state: object): void {
    Object.assign(this.pairing, state)
    this.pairing.dispatchEvent(new Event('change'))
  }

  list = () => this.#settle('list', () => [...this.notes].map(([id, value]) => ['note/' + id, value]))
  conflicts = (key: string) => this.#settle('conflicts', () => this.#script.versions?.[key.slice(5)] ?? [])
  batch = (ops: { key: string; value: unknown }[]) =>
    this.#settle('batch', () => ops.forEach(({ key, value }) => this.arrive(key.slice(5), value, 'here')))
  del = (key: string) => this.#settle('del', () => this.arrive(key.slice(5), undefined, 'here'))
  invite = () => this.#settle('invite', () => this.#begin())
  join = (link: string) => this.#settle('join', () => this.#begin(), link)
  revoke = (id: string) =>
    this.#settle('revoke', () => this.become({ devices: this.status.devices.filter((d) => d.id !== id) }), id)
  rename = (name: string) => this.#settle('rename', () => this.become({ self: { ...this.status.self, name } }))
  useLocalStore = async ({ digits }: { digits?: () => Promise<string | undefined> } = {}) => {
    const typed = this.#script.types ? await digits?.() : undefined
    await this.#settle('useLocalStore', () => undefined, typed)
  }
  close = () => Promise.resolve()

  watch(_: string, listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #begin(): Pairing {
    const link = location.origin + '/#masq=1.AAECAwQFBgcICQoLDA0ODw.' + btoa(location.origin.replace('http', 'ws'))
    const qr = () =>
      Promise.resolve('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M1 1h3v3h-3z"/></svg>')
    const more = { offline: false, digits: '', name: '', hasData: false, expires: Date.now() + 299_000 }
    const verbs = { confirm: () => Promise.resolve(), cancel: () => Promise.resolve() }
    return Object.assign(this.pairing, { link, qr, ...more, ...verbs }) as unknown as Pairing
  }

  #settle<T>(verb: string, act: () => T, ...values: unknown[]): Promise<T> {
    this.calls.push([verb, ...values])
    const code = this.fails[verb]
    if (code === 'never') return new Promise(() => undefined)
    return code ? Promise.reject(new Failure(code)) : Promise.resolve().then(act)
  }
}

declare global {
  interface Window {
    script: Scenario
    scripted: Scripted
  }
}

export function connect(): Promise<Scripted> {
  const code = window.script.fails?.connect
  return code ? Promise.reject(new Failure(code)) : Promise.resolve((window.scripted = new Scripted(window.script)))
}
