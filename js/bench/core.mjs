// Runs the engine's own benchmarks, natively and in Chromium, and writes both beside each other into README.md. Run it by
// `make bench-core`.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Device } from './device.mjs'
import { benchmarks as growing, growth } from './growth.mjs'
import { fill, grid, heading, machine, number } from './report.mjs'

const root = fileURLToPath(new URL('../../', import.meta.url))
const times = 5
const packages = ['session', 'pairing', 'vault', 'replica', 'peer'].map((name) => `./core/${name}`)
const flags = `-run none -bench . -skip ${growing} -benchtime 200ms -count ${times} -timeout 15m`.split(' ')

/** What is shown, by the name of the benchmark, in this order. */
const titles = {
  'session.Handshake': 'handshake of a session, both sides',
  'session.Frame/200': 'frame of 200 B, sealed and opened',
  'session.Frame/60000': 'frame of 60 kB, sealed and opened',
  'pairing.Pairing': 'pairing, both sides',
  'vault.Seal': 'ChaCha20-Poly1305 over a block of 64 KiB: the raw limit',
  'vault.Open': 'the same, opened',
  'peer.Put': 'put, among 10,000 keys',
  'peer.BatchOf100': 'batch of 100',
  'peer.Get': 'get',
  'peer.RangeOf1000': 'range of 1,000',
  'peer.Open': 'open 10,000 keys, read one',
  'replica.Open': 'open 100,000 keys, read one',
  'peer.FirstCopy': 'pairing and first copy of 10,000 keys, both sides',
  'peer.CatchUp': '1 % changed on each of two devices, until equal, both sides',
}

/** run returns { 'package.Benchmark': { ns, heap } }, the medians. */
function run(what, args, env) {
  console.log(`running the benchmarks ${what}`)
  const text = execFileSync('go', ['test', ...args, ...flags, ...packages], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const samples = {}
  let name
  for (const line of text.split('\n')) {
    name = /^pkg: .*\/(\w+)$/.exec(line)?.[1] ?? name
    const found = /^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns\/op(.*)$/.exec(line)
    if (!found) continue
    const metric = (unit) => Number(RegExp(`(-?[\\d.]+) ${unit}`).exec(found[3])?.[1])
    const sample = { ns: Number(found[2]), heap: metric('heap-B') }
    ;(samples[`${name}.${found[1]}`] ??= []).push(sample)
  }
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
  return Object.fromEntries(
    Object.entries(samples).map(([key, all]) => [
      key,
      {
        ns: median(all.map(({ ns }) => ns)),
        heap: median(all.map(({ heap }) => heap)),
      },
    ]),
  )
}

const grown = growth()
const native = run('natively', [], {})
const browser = run('in the browser', ['-exec', `${root}.ci/in-browser`], { GOOS: 'js', GOARCH: 'wasm' })
const line = (title, pick) => [title, pick(native), pick(browser)]
const figures = [
  ...Object.entries(titles).map(([key, title]) => line(`${title}, µs`, (of) => number(of[key]?.ns / 1000))),
  line('memory with 10,000 keys open, MB', (of) => number(of['peer.Open']?.heap / 1e6)),
  line('memory with 100,000 keys open, MB', (of) => number(of['replica.Open']?.heap / 1e6)),
]
const table = grid([['', 'natively', 'in Chromium'], ...figures])

console.log(`\n${table}\n\n${grown}`)
await fill({
  core: `${heading({ runs: `${times} runs each`, machine: machine(await Device.version()) })}\n\n${table}\n\n${grown}`,
})
