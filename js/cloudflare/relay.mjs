// Runs core/relay, once for all channels that the platform has put into one isolate. From one turn to the next it keeps nothing of
// any of them.
import './wasm_exec.js' // found by build.mjs; defines globalThis.Go
import module from './channel.wasm'

// wasm/syncserver/codec says what crosses.
export const event = { open: 1, binary: 2, text: 3, closed: 4, tick: 5 }
export const action = { send: 1, text: 2, close: 3, keep: 4 }

/** What turn returns as next when nothing is due. */
export const never = 0xffffffff

let program

/**
 * turn hands an event at connection number conn to the program, with what is known of each connection: { saved, heard }. It returns
 * what there is to do, as { action, conn, data }, and in how many ms a tick is due.
 */
export function turn(env, known, kind, conn, data) {
  program ??= start(env)
  const problem = program.turn(Date.now(), encode(known, kind, conn, data))
  if (problem) throw new Error(problem)
  return decode(program.output)
}

/** stop ends the program, as the platform may at any time. It is started again when it is needed. */
export const stop = () => (program = undefined)

function start({ MASQ_HOSTS: hosts = '', MASQ_LIMITS: limits = '' }) {
  const program = {}
  globalThis.masqChannel = {
    ...{ hosts, limits },
    ready: (turn) => (program.turn = turn),
    output: (n) => (program.output = new Uint8Array(n)), // a new one each time: what is sent goes out of it later
  }
  const go = new Go()
  void go.run(new WebAssembly.Instance(module, go.importObject)).finally(stop) // returns when the program waits
  return program
}

function encode(known, kind, conn, data) {
  const size = known.reduce((n, { saved }) => n + 2 + saved.length + 8, 1) + 2 + data.length
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  let at = 0
  const put = (data) => {
    bytes.set(data, at)
    at += data.length
  }
  put([known.length])
  for (const { saved, heard } of known) {
    put([saved.length >> 8, saved.length & 0xff])
    put(saved)
    view.setBigUint64(at, BigInt(heard))
    at += 8
  }
  put([kind, conn])
  put(data)
  return bytes
}

function decode(bytes) {
  const view = new DataView(bytes.buffer)
  const actions = []
  for (let at = 4; at < bytes.length;) {
    const end = at + 6 + view.getUint32(at + 2)
    actions.push({ action: bytes[at], conn: bytes[at + 1], data: bytes.subarray(at + 6, end) })
    at = end
  }
  return { next: view.getUint32(0), actions }
}
