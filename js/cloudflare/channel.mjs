// One channel or mailbox, as a Durable Object. The platform may put it to sleep or end it whenever it likes, and wakes it when somebody
// speaks: all that it knows is attached to its WebSockets. It stores nothing and sets no alarms.
import { action, event, turn } from './relay.mjs'

const socketsMost = 16 // of one channel, which two devices use
const awakeMs = 10_000 // so long the platform keeps an object awake anyway: a timer up to that costs nothing

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class Channel {
  #ctx
  #env
  #timer

  constructor(ctx, env) {
    this.#ctx = ctx
    this.#env = env
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong')) // without waking it
  }

  /** fetch takes a WebSocket in. */
  fetch(request) {
    if (this.#ctx.getWebSockets().length >= socketsMost) return new Response('too many connections\n', { status: 429 })
    const [client, server] = Object.values(new WebSocketPair())
    this.#ctx.acceptWebSocket(server)
    const { pathname, host } = new URL(request.url)
    this.#turn(event.open, server, encoder.encode(`${pathname}\0${host}`))
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { 'Sec-WebSocket-Protocol': 'masq.relay.v1' },
    })
  }

  webSocketMessage(socket, data) {
    if (typeof data === 'string') this.#turn(event.text, socket, encoder.encode(data))
    else this.#turn(event.binary, socket, new Uint8Array(data))
  }

  webSocketClose(socket) {
    this.#turn(event.closed, socket)
  }

  webSocketError(socket) {
    this.#turn(event.closed, socket)
  }

  #turn(kind, socket, data = new Uint8Array()) {
    const known = []
    for (const socket of this.#ctx.getWebSockets()) {
      const saved = socket.deserializeAttachment()
      const heard = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0
      if (saved) known.push({ socket, saved, heard })
    }
    let conn = known.findIndex((one) => one.socket === socket)
    if (conn < 0 && kind !== event.open && kind !== event.tick) return // it has ended
    if (kind === event.open) conn = known.length
    const { next, actions } = turn(this.#env, known, kind, Math.max(conn, 0), data)
    for (const { action, conn, data } of actions) this.#act(action, known[conn]?.socket ?? socket, data)
    clearTimeout(this.#timer)
    if (next <= awakeMs) this.#timer = setTimeout(() => this.#turn(event.tick), next)
  }

  #act(what, socket, data) {
    if (what === action.keep) socket.serializeAttachment(data.length > 0 ? data : null)
    else if (what === action.send) socket.send(data)
    else if (what === action.text) socket.send(decoder.decode(data))
    else if (what === action.close) socket.close((data[0] << 8) | data[1])
  }
}
