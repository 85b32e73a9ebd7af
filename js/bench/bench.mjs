// Measures Masq beside other systems on this machine, in one run. Run it by `make bench` or `make bench QUICK=1`.
//
// Names of systems on the command line choose among them. RUNS=n and LARGE=n set how often, DEBUG=1 shows all figures of each run.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, site as folder, versions } from './build.mjs'
import { Device } from './device.mjs'
import { large } from './large.mjs'
import { measureLimits } from './limits.mjs'
import { machine, shown, write } from './report.mjs'
import { summary } from './rows.mjs'
import { scenario } from './scenario.mjs'
import { Site } from './site.mjs'
import { place, systems } from './systems.mjs'

const quick = process.env.QUICK === '1'
const runs = { small: Number(process.env.RUNS || (quick ? 2 : 5)), large: Number(process.env.LARGE || (quick ? 0 : 3)) }
const chosen = process.argv.slice(2)
const names = Object.keys(systems).filter((name) =>
  chosen.length > 0 ? chosen.includes(name) : !quick || systems[name].quick,
)

const measured = Object.fromEntries(names.map((name) => [name, []]))
const limits = []

/**
 * repeat does work with every system as often as asked, each time in another order; a system that has had no figure is not asked again.
 * The order turns by half its length, so that neighbours are mostly measured close to each other: they are compared run by run.
 * `after` is told of each round's end.
 */
async function repeat(what, times, work, after = async () => {}) {
  const without = new Set()
  for (let run = 0; run < times; run++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + run * Math.floor(names.length / 2)) % names.length]
      if (without.has(name)) continue
      const start = Date.now()
      const rows = await work(name, systems[name])
      if (Object.keys(rows).length === 0) without.add(name)
      measured[name].push(rows)
      console.log(
        `${what}, run ${run + 1} of ${times}: ${systems[name].title} (${((Date.now() - start) / 1000).toFixed(1)} s)`,
      )
      if (process.env.DEBUG) console.log(rows)
    }
    await after(run + 1)
  }
}

/** report keeps what was measured so far: with many keys some systems take minutes, and nobody should have to wait for all. */
async function report(large) {
  const outcome = {
    machine: machine(await Device.version()),
    runs: { small: runs.small, large },
    versions: versions(names),
    limits: summary(limits),
    results: Object.fromEntries(names.map((name) => [name, summary(measured[name])])),
  }
  writeFileSync(join(place, 'results.json'), JSON.stringify(outcome, null, 2))
  if (!quick && chosen.length === 0) await write(outcome)
  return outcome
}

await prepare(names)
const site = await Site.start(folder)
try {
  // First, so that who is first in the first run does not pay for a browser that nobody has used yet.
  for (let run = 0; run < runs.small; run++) limits.push(await measureLimits(site))
  await repeat('2,700 keys', runs.small, (name, system) => scenario(name, system, site, quick))
  console.log(`\n${shown(await report(0))}\n`)
  await repeat('100,000 keys', runs.large, (name, system) => large(name, system, site), report)
  if (runs.large > 0) console.log(`\n${shown(await report(runs.large))}`)
} finally {
  site.stop()
}
