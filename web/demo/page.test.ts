// The page with a scripted client: how much it does for a change, and that nothing typed is lost whatever fails.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import type { Scenario } from '../test/demo-client.js'
import { Harness } from '../test/demo.js'
import { alone, conflict, many, overdue, usual } from '../test/demo-states.js'

let harness: Harness
before(async () => (harness = await Harness.open()))
after(() => harness.close())

async function open(script: Scenario, locale = 'en-GB'): Promise<Page> {
  const { page } = await harness.tab(script, { locale })
  page.on('pageerror', (e) => assert.fail(e))
  await page.locator('body:not([data-pane=opening])').waitFor()
  return page
}

const row = (page: Page, title: string) => page.locator('#notes button').filter({ hasText: title })
const text = (page: Page) => page.locator('.sheet textarea')
const said = (page: Page, what: string | RegExp) => page.locator('#toast, #notice').getByText(what)
const stored = (page: Page, id: string) => page.evaluate((id) => window.scripted.notes.get(id), id)
const fails = (page: Page, verbs: Record<string, string>) =>
  page.evaluate((verbs) => void Object.assign(window.scripted.fails, verbs), verbs)

// Lets time pass until something is to be seen.
async function passes(page: Page, what: Locator): Promise<void> {
  for (let s = 0; s < 30 && !(await what.isVisible()); s++) await page.clock.runFor(1000)
  await what.waitFor()
}

// Counts what is made and formatted while the page does something.
async function counted(
  page: Page,
  act: () => Promise<unknown>,
): Promise<{ nodes: number; dates: number; moved: number }> {
  await page.evaluate(() => {
    const counts = { nodes: 0, dates: 0, moved: 0 }
    const count = <T extends object, K extends keyof T>(of: T, name: K, what: keyof typeof counts) => {
      const was = of[name] as (...args: unknown[]) => unknown
      of[name] = function (this: unknown, ...args: unknown[]) {
        counts[what]++
        return was.apply(this, args)
      } as T[K]
    }
    count(document, 'createElement', 'nodes')
    count(document, 'createElementNS', 'nodes')
    for (const name of ['toLocaleTimeString', 'toLocaleDateString', 'toLocaleString'] as const)
      count(Date.prototype, name, 'dates')
    const format = Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, 'format')!
    Object.defineProperty(Intl.DateTimeFormat.prototype, 'format', {
      get: () => (counts.dates++, format.get!.call(new Intl.DateTimeFormat())),
    })
    new MutationObserver((all) => all.forEach((m) => (counts.moved += m.addedNodes.length))).observe(
      document.getElementById('notes')!,
      { childList: true },
    )
    Object.assign(window, { counts })
  })
  await act()
  return page.evaluate(() => (window as unknown as { counts: { nodes: number; dates: number; moved: number } }).counts)
}

describe('500 notes', { concurrency: 2 }, () => {
  const changes: [name: string, id: string, more: object, moved: number][] = [
    ['the text of one changes', 'n250', {}, 0],
    ['one is edited, and goes to the top', 'n250', { edited: Date.now() + 1000 }, 1],
    ['one arrives', 'new', {}, 1],
  ]
  for (const [name, id, more, moved] of changes)
    test(name, async () => {
      const page = await open(many())
      const note = { ...((await stored(page, id)) as object), title: 'Changed', text: 'other words', ...more }
      const counts = await counted(page, async () => {
        await page.evaluate(([id, note]) => window.scripted.arrive(id as string, note), [id, note])
        await row(page, 'Changed').waitFor()
      })
      assert.ok(counts.nodes <= 12 && counts.dates <= 2, JSON.stringify(counts))
      assert.ok(counts.moved <= moved, JSON.stringify(counts))
      assert.equal(await page.locator('#notes li').count(), id === 'new' ? 501 : 500)
    })

  test('one is opened, and one is deleted', async () => {
    const page = await open(many())
    const counts = await counted(page, async () => {
      await row(page, 'Note 250').click()
      await page.locator('.note').waitFor()
      await page.evaluate(() => window.scripted.arrive('n100', undefined))
      await page.waitForFunction(() => document.querySelectorAll('#notes li').length === 499)
    })
    assert.ok(counts.moved === 0 && counts.dates <= 2 && counts.nodes < 80, JSON.stringify(counts))
  })

  test('the rows are in order whatever changes', async () => {
    const page = await open(many())
    await page.evaluate(() => {
      for (let i = 0; i < 60; i++) {
        const id = 'n' + ((i * 37) % 500)
        const note = window.scripted.notes.get(id) as { edited: number; pinned: boolean } | undefined
        const change =
          i % 3 === 0
            ? undefined
            : { ...note, edited: (note?.edited ?? 0) + (i % 2 ? 1 : -1) * i * 40_000_000, pinned: i % 5 === 0 }
        window.scripted.arrive(id, change)
      }
    })
    const { shown, want } = await page.evaluate(() => {
      const notes = [...window.scripted.notes].map(([id, note]) => ({
        id,
        title: '',
        edited: 0,
        ...(note as object),
      })) as { id: string; title: string; edited: number; pinned?: boolean }[]
      notes.sort((a, b) => Number(!!b.pinned) - Number(!!a.pinned) || b.edited - a.edited || (a.id < b.id ? -1 : 1))
      const shown = [...document.querySelectorAll('#notes .headline')].map((el) => el.textContent)
      return { shown, want: notes.map((note) => note.title || 'Untitled') }
    })
    assert.deepEqual(shown, want)
  })
})

