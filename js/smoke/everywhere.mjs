// Runs the smoke test over each Sync Server there is, one after the other: `make smoke-servers`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { kinds, start } from './servers.mjs'
import { seconds } from './steps.mjs'

const smoke = new URL('smoke.mjs', import.meta.url).pathname
let running, ended

for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    ended = true
    running?.kill(signal)
  })

async function over(kind) {
  const begin = Date.now()
  console.log(`\n${kind}`)
  const servers = await start(kind)
  try {
    running = spawn(process.execPath, [smoke], { stdio: 'inherit', env: { ...process.env, SYNC: `${servers.urls}` } })
    const [code] = await once(running, 'exit')
    console.log(`  in all ${seconds(begin)}`)
    return code === 0
  } finally {
    await servers.stop()
  }
}

const names = Object.keys(kinds)
let passed = 0
for (const kind of names) if (!ended && (await over(kind).catch((error) => void console.error(error)))) passed++
console.log(`\n${passed} of ${names.length} Sync Servers`)
process.exitCode = passed === names.length ? 0 : 1
