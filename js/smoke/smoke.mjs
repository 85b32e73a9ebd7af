// The smoke test: the three ways of having Masq, as a user would have them, with real programs, browsers and a real Sync Server.
// Devices pair; they write, also while the Sync Server is away; all is closed and started again. Meanwhile a tap in the Sync Server
// keeps all that passes, and in the end nothing that the user wrote is found in it, or in the clear on a disk.
//
// Run it by `make smoke`, one scenario by `make smoke SCENARIO=2`, and over a Sync Server that runs already by `make smoke SYNC=url`, or
// SYNC=url,url over two nodes of one, on which the two sides of each channel then are: the tap is in front of them. Pictures of every
// state are left in .build/smoke.
import { Stage } from './stage.mjs'
import { seconds } from './steps.mjs'
import { server } from './tap.mjs'

const limitMs = 180_000 // for a scenario: what hangs is ended
const titles = ['store and store', 'store and application', 'application and application']

let stage, ended

// end ends the scenario that is under way, before its time: what it waits for fails, and it closes what it has started since.
function end(why) {
  console.error(why)
  ended ??= stage.stop()
}

async function play(n) {
  const start = Date.now()
  const overdue = setTimeout(() => end(`not finished after ${limitMs / 1000} s`), limitMs)
  console.log(`scenario ${n}: ${titles[n - 1]}`)
  stage = new Stage(`scenario${n}`)
  try {
    const { run } = await import(`./scenario${n}.mjs`)
    await stage.tap.start()
    await run(stage)
    console.log(`  in ${seconds(start)}`)
    return true
  } catch (error) {
    await stage.failed()
    console.error(error)
    return false
  } finally {
    clearTimeout(overdue)
    await ended
    await stage.close()
  }
}

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => end(`ended by ${signal}`))
console.log(`over ${server}`)
const chosen = process.env.SCENARIO ? [Number(process.env.SCENARIO)] : [1, 2, 3]
let passed = 0
for (const n of chosen) if (!ended && (await play(n))) passed++
console.log(`${passed} of ${chosen.length} scenarios`)
process.exitCode = passed === chosen.length ? 0 : 1
