// The sentences of errors are those of core/localstore/errors.json, which the store and the command line have, too.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MasqError } from '../src/errors.js'
import { sentences } from '../src/sentences.js'

const file = join(process.cwd(), '../core/localstore/errors.json') // npm runs the tests in js/
const errors = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { client?: string }>

test('src/sentences.ts is made of errors.json (node scripts/sentences.mjs)', () => {
  const published = Object.entries(errors).filter(([, words]) => words.client)
  assert.deepEqual(
    Object.entries(sentences),
    published.map(([code, words]) => [code, words.client]),
  )
})

test('an error says the sentence of its code', () => {
  for (const [code, sentence] of Object.entries(sentences)) assert.equal(new MasqError(code).message, sentence)
  assert.equal(new MasqError('E_NONE').message, `${sentences.E_INTERNAL} (E_NONE )`)
})
