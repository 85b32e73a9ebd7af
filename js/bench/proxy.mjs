// Stands between devices and a server, counts what passes, and can be the outage of a network.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class Proxy {
  #server
  #sockets = new Set()
  #to
  #cut = false
  port
  /** How many bytes have passed, both ways. */
  bytes = 0

  static async start(to) {
    const proxy = new Proxy()
    proxy.#to = to
    proxy.#server = createServer((socket) => proxy.#pass(socket)).listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    proxy.port = proxy.#server.address().port
    return proxy
  }

  /** cut ends every connection and lets none begin, until mend. */
  cut() {
    this.#cut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend() {
    this.#cut = false
  }

  stop() {
    this.cut()
    this.#server.close()
  }

  #pass(client) {
    if (this.#cut) return client.destroy()
    const server = connect(this.#to, '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (data) => (this.bytes += data.length))
      from.on('error', () => to.destroy())
      from.on('close', () => (this.#sockets.delete(from), to.destroy()))
      from.pipe(to)
    }
  }
}
