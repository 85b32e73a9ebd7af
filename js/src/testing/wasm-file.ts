// The engine's program, from the package.

import { readFile } from 'node:fs/promises'

let compiled: Promise<WebAssembly.Module> | undefined

/** Resolves with the engine, compiled once. */
export function engineModule(): Promise<WebAssembly.Module> {
  compiled ??= readFile(new URL('./masq.wasm', import.meta.url)).then((bytes) => WebAssembly.compile(bytes))
  return compiled
}
