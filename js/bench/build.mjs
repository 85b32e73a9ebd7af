// Builds what the benchmark runs, in .build/bench: the other systems, from peers.json and its lock, and every system's page.
// They are no dependencies of @masq/client: who tests Masq should not have to wait for 460 packages.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { place, systems } from './systems.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const dist = join(here, '../dist')

/** Where the pages are, ready to be served. */
export const site = join(place, 'site')

function install() {
  mkdirSync(place, { recursive: true })
  const same = (file, other) => {
    try {
      return readFileSync(join(here, file), 'utf8') === readFileSync(join(place, other), 'utf8')
    } catch {
      return false
    }
  }
  if (same('peers-lock.json', 'installed.json')) return
  console.log('installing the other systems')
  copyFileSync(join(here, 'peers.json'), join(place, 'package.json'))
  copyFileSync(join(here, 'peers-lock.json'), join(place, 'package-lock.json'))
  execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
    cwd: place,
    stdio: 'inherit',
  })
  copyFileSync(join(here, 'peers-lock.json'), join(place, 'installed.json'))
}

async function pages(names) {
  rmSync(site, { recursive: true, force: true })
  await build({
    entryPoints: [...names, 'limits'].map((name) => ({ in: join(here, `page/${name}.mjs`), out: name })),
    outdir: site,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    splitting: false,
    define: { 'process.env.NODE_ENV': '"production"', global: 'globalThis' },
    nodePaths: [join(place, 'node_modules')],
    alias: { '@masq/client': join(dist, 'index.js'), '@masq/client/masq.wasm': join(dist, 'masq.wasm') },
    loader: { '.wasm': 'file' },
    publicPath: '/',
    logLevel: 'warning',
    legalComments: 'none',
  })
}

/** versions is what was installed: 'yjs 13.6.33, ...' by the name of the system. */
export function versions(names) {
  const version = (file) => JSON.parse(readFileSync(file, 'utf8')).version
  return Object.fromEntries(
    names.map((name) => [
      name,
      systems[name].packages.map((p) => `${p} ${version(join(place, 'node_modules', p, 'package.json'))}`).join(', '),
    ]),
  )
}

export async function prepare(names) {
  install()
  await pages(names)
  cpSync(join(here, 'server'), join(place, 'server'), { recursive: true })
}
