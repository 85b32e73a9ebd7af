// Looking for what must not be there: the user's words, in what the Sync Server passes on and in what lies on the disk.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * needles are the forms in which a word might stand somewhere: as it is, in UTF-16, in hex, and in base64 wherever it begins
 * in the encoded text. Words under 8 bytes are looked for only as they are and in UTF-16: in the other forms too little is
 * left of them to tell them from chance.
 */
export function needles(word) {
  const raw = Buffer.from(word)
  const wide = Buffer.from(word, 'utf16le')
  const found = [
    { word, form: 'UTF-8', bytes: raw },
    { word, form: 'UTF-16LE', bytes: wide },
    { word, form: 'UTF-16BE', bytes: Buffer.from(wide).swap16() },
  ]
  if (raw.length < 8) return found
  found.push({ word, form: 'hex', bytes: Buffer.from(raw.toString('hex')) })
  for (let before = 0; before < 3; before++) {
    // Only the characters that are made of the word alone: those of whole groups of three bytes.
    const whole = raw.subarray((3 - before) % 3)
    const text = whole.subarray(0, whole.length - (whole.length % 3)).toString('base64')
    found.push({ word, form: 'base64', bytes: Buffer.from(text) })
    const url = text.replaceAll('+', '-').replaceAll('/', '_')
    if (url !== text) found.push({ word, form: 'base64url', bytes: Buffer.from(url) })
  }
  return found
}

/** finds returns what of words is in data, as sentences. */
export function finds(words, data, where) {
  return words
    .flatMap(needles)
    .filter(({ bytes }) => data.includes(bytes))
    .map(({ word, form }) => `${where} contains “${word}” as ${form}`)
}

// What a Chromium profile keeps for sites, as against what it keeps about the user's browsing (history, titles). Sessions is
// what it restores open tabs from, with the content of fields that do not say autocomplete="off".
const siteStorage = [
  'Sessions',
  'IndexedDB',
  'Local Storage',
  'Session Storage',
  'WebStorage',
  'Service Worker',
  'Cache',
  'Code Cache',
  'File System',
  'Shared Storage',
  'SharedStorage',
  'blob_storage',
  'databases',
]

/** searchProfile looks for words in the site storage of a closed profile. It returns sentences. */
export function searchProfile(dir, words) {
  return siteStorage.flatMap((name) => searchFolder(join(dir, 'Default', name), words))
}

/** searchFolder looks for words in all files below a folder: in their names and in their content. */
export function searchFolder(dir, words) {
  return walk(dir).flatMap((file) => [
    ...finds(words, Buffer.from(file), file),
    ...finds(words, readFileSync(file), file),
  ])
}

function walk(path) {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return []
  if (!stat.isDirectory()) return [path]
  return readdirSync(path).flatMap((name) => walk(join(path, name)))
}
