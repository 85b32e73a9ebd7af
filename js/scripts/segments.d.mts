export function joinSegments(module: Uint8Array): Uint8Array
