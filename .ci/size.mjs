// size.mjs [--gzip] (NAME FILE[,FILE...] BUDGET[/BUDGET])...: prints what is downloaded, in kB (1,000 bytes) as brotli or gzip at its highest
// quality, and fails when something is over its budget. A second budget is for the size before that: brotli is undone at every start. Of
// WebAssembly with one it says into how many segments its data is split, too. Files of the package, those with brotli, are named with
// their hashes, too, as `integrity` takes them.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { section, sections, segments } from '../js/scripts/module.mjs'

const args = process.argv.slice(2)
const gzip = args[0] === '--gzip' && args.shift()
const line = (...cells) => console.log(cells[0].padEnd(8), ...cells.slice(1).map((cell) => cell.padStart(10)))

function packed(bytes) {
  if (gzip) return gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }).length
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24, // the largest window that browsers take
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  }
  return brotliCompressSync(bytes, { params }).length
}

let over = false
function row(name, raw, size, budget) {
  const fits = (size || raw) <= Number(budget)
  over ||= !fits
  line(name, raw.toFixed(1), size ? size.toFixed(1) : '', budget, fits ? 'ok' : 'OVER')
}

line('', 'kB', gzip ? 'kB gzip' : 'kB brotli', 'budget')
for (let i = 0; i < args.length; i += 3) {
  const [name, files, budgets] = args.slice(i, i + 3)
  const [budget, rawBudget] = budgets.split('/')
  const all = files.split(',').map((file) => readFileSync(file))
  const kB = (sizes) => sizes.reduce((sum, n) => sum + n, 0) / 1000
  const raw = kB(all.map((bytes) => bytes.length))
  row(name, raw, kB(all.map(packed)), budget)
  if (!rawBudget) continue
  row('', raw, 0, rawBudget)
  const data = sections(all[0]).find(({ id }) => id === section.DATA).body
  line('', String(segments(data).length), 'data segments')
}
for (let i = 1; !gzip && i < args.length; i += 3)
  console.log(
    `${basename(args[i]).padEnd(14)} sha384-${createHash('sha384').update(readFileSync(args[i])).digest('base64')}`,
  )
process.exitCode = over ? 1 : 0
