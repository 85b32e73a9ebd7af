import assert from 'node:assert/strict'
import test from 'node:test'
import { finds, needles } from './search.mjs'

const word = 'Grüße? >>> buy oats'
const around = (bytes, before) => Buffer.concat([Buffer.alloc(before, 0xa5), bytes, Buffer.from('tail')])

for (const before of [0, 1, 2, 3, 4]) {
  for (const [form, encode] of [
    ['as it is', (b) => b],
    ['hex', (b) => Buffer.from(b.toString('hex'))],
    ['base64', (b) => Buffer.from(b.toString('base64'))],
    ['base64url', (b) => Buffer.from(b.toString('base64url'))],
  ]) {
    test(`a word behind ${before} bytes is found, ${form}`, () => {
      assert.notEqual(finds([word], encode(around(Buffer.from(word), before)), 'it').length, 0)
    })
  }
}

test('a word in UTF-16 is found', () => {
  assert.equal(finds(['oats'], Buffer.from('buy oats', 'utf16le'), 'it')[0], 'it contains “oats” as UTF-16LE')
})

test('nothing is found where nothing is', () => {
  assert.deepEqual(finds([word, 'Notes'], Buffer.alloc(4096), 'it'), [])
})

test('no needle is so short that chance finds it', () => {
  for (const { form, bytes } of needles('12345678')) assert.ok(bytes.length >= 8, form)
})
