// Fails if Masq has become slower than results.json says. A figure by itself depends on the machine and the day; what is compared is
// its ratio to the fastest other system and to the raw limit of the same run.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { grid, number } from './report.mjs'
import { fastest, ratio, rows } from './rows.mjs'
import { place, systems } from './systems.mjs'

const worse = 1.15
const tries = 3 // a ratio has become worse if it is in each of so many runs

const read = (file) => JSON.parse(readFileSync(file, 'utf8')).results
const committed = read(new URL('results.json', import.meta.url))

/** run measures the systems of the quick benchmark, all that is measured of them. */
function run() {
  const bench = fileURLToPath(new URL('bench.mjs', import.meta.url))
  const names = Object.keys(systems).filter((name) => systems[name].quick)
  execFileSync(process.execPath, [bench, ...names], {
    env: { ...process.env, QUICK: '', TURNS: '5', RUNS: '2', LARGE: '0' }, // as the committed figures were measured
    stdio: 'inherit',
  })
  return read(join(place, 'results.json'))
}

/** ratios is { 'row to system': how many times Masq's figure is of that system's }, for the fastest other and the raw limit. */
function ratios(results, references) {
  const out = {}
  for (const { id, title, unchecked } of rows) {
    for (const name of unchecked ? [] : references[id]) {
      const times = ratio(results, name, id)
      if (times) out[`${title}, to ${systems[name].title}`] = times
    }
  }
  return out
}

const quick = Object.fromEntries(Object.entries(committed).filter(([name]) => systems[name].quick))
const references = Object.fromEntries(rows.map(({ id }) => [id, [fastest(systems, quick, id), 'raw'].filter(Boolean)]))
const before = ratios(quick, references)

let suspects = Object.keys(before)
for (let i = 0; i < tries && suspects.length > 0; i++) {
  const now = ratios(run(), references)
  const lines = Object.keys(before).map((what) => {
    const times = now[what] / before[what]
    return [what, number(before[what]), number(now[what]), `${number(times)} ×${times > worse ? ' worse' : ''}`]
  })
  console.log(`\n${grid([['Masq’s ratio', 'committed', 'now', ''], ...lines])}\n`)
  suspects = suspects.filter((what) => !(now[what] <= before[what] * worse))
}
if (suspects.length > 0) {
  console.error(`masq: error: worse than committed in ${tries} runs: ${suspects.join('; ')}`)
  process.exitCode = 1
}
