// The page in every state that it can be in, on a wide and a narrow screen, in light and dark, in both languages, by turns: nothing may
// stick out, axe must find nothing, and the page must not complain. `make looks` sees each state in all of them, and makes pictures.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { accessible, overflowing, shot } from '../test/looks.js'
import { Failure, type ScriptedStore, Harness, type Tab } from '../test/manager.js'
import {
  app,
  asking,
  empty,
  full,
  hostile,
  link,
  many,
  mending,
  overdue,
  pairing,
  usual,
} from '../test/manager-states.js'
import type { State } from './state.js'

let harness: Harness
before(async () => (harness = await Harness.open()))
after(() => harness.close())

const looks = [
  { look: 'wide-light', width: 1280, height: 860, colorScheme: 'light' },
  { look: 'narrow-dark', width: 360, height: 740, colorScheme: 'dark' },
] as const
const everything = [
  ...looks,
  { look: 'narrow-light', width: 360, height: 740, colorScheme: 'light' },
  { look: 'wide-dark', width: 1280, height: 860, colorScheme: 'dark' },
] as const

type Do = (page: Page, script: ScriptedStore) => Promise<unknown>

const click = (page: Page, selector: string) => page.locator(selector).first().click()
// What is looked at: a state, and what is done then. `.first()` of a selector, so that it reads alike in both languages.
const go =
  (...selectors: string[]): Do =>
  async (page) => {
    for (const s of selectors) await click(page, s)
  }
const devicesTab = 'nav a[href="#devices"]'
const helpTab = 'nav a[href="#help"]'
const fail =
  (method: string, code: string, ...selectors: string[]): Do =>
  async (page, script) => {
    script.answers[method] = () => {
      throw new Failure(code)
    }
    await go(...selectors)(page, script)
  }
const pairs =
  (p: Parameters<typeof pairing>[1], step: Parameters<typeof pairing>[0]): Do =>
  async (page, script) => {
    script.answers.invite = () => (script.set({ ...script.state, pairing: pairing(step, p) }), { pairing: 7 })
    await go(devicesTab, 'section[aria-labelledby=others] button.primary')(page, script)
    await page.locator('dialog .step h2').waitFor()
  }

interface Scene {
  state: () => State
  fragment?: string
  act?: Do
}

