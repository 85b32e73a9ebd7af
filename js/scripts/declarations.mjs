// Writes the declarations of what the package exports: of TypeScript by its compiler, and only what an entry leads to; of the other
// files by hand, in ../declarations.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'

const entries = ['index.d.ts', 'testing.d.ts']

export function declarations(js, dist) {
  const all = mkdtempSync(join(tmpdir(), 'masq-types-'))
  try {
    const tsc = join(js, 'node_modules/typescript/bin/tsc')
    const args = [tsc, '-p', join(js, 'tsconfig.build.json'), '--outDir', all]
    execFileSync(process.execPath, args, { stdio: 'inherit' })
    for (const file of reached(entries.map((name) => join(all, name)))) cpSync(file, join(dist, relative(all, file)))
  } finally {
    rmSync(all, { recursive: true })
  }
  cpSync(join(js, 'declarations'), dist, { recursive: true })
}

function reached(files, known = new Set()) {
  for (const file of files) {
    if (known.has(file)) continue
    known.add(file)
    const imports = readFileSync(file, 'utf8').matchAll(/(?:from |import |import\()'(\.[^']+)\.js'/g)
    reached(
      [...imports].map(([, name]) => join(dirname(file), `${name}.d.ts`)),
      known,
    )
  }
  return known
}
