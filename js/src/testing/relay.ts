// The Sync Server in memory: core/PROTOCOL.md, "The Sync Server". It trusts who connects, and has no limits.

import { clock } from './clock.js'

const DATA = 0
const HELLO = 1
const JOIN = 2
const JOINED = 3
const PEER = 4
const ERR = 5
const PAIR = 7

const E_CROWDED = 4
const E_REPLACED = 8
const E_FRAME = 9
const NORMAL = 1000
const CODES = 4000

/** What a connection hears. After `closed` nothing more. */
export interface Ends {
  frame(data: Uint8Array): void
  closed(code: number): void
}

interface Room {
  key: string
  mailbox: boolean
  sides: [Connection | undefined, Connection | undefined]
}

/** A device's connection to a channel or a mailbox. */
export class Connection {
  #relay: Relay
  #url: string
  #ends: Ends
  #ended = false
  room: Room | undefined
  side: 0 | 1 = 0

  constructor(relay: Relay, url: string, ends: Ends) {
    this.#relay = relay
    this.#url = url
    this.#ends = ends
  }

  /** Takes a frame of the device's. */
  take(frame: Uint8Array): void {
    if (this.#ended) return
    const [type, side] = frame
    const mailbox = /\/v1\/pair\//.test(this.#url)
    if (type === DATA && this.room) this.other?.tell(frame)
    else if (type === (mailbox ? PAIR : JOIN) && !this.room) this.#relay.join(this, this.#url, mailbox, side ? 1 : 0)
    else this.fail(E_FRAME)
  }

  /** The device has gone. */
  leave(): void {
    if (this.#ended) return
    this.#ended = true
    this.#relay.leave(this)
  }

  get other(): Connection | undefined {
    return this.room?.sides[this.side ? 0 : 1]
  }

  tell(frame: Uint8Array): void {
    const ends = this.#ends
    clock.soon(() => this.#ended || ends.frame(frame))
  }

  fail(code: number): void {
    this.tell(Uint8Array.of(ERR, code))
    this.close(CODES + code)
  }

  close(code: number): void {
    if (this.#ended) return
    clock.soon(() => {
      if (this.#ended) return
      this.leave()
      this.#ends.closed(code)
    })
  }
}

export class Relay {
  #rooms = new Map<string, Room>()

  open(url: string, ends: Ends): Connection {
    const connection = new Connection(this, url, ends)
    connection.tell(hello())
    return connection
  }

  join(c: Connection, url: string, mailbox: boolean, side: 0 | 1): void {
    const room = this.#rooms.get(url) ?? { key: url, mailbox, sides: [undefined, undefined] }
    const older = room.sides[side]
    if (older && mailbox) return c.fail(E_CROWDED)
    if (older) {
      older.room = undefined
      older.fail(E_REPLACED)
    }
    this.#rooms.set(url, room)
    room.sides[side] = c
    c.room = room
    c.side = side
    c.tell(Uint8Array.of(JOINED, c.other ? 1 : 0))
    c.other?.tell(Uint8Array.of(PEER, 1))
  }

  leave(c: Connection): void {
    const { room, other } = c
    if (!room) return
    c.room = undefined
    room.sides[c.side] = undefined
    if (!other) this.#rooms.delete(room.key)
    other?.tell(Uint8Array.of(PEER, 0))
    if (room.mailbox) other?.close(NORMAL)
  }
}

function hello(): Uint8Array {
  const frame = new Uint8Array(42)
  frame[0] = HELLO
  frame[1] = 1 // version
  new DataView(frame.buffer).setBigUint64(34, BigInt(clock.now()))
  return frame
}
