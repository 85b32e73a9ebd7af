// Builds @masq/client/testing: the client and its engine, with what src/testing/ has in the place of a browser.
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'

const memory = (src) => ({
  name: 'memory',
  setup(b) {
    b.onResolve({ filter: /^\.\/link\.js$/ }, ({ importer }) =>
      basename(importer) === 'client.ts' ? { path: join(src, 'testing/link.ts') } : undefined,
    )
  },
})

/** Go's loader, with timers of its own: a step of the engine's time is none of Go's. */
const goTimers = (src) => ({
  name: 'go-timers',
  setup(b) {
    b.onLoad({ filter: /[\\/]wasm_exec\.js$/ }, ({ path }) => ({
      contents: `import { goTimeout as setTimeout, clearNodeTimeout as clearTimeout } from './testing/node.js'\n${readFileSync(path, 'utf8')}`,
      resolveDir: src,
    }))
  },
})

/** One MasqError for the package: an application may have it from its main entry. */
const sharedErrors = {
  name: 'shared-errors',
  setup(b) {
    b.onResolve({ filter: /\/errors\.js$/ }, () => ({ path: './index.js', external: true }))
  },
}

/** Builds dist/testing.js, and dist/testing.cjs, which Jest needs. */
export async function buildTesting({ src, dist, common, plugins }) {
  const options = {
    ...common,
    entryPoints: [join(src, 'testing.ts')],
    platform: 'node',
    target: 'node20',
    minify: false,
    inject: [join(src, 'testing/globals.ts')],
    define: { ...common.define, 'Date.now': 'dateNow' },
  }
  const all = [memory(src), goTimers(src), ...plugins]
  await Promise.all([
    build({ ...options, outfile: join(dist, 'testing.js'), format: 'esm', plugins: [...all, sharedErrors] }),
    build({
      ...options,
      outfile: join(dist, 'testing.cjs'),
      format: 'cjs',
      plugins: all,
      banner: { js: "const masqHere = require('node:url').pathToFileURL(__filename).href" },
      define: { ...options.define, 'import.meta.url': 'masqHere' },
    }),
  ])
}
