// For tests: states of a store, usual and odd.
import type { App, Device, Pairing, Request, State } from '../manager/state.js'

const minute = 60_000
const day = 24 * 60 * minute
const now = Date.now()

export const link = 'http://localhost:6277/#masq=1.AAECAwQFBgcICQoLDA0ODw.d3NzOi8vc3luYy5leGFtcGxlLm9yZw'

const svg = (body: string): string =>
  'data:image/svg+xml;base64,' +
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">${body}</svg>`).toString('base64')

const notesIcon = svg('<rect width="8" height="8" fill="#b4441f"/><path d="M2 3h4M2 5h3" stroke="#fff"/>')

export const device = (id: string, name: string, more: Partial<Device> = {}): Device => ({
  ...{
    id,
    name,
    kind: 'store',
    online: true,
    lastHeard: now,
    toSend: 0,
    toReceive: false,
    full: false,
    differs: false,
    overdue: false,
  },
  ...more,
})

export const app = (address: string, name: string, more: Partial<App> = {}): App => ({
  ...{ app: address, name, description: '', icon: '', native: false, allowed: true, on: true },
  ...{
    entries: 1204,
    bytes: 3_412_000,
    stored: 3_100_000,
    quota: 1_073_741_824,
    full: false,
    mending: false,
    restored: false,
    lastUsed: now - 9 * minute,
    connected: 0,
  },
  tokens: [
    {
      id: 'dG9rZW4xMQ',
      browser: 'Firefox',
      system: 'Linux',
      since: now - 40 * day,
      lastUsed: now - 9 * minute,
      connected: 0,
    },
  ],
  ...{ devices: [], peers: [] },
  ...more,
})

export const request = (n: number, origin: string, name: string, more: Partial<Request> = {}): Request => ({
  ...{ request: n, app: origin, origin, name, description: '', icon: '', again: false },
  ...{ digits: '482913', typing: false, allowed: false },
  ...{ asked: now - 2 * minute, expires: now + 8 * minute },
  ...more,
})

export const pairing = (step: Pairing['step'], more: Partial<Pairing> = {}): Pairing => ({
  ...{ pairing: 7, role: 'host', step, expires: now + 9 * minute + 40_000, link },
  ...more,
})

/** empty is a store that is used by nobody yet. */
export const empty = (): State => ({
  ...{
    version: '0.1.0',
    name: 'Desk',
    sync: 'off',
    relays: ['wss://sync.example.org'],
    bytes: 65_536,
    recovery: false,
  },
  ...{ requests: [], blocked: [], apps: [], devices: [], self: { id: 'self', name: 'Desk' }, pairing: null },
})

/** usual is a store in use, with two other computers and a phone. */
export function usual(): State {
  const laptop = { id: 'laptop', on: true, theirs: true, toSend: 0, toReceive: false, full: false, differs: false }
  const attic = { id: 'attic', on: true, theirs: true, toSend: 12, toReceive: false, full: false, differs: false }
  return {
    ...empty(),
    sync: 'online',
    bytes: 48_300_000,
    devices: [
      device('laptop', 'Laptop'),
      device('attic', 'Computer in the attic', { online: false, lastHeard: now - 3 * day, toSend: 12 }),
    ],
    apps: [
      app('https://notes.example.org', 'Notes', {
        description: 'Notes that stay on your own devices',
        icon: notesIcon,
        connected: 2,
        devices: [laptop, attic],
        peers: [
          device('phone', 'Phone', { kind: 'embedded', online: false, lastHeard: now - 3 * 60 * minute, toSend: 1 }),
        ],
        tokens: [
          { id: 'dG9rZW4xMQ', browser: 'Firefox', system: 'Linux', since: now - 40 * day, lastUsed: now, connected: 2 },
          { id: 'dG9rZW4xMw', browser: 'Chrome', since: now - 9 * day, lastUsed: now - day, connected: 0 },
          { id: 'dG9rZW4xNA', since: now - 90 * day, lastUsed: now - 60 * day, connected: 0 },
          { id: 'dG9rZW4xMg', program: 'org.example.notes-export', since: now - 2 * day, lastUsed: 0, connected: 0 },
        ],
      }),
      app('https://recipes.example.com', 'Recipes', {
        entries: 1,
        bytes: 812,
        stored: 700,
        on: false,
        lastUsed: 0,
        devices: [{ ...laptop, on: false }, attic],
      }),
      app('org.example.timesheet', 'Timesheet', {
        native: true,
        devices: [laptop, { ...attic, theirs: false }],
        tokens: [{ id: 'dG9rZW4xMw', since: now - 400 * day, lastUsed: now - 200 * day, connected: 0 }],
      }),
      app('https://read.example.net', 'Reading list', {
        allowed: false,
        tokens: [],
        devices: [{ ...laptop, toReceive: true }, attic],
      }),
    ],
    blocked: [{ app: 'https://pushy.example' }],
  }
}

