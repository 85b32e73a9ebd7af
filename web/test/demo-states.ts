// For tests: what the page may have to show.
import type { Scenario } from './demo-client.js'

export const now = Date.now()
const minute = 60_000
const day = 24 * 60 * minute

const note = (title: string, text: string, more: object = {}) => ({
  ...{ title, text, items: [], pinned: false, created: now - 9 * day, edited: now - 5 * minute },
  ...more,
})

const item = (text: string, done = false) => ({ text, done })

const notes = {
  a: note('Groceries for Saturday', 'oat milk, rye bread, 12 eggs', { pinned: true }),
  b: note('Plumber came by', 'kitchen tap drips again; he comes back on Tuesday', { edited: now - 2 * day }),
  c: note('Packing', '', {
    items: [item('tent', true), item('torch'), item('both passports')],
    edited: now - 400 * day,
  }),
}

export const device = (id: string, name: string, more: object = {}) => ({
  ...{
    id,
    name,
    self: false,
    online: true,
    lastHeard: now - 3 * minute,
    toSend: 0,
    toReceive: false,
    full: false,
    overdue: false,
  },
  ...more,
})

const paired = (...devices: object[]) => ({ sync: 'online', devices })

export const empty = (status: object = {}): Scenario => ({ status: { ...status } })
export const usual = (status: object = {}): Scenario => ({
  notes,
  status: { ...paired(device('p', 'Phone'), device('l', 'Laptop', { online: false, toSend: 4 })), ...status },
})

/** overdue has a device that was not heard for long. */
export const overdue = (): Scenario =>
  usual({
    devices: [
      device('p', 'Phone'),
      device('l', 'Laptop', { online: false, overdue: true, lastHeard: now - 41 * day, toSend: 4 }),
    ],
  })

/** alone has a few notes, and no other device. */
export const alone = (status: object = {}): Scenario => ({ notes, status: { ...status } })

const text =
  'Take the ferry at seven.\n\nBuy oat milk, rye bread, and cheese from the market. Call Anna about the keys.'
const other = 'Take the ferry at eight.\n\nBuy oat milk, rye bread, and three lemons. Call Anna about the keys.'

/** conflict has a note with other versions. */
export const conflict = (n: number): Scenario => ({
  ...usual(),
  notes: {
    ...notes,
    v: note('Saturday', text, { by: 'Desk', items: [item('ferry tickets', true), item('lamp')] }),
  },
  versions: {
    v: [
      note('Saturday', other, { by: 'Phone', edited: now - 9 * minute, items: [item('ferry tickets'), item('lamp')] }),
      note('Saturday or Sunday', text, { pinned: true, edited: now - 3 * day }),
    ].slice(0, n - 1),
  },
})

/** many has a lot of notes and devices. */
export const many = (): Scenario => ({
  notes: Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [
      `n${i}`,
      note(`Note ${i + 1}`, 'Some words of it', { edited: now - i * 7 * 60 * minute }),
    ]),
  ),
  status: paired(...Array.from({ length: 12 }, (_, i) => device(`d${i}`, `Device ${i + 1}`, { online: i % 2 === 0 }))),
})

/** hostile has names and notes that try to break the page. */
export const hostile = (): Scenario => ({
  notes: {
    a: note('W'.repeat(300), 'W'.repeat(5000)),
    b: note('<img src=x onerror=alert(1)>', '<script>alert(1)</script>', { items: [item('W'.repeat(400), true)] }),
    c: note('دفتر الملاحظات والأفكار', 'ملاحظات تبقى على أجهزتك (v2)', { by: 'W'.repeat(40) }),
  },
  versions: { c: [note('W'.repeat(90), '名前'.repeat(200), { by: 'دفتر الملاحظات (v2)' })] },
  status: paired(device('w', 'W'.repeat(40)), device('r', 'دفتر الملاحظات (v2)', { online: false })),
})
