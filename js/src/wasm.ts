// Loads the engine's WebAssembly and runs it under the Go toolchain's own loader.

import './wasm_exec.js' // from the Go toolchain at build; defines globalThis.Go

/** The engine's program. */
export interface Program {
  /** Takes a time in Unix ms and the first `n` bytes of events; returns actions, as a view that is valid until the next call. */
  step(now: number, n: number, events: Uint8Array): Uint8Array<ArrayBuffer>
  /**
   * Lets what goes on in the background go on, until it waits: the garbage collector. Without that it would hold up the steps
   * that allocate.
   */
  rest(): void
}

/** What wasm/client/main.go exports, where it is documented, and every Go program. Places in memory come as signed numbers. */
interface Exports {
  mem: WebAssembly.Memory
  input(n: number): number
  step(now: number, n: number): number
  output(): number
  resume(): void
}

/** Thrown when the engine cannot be loaded; the message says why. */
export class WasmError extends Error {
  override name = 'WasmError'
}

/** Fetches and compiles what has the hash `pin`. Rejects with WasmError. */
export async function compile(url: string, pin: string): Promise<WebAssembly.Module> {
  let response: Response
  try {
    response = await fetch(url, { credentials: 'same-origin' })
  } catch {
    throw new WasmError(`${url} cannot be fetched`)
  }
  if (!response.ok) throw new WasmError(`${url} answered ${response.status}`)
  const bytes = await response.arrayBuffer().catch(() => new ArrayBuffer(0))
  if (bytes.byteLength < 4 || new DataView(bytes).getUint32(0) !== 0x0061736d)
    throw new WasmError(`${url} is not WebAssembly but ${response.headers.get('content-type') ?? 'no type'}`)
  if (pin && pin !== textOf(await crypto.subtle.digest('SHA-256', bytes)))
    throw new WasmError(`${url} is of another build`)
  try {
    return await WebAssembly.compile(bytes)
  } catch (e) {
    throw new WasmError(`${url} cannot be compiled: ${e instanceof Error ? e.message : 'unknown'}`)
  }
}

/** A hash, SHA-256, as `integrity` takes it. */
export function textOf(hash: ArrayBuffer): string {
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}`
}

// The collector runs on the engine's own time. By default it took more of a burst of 2,000 puts than all the rest; near the
// limit it saves memory again.
const collector = { GOGC: '400', GOMEMLIMIT: '192MiB' }

/**
 * Starts the program and resolves when it runs. `error` shows a programming error to developers; `exited` is called if the
 * program ever ends: it should not.
 */
export async function run(
  module: WebAssembly.Module,
  error: (text: string) => void,
  exited: () => void,
): Promise<Program> {
  const go = new Go()
  go.env = collector
  const instance = await WebAssembly.instantiate(module, go.importObject)
  let started = false
  ;(globalThis as { masqCodec?: unknown }).masqCodec = { ready: () => (started = true), error }
  go.run(instance).then(exited, exited)
  if (!started) throw new WasmError('the engine did not start') // ready is called within run
  const program = instance.exports as unknown as Exports
  return {
    step(now, n, events) {
      const at = program.input(n) >>> 0
      new Uint8Array(program.mem.buffer, at, n).set(events.subarray(0, n))
      const length = program.step(now, n)
      return new Uint8Array(program.mem.buffer, program.output() >>> 0, length) as Uint8Array<ArrayBuffer>
    },
    rest: () => program.resume(),
  }
}
