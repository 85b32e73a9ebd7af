// Fails if files import each other in a circle, and prints each circle: `node scripts/circles.mjs FOLDER...`. An import of types
// alone counts, and so does one at run time: a reader has to follow them all the same. Each folder is read with what is in it.
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

// `import … from './a.js'`, `export … from './a.js'`, `import './a.js'`, `import('./a.js')`: prettier leaves no other form.
const imports = /^(?:import|export)\b[^'";]*?'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'\s*\)/gm

/** Returns the circles among files, as lists of names: for each file that is in one, the shortest through it that is not listed yet. */
export function circles(graph) {
  const found = []
  for (const file of graph.keys()) {
    if (found.some((circle) => circle.includes(file))) continue
    const circle = shortest(graph, file)
    if (circle) found.push(circle)
  }
  return found
}

function shortest(graph, start) {
  const paths = [[start]]
  const seen = new Set()
  for (const path of paths) {
    for (const next of graph.get(path.at(-1)) ?? []) {
      if (next === start) return path
      if (!seen.has(next)) paths.push([...path, next])
      seen.add(next)
    }
  }
  return undefined
}

/** Reads which file of the folders imports which: name → names. */
export function graphOf(folders) {
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => resolve(folder, name)),
  )
  const known = new Set(files)
  return new Map(files.map((file) => [file, imported(file).filter((name) => known.has(name))]))
}

function imported(file) {
  const found = readFileSync(file, 'utf8').matchAll(imports)
  return [...found].map(([, still, dynamic]) => {
    const name = still ?? dynamic
    if (!/\.\w+$/.test(name)) throw new Error(`${file} imports ${name}: write it with .js at its end`)
    return join(dirname(file), name.replace(/\.js$/, '.ts'))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = circles(graphOf(process.argv.slice(2)))
  for (const circle of found)
    console.error('circle:', [...circle, circle[0]].map((file) => relative(process.cwd(), file)).join(' → '))
  process.exitCode = found.length > 0 ? 1 : 0
}
