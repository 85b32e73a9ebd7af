// The server of the smoke test: core/relay/tap, which is the real Sync Server with the real pages, and with controls. With SYNC in
// the environment, one URL or several, it is in front of another Sync Server.
import { readFileSync } from 'node:fs'
import { Program } from './program.mjs'

const program = new URL('../../.build/tap', import.meta.url).pathname
const sync = process.env.SYNC

/** server says which Sync Server it is. */
export const server = sync ? `the Sync Server at ${sync.replaceAll(',', ' and ')}` : 'the tap’s own Sync Server'

/** Tap is the server. What passes through it is kept in the file. */
export class Tap {
  #program
  #file

  constructor(file) {
    this.#file = file
  }

  /** start runs the server, on free ports. */
  async start() {
    this.#program = new Program(program, ['-frames', this.#file, ...(sync ? ['-sync', sync] : [])])
    const line = await this.#program.line()
    const { page, control } = Object.fromEntries(line.split(' ').map((pair) => pair.split(/=(.*)/)))
    // By this name, as users of one computer call it. The pages that it serves take the Sync Server to be where they come from.
    const origin = page.replace('127.0.0.1', 'localhost')
    Object.assign(this, { origin, sync: origin.replace('http', 'ws'), control })
  }

  async stop() {
    await this.#program?.stop()
  }

  /** tell tells the server something: stop (an outage), start (its end), flip (a bit in the next frame). It returns its counts. */
  async tell(what) {
    const answer = await fetch(`${this.control}/${what}`, { method: 'POST' })
    if (!answer.ok) throw new Error(`tap: ${what}: ${await answer.text()}`)
    return answer.json()
  }

  /** frames returns what has passed so far: the bodies of all DATA frames. */
  frames() {
    const all = readFileSync(this.#file)
    const bodies = []
    for (let at = 0; at + 4 <= all.length;) {
      const end = at + 4 + all.readUInt32BE(at)
      if (end > all.length) break // is being written
      bodies.push(all.subarray(at + 4, end))
      at = end
    }
    return bodies
  }

  /** handshakes is how many session handshakes have begun: of frames in the form of M1 (core/PROTOCOL.md, "The session"). */
  handshakes() {
    const length = 4 + 1 + 32 + 1184 + 16
    return this.frames().filter((body) => body.length === length && body[4] === 1).length
  }
}
