// The page in every state that it can be in, on a wide and a narrow screen, in light and dark, in both languages, by turns: nothing may
// stick out, axe must find nothing, and the page must not complain. `make looks` sees each state in all of them, and makes pictures.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { accessible, overflowing, shot } from '../test/looks.js'
import type { Scenario } from '../test/demo-client.js'
import { Harness } from '../test/demo.js'
import { alone, conflict, device, empty, hostile, many, overdue, usual } from '../test/demo-states.js'

let harness: Harness
before(async () => (harness = await Harness.open()))
after(() => harness.close())

const looks = [
  { look: 'wide-light', width: 1280, height: 800, colorScheme: 'light' },
  { look: 'narrow-dark', width: 390, height: 780, colorScheme: 'dark' },
] as const
const everything = [
  ...looks,
  { look: 'narrow-light', width: 390, height: 780, colorScheme: 'light' },
  { look: 'wide-dark', width: 1280, height: 800, colorScheme: 'dark' },
] as const

type Do = (page: Page) => Promise<unknown>

interface Scene {
  script: Scenario
  /** What follows the page's address: an invite. */
  fragment?: string
  /** What is done then, one after the other. */
  act?: Do[]
}

const click =
  (selector: string): Do =>
  (page) =>
    page.locator(selector).first().click()
const become =
  (status: object): Do =>
  (page) =>
    page.evaluate((s) => window.scripted.become(s as Record<string, unknown>), status)
const pair =
  (state: object): Do =>
  (page) =>
    page.evaluate((s) => window.scripted.pair(s), state)
const fail =
  (fails: Record<string, string>): Do =>
  (page) =>
    page.evaluate((f) => void Object.assign(window.scripted.fails, f), fails)
const seen =
  (selector: string): Do =>
  (page) =>
    page.locator(selector).first().waitFor()
const type =
  (text: string): Do =>
  (page) =>
    page.locator('.sheet textarea').fill(text)
const later =
  (ms: number): Do =>
  (page) =>
    page.clock.runFor(ms)

const note = click('#notes li:nth-child(2) button')
const first = click('#notes button')
const devices = click('#sync')
const move = [
  devices,
  click('dialog details:last-of-type summary'),
  click('dialog details:last-of-type .actions button'),
]
const invite = click('.empty .actions button:nth-child(2)')
const agree: Do[] = [seen('.join form'), click('.join form .primary')]
const link = '#masq=1.AAECAwQFBgcICQoLDA0ODw'
const met = { step: 'compare', digits: '482913', name: 'Phone', expires: Date.now() + 55_000 }

