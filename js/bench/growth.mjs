// Measures what grows, at one, ten and a hundred times as many: the bytes that each of them adds. A row that grows faster than its package's
// comment says fails. Run it by `make growth`; `make bench-core` has its table, too.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { grid, number } from './report.mjs'

/** The benchmarks, which core.mjs leaves to this. */
export const benchmarks = 'Growth|PutOnTheWire'

/** What is shown, by the name of the benchmark, in this order. One of a row is so many. */
const rows = [
  ['replica.Growth/overwrite', 'writing a key again', 100, 'storage'],
  ['replica.Growth/overwrite-known', 'writing a key again', 100, 'vector and context'],
  ['replica.Growth/start', 'a start that writes', 20, 'storage'],
  ['ledger.Growth/fence', 'a start, up to 1,024 of them', 20, 'log'],
  ['replica.Growth/start-known', 'a start that writes', 20, 'vector and context'],
  ['peer.PutOnTheWire/start', 'a start that writes', 20, 'a put on the wire'],
  ['replica.Growth/device', 'a device that writes', 1, 'storage'],
  ['replica.Growth/device-known', 'a device that writes the key', 1, 'vector and context'],
  ['peer.PutOnTheWire/lost', 'a device that is never heard again', 1, 'a put on the wire'],
  ['peer.PutOnTheWire/lost-writer', 'the same, and it wrote the key', 1, 'a put on the wire'],
  ['peer.Growth/application', 'an application with a key', 1, 'storage'],
]

/** growth returns the table. It throws if something grows too fast. */
export function growth() {
  const packages = ['ledger', 'replica', 'peer'].map((name) => `./core/${name}`)
  const flags = ['-run', 'none', '-bench', benchmarks, '-benchtime', '1x', '-timeout', '10m']
  const text = execFileSync('go', ['test', ...flags, ...packages], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const each = {}
  let name
  for (const line of text.split('\n')) {
    name = /^pkg: .*\/(\w+)$/.exec(line)?.[1] ?? name
    const found = /^Benchmark(\S+?)(?:-\d+)?\s.* (\S+) each-B/.exec(line)
    if (found) each[`${name}.${found[1]}`] = Number(found[2])
  }
  const cells = (key) => [1, 10, 100].map((n) => number(each[`${key}/${n}`]))
  const heads = ['bytes that each adds', 'to', '1× is', '1×', '10×', '100×']
  return grid([heads, ...rows.map(([key, what, unit, to]) => [what, to, String(unit), ...cells(key)])])
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  try {
    console.log(growth())
  } catch (error) {
    console.error(error.stdout ?? error)
    process.exitCode = 1
  }
