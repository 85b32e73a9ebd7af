// Writes src/sentences.ts from core/localstore/errors.json: `node scripts/sentences.mjs`, when a sentence has changed.
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'

const js = join(dirname(fileURLToPath(import.meta.url)), '..')
const file = join(js, 'src/sentences.ts')
const errors = JSON.parse(readFileSync(join(js, '../core/localstore/errors.json'), 'utf8'))
const lines = Object.entries(errors)
  .filter(([, words]) => words.client)
  .map(([code, words]) => `${code}: ${JSON.stringify(words.client)},`)
const text = `// Made by scripts/sentences.mjs from core/localstore/errors.json.

/** One sentence for each code: what is wrong, and what to do. */
export const sentences = {
${lines.join('\n')}
} as const
`
writeFileSync(file, await format(text, { ...(await resolveConfig(file)), parser: 'typescript' }))
