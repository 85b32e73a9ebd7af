// The part of the Go toolchain's wasm_exec.js that is used here.
export {}
declare global {
  class Go {
    env: Record<string, string>
    importObject: WebAssembly.Imports
    run(instance: WebAssembly.Instance): Promise<void>
  }
}
