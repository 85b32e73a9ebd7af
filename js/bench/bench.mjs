// Measures Masq beside other systems on this machine, in one run. Run it by `make bench` or `make bench QUICK=1`.
//
// Names of systems on the command line choose among them. TURNS=n, RUNS=n and LARGE=n set how often each part is measured, 0: not; DEBUG=1
// shows all figures of each.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, site as folder, versions } from './build.mjs'
import { Device } from './device.mjs'
import { large, turned } from './large.mjs'
import { measureLimits } from './limits.mjs'
import { machine, shown, write } from './report.mjs'
import { cpuRows, largeRows, scenarioRows, startRows, summary } from './rows.mjs'
import { scenario } from './scenario.mjs'
import { Site } from './site.mjs'
import { Starts } from './starts.mjs'
import { place, systems } from './systems.mjs'

const quick = process.env.QUICK === '1'
const asked = (name, some, all) => Number(process.env[name] || (quick ? some : all))
const runs = { turns: asked('TURNS', 2, 20), small: asked('RUNS', 2, 5), large: asked('LARGE', 0, 3) }
const chosen = process.argv.slice(2)
const names = Object.keys(systems).filter((name) =>
  chosen.length > 0 ? chosen.includes(name) : !quick || systems[name].quick,
)

const measured = Object.fromEntries(names.map((name) => [name, []]))
const limits = []

/** measureStarts measures how every system starts, as often as asked. */
async function measureStarts() {
  console.log('starts: every system gets data')
  const starts = await Starts.begin(names, site)
  try {
    for (let turn = 0; turn < runs.turns; turn++) {
      const start = Date.now()
      const answers = await starts.turn(turn)
      for (const name of names) keep(name, answers[name])
      console.log(`starts, turn ${turn + 1} of ${runs.turns} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
    }
  } finally {
    await starts.end()
  }
}

/**
 * measureSmall measures every system as often as asked. The order turns by half its length, so that neighbours are mostly measured close
 * to each other: they are compared run by run.
 */
async function measureSmall() {
  for (let run = 0; run < runs.small; run++) {
    for (const name of turned(names, run * Math.floor(names.length / 2))) {
      const start = Date.now()
      keep(name, await scenario(name, systems[name], site, quick))
      console.log(
        `2,700 keys, run ${run + 1} of ${runs.small}: ${systems[name].title} (${((Date.now() - start) / 1000).toFixed(1)} s)`,
      )
    }
  }
}

/** measureLarge keeps what was measured so far: with many keys some systems take minutes, and nobody should have to wait for all. */
async function measureLarge() {
  const failed = new Set()
  for (let run = 0; run < runs.large; run++) {
    console.log(`100,000 keys, run ${run + 1} of ${runs.large}`)
    const answers = await large(turned(names, run), site, failed)
    for (const name of names) keep(name, answers[name])
    await report(run + 1)
  }
}

function keep(name, answer) {
  measured[name].push(answer)
  if (process.env.DEBUG) console.log(answer)
}

/** report writes down what was measured so far. */
async function report(large) {
  const outcome = {
    machine: machine(await Device.version()),
    runs: { ...runs, large },
    versions: versions(names),
    limits: summary(limits),
    results: Object.fromEntries(names.map((name) => [name, summary(measured[name])])),
  }
  writeFileSync(join(place, 'results.json'), JSON.stringify(outcome, null, 2))
  if (!quick && chosen.length === 0) await write(completed(outcome))
  return outcome
}

/** completed has a part that was not measured now as results.json has it, if the same machine measured the same versions. */
function completed(outcome) {
  const before = JSON.parse(readFileSync(new URL('results.json', import.meta.url), 'utf8'))
  const same = ({ machine, versions }) => JSON.stringify([machine, versions])
  if (same(before) !== same(outcome)) return outcome
  const results = structuredClone(outcome.results)
  const counts = { ...outcome.runs }
  for (const [part, its] of [
    ['turns', [...startRows, ...cpuRows]],
    ['small', scenarioRows],
    ['large', largeRows],
  ]) {
    if (counts[part] > 0) continue
    counts[part] = before.runs[part] ?? 0
    for (const name of names) for (const { id } of its) results[name][id] = before.results[name][id]
  }
  return { ...outcome, runs: counts, limits: outcome.runs.small > 0 ? outcome.limits : before.limits, results }
}

await prepare(names)
const site = await Site.start(folder)
try {
  // First, so that who is first in the first run does not pay for a browser that nobody has used yet.
  for (let run = 0; run < runs.small; run++) limits.push(await measureLimits(site))
  if (runs.turns > 0) await measureStarts()
  await measureSmall()
  if (runs.turns + runs.small > 0) console.log(`\n${shown(await report(0))}\n`)
  await measureLarge()
  if (runs.large > 0) console.log(`\n${shown(await report(runs.large))}`)
} finally {
  site.stop()
}