/** full is a store in which an application has no room for more, nor has it on another computer. */
export function full(): State {
  const state = usual()
  const [notes, recipes] = state.apps
  Object.assign(notes!, { full: true, stored: 1_073_000_000 })
  Object.assign(recipes!, { on: true, devices: notes!.devices.map((d) => ({ ...d, toSend: 40, full: true })) })
  return state
}

/** overdue is a store that has not heard a computer and a phone for long. */
export function overdue(): State {
  const state = usual()
  const gone = { overdue: true, online: false }
  Object.assign(state.devices[1]!, gone, { lastHeard: now - 41 * day })
  Object.assign(state.apps[0]!.peers[0]!, gone, { lastHeard: 0 })
  return state
}

/** mending is a store of which a copy runs: values of one application cannot be read, and another is being mended, or differs. */
export function mending(): State {
  const state = usual()
  const [notes, recipes, third] = state.apps
  Object.assign(state, { copied: true })
  Object.assign(notes!, { damaged: { keys: 2, names: ['notes/2026-03-01', 'notes/2026-03-02'] } })
  const devices = notes!.devices.map((d) => ({ ...d, differs: true }))
  Object.assign(recipes!, { on: true, devices, restored: true })
  if (third) Object.assign(third, { mending: true })
  return state
}

/** asking has requests of each kind. */
export const asking = (): State => ({
  ...usual(),
  requests: [
    request(1, 'https://garden.example.org', 'Garden planner', {
      description: 'Beds, seeds and dates',
      browser: 'Firefox',
      system: 'Linux',
      icon: svg('<circle cx="4" cy="4" r="4" fill="#2c7a2c"/>'),
    }),
    request(2, 'https://notes.example.org', 'Notes', {
      description: 'Notes that stay on your own devices',
      icon: notesIcon,
      again: true,
      typing: true,
    }),
    request(3, '', 'Notes export', {
      app: 'https://notes.example.org',
      program: 'org.example.notes-export',
      description: 'Copies notes into a folder',
    }),
    request(4, 'org.example.timesheet', 'Timesheet', { program: 'org.example.timesheet', expires: now + 20_000 }),
    request(5, 'https://recipes.example.com', 'Recipes', { typing: true, allowed: true }),
  ],
})

const longHost = `https://${'very-long-subdomain.'.repeat(11)}example.org:8443`

/** hostile has applications that try to look like something else. */
export function hostile(): State {
  const texts = [
    ['Masq', 'This request is safe. Masq has checked it. Press Allow.', ''],
    ['<img src=x onerror=alert(1)>', '<script>alert(1)</script> <b>bold</b>', 'javascript:alert(1)'],
    [
      'WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW',
      'W'.repeat(200),
      svg('<script>parent.alert(1)</script><rect width="800" height="800" fill="red"/>'),
    ],
    ['دفتر الملاحظات والأفكار الطويلة جدا', 'ملاحظات تبقى على أجهزتك الخاصة (v2)', 'data:image/png;base64,AAAA'],
    ['A\u0301'.repeat(20), '名前'.repeat(100), 'https://tracker.example/pixel.png'],
  ] as const
  return {
    ...usual(),
    requests: texts.map(([name, description, icon], i) =>
      request(i + 1, i === 2 ? longHost : `http://a${i}.xn--exmple-cua.org`, name, { description, icon }),
    ),
    apps: texts.map(([name, description, icon], i) => ({
      ...app(i === 2 ? longHost : `https://b${i}.example`, name, { description, icon }),
      devices: [{ id: 'laptop', on: true, theirs: true, toSend: 0, toReceive: false, full: false, differs: false }],
      peers: [device('p' + i, name.slice(0, 40), { kind: 'embedded' })],
    })),
    devices: [device('laptop', 'حاسوب العمل'), device('w', 'W'.repeat(40), { toSend: 1_234_567 })],
    self: { id: 'self', name: 'W'.repeat(40) },
    blocked: [{ app: longHost }],
  }
}

/** many has thirty applications and sixty devices. */
export function many(): State {
  const devices = Array.from({ length: 60 }, (_, i) =>
    device(`d${i}`, i % 7 === 0 ? '' : `Computer ${i + 1}`, {
      online: i % 3 === 0,
      lastHeard: now - i * day,
      toSend: i % 5,
    }),
  )
  const apps = Array.from({ length: 30 }, (_, i) =>
    app(`https://app${i}.example.org`, `Application ${i + 1}`, {
      allowed: i % 4 !== 3,
      devices: devices.map((d) => ({
        id: d.id,
        on: true,
        theirs: true,
        toSend: d.toSend,
        toReceive: false,
        full: false,
        differs: false,
      })),
    }),
  )
  return {
    ...usual(),
    devices,
    apps,
    requests: Array.from({ length: 20 }, (_, i) => request(i + 1, `https://q${i}.example.org`, `Question ${i + 1}`)),
  }
}
