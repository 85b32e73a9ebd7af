// The start function that writes the tables which tables.mjs has packed, as WebAssembly.
import { int, uint } from './module.mjs'

/** How many entries findfunctab has for a function, and how many bytes an entry has. */
export const ENTRIES = 16
export const ENTRY = 20

/** The columns of functab's records that are packed as differences: those whose numbers rise, such as addresses and lines. */
export const DELTAS = new Set([0, 1, 5, 6, 8, 9])

/**
 * The function's code, with its size before it. `packed` is the address of `size` packed bytes, which it overwrites with zeros in the end.
 */
export function startFunction({ functab, findfunctab, entries, packed, size }) {
  const code = [
    ...findfunctabLoop(findfunctab, entries),
    ...functabLoop(functab, packed),
    ...columnsLoop(functab, packed),
    ...[...num(packed), ...num(0), ...num(size), ...MEMORY_FILL],
  ]
  const locals = [1, ...uint(names.length), I32]
  return [...uint(locals.length + code.length + 1), ...locals, ...code, END]
}

/** for (i = 0; i < entries; i++) findfunctab[i] = i / 16 */
const findfunctabLoop = (findfunctab, entries) => [
  ...set('i', num(0)),
  ...loop([
    ...store(sum(num(findfunctab), product(get('i'), ENTRY)), [...get('i'), ...num(Math.log2(ENTRIES)), SHR]),
    ...set('i', sum(get('i'), num(1))),
    ...againIf([...get('i'), ...num(entries), LESS]),
  ]),
]

/** for (i = 0, record = records; i < count; i++, record += 4 * words[i]) functab[i] = [first + i, record - functab] */
const functabLoop = ({ at, count, first, records }, packed) => [
  ...set('i', num(0)),
  ...set('record', num(records)),
  ...loop([
    ...store(sum(num(at), product(get('i'), 8)), sum(get('i'), num(first))),
    ...store(sum(num(at + 4), product(get('i'), 8)), [...get('record'), ...num(at), SUB]),
    ...set('record', sum(get('record'), product(load8(sum(num(packed), get('i'))), 4))),
    ...set('i', sum(get('i'), num(1))),
    ...againIf([...get('i'), ...num(count), LESS]),
  ]),
]

/** For each column, for each record that has so many words: record[column] = the next packed number. */
const columnsLoop = ({ count, records, words }, packed) => [
  ...set('next', num(packed + count)),
  ...set('column', num(0)),
  ...loop([
    ...set('i', num(0)),
    ...set('before', num(0)),
    ...set('record', num(records)),
    ...loop([
      ...when([...get('column'), ...load8(sum(num(packed), get('i'))), LESS], unpackOne()),
      ...set('record', sum(get('record'), product(load8(sum(num(packed), get('i'))), 4))),
      ...set('i', sum(get('i'), num(1))),
      ...againIf([...get('i'), ...num(count), LESS]),
    ]),
    ...set('column', sum(get('column'), num(1))),
    ...againIf([...get('column'), ...num(Math.max(...words)), LESS]),
  ]),
]

const deltas = [...DELTAS].reduce((bits, column) => bits | (1 << column), 0)

/** record[column] = number + before; if (DELTAS.has(column)) before = record[column] */
const unpackOne = () => [
  ...readNumber(),
  ...set('number', sum(get('number'), get('before'))),
  ...when([...num(deltas), ...get('column'), SHR, ...num(1), AND], set('before', get('number'))),
  ...store(sum(get('record'), product(get('column'), 4)), get('number')),
]

/** Reads zigzag LEB128: number = the signed number at next, which is moved on. */
const readNumber = () => [
  ...set('number', num(0)),
  ...set('shift', num(0)),
  ...loop([
    ...set('number', [...get('number'), ...load8(get('next')), ...num(127), AND, ...get('shift'), SHL, OR]),
    ...set('shift', sum(get('shift'), num(7))),
    ...set('next', sum(get('next'), num(1))),
    ...againIf([...load8([...get('next'), ...num(1), SUB]), ...num(127), MORE]),
  ]),
  ...set('number', [...get('number'), ...num(1), SHR, ...num(0), ...get('number'), ...num(1), AND, SUB, XOR]),
]

// The instructions, all of them for unsigned numbers of 32 bits.
const [I32, END] = [0x7f, 0x0b]
const [LESS, MORE] = [0x49, 0x4b]
const [ADD, SUB, MUL, AND, OR, XOR, SHL, SHR] = [0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x76]
const MEMORY_FILL = [0xfc, 0x0b, 0]

const names = ['i', 'record', 'column', 'next', 'before', 'number', 'shift']
const num = (n) => [0x41, ...int(n)]
const get = (name) => [0x20, names.indexOf(name)]
const set = (name, value) => [...value, 0x21, names.indexOf(name)]
const sum = (a, b) => [...a, ...b, ADD]
const product = (a, n) => [...a, ...num(n), MUL]
const load8 = (address) => [...address, 0x2d, 0, 0]
const store = (address, value) => [...address, ...value, 0x36, 0, 0] // to any address
const when = (condition, code) => [...condition, 0x04, 0x40, ...code, END]
const loop = (code) => [0x03, 0x40, ...code, END]
const againIf = (condition) => [...condition, 0x0d, 0] // back to the beginning of the loop it is in
