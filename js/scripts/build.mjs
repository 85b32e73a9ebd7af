// Builds dist/: the npm package and the file for a script tag, and copies what is served, the demo and the
// Store manager included, to ../web/dist.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { declarations } from './declarations.mjs'
import { joinSegments } from './segments.mjs'
import { packTables } from './tables.mjs'
import { buildTesting } from './testing.mjs'

const js = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(js, 'dist')
const web = join(js, '..', 'web')
const goroot = execFileSync('go', ['env', 'GOROOT'], { encoding: 'utf8' }).trim()

const common = {
  bundle: true,
  minify: true,
  target: 'es2022',
  charset: 'utf8',
  define: { MASQ_SCRIPT: 'false', MASQ_PINS: '""' },
  legalComments: 'none', // dist/LICENSES.txt has them all
  logLevel: 'warning',
  logOverride: { 'empty-import-meta': 'silent' }, // a script tag's address is taken from currentScript
}

/**
 * Takes wasm_exec.js from the Go toolchain that builds the WebAssembly: the two must match. `before` stands before it. Source maps
 * do not say where it was found.
 */
const wasmExec = (before = '') => ({
  name: 'wasm_exec',
  setup(b) {
    b.onResolve({ filter: /\/wasm_exec\.js$/ }, () => ({ path: 'wasm_exec.js', namespace: 'go' }))
    b.onLoad({ filter: /.*/, namespace: 'go' }, () => ({
      contents: before + readFileSync(join(goroot, 'lib', 'wasm', 'wasm_exec.js'), 'utf8'),
      resolveDir: join(js, 'src'),
    }))
  },
})

/** Source maps with the sources in them: a page loads them when its developer looks. */
const mapped = { sourcemap: true, sourcesContent: true }

/** The Worker's bundle, as code. */
export async function workerCode(options = {}) {
  const out = await build({
    ...common,
    entryPoints: [join(js, 'src/worker.ts')],
    outfile: join(dist, 'worker.js'),
    format: 'iife',
    plugins: [wasmExec()],
    write: false,
    ...options,
  })
  return out.outputFiles?.[0].text
}

/** Resolves the import masq:worker to the Worker's code as text. */
export function inlineWorker(code) {
  return {
    name: 'masq:worker',
    setup(b) {
      b.onResolve({ filter: /^masq:worker$/ }, () => ({ path: 'worker', namespace: 'masq' }))
      b.onLoad({ filter: /.*/, namespace: 'masq' }, () => ({ contents: code, loader: 'text' }))
    },
  }
}

/** A file's hash, as `integrity` takes it. */
export const hashOf = (file) => `sha256-${createHash('sha256').update(readFileSync(file)).digest('base64')}`

/** What masq.global.js and masq.pinned.js load, and have the hashes of, in the order of Pin in src/pins.ts. */
const loaded = ['masq.wasm', 'worker.js', 'local.js', 'pairing.js', 'qr.js']

/** Builds in the hashes of these files of dist/. */
const pins = (files) => JSON.stringify(files.map((file) => hashOf(join(dist, file))).join(' '))

/** What is built in where a bundler makes the files anew, of which masq.wasm alone stays as it is. */
const bundled = () => ({ ...common.define, MASQ_PINS: pins(['masq.wasm']) })

/** The entry that bundlers take, with its chunks, and then the other two, which know those by their hashes. */
async function entries(plugins) {
  const all = { ...common, ...mapped, plugins }
  const index = join(js, 'src/index.ts')
  const chunks = { outdir: dist, splitting: true, chunkNames: '[name]' }
  await build({ ...all, ...chunks, entryPoints: [index], format: 'esm', define: bundled() })
  const define = { MASQ_SCRIPT: 'true', MASQ_PINS: pins(loaded) }
  const script = { format: 'iife', define: { ...define, 'import.meta.url': '""' } }
  await Promise.all([
    build({ ...all, entryPoints: { 'masq.pinned': index }, outdir: dist, format: 'esm', define }),
    build({ ...all, entryPoints: { 'masq.global': join(js, 'src/global.ts') }, outdir: dist, ...script }),
  ])
}

/** A bundle that only tests run. */
const forTest = (entry, file, globalName) =>
  build({ ...common, entryPoints: [entry], outfile: join(web, 'dist', file), format: 'iife', globalName })

async function scripts() {
  const code = await workerCode()
  const plugins = [inlineWorker(code)]
  const src = (name) => join(js, 'src', name)
  await workerCode({ ...mapped, write: true })
  await Promise.all([
    entries(plugins),
    forTest(src('storage.ts'), 'storage.js', 'MasqStorage'),
    forTest(src('opfs.ts'), 'opfs.js', 'MasqOpfs'),
    buildTesting({ src: join(js, 'src'), dist, options: { ...common, ...mapped }, wasmExec }),
  ])
  return plugins
}

// Inlining makes the WASM 10 % larger. The browser's own compiler inlines as well, so it is kept where it pays: in the arithmetic that
// runs over every byte, and in that of the signing key, of which every start makes a table before the browser has compiled it well.
const inlined = [
  'golang.org/x/crypto/chacha20',
  'golang.org/x/crypto/internal/poly1305',
  'crypto/internal/fips140/edwards25519/field',
  'math/bits',
]