const scenes: Record<string, Scene> = {
  locked: { state: empty, fragment: '' },
  'locked-old-link': { state: empty, fragment: '#masq-open=BBBBBBBBBBBBBBBBBBBBBA' },
  'locked-wrong-code': {
    state: empty,
    fragment: '',
    act: async (page) => {
      await page.locator('#code').fill('0000-0000')
      await page.keyboard.press('Enter')
      await page.locator('#wrong-code').waitFor()
    },
  },
  'locked-pairing-link': { state: empty, fragment: link.slice(link.indexOf('#')) },
  'applications-empty': { state: empty },
  applications: { state: usual },
  'applications-open': { state: usual, act: go('.opener') },
  'applications-open-native': { state: usual, act: (page) => page.locator('.opener').nth(2).click() },
  'applications-elsewhere': { state: usual, act: (page) => page.locator('.opener').nth(3).click() },
  'applications-full': { state: full, act: go('.opener') },
  'applications-full-there': { state: full, act: (page) => page.locator('.opener').nth(1).click() },
  damaged: { state: mending, act: go('.opener') },
  restored: { state: mending, act: (page) => page.locator('.opener').nth(1).click() },
  mending: { state: mending, act: (page) => page.locator('.opener').nth(2).click() },
  quota: { state: full, act: go('.opener', '.details .facts button') },
  asking: { state: asking },
  hostile: { state: hostile, act: async (page) => page.locator('.opener').nth(2).click() },
  'hostile-devices': { state: hostile, act: go(devicesTab) },
  'hostile-revoke': { state: hostile, act: go(devicesTab, '.device + .device .row-actions button') },
  many: { state: many, act: go('.opener') },
  'many-devices': { state: many, act: go(devicesTab) },
  'devices-empty': { state: empty, act: go(devicesTab) },
  devices: { state: usual, act: go(devicesTab) },
  'devices-overdue': { state: overdue, act: go(devicesTab) },
  'devices-few-left': { state: () => ({ ...usual(), left: 3 }), act: go(devicesTab) },
  rename: { state: usual, act: go(devicesTab, 'section[aria-labelledby=own] button') },
  'rename-refused': {
    state: usual,
    act: fail('rename', 'E_QUOTA', devicesTab, 'section[aria-labelledby=own] button', 'dialog button[type=submit]'),
  },
  revoke: { state: usual, act: go(devicesTab, 'section[aria-labelledby=others] li button') },
  'revoke-phone': { state: usual, act: go(devicesTab, 'section[aria-labelledby=peers] li button') },
  'remove-token': { state: usual, act: go('.opener', '.details .row-actions .quiet >> nth=1') },
  'remove-app': { state: usual, act: go('.opener', '.details button.danger') },
  'remove-app-keep': {
    state: usual,
    act: go('.opener', '.details button.danger', 'dialog label', 'dialog button.primary'),
  },
  'remove-app-delete': {
    state: usual,
    act: go('.opener', '.details button.danger', 'dialog label + label', 'dialog button.primary'),
  },
  'remove-app-delete-only-copy': {
    state: () => ({ ...empty(), apps: [app('https://a.example', 'Notes')] }),
    act: go('.opener', '.details button.danger', 'dialog label + label', 'dialog button.primary'),
  },
  paste: { state: usual, act: go(devicesTab, 'section[aria-labelledby=others] button >> nth=-1') },
  'join-question': {
    state: usual,
    act: (page) => page.evaluate((hash) => void (location.hash = hash), link.slice(link.indexOf('#'))),
  },
  invite: { state: usual, act: pairs({}, 'waiting') },
  'invite-app': {
    state: usual,
    act: pairs(
      { app: 'https://notes.example.org', link: link.replace('http://localhost:6277', 'https://notes.example.org') },
      'waiting',
    ),
  },
  'invite-enter-digits': { state: usual, act: pairs({ name: 'New laptop' }, 'compare') },
  'invite-app-compare': {
    state: usual,
    act: pairs({ name: 'Phone', digits: '482913', app: 'https://notes.example.org' }, 'compare'),
  },
  'invite-confirmed': { state: usual, act: pairs({ name: 'New laptop' }, 'confirmed') },
  'invite-paired': { state: usual, act: pairs({ name: 'New laptop' }, 'paired') },
  'invite-done': { state: usual, act: pairs({ name: 'New laptop' }, 'done') },
  'invite-wrong-digits': { state: usual, act: pairs({ name: 'New laptop', error: 'E_AUTH' }, 'failed') },
  'invite-expired': { state: usual, act: pairs({ error: 'E_EXPIRED' }, 'failed') },
  'invite-no-server': {
    state: usual,
    act: fail('invite', 'E_SYNC', devicesTab, 'section[aria-labelledby=others] button.primary'),
  },
  'join-looking': { state: usual, act: pairs({ role: 'joiner' }, 'waiting') },
  'join-digits': { state: usual, act: pairs({ role: 'joiner', name: 'Desk', digits: '482913' }, 'compare') },
  'join-digits-own-data': {
    state: usual,
    act: async (page, script) => {
      await pairs({ role: 'joiner', name: 'Desk', digits: '482913', hasData: true }, 'compare')(page, script)
      await click(page, 'dialog button[type=submit]')
    },
  },
  'hostile-enter-digits': { state: hostile, act: pairs({ name: 'W'.repeat(40) }, 'compare') },
  'hostile-compare': {
    state: hostile,
    act: pairs({ name: 'دفتر الملاحظات', digits: '482913', app: 'https://b1.example' }, 'compare'),
  },
  'hostile-remove': {
    state: hostile,
    act: (page) =>
      page
        .locator('.opener')
        .nth(2)
        .click()
        .then(() => click(page, '.details button.danger')),
  },
  'pairing-elsewhere': { state: () => ({ ...usual(), pairing: pairing('waiting') }) },
  help: { state: usual, act: go(helpTab, 'summary') },
  'help-no-servers': { state: () => ({ ...empty(), relays: [] }), act: go(helpTab) },
  servers: { state: usual, act: go(helpTab, 'section[aria-labelledby=servers] button') },
  'error-version': { state: () => ({ ...usual(), sync: 'off', error: 'E_VERSION' }) },
  'error-revoked': { state: () => ({ ...usual(), sync: 'off', error: 'E_REVOKED' }), act: go(devicesTab) },
  'error-full': { state: () => ({ ...usual(), error: 'E_QUOTA' }) },
  'error-other': { state: () => ({ ...usual(), error: 'E_SOMETHING' }) },
  refused: { state: usual, act: fail('setSync', 'E_STORAGE', '.app-head .switch') },
  away: { state: usual, act: (_, script) => Promise.resolve(script.stop()) },
  restarted: {
    state: usual,
    act: async (page, script) => {
      script.stop(true)
      await page.locator('.banner').waitFor()
      script.running = true
      await page.locator('.emblem').waitFor()
    },
  },
}

// LOOKS=all sees each state in every look and makes the pictures, SCENE='^help' those of the scenes that match.
const all = process.env.LOOKS === 'all'
const chosen = Object.entries(scenes).filter(([name]) => new RegExp(process.env.SCENE ?? '').test(name))

describe('every state can be shown to anybody', { concurrency: 4 }, () => {
  chosen.forEach(([name, scene], i) => {
    const languages = all ? ['en', 'fr'] : [i % 4 < 2 ? 'en' : 'fr']
    for (const locale of languages)
      test(`${name} ${locale}`, () => look(name, scene, locale, all ? everything : [looks[i % 2]!]))
  })
})

async function look(
  name: string,
  { state, fragment, act }: Scene,
  locale: string,
  seenIn: readonly (typeof everything)[number][],
): Promise<void> {
  const tab = await harness.tab(state(), { locale, ...(fragment !== undefined && { fragment }) })
  const { page, script } = tab
  await page.locator('h1').waitFor()
  await act?.(page, script)
  await settled(page)
  for (const { look, width, height, colorScheme } of seenIn) {
    const what = `manager-${name}-${look}-${locale}`
    await page.setViewportSize({ width, height })
    await page.emulateMedia({ colorScheme })
    if (all) await shot(page, what)
    assert.deepEqual(await overflowing(page), [], what + ' sticks out')
    assert.deepEqual(await accessible(page), [], what)
  }
  assert.deepEqual(expected(tab), [], name)
  await page.context().close()
}

// A store that is away makes the browser complain of connections that fail: that alone is as it should be.
const expected = (tab: Tab): string[] => tab.problems.filter((p) => !/WebSocket connection/.test(p))

// A new request can be answered after a moment only.
const settled = (page: Page): Promise<unknown> =>
  page.waitForFunction(() => !document.querySelector('.request button:disabled'))
