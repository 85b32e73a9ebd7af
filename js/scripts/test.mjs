// Runs the tests: test/*.test.ts, bundled one by one into .build/ because Node does not read TypeScript. Names on the
// command line choose among them: `npm test -- border`. What needs dist/ says so when it is not there.
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { inlineWorker } from './build.mjs'

const js = join(dirname(fileURLToPath(import.meta.url)), '..')
const out = join(js, '.build')
const chosen = process.argv.slice(2)
const files = readdirSync(join(js, 'test'))
  .filter((f) => f.endsWith('.test.ts') && (chosen.length === 0 || chosen.some((c) => f.includes(c))))
  .map((f) => join(js, 'test', f))

rmSync(out, { recursive: true, force: true })
mkdirSync(out)
await build({
  entryPoints: files,
  outdir: out,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  define: { MASQ_SCRIPT: 'false' },
  plugins: [inlineWorker('')],
  logLevel: 'warning',
})
const tests = files.map((f) => join(out, f.slice(join(js, 'test').length + 1).replace(/\.ts$/, '.mjs')))
const args = ['--enable-source-maps', '--test', '--test-concurrency=2', '--test-timeout=120000', ...tests]
spawn(process.execPath, args, { stdio: 'inherit' }).on('exit', (code) => (process.exitCode = code ?? 1))
