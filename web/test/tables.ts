// For tests: what holds for every table of words.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Entry } from '../shared/words.js'

const forms = (entry: Entry): string[] => (typeof entry === 'string' ? [entry] : [entry.one, entry.other])
// A form for one may leave the number out.
const places = (text: string, entry: Entry): string[] =>
  [...new Set(text.match(/\{\w+\}/g))].filter((p) => typeof entry === 'string' || p !== '{n}').sort()

/** checkTables tests a page's words. */
export function checkTables(en: Record<string, Entry>, fr: Record<string, Entry>): void {
  test('each string has the same places in both languages', () => {
    assert.deepEqual(Object.keys(fr), Object.keys(en))
    for (const [key, english] of Object.entries(en)) {
      const french = fr[key]!
      assert.equal(forms(french).length, forms(english).length, key)
      for (const text of [...forms(english), ...forms(french)]) {
        assert.ok(text.trim(), key)
        assert.deepEqual(places(text, english), places(forms(english)[0] ?? '', english), key)
      }
    }
  })

  test('French has its no-break spaces and apostrophes', () => {
    for (const [key, french] of Object.entries(fr))
      for (const text of forms(french)) assert.doesNotMatch(text, / [:;?!»]|« |'|[^\s\u00a0][;?!]$/, key)
  })
}

const file = join(process.cwd(), '../core/localstore/errors.json') // npm runs the tests in js/
const errors = JSON.parse(readFileSync(file, 'utf8')) as Record<string, { client?: string; store?: string }>

/**
 * checkCodes tests that a page has words for each code that it can meet: from Masq in the browser, or from the store. The codes of lacks
 * have none, and the page says something general; those of own are the page's.
 */
export function checkCodes(
  en: Record<string, Entry>,
  from: 'client' | 'store',
  { lacks, own }: { lacks: string[]; own: string[] },
): void {
  test('there are words for each code of an error, in this language', () => {
    const known = Object.keys(errors).filter((code) => errors[code]![from])
    const said = Object.keys(en).filter((key) => /^E_[A-Z_]+$/.test(key))
    const missing = known.filter((code) => !said.includes(code))
    assert.deepEqual(missing.sort(), lacks.sort(), 'codes without words')
    const others = said.filter((code) => !known.includes(code))
    assert.deepEqual(others.sort(), own.sort(), 'words for codes that are not Masq’s')
  })
}
