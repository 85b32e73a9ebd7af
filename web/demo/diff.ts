// What one text has that another lacks, word by word.

/** Part is a piece of a text; extra: the other text does not have it. */
export interface Part {
  text: string
  extra: boolean
}

const cellsMost = 1_000_000 // of the table; in longer texts all that stands between their common ends counts as different

/** compared cuts a text into what the other has, too, and what it has not. */
export function compared(text: string, other: string): Part[] {
  const [a, b] = [words(text), words(other)]
  let head = 0
  while (head < a.length && head < b.length && alike(a[head], b[head])) head++
  let tail = 0
  while (tail < a.length - head && tail < b.length - head && alike(a.at(-1 - tail), b.at(-1 - tail))) tail++
  const kept = common(a.slice(head, a.length - tail).map(key), b.slice(head, b.length - tail).map(key))
  const extra = a.map((_, i) => i >= head && i < a.length - tail && !kept[i - head])
  return join(a, extra)
}

// Words with what stands before them.
const words = (text: string): string[] => text.match(/\s*\S+|\s+$/g) ?? []

// Spaces are never what differs, lines are.
const alike = (a: string | undefined, b: string | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && key(a) === key(b))
const key = (word: string): string => (/\n/.test(word) ? '\n' : '') + word.trim()

/** common says of each word of a whether it is in the longest sequence of words that both have. */
function common(a: string[], b: string[]): boolean[] {
  const kept = a.map(() => false)
  const width = b.length + 1
  if (a.length * width > cellsMost) return kept
  const best = new Uint32Array((a.length + 1) * width) // of what begins at i and j
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i * width + j] =
        a[i] === b[j]
          ? best[(i + 1) * width + j + 1]! + 1
          : Math.max(best[(i + 1) * width + j]!, best[i * width + j + 1]!)
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) [kept[i++], j] = [true, j + 1]
    else if (best[(i + 1) * width + j]! >= best[i * width + j + 1]!) i++
    else j++
  }
  return kept
}

function join(words: string[], extra: boolean[]): Part[] {
  const parts: Part[] = []
  words.forEach((text, i) => {
    const last = parts.at(-1)
    if (last && last.extra === extra[i]) last.text += text
    else parts.push({ text, extra: extra[i] === true })
  })
  return parts
}
