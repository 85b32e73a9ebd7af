// What npm is handed: all that an application needs, and nothing else.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const js = fileURLToPath(new URL('../', import.meta.url))
const read = (file: string): string => readFileSync(js + file, 'utf8')
const json = (file: string): Record<string, unknown> => JSON.parse(read(file)) as Record<string, unknown>

const files = [
  'LICENSE',
  'README.md',
  'package.json',
  'dist/LICENSES.txt',
  'dist/masq.wasm',
  'dist/masq.wasm.d.ts',
  ...['index', 'local', 'masq.global', 'masq.pinned', 'pairing', 'qr', 'testing', 'worker', 'worker-text'].flatMap(
    (name) => [`dist/${name}.js`, `dist/${name}.js.map`],
  ),
  ...['testing.cjs', 'testing.cjs.map', 'testing.d.cts'].map((name) => `dist/${name}`),
  ...[
    'errors',
    'index',
    'invite',
    'masq',
    'masq.global',
    'masq.pinned',
    'options',
    'pairing',
    'sentences',
    'status',
    'store',
  ].map((name) => `dist/${name}.d.ts`),
  ...['testing', 'worker'].map((name) => `dist/${name}.d.ts`),
]

test('the tarball has these files', () => {
  const out = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: js, encoding: 'utf8' })
  const [{ files: packed }] = JSON.parse(out) as [{ files: { path: string }[] }]
  assert.deepEqual(packed.map((f) => f.path).sort(), files.sort())
  assert.equal(read('LICENSE'), read('../LICENSE'))
})

test('every export has a file and its types', () => {
  const conditions = (value: unknown): string[] =>
    typeof value === 'string' ? [value] : Object.values(value as object).flatMap(conditions)
  for (const [name, target] of Object.entries(json('package.json').exports as object)) {
    const found = conditions(target)
    for (const file of found) assert.ok(existsSync(js + file), `${name}: ${file}`)
    if (name !== './package.json')
      assert.ok(
        found.some((f) => /\.d\.c?ts$/.test(f)),
        `${name} has no types`,
      )
  }
})

test('a source map has its sources, and no path of the computer that built it', () => {
  for (const file of files.filter((name) => name.endsWith('.map'))) {
    const map = json(file) as { sources: string[]; sourcesContent: string[] }
    assert.ok(map.sources.length > 0 && map.sources.length === map.sourcesContent.length, file)
    for (const source of map.sources)
      assert.match(source, /^(\.\.\/(src|node_modules)\/|go:wasm_exec\.js$|masq:worker$)/)
    assert.match(read(file.replace(/\.map$/, '')), /\n\/\/# sourceMappingURL=[\w.-]+\.map\n$/)
  }
})

const hashOf = (file: string): string =>
  `sha256-${createHash('sha256')
    .update(readFileSync(`${js}dist/${file}`))
    .digest('base64')}`

test('what is built in are the hashes of what is beside it', () => {
  const all = ['masq.wasm', 'worker.js', 'local.js', 'pairing.js', 'qr.js']
  for (const [file, pinned] of [
    ['masq.global.js', all],
    ['masq.pinned.js', all],
    ['index.js', ['masq.wasm']],
  ] as const)
    assert.deepEqual(read(`dist/${file}`).match(/sha256-[\w+/]{43}=/g), pinned.map(hashOf), file)
})

const uses: [name: string, code: string][] = [
  [
    'module.mts',
    `import { connect, MasqError, type Masq } from '@masq/client'; export const m: Promise<Masq> = connect({ app: { name: 'T' } }); export const e = MasqError`,
  ],
  [
    'tests.mts',
    `import { devices, type Masq } from '@masq/client/testing'; export const [a]: Masq[] = await devices(['A'])`,
  ],
  [
    'common.cts',
    `import { devices, MasqError, type Masq, type Status } from '@masq/client/testing'; export const p: Promise<Masq[]> = devices(['A']); export const s = (m: Masq): Status => m.status; export const is = (e: unknown): e is MasqError => e instanceof MasqError`,
  ],
  [
    'script.cts',
    `/// <reference types="@masq/client/masq.global.js" />\nMasq.connect({ app: { name: 'T' } }).then((masq) => masq.get<number>('k')).then((n: number | undefined) => n)`,
  ],
  [
    'pinned.mts',
    `import { connect, type Masq } from '@masq/client/masq.pinned.js'; export const m: Promise<Masq> = connect({ app: { name: 'T' } })`,
  ],
  [
    'file.mts',
    `import wasm from '@masq/client/masq.wasm'; export const url: string = wasm; import '@masq/client/worker.js'`,
  ],
]

test('the declarations hold in modules, in CommonJS and in scripts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'masq-types-'))
  try {
    mkdirSync(join(folder, 'node_modules/@masq'), { recursive: true })
    symlinkSync(js, join(folder, 'node_modules/@masq/client'))
    for (const [name, code] of uses) writeFileSync(join(folder, name), code)
    const options = [
      '--strict',
      '--noEmit',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2022,dom',
      '--types',
      '',
    ]
    const tsc = join(js, 'node_modules/typescript/bin/tsc')
    const run = (): string =>
      execFileSync(process.execPath, [tsc, ...options, ...uses.map(([name]) => name)], {
        cwd: folder,
        encoding: 'utf8',
      })
    assert.doesNotThrow(run)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
