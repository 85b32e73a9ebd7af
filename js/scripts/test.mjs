// Runs the tests: test/*.test.ts and those of ../web, bundled one by one into .build/ because Node does not read TypeScript.
// Names on the command line choose among them: `npm test -- codec`, `npm test -- manager`. What needs something built says
// so when it is not there.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { inlineWorker } from './build.mjs'

const js = join(dirname(fileURLToPath(import.meta.url)), '..')
const out = join(js, '.build')
const chosen = process.argv.slice(2)
const tests = ['test', '../web/demo', '../web/manager'].flatMap((folder) =>
  readdirSync(join(js, folder))
    .filter((f) => f.endsWith('.test.ts'))
    .map((f) => ({ in: join(js, folder, f), out: `${basename(folder)}-${f.replace(/\.ts$/, '')}` }))
    .filter(({ out }) => chosen.length === 0 || chosen.some((c) => out.includes(c))),
)

rmSync(out, { recursive: true, force: true })
mkdirSync(out)
await build({
  entryPoints: tests,
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  tsconfigRaw: {}, // the paths in there are for the type checker
  sourcemap: 'inline',
  define: { MASQ_SCRIPT: 'false', MASQ_PINS: '""' },
  plugins: [inlineWorker('')],
  logLevel: 'warning',
})
const files = tests.map((t) => join(out, t.out + '.mjs'))
const args = [
  '--enable-source-maps',
  '--test',
  '--test-concurrency=2',
  `--test-timeout=${process.env.LOOKS ? 3_600_000 : 1_200_000}`, // of a file: against what hangs, on any machine
  ...files,
]
spawn(process.execPath, args, { stdio: 'inherit' }).on('exit', (code) => (process.exitCode = code ?? 1))
