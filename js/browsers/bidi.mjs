// WebDriver BiDi (https://w3c.github.io/webdriver-bidi): commands over a WebSocket, each answered by its number.
import { once } from 'node:events'
import WebSocket from 'ws'

/** BiDi is a connection. */
export class BiDi {
  #socket
  #calls = new Map()
  #n = 0

  static async connect(url) {
    const bidi = new BiDi()
    const socket = new WebSocket(url, { maxPayload: 64 << 20 })
    await once(socket, 'open')
    bidi.#socket = socket
    socket.on('message', (data) => bidi.#take(JSON.parse(data)))
    socket.on('close', () => bidi.#end())
    return bidi
  }

  /** call resolves with a command's result. */
  call(method, params = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error('the browser has gone'))
    const id = ++this.#n
    this.#socket.send(JSON.stringify({ id, method, params }))
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }))
  }

  close() {
    this.#socket.terminate()
  }

  #take({ id, result, error, message }) {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (error) call?.reject(new Error(`${error}: ${message}`))
    else call?.resolve(result)
  }

  #end() {
    for (const { reject } of this.#calls.values()) reject(new Error('the browser has gone'))
    this.#calls.clear()
  }
}
