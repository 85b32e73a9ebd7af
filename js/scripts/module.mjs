// What a WebAssembly module is made of, as far as the build changes it: sections, and the segments of its data.

const FIRST_SECTION = 8

/** The ids of sections, in the order that modules have them in. */
export const section = { TYPE: 1, IMPORT: 2, FUNCTION: 3, MEMORY: 5, START: 8, CODE: 10, DATA: 11 }

/** A module's sections: [{ id, body }]. */
export function sections(module) {
  const list = []
  for (let at = FIRST_SECTION; at < module.length;) {
    const [size, start] = readUint(module, at + 1)
    list.push({ id: module[at], body: module.subarray(start, start + size) })
    at = start + size
  }
  return list
}

/** The module with these sections in the place of its own. */
export function withSections(module, list) {
  const parts = list.flatMap(({ id, body }) => [Uint8Array.of(id), uint(body.length), body])
  return Buffer.concat([module.subarray(0, FIRST_SECTION), ...parts])
}

/** What a data section has: [{ at, bytes }], in the order of addresses. Throws at what Go does not make. */
export function segments(bytes) {
  let [count, p] = readUint(bytes, 0)
  const list = []
  for (; count > 0; count--) {
    // 0: a segment of memory 0, at the address of an i32.const (0x41) before an end (0x0b).
    if (bytes[p] !== 0 || bytes[p + 1] !== 0x41) throw new Error('a data segment without a constant address')
    const [at, behind] = readInt(bytes, p + 2)
    if (bytes[behind] !== 0x0b) throw new Error('a data segment with a computed address')
    const [size, start] = readUint(bytes, behind + 1)
    p = start + size
    list.push({ at, bytes: bytes.subarray(start, p) })
  }
  if (p !== bytes.length) throw new Error('a data section with more than its segments')
  list.sort((a, b) => a.at - b.at)
  list.reduce((end, { at, bytes }) => {
    if (at < end) throw new Error('data segments over each other')
    return at + bytes.length
  }, 0)
  return list
}

/** The body of a data section with these segments. */
export function dataSection(list) {
  const parts = list.flatMap(({ at, bytes }) => [
    Uint8Array.of(0, 0x41),
    int(at),
    Uint8Array.of(0x0b),
    uint(bytes.length),
    bytes,
  ])
  return Buffer.concat([uint(list.length), ...parts])
}

// LEB128, with 7 bits a byte, the lowest first. Numbers are of 32 bits.

export function readUint(bytes, p) {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[p++]
    value += (byte & 127) * 2 ** shift
    if (byte < 128) return [value, p]
  }
}

/** Addresses are not negative: Go's memory ends before 2 GB. */
function readInt(bytes, p) {
  const [value, behind] = readUint(bytes, p)
  if (bytes[behind - 1] & 64) throw new Error('a data segment at a negative address')
  return [value, behind]
}

export function uint(value) {
  const out = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Buffer.from([...out, value])
}

/** As uint, with a byte more where the highest bit would be a sign. */
export function int(value) {
  const out = uint(value)
  if (out.at(-1) < 64) return out
  out[out.length - 1] += 128
  return Buffer.concat([out, Buffer.from([0])])
}
