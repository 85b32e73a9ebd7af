// Measures Masq beside other systems on this machine, in one run. Run it by `make bench` or `make bench QUICK=1`.
//
// Names of systems on the command line choose among them. RUNS=n runs each n times, DEBUG=1 shows all figures of each run.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare, site as folder, versions } from './build.mjs'
import { Device } from './device.mjs'
import { machine, table, write } from './report.mjs'
import { summary } from './rows.mjs'
import { scenario } from './scenario.mjs'
import { Site } from './site.mjs'
import { place, systems } from './systems.mjs'

const quick = process.env.QUICK === '1'
const runs = Number(process.env.RUNS || (quick ? 3 : 5))
const chosen = process.argv.slice(2)
const names = Object.keys(systems).filter((name) =>
  chosen.length > 0 ? chosen.includes(name) : !quick || systems[name].quick,
)

/** measure runs every system as often as asked, each time in another order. */
async function measure(site) {
  const measured = Object.fromEntries(names.map((name) => [name, []]))
  for (let run = 0; run < runs; run++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + run) % names.length]
      const start = Date.now()
      const rows = await scenario(name, systems[name], site)
      measured[name].push(rows)
      console.log(`run ${run + 1} of ${runs}: ${systems[name].title} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
      if (process.env.DEBUG) console.log(rows)
    }
  }
  return Object.fromEntries(names.map((name) => [name, summary(measured[name])]))
}

await prepare(names)
const site = await Site.start(folder)
try {
  const outcome = {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(await Device.version()),
    runs,
    versions: versions(names),
    results: await measure(site),
  }
  writeFileSync(join(place, 'results.json'), JSON.stringify(outcome, null, 2))
  console.log(`\n${table(outcome)}`)
  if (!quick && chosen.length === 0) await write(outcome)
} finally {
  site.stop()
}
