// The engine's connections to Sync Servers: one WebSocket each, core/PROTOCOL.md, "The Sync Server". What is sent and when,
// pings included, is the engine's business.

/** What happens on a connection. After `closed` nothing more does. */
export interface SocketEvents {
  opened(conn: number): void
  frame(conn: number, data: Uint8Array): void
  pong(conn: number): void
  closed(conn: number, code: number): void
}

const PROTOCOL = 'masq.relay.v1'
const FRAME_BYTES_MAX = 1 << 16
const ABNORMAL = 1006

/** All connections of one engine. */
export class Sockets {
  #open = new Map<number, WebSocket>()
  #events: SocketEvents

  constructor(events: SocketEvents) {
    this.#events = events
  }

  /** Opens a connection; `opened` or `closed` follows, never before dial returns. */
  dial(conn: number, url: string): void {
    let ws: WebSocket
    try {
      ws = new WebSocket(url, PROTOCOL)
    } catch {
      // Not a URL, or ws: from an https page. The engine hears of it as of any failure to connect.
      queueMicrotask(() => this.#events.closed(conn, ABNORMAL))
      return
    }
    ws.binaryType = 'arraybuffer'
    ws.onopen = () => {
      if (ws.protocol === PROTOCOL) this.#events.opened(conn)
      else this.#fail(conn)
    }
    ws.onmessage = (e: MessageEvent<unknown>) => {
      if (e.data instanceof ArrayBuffer && e.data.byteLength <= FRAME_BYTES_MAX) {
        this.#events.frame(conn, new Uint8Array(e.data))
      } else if (e.data === 'pong') {
        this.#events.pong(conn)
      } else {
        this.#fail(conn)
      }
    }
    ws.onclose = (e) => {
      this.#open.delete(conn)
      this.#events.closed(conn, e.code)
    }
    this.#open.set(conn, ws)
  }

  /** Sends a binary frame, or is ignored if the connection has ended. The bytes may be reused at once. */
  send(conn: number, data: Uint8Array): void {
    this.#raw(conn, data as Uint8Array<ArrayBuffer>)
  }

  /** Sends the text frame that the server answers with `pong`. */
  ping(conn: number): void {
    this.#raw(conn, 'ping')
  }

  /** Ends a connection. No event follows. */
  hangup(conn: number): void {
    const ws = this.#open.get(conn)
    if (!ws) return
    this.#open.delete(conn)
    ws.onopen = ws.onmessage = ws.onclose = null
    ws.close(1000)
  }

  /** Ends them all. */
  close(): void {
    for (const conn of [...this.#open.keys()]) this.hangup(conn)
  }

  #raw(conn: number, data: Uint8Array<ArrayBuffer> | string): void {
    const ws = this.#open.get(conn)
    if (ws?.readyState === WebSocket.OPEN) ws.send(data)
  }

  /** The server does not keep to the protocol. */
  #fail(conn: number): void {
    this.hangup(conn)
    this.#events.closed(conn, ABNORMAL)
  }
}
