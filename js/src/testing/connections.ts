// An engine's connections, to the Sync Server in memory.

import type { Connections } from '../platform.js'
import type { SocketEvents } from '../socket.js'
import { clock } from './clock.js'
import type { Connection, Relay } from './relay.js'

const ABNORMAL = 1006

export class MemoryConnections implements Connections {
  #open = new Map<number, Connection | undefined>()
  #events: SocketEvents
  #relay: () => Relay | undefined
  #ended = false

  /** `relay` returns undefined while the device has no network. */
  constructor(events: SocketEvents, relay: () => Relay | undefined) {
    this.#events = events
    this.#relay = relay
  }

  dial(conn: number, url: string): void {
    if (this.#ended) return
    this.#open.set(conn, undefined)
    clock.soon(() => {
      if (!this.#open.has(conn)) return
      const relay = this.#relay()
      if (!relay) return this.#lose(conn)
      this.#events.opened(conn)
      const frame = (data: Uint8Array): void => this.#events.frame(conn, data)
      const closed = (code: number): void => this.#lose(conn, code)
      this.#open.set(conn, relay.open(url, { frame, closed }))
    })
  }

  send(conn: number, data: Uint8Array): void {
    this.#open.get(conn)?.take(data.slice())
  }

  ping(conn: number): void {
    clock.soon(() => this.#open.get(conn) && this.#events.pong(conn))
  }

  hangup(conn: number): void {
    this.#open.get(conn)?.leave()
    this.#open.delete(conn)
  }

  /** The network is gone. */
  cut(): void {
    for (const [conn, connection] of [...this.#open]) {
      connection?.leave()
      this.#lose(conn)
    }
  }

  close(): void {
    this.#ended = true
    for (const conn of [...this.#open.keys()]) this.hangup(conn)
  }

  #lose(conn: number, code = ABNORMAL): void {
    if (this.#open.delete(conn)) this.#events.closed(conn, code)
  }
}