describe('nothing typed is lost', { concurrency: 2 }, () => {
  test('what fails is tried again by itself, also after its note was left', async () => {
    const page = await open(usual())
    await fails(page, { batch: 'E_QUOTA' })
    await row(page, 'Plumber').click()
    await text(page).fill('typed')
    await page.getByRole('alert').getByText('Not saved.').waitFor()
    await row(page, 'Packing').click()
    await row(page, 'Plumber').filter({ hasText: 'Not saved' }).waitFor()
    await row(page, 'Plumber').click()
    assert.equal(await text(page).inputValue(), 'typed')
    await row(page, 'Packing').click()
    await fails(page, { batch: '' })
    await passes(page, said(page, 'Everything you wrote is saved now.'))
    assert.equal(((await stored(page, 'b')) as { text: string }).text, 'typed')
    assert.equal(await page.getByText('Not saved').count(), 0)
  })

  test('a new note that could not be stored stands in the list, and its deletion asks for nothing', async () => {
    const page = await open({})
    await fails(page, { batch: 'E_TOOBIG' })
    await page.getByRole('button', { name: 'Write a note' }).click()
    await page.getByLabel('Title', { exact: true }).fill('Too long')
    await row(page, 'Too long').filter({ hasText: 'Not saved' }).waitFor()
    await page.goBack()
    await row(page, 'Too long').click()
    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('heading', { name: 'Nothing written yet' }).waitFor()
  })

  test('both versions are kept where two change the same lines, also while nothing can be saved', async () => {
    const page = await open(usual())
    await fails(page, { batch: 'E_STORE_AWAY' })
    await row(page, 'Plumber').click()
    await text(page).fill('mine')
    await page.getByRole('alert').getByText('Not saved.').waitFor()
    await page.evaluate(() => window.scripted.arrive('b', { title: 'Plumber came by', text: 'theirs' }, 'Phone'))
    await said(page, /Phone.* changed the same lines/).waitFor()
    await fails(page, { batch: '' })
    await page.clock.runFor(20_000)
    const texts = () =>
      page.evaluate(() => [...window.scripted.notes.values()].map((note) => (note as { text: string }).text))
    await page.waitForFunction(() => window.scripted.notes.size === 4)
    assert.deepEqual((await texts()).filter((t) => ['mine', 'theirs'].includes(t)).sort(), ['mine', 'theirs'])
  })

  test('what the browser cleared can be put back from this tab, and what is being written is saved anew', async () => {
    const page = await open(alone())
    await row(page, 'Plumber').click()
    await fails(page, { batch: 'E_STORAGE' })
    await text(page).fill('typed')
    await page.getByRole('alert').getByText('Not saved.').waitFor()
    await page.evaluate(() => {
      window.scripted.notes.clear()
      window.scripted.tell({ type: 'reset', reason: 'cleared' })
    })
    await said(page, 'This tab still has the 2 notes that were in it.').waitFor()
    await fails(page, { batch: '' })
    await page.clock.runFor(20_000)
    await page.waitForFunction(() => window.scripted.notes.size === 1)
    await page.getByRole('button', { name: 'Put them back' }).click()
    await row(page, 'Packing').waitFor()
    assert.equal(await page.evaluate(() => window.scripted.notes.size), 3)
    assert.equal(await page.locator('#notice').isVisible(), false)
  })

  test('a reset of another reason has the list read anew', async () => {
    const page = await open(alone())
    await page.evaluate(() => {
      window.scripted.notes.delete('a')
      window.scripted.notes.set('z', { title: 'Unheard of' })
      window.scripted.tell({ type: 'reset', reason: 'late' })
    })
    await row(page, 'Unheard of').waitFor()
    assert.equal(await row(page, 'Groceries').count(), 0)
    assert.equal(await page.locator('#notice').isVisible(), false)
  })
})

