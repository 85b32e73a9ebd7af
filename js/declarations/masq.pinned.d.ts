// For use without a bundler: it takes worker.js, masq.wasm and its chunks from beside itself, each by its hash.
export * from './index.js'
