// A device as the Sync Server sees it, for the tests: core/PROTOCOL.md, "The Sync Server".
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import WebSocket from 'ws'

const waitMs = 60_000
const types = ['DATA', 'HELLO', 'JOIN', 'JOINED', 'PEER', 'ERR', 'RESTARTING', 'PAIR']

/** channel makes a new channel's key. */
export function channel() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const name = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return { name, privateKey, path: `/v1/channel/${name.toString('base64url')}` }
}

/** mailbox makes a new mailbox's path. */
export const mailbox = () => `/v1/pair/${randomBytes(16).toString('base64url')}`

/** Device is one connection. What it gets is kept as texts: 'JOINED 1', 'DATA …', 'ERR 8', 'pong', 'close 4008'. */
export class Device {
  #got = []
  #more = () => {}

  /** open dials and waits for HELLO. host, if given, is dialled in the place of the address's. */
  static async open(url, { host } = {}) {
    const device = new Device()
    device.host = host ?? new URL(url).host
    device.socket = new WebSocket(url, 'masq.relay.v1', { headers: { Host: device.host } })
    device.socket.on('message', (data, binary) => device.#take(data, binary))
    device.socket.on('close', (code) => device.#keep(`close ${code}`))
    await once(device.socket, 'open', { signal: AbortSignal.timeout(waitMs) })
    await device.next('HELLO')
    return device
  }

  /** join opens a channel and joins a side. */
  static async join(base, channel, side) {
    const device = await Device.open(base + channel.path)
    device.send(device.joining(channel, side))
    return device
  }

  /** pair opens a mailbox and takes a side. */
  static async pair(base, path, side) {
    const device = await Device.open(base + path)
    device.send([7, side])
    return device
  }

  /** joining is the JOIN of a side. */
  joining({ name, privateKey }, side, host = this.host) {
    const length = Buffer.from([0, host.length])
    const signed = Buffer.concat([
      Buffer.from('masq-relay/1'),
      length,
      Buffer.from(host),
      this.nonce,
      name,
      Buffer.from([side]),
    ])
    return [2, side, ...sign(null, signed, privateKey)]
  }

  send(bytes) {
    this.socket.send(Buffer.from(bytes))
  }

  data(text) {
    this.send([0, ...Buffer.from(text)])
  }

  /** next waits for what comes next, and throws if that is not one of those wanted. */
  async next(...wanted) {
    const end = AbortSignal.timeout(waitMs)
    while (this.#got.length === 0) {
      await new Promise((resolve, reject) => {
        this.#more = resolve
        end.onabort = () => reject(new Error(`waited in vain for ${wanted.join(' or ')}`))
      })
    }
    const got = this.#got.shift()
    if (!wanted.includes(got)) throw new Error(`got ${got}, not ${wanted.join(' or ')}`)
    return got
  }

  /** all waits for several, one after the other. */
  async all(...wanted) {
    for (const one of wanted) await this.next(one)
  }

  close() {
    this.socket.close()
  }

  #keep(text) {
    this.#got.push(text)
    this.#more()
  }

  #take(data, binary) {
    if (!binary) return this.#keep(data.toString())
    const type = types[data[0]]
    if (type === 'HELLO') {
      this.nonce = data.subarray(2, 34)
      this.limits = {}
      for (let at = 42; at + 5 <= data.length; at += 5) this.limits[data[at]] = data.readUInt32BE(at + 1)
      return this.#keep(type)
    }
    this.#keep(type === 'DATA' ? `DATA ${data.subarray(1)}` : `${type} ${data[1]}`)
  }
}
