// JSON-RPC 2.0 over a WebSocket.

/** StoreError is an error that the store answered, or E_AWAY when the connection ended first. */
export class StoreError extends Error {
  constructor(
    readonly code: string,
    message = '',
  ) {
    super(message)
  }
}

interface Message {
  id?: number
  method?: string
  params?: unknown
  result?: unknown
  error?: { message?: string; data?: { code?: string } }
}

/** Events of an Rpc. closed has the WebSocket's close code. */
export interface Events {
  opened(): void
  notified(method: string, params: unknown): void
  closed(code: number): void
}

/** Rpc is one connection. It is not used again once it has closed. */
export class Rpc {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve(result: never): void; reject(error: StoreError): void }>()
  #last = 0

  constructor(url: string, events: Events) {
    this.#socket = new WebSocket(url)
    this.#socket.onopen = () => events.opened()
    this.#socket.onmessage = (e) => this.#take(e.data as string, events)
    this.#socket.onclose = ({ code }) => {
      for (const { reject } of this.#waiting.values()) reject(new StoreError('E_AWAY'))
      this.#waiting.clear()
      events.closed(code)
    }
  }

  /** call resolves with the method's result. */
  call<T = unknown>(method: string, params: object = {}): Promise<T> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new StoreError('E_AWAY'))
    const id = ++this.#last
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  close(): void {
    this.#socket.close()
  }

  #take(data: string, events: Events): void {
    const { id, method, params, result, error } = JSON.parse(data) as Message
    if (method !== undefined) return events.notified(method, params)
    const waiting = this.#waiting.get(id ?? 0)
    this.#waiting.delete(id ?? 0)
    if (error) waiting?.reject(new StoreError(error.data?.code ?? 'E_INTERNAL', error.message))
    else waiting?.resolve(result as never)
  }
}
