// JSON-RPC 2.0 over one WebSocket to the local store, as core/localstore speaks it: the calls of a turn go out together, answers
// come in any order. Whatever is not in its form ends the connection.

/** Makes the error that a call rejects with. `said` is what the store says of it, in English. */
export type Failure = (code: string, detail?: string, said?: unknown) => Error

/** What the calls of a connection that has fallen reject with: they may have been carried out or not. */
export const CUT = new Error('cut')

/** Answers are the store's word for what they are; whoever reads them checks. */
export type Json = Record<string, unknown>

interface Call {
  id: number
  text: string
  shared: boolean // its message had others: an answer that makes theirs too long is left out, and asked for once more, alone
  resolve: (result: Json) => void
  reject: (e: unknown) => void
}

const FRAME_CALLS_MAX = 1000
const FRAME_CHARACTERS_MAX = 1 << 20
const UNANSWERED_MAX = 8000 // the store takes 10,000
const UNANSWERED_CHARACTERS_MAX = 16 << 20 // and 64 MiB
const STRANGER_CHARACTERS_MAX = 64 << 10 // of a message before the store has proved that it is one

export class Rpc {
  /** Resolves with the close code when the connection has ended. */
  readonly closed: Promise<number>
  /** Hears of notifications. */
  onnote: (method: string, params: Json) => void = () => undefined
  /** Whether messages may be long, because the other side has proved who it is. */
  trusted = false
  /** When the last message came. */
  heard = performance.now()
  readonly #ws: WebSocket
  readonly #failure: Failure
  #id = 0
  #unsent: Call[] = []
  #unanswered = new Map<number, Call>()
  #characters = 0 // of those
  #scheduled = false
  #open = true
  #ended!: (code: number) => void

  private constructor(ws: WebSocket, failure: Failure) {
    this.#ws = ws
    this.#failure = failure
    this.closed = new Promise((resolve) => (this.#ended = resolve))
    ws.onmessage = (e: MessageEvent<unknown>) => this.#take(e.data)
    ws.onclose = (e) => this.#end(e.code)
  }

  /** Connects. Rejects with E_STORE_AWAY if there is no answer within `ms`. */
  static open(url: string, ms: number, failure: Failure): Promise<Rpc> {
    return new Promise((resolve, reject) => {
      let ws: WebSocket
      try {
        ws = new WebSocket(url)
      } catch {
        return reject(failure('E_STORE_AWAY', 'the browser does not let this page connect to localhost'))
      }
      const away = (): void => {
        clearTimeout(timer)
        ws.onopen = ws.onclose = null
        ws.close()
        reject(failure('E_STORE_AWAY'))
      }
      const timer = setTimeout(away, ms)
      ws.onclose = away
      ws.onopen = () => {
        clearTimeout(timer)
        resolve(new Rpc(ws, failure))
      }
    })
  }

  /** Calls a method; `params` is JSON text. Rejects with what Failure makes, or with CUT. */
  call(method: string, params = '{}'): Promise<Json> {
    return new Promise((resolve, reject) => {
      if (!this.#open) return reject(CUT)
      const id = ++this.#id
      const text = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`
      this.#unsent.push({ id, text, shared: false, resolve, reject })
      this.#schedule()
    })
  }

  /** Whether an answer is due. */
  get waiting(): boolean {
    return this.#unanswered.size > 0
  }

  /** Ends the connection. */
  close(): void {
    this.#ws.close()
    this.#end(1000)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => this.#send())
  }

  /** Sends what waits, as much as the store takes at once, in as few messages as that makes. */
  #send(): void {
    this.#scheduled = false
    let frame: Call[] = []
    let size = 0
    const flush = (): void => {
      if (frame.length === 0 || !this.#open) return
      const texts = frame.map((c) => c.text)
      if (texts.length > 1) for (const c of frame) c.shared = true
      this.#ws.send(texts.length === 1 ? texts[0]! : `[${texts.join()}]`)
      frame = []
      size = 0
    }
    let taken = 0
    for (const call of this.#unsent) {
      if (this.#unanswered.size >= UNANSWERED_MAX || this.#characters >= UNANSWERED_CHARACTERS_MAX) break
      taken++
      this.#unanswered.set(call.id, call)
      this.#characters += call.text.length
      if (frame.length === FRAME_CALLS_MAX || size + call.text.length > FRAME_CHARACTERS_MAX) flush()
      frame.push(call)
      size += call.text.length
    }
    flush()
    this.#unsent.splice(0, taken)
  }

  #take(data: unknown): void {
    this.heard = performance.now()
    try {
      if (typeof data !== 'string' || (!this.trusted && data.length > STRANGER_CHARACTERS_MAX)) throw CUT
      const message = JSON.parse(data) as unknown
      for (const m of Array.isArray(message) ? message : [message]) this.#one(m as Json)
    } catch {
      this.close()
    }
    if (this.#unsent.length > 0) this.#schedule()
  }

  #one(m: Json): void {
    if (typeof m.method === 'string') return this.onnote(m.method, m.params as Json)
    const call = this.#unanswered.get(m.id as number)
    if (!call) throw CUT
    const error = m.error as { message?: unknown; data: { code: unknown } } | undefined
    const failed = error?.data.code
    if (failed === undefined && !(m.result instanceof Object)) throw CUT
    if (failed === 'E_TOOBIG' && call.shared) {
      call.shared = false
      return this.#ws.send(call.text)
    }
    this.#unanswered.delete(call.id)
    this.#characters -= call.text.length
    if (failed === undefined) call.resolve(m.result as Json)
    else call.reject(this.#failure(String(failed), '', error?.message))
  }

  #end(code: number): void {
    if (!this.#open) return
    this.#open = false
    const calls = [...this.#unanswered.values(), ...this.#unsent]
    this.#unanswered.clear()
    this.#unsent = []
    for (const c of calls) c.reject(CUT)
    this.#ended(code)
  }
}