const scenes: Record<string, Scene> = {
  empty: { script: empty() },
  list: { script: usual() },
  note: { script: usual(), act: [note] },
  many: { script: many(), act: [first] },
  hostile: { script: hostile(), act: [first] },
  'hostile-versions': { script: hostile(), act: [click('#notes li:has(.versions) button')] },
  'hostile-devices': { script: hostile(), act: [devices] },
  'search-nothing': { script: usual(), act: [(page) => page.locator('#search').fill('nowhere')] },

  'not-saved': {
    script: usual(),
    act: [fail({ batch: 'E_STORE_AWAY' }), note, type('typed'), seen('.note .problem button')],
  },
  'not-saved-too-long': {
    script: usual(),
    act: [fail({ batch: 'E_TOOBIG' }), note, type('x'), seen('.note .problem button')],
  },
  'not-saved-left': {
    script: usual(),
    act: [
      fail({ batch: 'E_QUOTA' }),
      note,
      type('typed'),
      seen('.note .problem button'),
      (page) => page.goBack(),
      seen('.versions'),
    ],
  },
  'saved-after-all': {
    script: usual(),
    act: [
      ...[
        fail({ batch: 'E_STORE_AWAY' }),
        note,
        type('typed'),
        seen('.note .problem button'),
        become({ store: 'away' }),
      ],
      ...[fail({ batch: '' }), become({ store: 'embedded' }), seen('#toast p')],
    ],
  },
  'toast-deleted': { script: hostile(), act: [first, click('.tools button:last-child'), seen('#toast p')] },
  'toast-clash': {
    script: usual(),
    act: [
      ...[fail({ batch: 'never' }), note, type('mine')],
      (page) =>
        page.evaluate(() => window.scripted.arrive('b', { title: 'x', text: 'theirs' }, 'A phone with a long name')),
      seen('#toast p'),
    ],
  },
  'versions-two': { script: conflict(2), act: [click('#notes li:has(.versions) button')] },
  'versions-three': { script: conflict(3), act: [click('#notes li:has(.versions) button')] },

  asking: { script: empty({ store: 'asking', asking: { digits: '482913' } }) },
  'asking-in-another-tab': { script: empty({ store: 'asking', asking: { digits: undefined } }) },
  'moving-asks': { script: { ...alone(), fails: { useLocalStore: 'never' } }, act: [...move] },
  'moving-digits': { script: { ...alone(), types: true }, act: [...move, seen('#store-digits')] },
  'moving-digits-missing': {
    script: { ...alone(), types: true },
    act: [...move, click('dialog [type=submit]'), seen('dialog .problem:not([hidden])')],
  },
  'moving-wrong-digits': {
    script: { ...alone(), fails: { useLocalStore: 'E_AUTH' } },
    act: [...move, seen('dialog [role=alert]')],
  },
  'asking-with-invite': { script: empty({ store: 'asking' }), fragment: link, act: [...agree, seen('.join .busy')] },
  away: { script: empty({ store: 'away' }) },
  denied: { script: empty({ store: 'denied' }) },
  'version-at-start': {
    script: { ...empty({ error: 'E_VERSION' }), fails: { list: 'E_VERSION' } },
    act: [seen('.join')],
  },
  'cannot-open': { script: { fails: { connect: 'E_STORAGE' } } },
  'in-store': { script: usual({ store: 'local', counts: { devices: 2, online: 1, upToDate: 1 } }), act: [devices] },
  'in-store-removed': { script: usual({ store: 'local', error: 'E_REVOKED' }), act: [devices] },

  removed: { script: alone({ error: 'E_REVOKED' }), act: [seen('#notice p')] },
  'removed-in-a-note': { script: alone({ error: 'E_REVOKED' }), act: [note] },
  'removed-what-now': { script: alone({ error: 'E_REVOKED' }), act: [click('#notice button')] },
  'removed-start-over': {
    script: alone({ error: 'E_REVOKED' }),
    act: [click('#notice button'), click('dialog .actions button + button')],
  },
  'notice-newer': { script: usual({ newer: true }) },
  'notice-version': { script: usual({ error: 'E_VERSION' }) },
  'notice-stopped': { script: usual({ error: 'E_DAMAGED' }) },
  'notice-low': { script: usual({ low: true }) },
  'notice-temporary': { script: alone({ temporary: true }) },
  'notice-cleared': {
    script: alone(),
    act: [
      (page) =>
        page.evaluate(() => {
          window.scripted.notes.clear()
          window.scripted.tell({ type: 'reset', reason: 'cleared' })
        }),
      seen('#notice p'),
    ],
  },
  'notice-cleared-empty': {
    script: empty(),
    act: [(page) => page.evaluate(() => window.scripted.tell({ type: 'reset', reason: 'cleared' })), seen('#notice p')],
  },

  devices: { script: usual(), act: [devices] },
  'devices-overdue': { script: overdue(), act: [devices] },
  'notice-damaged': { script: usual({ damaged: 3 }), act: [seen('#notice p')] },
  'notice-overdue': { script: overdue(), act: [seen('#notice p')] },
  'devices-many': { script: many(), act: [devices] },
  'devices-alone': { script: alone(), act: [devices, click('summary')] },
  'devices-no-server': {
    script: usual({ sync: 'connecting', devices: [device('p', 'Phone', { online: false, toSend: 2 })] }),
    act: [seen('#sync-text'), later(7000), devices, seen('.outage:not(:empty)')],
  },
  'no-server': {
    script: usual({ sync: 'connecting', devices: [device('p', 'Phone', { online: false, toSend: 2 })] }),
    act: [seen('#sync-text'), later(7000)],
  },
  offline: { script: usual({ sync: 'offline' }), act: [devices] },
  'remove-device': { script: usual(), act: [devices, click('dialog li button')] },
  'remove-device-fails': {
    script: usual(),
    act: [devices, fail({ revoke: 'E_STORAGE' }), click('dialog li button'), click('.danger'), seen('dialog .problem')],
  },
  'hostile-remove': { script: hostile(), act: [devices, click('dialog li button')] },
  'paste-cut-link': {
    script: alone(),
    act: [
      ...[devices, click('details:nth-of-type(2) summary')],
      async (page) => page.locator('#paste-link').fill(new URL(page.url()).origin + '/#masq=1.AAEC'),
      ...[click('details:nth-of-type(2) [type=submit]'), seen('dialog .problem:not([hidden])')],
    ],
  },

  'invite-making': { script: { ...empty(), fails: { invite: 'never' } }, act: [invite] },
  invite: { script: empty(), act: [invite, seen('.qr svg')] },
  'invite-no-server': { script: { ...empty(), fails: { invite: 'E_SYNC' } }, act: [invite] },
  'invite-server-lost': {
    script: usual(),
    act: [
      ...[devices, click('dialog .primary'), seen('.qr svg')],
      ...[become({ sync: 'connecting' }), later(7000), seen('.outage:not(:empty)')],
    ],
  },
  'invite-offline': {
    script: empty(),
    act: [invite, seen('.qr svg'), pair({ offline: true }), seen('.outage:not(:empty)')],
  },
  'invite-expired': {
    script: empty(),
    act: [invite, seen('.qr svg'), pair({ step: 'failed', error: { code: 'E_EXPIRED' } })],
  },
  'join-question': { script: empty(), fragment: link },
  'join-cut-off': { script: empty(), fragment: '#masq=1.AAECAwQF' },
  'join-cut-off-early': { script: empty(), fragment: '#mas' },
  'join-contacting': { script: { ...empty(), fails: { join: 'never' } }, fragment: link, act: agree },
  'join-looking': { script: empty(), fragment: link, act: [...agree, seen('.join .busy')] },
  'join-offline': { script: empty(), fragment: link, act: [...agree, seen('.join .busy'), pair({ offline: true })] },
  'join-nobody-yet': {
    script: empty(),
    fragment: link,
    act: [...agree, seen('.join .busy'), later(9000), seen('.nobody:not(:empty)')],
  },
  'join-nobody': { script: { ...empty(), fails: { join: 'E_EXPIRED' } }, fragment: link, act: agree },
  'join-no-server': { script: { ...empty(), fails: { join: 'E_SYNC' } }, fragment: link, act: agree },
  'join-crowded': { script: { ...empty(), fails: { join: 'E_CROWDED' } }, fragment: link, act: agree },
  'join-circle': { script: { ...usual(), fails: { join: 'E_CIRCLE' } }, fragment: link, act: agree },
  compare: { script: empty(), fragment: link, act: [...agree, seen('.join .busy'), pair(met)] },
  'compare-own-notes': {
    script: alone(),
    fragment: link,
    act: [...agree, seen('.join .busy'), pair({ ...met, hasData: true }), click('.join .primary')],
  },
  confirmed: {
    script: empty(),
    fragment: link,
    act: [...agree, seen('.join .busy'), pair({ ...met, step: 'confirmed' })],
  },
  paired: { script: empty(), fragment: link, act: [...agree, seen('.join .busy'), pair({ ...met, step: 'paired' })] },
  done: { script: empty(), fragment: link, act: [...agree, seen('.join .busy'), pair({ ...met, step: 'done' })] },
  denied_by_other: {
    script: empty(),
    fragment: link,
    act: [...agree, seen('.join .busy'), pair({ ...met, step: 'failed', error: { code: 'E_DENIED' } })],
  },
}

