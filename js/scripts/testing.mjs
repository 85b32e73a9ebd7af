// Builds @masq/client/testing: the client and its engine, with what src/testing/ has in the place of a browser.
import { basename, join } from 'node:path'
import { build } from 'esbuild'

/** A Masq finds its engine in memory. */
const memory = (src) => ({
  name: 'memory',
  setup(b) {
    b.onResolve({ filter: /^\.\/leader\.js$/ }, ({ importer }) =>
      basename(importer) === 'client.ts' ? { path: join(src, 'testing/leader.ts') } : undefined,
    )
    b.onResolve({ filter: /^masq:worker$/ }, () => ({ path: 'worker', namespace: 'none' }))
    b.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'export default ""' }))
  },
})

/** There is one MasqError: an application may have it from the main entry. */
const oneError = {
  name: 'one-error',
  setup(b) {
    b.onResolve({ filter: /\/errors\.js$/ }, () => ({ path: './index.js', external: true }))
  },
}

// Go's loader keeps to the real time: only the engine's may be skipped.
const goTime = `import { goTimeout as setTimeout, clearNodeTimeout as clearTimeout } from './testing/node.js'\n`

/** Builds dist/testing.js, and dist/testing.cjs, which Jest takes. */
export async function buildTesting({ src, dist, options, wasmExec }) {
  const all = {
    ...options,
    entryPoints: [join(src, 'testing.ts')],
    platform: 'node',
    target: 'node20',
    minify: false,
    inject: [join(src, 'testing/globals.ts')],
    define: { ...options.define, 'Date.now': 'dateNow' },
  }
  const plugins = [memory(src), wasmExec(goTime)]
  await Promise.all([
    build({ ...all, outfile: join(dist, 'testing.js'), format: 'esm', plugins: [...plugins, oneError] }),
    build({
      ...all,
      outfile: join(dist, 'testing.cjs'),
      format: 'cjs',
      plugins,
      banner: { js: "const masqHere = require('node:url').pathToFileURL(__filename).href" },
      define: { ...all.define, 'import.meta.url': 'masqHere' },
    }),
  ])
}
