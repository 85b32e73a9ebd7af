// What the Worker tells the engine: the other half of the codec's messages, which tabs have no use for.

import { Writer, type Block, type EngineConfig } from './codec.js'

export class EventWriter extends Writer {
  config(c: EngineConfig): void {
    this.begin(1)
    this.raw(c.key)
    for (const s of [c.app, c.name, c.url]) this.text(s)
    this.u8(c.sync.length)
    for (const s of c.sync) this.text(s)
    this.end()
  }

  start(ids: readonly number[]): void {
    this.begin(2)
    this.u32(ids.length)
    for (const id of ids) this.u64(id)
    this.end()
  }

  opened(conn: number): void {
    this.begin(3)
    this.u32(conn)
    this.end()
  }

  frame(conn: number, data: Uint8Array): void {
    this.begin(4)
    this.u32(conn)
    this.raw(data)
    this.end()
  }

  pong(conn: number): void {
    this.begin(12)
    this.u32(conn)
    this.end()
  }

  closed(conn: number, code: number): void {
    this.begin(5)
    this.u32(conn)
    this.u16(code)
    this.end()
  }

  tick(): void {
    this.begin(6)
    this.end()
  }

  committed(failure: number): void {
    this.begin(7)
    this.u8(failure)
    this.end()
  }

  loaded(failure: number, blocks: readonly Block[]): void {
    this.begin(8)
    this.u8(failure)
    this.u32(blocks.length)
    for (const b of blocks) {
      this.u64(b.id)
      this.u8(b.data ? 1 : 0)
      this.bytes(b.data ?? new Uint8Array())
    }
    this.end()
  }

  online(yes: boolean): void {
    this.begin(yes ? 10 : 9)
    this.end()
  }
}
