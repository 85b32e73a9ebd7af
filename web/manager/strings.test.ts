// The words: both languages say the same with the same places.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { en, type Entry, fr, type Key } from './strings'

const forms = (entry: Entry): string[] => (typeof entry === 'string' ? [entry] : [entry.one, entry.other])
const places = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].sort()
const all = (Object.keys(en) as Key[]).map((key) => [key, en[key], fr[key]] as const)

test('each string has the same places in both languages', () => {
  for (const [key, english, french] of all) {
    assert.equal(forms(french).length, forms(english).length, key)
    for (const text of [...forms(english), ...forms(french)]) {
      assert.ok(text.trim(), key)
      assert.deepEqual(places(text), places(forms(english)[0] ?? ''), key)
    }
  }
})

test('French has its no-break spaces and apostrophes', () => {
  for (const [key, , french] of all)
    for (const text of forms(french)) assert.doesNotMatch(text, / [:;?!»]|« |'|[^\s\u00a0][;?!]$/, key)
})
