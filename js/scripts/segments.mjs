// Go's linker leaves zeros out of the WebAssembly's data: thousands of segments, each with an address that nothing can compress. Joined,
// with the zeros between them, they are less to download and quicker to read.
import { dataSection, section, sections, segments, withSections } from './module.mjs'

// No more zeros than this are written between two segments.
const GAP = 48

/** The module with neighbouring data segments joined. Memory is the same after its start. Throws at what Go does not make. */
export function joinSegments(module) {
  const join = ({ id, body }) => ({ id, body: id === section.DATA ? dataSection(joined(segments(body))) : body })
  return withSections(module, sections(module).map(join))
}

function joined(list) {
  const runs = []
  let end = -Infinity
  for (const { at, bytes } of list) {
    if (at - end <= GAP) runs.at(-1).parts.push(Buffer.alloc(at - end), bytes)
    else runs.push({ at, parts: [bytes] })
    end = at + bytes.length
  }
  return runs.map(({ at, parts }) => ({ at, bytes: Buffer.concat(parts) }))
}
