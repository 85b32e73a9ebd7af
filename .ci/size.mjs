// size.mjs (NAME FILE BUDGET)...: prints what a browser downloads, in kB (1,000 bytes) as brotli at its highest quality, and
// fails when something is over its budget.
import { readFileSync } from 'node:fs'
import { brotliCompressSync, constants } from 'node:zlib'

const args = process.argv.slice(2)
const line = (...cells) => console.log(cells[0].padEnd(8), ...cells.slice(1).map((cell) => cell.padStart(10)))
let over = false
line('', 'kB', 'kB brotli', 'budget')
for (let i = 0; i < args.length; i += 3) {
  const [name, file, budget] = args.slice(i, i + 3)
  const bytes = readFileSync(file)
  const options = {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24, // the largest window that browsers take
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  }
  const packed = brotliCompressSync(bytes, options).length / 1000
  over ||= packed > Number(budget)
  line(name, (bytes.length / 1000).toFixed(1), packed.toFixed(1), budget, packed > Number(budget) ? 'OVER' : 'ok')
}
process.exitCode = over ? 1 : 0