function wasm() {
  const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-gcflags=all=-l']
  flags.push(...inlined.map((name) => `-gcflags=${name}=`), ...slim())
  const file = join(dist, 'masq.wasm')
  execFileSync('go', ['build', ...flags, '-o', file, './wasm/client'], {
    cwd: join(js, '..'),
    env: { ...process.env, GOOS: 'js', GOARCH: 'wasm' },
    stdio: 'inherit',
  })
  const linked = readFileSync(file)
  const packed = joinSegments(packTables(linked))
  if (!startMemory(packed).equals(startMemory(linked)))
    throw new Error('packed, masq.wasm has other bytes in its memory')
  writeFileSync(file, packed)
}

/** What a client's memory has before its first instruction. */
function startMemory(code) {
  const module = new WebAssembly.Module(code)
  const imports = {}
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => {}
  return Buffer.from(new WebAssembly.Instance(module, imports).exports.mem.buffer)
}

/** The flags that leave out what others' packages link and Masq never runs: core/internal/slim says what, and why. */
function slim() {
  const args = ['run', './core/internal/slim', join(js, '..', '.build/slim')]
  return execFileSync('go', args, { cwd: join(js, '..'), encoding: 'utf8' })
    .trim()
    .split('\n')
}

/** What others' code in the bundles asks to be passed on with it. */
function licenses() {
  const parts = [
    ['qr (in the QR chunk, in the testing entry, and in the Store manager)', join(js, 'node_modules/qr/LICENSE-MIT')],
    ['Go (wasm_exec.js in the Worker and in the testing entry, and the runtime in masq.wasm)', join(goroot, 'LICENSE')],
  ]
  const texts = parts
    .filter(([, file]) => existsSync(file))
    .map(([what, file]) => `${what}\n\n${readFileSync(file, 'utf8')}`)
  writeFileSync(join(dist, 'LICENSES.txt'), texts.join('\n----\n\n'))
  copyFileSync(join(js, '..', 'LICENSE'), join(js, 'LICENSE')) // npm packs the one that is beside package.json
}

/** Copies a file that is served without its source map, with the hashes of such files in it. */
function copyServed(file, to) {
  const from = join(dist, file)
  if (!file.endsWith('.js')) return copyFileSync(from, join(to, file))
  let code = readFileSync(from, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n$/, '\n')
  if (file === 'masq.global.js')
    for (const other of loaded) code = code.replaceAll(hashOf(join(dist, other)), hashOf(join(to, other)))
  writeFileSync(join(to, file), code)
}

/** The name under which web/static serves a file for good, as it has the hash of the file in it. */
function hashedName(file) {
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
  const { name, ext } = parse(file)
  return `${name}.${hash.slice(0, 8)}${ext}`
}

async function demo(plugins) {
  const from = join(web, 'demo')
  const to = join(web, 'dist')
  mkdirSync(to, { recursive: true })
  for (const f of [...loaded, 'masq.global.js', 'LICENSES.txt']) copyServed(f, to)
  if (!existsSync(join(from, 'main.ts'))) return
  const alias = { '@masq/client': join(js, 'src/index.ts') }
  const define = { ...bundled(), MASQ_WASM: JSON.stringify(hashedName(join(to, 'masq.wasm'))) }
  const entry = (name, file) => ({ [name]: join(from, file) })
  await build({
    ...common,
    entryPoints: entry('demo', 'main.ts'),
    outdir: to,
    format: 'esm',
    splitting: true,
    chunkNames: '[name]',
    alias,
    plugins,
    define,
  })
  await build({
    ...common,
    entryPoints: entry('invite', 'invite.ts'),
    outdir: to,
    format: 'iife',
    alias,
    plugins,
    define,
  })
  await build({ ...common, entryPoints: entry('demo', 'style.css'), outdir: to })
  for (const f of ['index.html', 'icon.svg']) copyFileSync(join(from, f), join(to, f))
}

/** The Store manager, which the local store serves: web/dist/manager/. Its first script stands in its page, by its hash. */
export async function manager() {
  const from = join(web, 'manager')
  const to = join(web, 'dist', 'manager')
  mkdirSync(to, { recursive: true })
  const first = await build({ ...common, entryPoints: [join(from, 'first.ts')], format: 'iife', write: false })
  const script = first.outputFiles[0].text.trim()
  const hash = createHash('sha256').update(script).digest('base64')
  const page = readFileSync(join(from, 'index.html'), 'utf8')
    .replace(/\s*FIRST_SCRIPT\s*/, () => script)
    .replace('FIRST_HASH', `sha256-${hash}`)
  writeFileSync(join(to, 'index.html'), page)
  const entryPoints = { manager: join(from, 'main.ts') }
  await build({ ...common, entryPoints, outdir: to, format: 'esm' })
  await build({ ...common, entryPoints: { manager: join(from, 'style.css') }, outdir: to })
  copyFileSync(join(from, 'icon.svg'), join(to, 'icon.svg'))
  copyFileSync(join(dist, 'LICENSES.txt'), join(to, 'LICENSES.txt'))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(dist, { recursive: true, force: true })
  for (const folder of [dist, join(web, 'dist')]) mkdirSync(folder, { recursive: true })
  wasm()
  declarations(js, dist)
  const plugins = await scripts()
  licenses()
  await demo(plugins)
  await manager()
}
