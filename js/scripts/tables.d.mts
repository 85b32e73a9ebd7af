export function packTables(module: Uint8Array): Uint8Array
