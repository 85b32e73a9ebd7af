// Go's linker writes two tables into the data by which the runtime finds a function's name, lines and stack from an address in its code.
// They are two thirds of the data, and most of them follows a rule. So the module is given a start function, which runs once, before all
// else, and writes them. Memory is then the same, byte for byte, as with the tables in the data. What the tables mean does not matter
// for that, only for how much they shrink. As runtime/symtab.go reads them:
//
//   findfunctab  for each function 16 entries of 20 bytes: the function's number, then zeros. The last function has a part of one, which stays as it is.
//   functab      for each function 8 bytes: its address, and where its record is in this table. An end. Then the records, which are
//                words of 32 bits. The same word of neighbouring records is alike.
//
// They are packed as a byte for each record, how many words it has, and then column by column: the first words of all records, the second
// ones of all that have one, and so on. A number is zigzag LEB128.
import { dataSection, readUint, section, sections, segments, uint, withSections } from './module.mjs'
import { DELTAS, ENTRY, ENTRIES, startFunction } from './unpack.mjs'

const PAGE = 65536

/** The module with a start function that makes the tables. Throws where the linker lays them out in another way. */
export function packTables(module) {
  const all = sections(module)
  const memory = image(segments(all.find(({ id }) => id === section.DATA).body))
  const functab = findFunctab(memory)
  const entries = ENTRIES * (functab.count - 1)
  const findfunctab = find(memory, findfunctabOf(entries), 'findfunctab')
  const packed = pack(memory, functab)
  const scratch = memory.length // zeros for the program, and again after the start
  if (scratch + packed.length > initialMemory(all)) throw new Error('no room in memory for the packed tables')

  memory.fill(0, functab.at, functab.at + 8 * functab.count)
  memory.fill(0, functab.records, functab.end)
  memory.fill(0, findfunctab, findfunctab + entries * ENTRY)
  const data = dataSection([...nonzero(memory), { at: scratch, bytes: packed }])
  return withStart(
    module,
    all,
    data,
    startFunction({ functab, findfunctab, entries, packed: scratch, size: packed.length }),
  )
}

/** What the data makes of the memory, up to the last byte of it. */
function image(list) {
  const { at, bytes } = list.at(-1)
  const memory = Buffer.alloc(at + bytes.length)
  for (const { at, bytes } of list) memory.set(bytes, at)
  return memory
}

function nonzero(memory) {
  const runs = []
  for (let at = 0, end; at < memory.length; at = end) {
    for (end = at; memory[end];) end++
    if (end > at) runs.push({ at, bytes: memory.subarray(at, end) })
    while (memory[end] === 0) end++
  }
  return runs
}

function find(memory, bytes, what) {
  const at = memory.indexOf(bytes)
  if (at < 0) throw new Error(`Go's ${what} is not where this Go's linker puts it: see js/scripts/tables.mjs`)
  return at
}

const findfunctabOf = (entries) => {
  const table = Buffer.alloc(entries * ENTRY)
  for (let i = 0; i < entries; i++) table.writeUInt32LE(Math.floor(i / ENTRIES), i * ENTRY)
  return table
}

// The beginning of runtime.pcHeader: its magic number, two zeros, 1 for the least size of an instruction, 8 for that of a pointer.
const HEADER = Buffer.from([0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8])
const HEADER_COUNT = 8 // where it has the number of functions
const HEADER_FUNCTAB = 64 // and where functab is, from the header on

// What a record of functab has, in words, without its ends: two lists, of as many words as these places in it say.
const RECORD = 11
const RECORD_PCDATA = 28 // 4 bytes
const RECORD_FUNCDATA = 43 // 1 byte

/** Where functab is, in which order its records are, and how many words each has. */
function findFunctab(memory) {
  const header = find(memory, HEADER, 'pcHeader')
  const count = memory.readUInt32LE(header + HEADER_COUNT)
  const at = header + memory.readUInt32LE(header + HEADER_FUNCTAB)
  const address = (i) => memory.readUInt32LE(at + 8 * i)
  const record = (i) => at + memory.readUInt32LE(at + 8 * i + 4)
  const last = record(count - 1)
  const end = last + 4 * (RECORD + memory.readUInt32LE(last + RECORD_PCDATA) + memory[last + RECORD_FUNCDATA])
  const words = Array.from({ length: count }, (_, i) => ((i < count - 1 ? record(i + 1) : end) - record(i)) / 4)
  for (let i = 0; i < count; i++)
    if (address(i) !== address(0) + i || !(words[i] > 0 && words[i] < 32) || !Number.isInteger(words[i]))
      throw new Error("the records of Go's functab are not in the order of its functions")
  return { at, count, first: address(0), records: record(0), end, words }
}

function pack(memory, { records, words }) {
  const out = [...words]
  for (let column = 0; column < Math.max(...words); column++) {
    let at = records
    let before = 0
    for (const n of words) {
      if (column < n) {
        const word = memory.readInt32LE(at + 4 * column)
        out.push(...uint(zigzag((word - before) | 0)))
        if (DELTAS.has(column)) before = word
      }
      at += 4 * n
    }
  }
  return Buffer.from(out)
}

const zigzag = (n) => ((n << 1) ^ (n >> 31)) >>> 0

/** The module's memory at its start, in bytes. */
function initialMemory(all) {
  const body = all.find(({ id }) => id === section.MEMORY).body // how many memories there are, the one's flags, its pages
  return readUint(body, 2)[0] * PAGE
}

/** The module with this data, and with a function of this code that is run at its start. */
function withStart(module, all, data, code) {
  const count = (id) => readUint(all.find((s) => s.id === id).body, 0)[0]
  const added = { [section.TYPE]: NO_ARGUMENTS, [section.FUNCTION]: uint(count(section.TYPE)), [section.CODE]: code }
  const index = importedFunctions(all) + count(section.FUNCTION)
  const out = all.map(({ id, body }) => {
    if (id === section.DATA) return { id, body: data }
    return { id, body: added[id] ? withOneMore(body, added[id]) : body }
  })
  const at = out.findIndex(({ id }) => id > section.START)
  return withSections(module, out.toSpliced(at, 0, { id: section.START, body: uint(index) }))
}

const NO_ARGUMENTS = [0x60, 0, 0] // the type of a function, with nothing in and nothing out

function withOneMore(body, item) {
  const [count, behind] = readUint(body, 0)
  return Buffer.concat([uint(count + 1), body.subarray(behind), Buffer.from(item)])
}

/** How many functions are imported, which are counted before the module's own. Go imports nothing else. */
function importedFunctions(all) {
  const imports = all.find(({ id }) => id === section.IMPORT)
  return imports ? readUint(imports.body, 0)[0] : 0
}
