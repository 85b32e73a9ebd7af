// Builds the Worker into ../.build/worker: worker.mjs, which is all of its JavaScript, and front.wasm and channel.wasm beside it.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')

/** Where the Worker is built. All that is there is deployed. */
export const place = join(root, '.build/worker')

/** Where what the tests run in its place is built. */
export const testPlace = join(root, '.build/worker-test')

const go = (args, env = {}) =>
  execFileSync('go', args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()

// module is the folder of a Go module, which may not be on this computer yet.
const module = (name) => JSON.parse(go(['mod', 'download', '-json', name])).Dir
const workers = module('github.com/syumai/workers')
const assets = join(workers, 'cmd/workers-assets-gen/assets')

// The front's other half is in its Go module, with a wasm_exec.js that is Go's own but for what it hands to the front; both
// programs run under that one.
const resolve = {
  name: 'workers',
  setup(b) {
    b.onResolve({ filter: /^syumai-workers$/ }, () => ({ path: join(assets, 'common/worker.mjs') }))
    b.onResolve({ filter: /\/wasm_exec\.js$/ }, () => ({ path: join(assets, 'wasm_exec_go.js') }))
    b.onResolve({ filter: /\/runtime\.mjs$/ }, () => ({ path: join(assets, 'runtime/cloudflare.mjs') }))
    b.onResolve({ filter: /\/app\.wasm$/ }, () => ({ path: './front.wasm', external: true }))
    b.onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path, external: true }))
  },
}

/** script bundles a file beside this one. */
export function script(entry, outdir = place) {
  return build({
    entryPoints: [join(here, entry)],
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    external: ['cloudflare:*'],
    plugins: [resolve],
    legalComments: 'none', // LICENSES.txt has them
    logLevel: 'warning',
  })
}

function wasm(name) {
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w']
  go(['build', ...flags, '-o', join(place, `${name}.wasm`), `./wasm/syncserver/${name}`], {
    GOOS: 'js',
    GOARCH: 'wasm',
  })
}

function licenses() {
  const parts = [
    ['Go (wasm_exec.js, and the runtime in front.wasm and channel.wasm)', join(go(['env', 'GOROOT']), 'LICENSE')],
    ['github.com/hack-pad/safejs (in channel.wasm)', join(module('github.com/hack-pad/safejs'), 'LICENSE')],
    ['github.com/syumai/workers (in worker.mjs and front.wasm)', join(workers, 'LICENSE.md')],
  ]
  const texts = parts.map(([what, file]) => `${what}\n\n${readFileSync(file, 'utf8')}`)
  writeFileSync(join(place, 'LICENSES.txt'), texts.join('\n----\n\n'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  wasm('front')
  wasm('channel')
  licenses()
  await script('worker.mjs')
}