test('the versions of a note name their devices, and what differs is marked and said', async () => {
  const page = await open(conflict(2))
  await row(page, 'Saturday').filter({ hasText: '2 versions' }).click()
  const [one, two] = [page.locator('.card').nth(0), page.locator('.card').nth(1)]
  await one.getByText('Written on this device').waitFor()
  assert.match((await two.textContent())!.replace(/[\u2066-\u2069]/g, ''), /Written on Phone/)
  assert.match((await two.textContent())!, /Differs from version 1 in: text and checklist/)
  const marks = await two.locator('mark').allTextContents()
  assert.deepEqual(marks.slice(0, 2), ['(only here: eight.)', '(only here: three lemons.)'])
})

test('what is saved says which device wrote it', async () => {
  const page = await open(usual())
  await row(page, 'Plumber').click()
  await text(page).fill('typed')
  await page.getByText('Saved on this device').waitFor()
  await page.waitForFunction(() => (window.scripted.notes.get('b') as { text: string }).text === 'typed')
  assert.equal(((await stored(page, 'b')) as { by: string }).by, 'Desk')
})

test('the page speaks the user’s language', async () => {
  for (const [locale, lang, button] of [
    ['fr-CA', 'fr', 'Nouvelle note'],
    ['en-US', 'en', 'New note'],
    ['de-DE', 'en', 'New note'],
  ] as const) {
    const page = await open(usual(), locale)
    assert.equal(await page.locator('html').getAttribute('lang'), lang)
    await page.getByRole('button', { name: button }).waitFor()
  }
})

describe('a device that was not heard for long', () => {
  test('is told of once, and can be removed in the list of devices', async () => {
    const page = await open(overdue())
    const notice = said(page, 'One of your devices has not been heard for more than 30 days.')
    await notice.waitFor()
    await page.locator('#notice').getByRole('button', { name: 'Devices' }).click()
    const laptop = page.locator('dialog li').filter({ hasText: 'Laptop' })
    await laptop.getByText('Not heard for more than 30 days. If it is not coming back, remove it').waitFor()
    assert.equal(await page.locator('dialog .overdue').count(), 1)
    await laptop.getByRole('button', { name: /^Remove .*Laptop/ }).press('Enter')
    assert.deepEqual(await page.evaluate(() => window.scripted.calls.filter(([verb]) => verb === 'revoke')), [])
    await page.getByRole('button', { name: 'Remove this device' }).press('Enter')
    await page.waitForFunction(() => window.scripted.calls.some(([verb, id]) => verb === 'revoke' && id === 'l'))
  })

  test('is not told of again after the notice was dismissed, but when it was heard meanwhile', async () => {
    const page = await open(overdue())
    const notice = said(page, 'One of your devices has not been heard for more than 30 days.')
    await notice.waitFor()
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await notice.waitFor({ state: 'hidden' })
    await page.reload()
    await page.locator('body:not([data-pane=opening])').waitFor()
    await page.locator('#sync').click()
    await page.locator('dialog .overdue').waitFor()
    assert.equal(await notice.isVisible(), false)
    await page.evaluate(() => {
      const { devices } = window.scripted.status
      window.scripted.become({ devices: devices.map((d) => ({ ...d, lastHeard: d.lastHeard + 1 })) })
    })
    await notice.waitFor()
  })
})
