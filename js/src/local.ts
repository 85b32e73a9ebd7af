// The local store's chunk, loaded when there is a local store to speak to. The build names the chunk after this file, and load.ts
// loads it by that name.

export { LocalStore } from './local-store.js'
export { useLocalStore } from './migrate.js'