// LOOKS=all sees each state in every look and makes the pictures, SCENE='^join' those of the scenes that match.
const all = process.env.LOOKS === 'all'
const chosen = Object.entries(scenes).filter(([name]) => new RegExp(process.env.SCENE ?? '').test(name))

describe('every state can be shown to anybody', { concurrency: 4 }, () => {
  chosen.forEach(([name, scene], i) => {
    const languages = all ? ['en-GB', 'fr-FR'] : [i % 4 < 2 ? 'en-GB' : 'fr-FR']
    for (const locale of languages)
      test(`${name} ${locale}`, () => look(name, scene, locale, all ? everything : [looks[i % 2]!]))
  })
})

async function look(
  name: string,
  { script, fragment = '', act = [] }: Scene,
  locale: string,
  seenIn: readonly (typeof everything)[number][],
): Promise<void> {
  const { page, problems } = await harness.tab(script, { locale, fragment, timezoneId: 'Europe/Paris' })
  await page.locator('body:not([data-pane=opening])').waitFor()
  for (const step of act) await step(page)
  for (const { look, width, height, colorScheme } of seenIn) {
    const what = `notes-${name}-${look}-${locale.slice(0, 2)}`
    await page.setViewportSize({ width, height })
    await page.emulateMedia({ colorScheme })
    if (all) await shot(page, what)
    assert.deepEqual(await overflowing(page), [], what + ' sticks out')
    assert.deepEqual(await accessible(page), [], what)
  }
  assert.deepEqual(problems, [], name)
  await page.context().close()
}
