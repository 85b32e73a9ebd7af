// Go's linker leaves zeros out of the WebAssembly's data: 81,000 segments, each with an address that nothing can compress. Joined, with
// the zeros between them, they are a twelfth less to download and quicker to read.

const DATA = 11
const FIRST_SECTION = 8

// No more zeros than this are written between two segments.
const GAP = 48

/** The module with neighbouring data segments joined. Memory is the same after its start. Throws at what Go does not make. */
export function joinSegments(module) {
  const out = [module.subarray(0, FIRST_SECTION)]
  for (let at = FIRST_SECTION; at < module.length;) {
    const [size, start] = readUint(module, at + 1)
    const end = start + size
    if (module[at] === DATA) out.push(section(joined(segments(module.subarray(start, end)))))
    else out.push(module.subarray(at, end))
    at = end
  }
  return Buffer.concat(out)
}

/** What a data section has: [{ at, bytes }]. */
function segments(bytes) {
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
  return list
}

function joined(list) {
  const runs = []
  let end = -Infinity
  for (const { at, bytes } of list.sort((a, b) => a.at - b.at)) {
    if (at < end) throw new Error('data segments over each other')
    if (at - end <= GAP) runs.at(-1).parts.push(Buffer.alloc(at - end), bytes)
    else runs.push({ at, parts: [bytes] })
    end = at + bytes.length
  }
  return runs.map(({ at, parts }) => ({ at, bytes: Buffer.concat(parts) }))
}

function section(list) {
  const parts = [uint(list.length)]
  for (const { at, bytes } of list)
    parts.push(Buffer.from([0, 0x41]), int(at), Buffer.from([0x0b]), uint(bytes.length), bytes)
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([DATA]), uint(body.length), body])
}

// LEB128, with 7 bits a byte, the lowest first. Numbers are of 32 bits.

function readUint(bytes, p) {
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

function uint(value) {
  const out = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Buffer.from([...out, value])
}

/** As uint, with a byte more where the highest bit would be a sign. */
function int(value) {
  const out = uint(value)
  if (out.at(-1) < 64) return out
  out[out.length - 1] += 128
  return Buffer.concat([out, Buffer.from([0])])
}
