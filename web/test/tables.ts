// For tests: what holds for every table of words.
import assert from 'node:assert/strict'
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
