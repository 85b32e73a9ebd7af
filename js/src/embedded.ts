// The embedded store: the engine in this browser, by way of client.ts.

import { Kind, Verb, pairingSteps, type RawChange, type Write as RawWrite } from './codec.gen.js'
import { Client } from './client.js'
import { utf8 } from './codec.js'
import { MasqError } from './errors.js'
import { fields } from './fields.js'
import { invitesLeadTo, type Options } from './options.js'
import { loadPairing, loadQR } from './load.js'
import type { Pairing } from './pairing.js'
import { blank, readStatus, type StoreStatus } from './status.js'
import type { Change, Page, Range, Reset, ResetReason, Store, StoreEvents, Told, Write } from './store.js'
import { decodeValue } from './values.js'

const verbs = { invite: Verb.Invite, join: Verb.Join, confirm: Verb.Confirm, cancel: Verb.Cancel } as const

const PAIRED =
  'The data in this browser is paired with other devices, which would be left behind. Shut those out first, or keep it here.'

export class Embedded implements Store {
  readonly #client: Client
  readonly #events: StoreEvents
  readonly #url: string
  #status: StoreStatus | undefined
  #newer = false

  constructor(options: Options, events: StoreEvents & { moved(): Promise<boolean> }) {
    this.#events = events
    this.#url = invitesLeadTo(options.url)
    this.#client = new Client(options, {
      ...events,
      empty: () => this.#tell(blank('embedded', options.name)),
      status: (s) => this.#tell(readStatus(s)),
      failed: (e, final) => this.#failed(e, final),
      cleared: () => this.#tell({ ...blank('embedded'), error: 'E_CLEARED' }),
      held: (e) => this.#tell({ ...(this.#status ?? blank('embedded')), sync: 'off', error: e.code }),
      newer: () => this.#setNewer(),
    })
  }

  async get(key: string): Promise<unknown> {
    const { entries } = await this.#client.read({ verb: Verb.Get, key })
    return entries[0] && decodeValue(entries[0])
  }

  async write(writes: Write[], relaxed: boolean): Promise<void> {
    await this.#client.ask({ verb: Verb.Batch, writes: writes.map(raw), relaxed })
  }

  /** With `raw`, here and in `conflicts`, JSON is its text. */
  async list(range: Range, raw = false): Promise<Page> {
    const { entries, more } = await this.#client.read({ verb: Verb.List, ...range })
    return { entries: entries.map((e) => [e.key, range.keysOnly ? undefined : decodeValue(e, raw)]), more }
  }

  async count(range: Parameters<Store['count']>[0]): Promise<number> {
    return (await this.#client.read({ verb: Verb.Count, ...range })).number
  }

  async conflicts(key: string, raw = false): Promise<unknown[]> {
    const { entries } = await this.#client.read({ verb: Verb.Conflicts, key })
    return entries.map((e) => decodeValue(e, raw))
  }

  watch(prefix: string, told: Told): () => void {
    return this.#client.watch(prefix, {
      changes: (changes) => told(changes.map((c) => this.#change(c))),
      cleared: () => told([resetBy('cleared')]),
    })
  }

  async rename(name: string): Promise<void> {
    await this.#client.ask({ verb: Verb.Rename, name })
  }

  async revoke(id: string): Promise<void> {
    await this.#client.ask({ verb: Verb.Revoke, device: id })
  }

  /** Makes an invite, or answers the one of `link`. */
  async pair(link?: string): Promise<Pairing> {
    const { Pairing } = await loadPairing()
    const failure = (code: string, detail?: string, sentence?: string): MasqError =>
      new MasqError(code, detail, sentence)
    const lent = { failure, loadQR, fields, steps: pairingSteps, verbs }
    return Pairing.start({ client: this.#client, url: this.#url, ...lent }, link)
  }

  /** Waits until it is known which device this is. */
  async known(): Promise<void> {
    if (!this.#status?.self.id) await this.#toldStatus()
  }

  /** Rejects with E_CIRCLE if this device is paired with others. */
  async unpaired(): Promise<void> {
    await this.#toldStatus()
    if (this.#status?.devices.length) throw new MasqError('E_CIRCLE', '', PAIRED)
  }

  /**
   * Runs the engine in this tab, for this tab alone. `alone` says later whether it has been so all along. It resolves when
   * no engine from before can write any more: one that was in the middle of it makes this one start anew, with what it wrote.
   */
  async seize(): Promise<void> {
    await this.#client.seize()
    await this.write([], false) // is answered when what the engine has begun with is stored
  }

  get alone(): boolean {
    return this.#client.alone
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  end(e: MasqError): void {
    this.#client.end(e)
  }

  /** Asks the engine, whose status comes before its answer. */
  async #toldStatus(): Promise<void> {
    await this.#client.ask({ verb: Verb.Get, key: ' ' })
  }

  #tell(s: StoreStatus): void {
    this.#status = { ...s, newer: this.#newer }
    this.#events.status(this.#status)
  }

  #setNewer(): void {
    if (this.#newer) return
    this.#newer = true
    if (this.#status) this.#tell(this.#status)
  }

  #failed(e: MasqError, final: boolean): void {
    if (e.code === 'E_VERSION') this.#newer = true // of the data
    if (final && this.#status) this.#tell({ ...this.#status, sync: 'off', error: e.code })
    this.#events.failed(e)
  }

  #change(c: RawChange): Change | Reset {
    if (!c.key) return resetBy('lost')
    return {
      type: 'change',
      key: c.key,
      value: decodeValue(c),
      previous: c.had ? decodeValue({ kind: c.previousKind, value: c.previous }) : undefined,
      deleted: c.kind === Kind.Deleted,
      conflicts: c.others,
      from: c.client === this.#client.id ? 'here' : c.device || 'tab',
    }
  }
}

function resetBy(reason: ResetReason): Reset {
  return { type: 'reset', reason }
}

function raw({ key, value }: Write): RawWrite {
  if (value === undefined) return { key, kind: Kind.Deleted, value: new Uint8Array() }
  if (typeof value === 'string') return { key, kind: Kind.JSON, value: utf8.encode(value) }
  return { key, kind: Kind.Bytes, value }
}
