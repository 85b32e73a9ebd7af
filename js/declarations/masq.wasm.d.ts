/** Where a bundler has put it, for the option `wasm` of `connect`. */
declare const url: string
export default url
