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

/** repeat does work with every system as often as asked, each time in another order. */
async function repeat(what, times, work, into) {
  for (let run = 0; run < times; run++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + run) % names.length]
      const start = Date.now()
      const rows = await work(name, systems[name])
      into[name].push(rows)
      console.log(
        `${what}, run ${run + 1} of ${times}: ${systems[name].title} (${((Date.now() - start) / 1000).toFixed(1)} s)`,
      )
      if (process.env.DEBUG) console.log(rows)
    }
  }
}

await prepare(names)
const site = await Site.start(folder)
try {
  const measured = Object.fromEntries(names.map((name) => [name, []]))
  await repeat('2,700 keys', runs.small, (name, system) => scenario(name, system, site), measured)
  await repeat('100,000 keys', runs.large, (name, system) => large(name, system, site), measured)
  const limits = []
  for (let run = 0; run < runs.small; run++) limits.push(await measureLimits(site))
  const outcome = {
    machine: machine(await Device.version()),
    runs,
    versions: versions(names),
    limits: summary(limits),
    results: Object.fromEntries(names.map((name) => [name, summary(measured[name])])),
  }
  writeFileSync(join(place, 'results.json'), JSON.stringify(outcome, null, 2))
  console.log(`\n${shown(outcome)}`)
  if (!quick && chosen.length === 0) await write(outcome)
} finally {
  site.stop()
}
