// Loads the engine's WebAssembly and runs it under the Go toolchain's own loader.

import './wasm_exec.js' // from the Go toolchain at build; defines globalThis.Go

/** `step` of wasm/client/main.go. */
export type Step = (now: number, n: number, input: Uint8Array) => number

/** What the program may do; it is documented in wasm/client/main.go. */
export interface Host {
  grow(n: number): Uint8Array
  error(text: string): void
}

/** Thrown when the engine cannot be loaded; the message says why. */
export class WasmError extends Error {
  override name = 'WasmError'
}

/** Fetches and compiles. Rejects with WasmError. */
export async function compile(url: string): Promise<WebAssembly.Module> {
  let response: Response
  try {
    response = await fetch(url, { credentials: 'same-origin' })
  } catch {
    throw new WasmError(`${url} cannot be fetched`)
  }
  if (!response.ok) throw new WasmError(`${url} answered ${response.status}`)
  const type = response.headers.get('content-type') ?? 'no type'
  try {
    if (type.startsWith('application/wasm')) return await WebAssembly.compileStreaming(response)
    const bytes = await response.arrayBuffer()
    if (new DataView(bytes).getUint32(0) === 0x0061736d) return await WebAssembly.compile(bytes)
  } catch (e) {
    throw new WasmError(`${url} cannot be compiled: ${e instanceof Error ? e.message : 'unknown'}`)
  }
  throw new WasmError(`${url} is not WebAssembly but ${type}`)
}

// The collector runs on the engine's own time. By default it took more of a burst of 2,000 puts than all the rest; near the
// limit it saves memory again.
const collector = { GOGC: '400', GOMEMLIMIT: '192MiB' }

/** Starts the program and resolves with its step. `exited` is called if the program ever ends: it should not. */
export async function run(module: WebAssembly.Module, host: Host, exited: () => void): Promise<Step> {
  const go = new Go()
  go.env = collector
  const instance = await WebAssembly.instantiate(module, go.importObject)
  return new Promise((resolve, reject) => {
    ;(globalThis as { masqBorder?: unknown }).masqBorder = { ...host, ready: resolve }
    go.run(instance).then(exited, exited)
    void Promise.resolve().then(() => reject(new WasmError('the engine did not start'))) // ready is called within run
  })
}
