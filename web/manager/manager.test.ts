// What the page does, before a scripted store.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { code, Failure, secret, Harness } from '../test/manager.js'
import {
  app,
  asking,
  device,
  empty,
  full,
  hostile,
  link,
  many,
  overdue,
  pairing,
  request,
  usual,
} from '../test/manager-states.js'

let harness: Harness
before(async () => (harness = await Harness.open()))
after(() => harness.close())

const english = { locale: 'en-GB' }
const fragment = link.slice(link.indexOf('#'))
const named = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true })
const focused = (page: Page) => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent)
const wait = (page: Page, what: () => boolean) => page.waitForFunction(what)

describe('getting in', { concurrency: 3 }, () => {
  test('the secret leaves the address, the history and all that is kept', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await heading(page, 'Applications').waitFor()
    assert.equal(page.url(), harness.origin + '/')
    assert.equal(await page.evaluate(() => history.length), 2, 'about:blank and the page')
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie]),
    )
    assert.ok(!kept.includes(secret), kept)
    assert.deepEqual(
      script.calls.map((c) => c.method),
      ['exchange', 'state'],
    )
  })

  test('a page loaded anew proves its session, and sends no key', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await heading(page, 'Applications').waitFor()
    const key = await page.evaluate(() => JSON.parse(sessionStorage.getItem('masq-session') ?? '').key as string)
    script.calls.length = 0
    await page.reload()
    await heading(page, 'Applications').waitFor()
    assert.deepEqual(
      script.calls.map((c) => c.method),
      ['prove', 'proof', 'state'],
    )
    assert.ok(!JSON.stringify(script.calls).includes(key))
  })

  test('a store that cannot prove itself is shown nothing', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await heading(page, 'Applications').waitFor()
    script.calls.length = 0
    script.answers.prove = () => ({ sn: 'A'.repeat(43), mac: 'A'.repeat(43) })
    await page.reload()
    await heading(page, 'This page is locked').waitFor()
    assert.deepEqual(
      script.calls.map((c) => c.method),
      ['prove'],
    )
    assert.equal(await page.evaluate(() => sessionStorage.length), 0)
  })

  test('a locked page takes the code that the terminal shows, and says what is wrong with another', async () => {
    const { page, script, problems } = await harness.tab(usual(), { ...english, fragment: '' })
    await heading(page, 'This page is locked').waitFor()
    const field = page.getByRole('textbox', { name: 'If it shows a code, type that here:' })
    await field.focus()
    await page.keyboard.type('0000-0000')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('This code is wrong, or good no more.').waitFor()
    assert.equal(await field.getAttribute('aria-invalid'), 'true')
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'code', 'the focus stays')
    await field.fill(code)
    await page.keyboard.press('Enter')
    await heading(page, 'Applications').waitFor()
    assert.deepEqual(script.calls.map((c) => [c.method, c.params.code]).slice(0, 3), [
      ['exchange', '0000-0000'],
      ['exchange', code],
      ['state', undefined],
    ])
    await page.reload()
    await heading(page, 'Applications').waitFor()
    assert.ok(!page.url().includes('7KQ2'))
    assert.deepEqual(problems, [])
  })

  test('an old link does not lock out a tab that has a session', async () => {
    const { page } = await harness.tab(usual(), english)
    await heading(page, 'Applications').waitFor()
    await page.goto(harness.origin + '/#masq-open=BBBBBBBBBBBBBBBBBBBBBA')
    await heading(page, 'Applications').waitFor()
    assert.equal(page.url(), harness.origin + '/')
  })

  test('a store that comes back is found again', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await page.getByRole('link', { name: 'Devices' }).click()
    await named(page, 'Rename').focus()
    script.stop()
    await heading(page, 'The store is not running').waitFor()
    assert.ok(!(await page.getByText(/^In touch/).isVisible()))
    await wait(page, () => document.activeElement === document.body)
    script.running = true
    await heading(page, 'The store is not running').waitFor({ state: 'detached' })
    await heading(page, 'Devices').waitFor()
    assert.equal(await focused(page), 'Rename')
  })

  test('a pairing link is kept while the page is locked, and offered in the tab that is not', async () => {
    const { page } = await harness.tab(usual(), { ...english, fragment })
    await heading(page, 'Open the Store manager to use this link').waitFor()
    assert.equal(page.url(), harness.origin + '/')
    const other = await page.context().newPage()
    await other.goto(`${harness.origin}/#masq-open=${secret}`)
    await heading(other, 'Join the devices of whoever made this link?').waitFor()
    await heading(page, 'Go on in the other tab').waitFor()
  })
})

describe('room', () => {
  test('an application that is full says so, and is given more', async () => {
    const { page, script } = await harness.tab(full(), english)
    await page.getByText('Full: 1.07 GB of 1.07 GB').first().waitFor()
    await page.getByRole('button', { name: /^Notes/ }).click()
    await page.getByRole('alert').getByText('There is no room for more.').waitFor()
    await page.getByRole('button', { name: /^Change how much .*Notes/ }).click()
    const field = page.getByRole('spinbutton', { name: 'Gigabytes (GB)' })
    assert.equal(await field.inputValue(), '1.07')
    await field.fill('2.5')
    await page.keyboard.press('Enter')
    assert.deepEqual(await script.called('setQuota'), { app: 'https://notes.example.org', bytes: 2_500_000_000 })
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  })

  test('a device that has no room for more is told from one that is only away', async () => {
    const { page } = await harness.tab(full(), english)
    await page.getByRole('button', { name: /^Recipes/ }).click()
    await page.getByText('40 entries to go, has no room for more').first().waitFor()
  })
})

describe('answering', { concurrency: 3 }, () => {
  test('a new request is announced, counted, and not to be hit by accident', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await heading(page, 'Applications').waitFor()
    script.set({ ...usual(), requests: [request(9, 'https://garden.example.org', 'Masq')] })
    const card = page.getByRole('article', { name: 'https://garden.example.org' })
    const allow = card.getByRole('button', { name: /^Allow/ })
    assert.ok(await allow.isDisabled(), 'at first')
    assert.equal(await page.title(), '(1) Masq')
    assert.match((await page.locator('#live').textContent()) ?? '', /https:\/\/garden\.example\.org.* asks for access/)
    await allow.click() // when it may be
    assert.deepEqual(await script.called('allow'), { request: 9 })
  })

  test('a request shows the digits, and says what they are for', async () => {
    const { page, script } = await harness.tab(asking(), english)
    const card = (origin: string) => page.getByRole('article', { name: `https://${origin}` })
    const digits = card('garden.example.org').locator('.shared')
    await digits.filter({ hasText: 'The application has the digits' }).waitFor()
    assert.deepEqual(await digits.locator('b span').allTextContents(), ['482 913', '4 8 2, 9 1 3'])
    await card('notes.example.org').getByText('Type the digits').waitFor()
    await card('notes.example.org')
      .getByRole('button', { name: /^Allow/ })
      .click()
    assert.deepEqual(await script.called('allow'), { request: 2 })
    const allowed = card('recipes.example.com')
    await allowed.getByText('You have allowed it. Type the digits').waitFor()
    assert.equal(await allowed.getByRole('button', { name: /^Allow/ }).count(), 0)
    await allowed.getByRole('button', { name: /^Refuse/ }).click()
    assert.deepEqual(await script.called('refuse'), { request: 5 })
  })

  test('the origin is the largest text of a request', async () => {
    const { page } = await harness.tab(hostile(), english)
    const cards = page.locator('.request')
    await cards.first().waitFor()
    const sizes = await cards.evaluateAll((all) =>
      all.map((card) => {
        const size = (el: Element) => parseFloat(getComputedStyle(el).fontSize)
        const others = [...card.querySelectorAll('*')].filter((el) => !el.closest('.origin'))
        return size(card.querySelector('.origin')!) / Math.max(...others.map(size))
      }),
    )
    assert.equal(sizes.length, 5)
    for (const size of sizes) assert.ok(size >= 1.3, String(sizes))
  })

  test('an icon that is none, or lies elsewhere, is not loaded', async () => {
    const { page } = await harness.tab(hostile(), english)
    await page.locator('.request').first().waitFor()
    const asked: string[] = []
    page.on('request', (r) => asked.push(r.url()))
    await page.reload()
    await page.locator('.request').first().waitFor()
    const images = await page.locator('.app-icon img').evaluateAll((all) => all.map((i) => (i as HTMLImageElement).src))
    for (const src of images) assert.match(src, /^data:image\//)
    for (const url of asked) assert.ok(url.startsWith(harness.origin) || url.startsWith('data:'), url)
  })

  test('refuse, unblock, and the switches ask for what they say', async () => {
    const { page, script } = await harness.tab(asking(), english)
    await page.getByRole('button', { name: /^Refuse .*garden/ }).click()
    assert.deepEqual(await script.called('refuse'), { request: 1 })
    await page.getByRole('button', { name: 'Let it ask again https://pushy.example' }).click()
    assert.deepEqual(await script.called('unblock'), { app: 'https://pushy.example' })
    await page.getByRole('switch', { name: /^Sync .*Recipes.$/ }).click()
    assert.deepEqual(await script.called('setSync'), { app: 'https://recipes.example.com', on: true })
    await page.getByRole('button', { name: /^Notes https/ }).click()
    await page.getByRole('switch', { name: /Notes.* with .*attic/ }).click()
    assert.deepEqual(script.calls.at(-1)?.params, { app: 'https://notes.example.org', device: 'attic', on: false })
  })

  test('removing an application takes two steps, and says what is lost', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await page.getByRole('button', { name: /^Notes https/ }).click()
    await named(page, 'Remove this application').click()
    await page.getByRole('radio', { name: /^Delete it from this computer/ }).check()
    await named(page, 'Continue').click()
    await page.getByText('1,204 entries (3.41 MB) will be deleted here.').waitFor()
    assert.ok(!script.calls.some((c) => c.method === 'removeApp'))
    await named(page, 'Delete for good').click()
    assert.deepEqual(await script.called('removeApp'), { app: 'https://notes.example.org', data: true })
    await page.locator('dialog').waitFor({ state: 'hidden' })
  })

  test('what fails is said where it was asked for', async () => {
    const { page, script } = await harness.tab(usual(), english)
    script.answers.rename = () => {
      throw new Failure('E_ODD')
    }
    await page.getByRole('link', { name: 'Devices' }).click()
    await named(page, 'Rename').click()
    await page.getByLabel('Your devices will show it as').fill('x')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'what the store says of it' }).waitFor()
    assert.equal(await page.getByLabel('Your devices will show it as').inputValue(), 'x')
  })
})

describe('what is typed is checked', () => {
  test('Sync Servers', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await page.getByRole('link', { name: 'Settings' }).click()
    await named(page, 'Change the Sync Servers').click()
    const field = page.getByRole('textbox', { name: 'Addresses, one on each line' })
    assert.equal(await field.inputValue(), 'wss://sync.example.org')
    await field.fill('sync.example.org')
    await named(page, 'Save').click()
    await page.getByRole('alert').filter({ hasText: 'is not the address of a Sync Server' }).waitFor()
    await field.fill(' WSS://Sync.Example.ORG/ \n\nws://localhost:6280')
    await named(page, 'Save').click()
    assert.deepEqual(await script.called('setRelays'), { urls: ['wss://sync.example.org', 'ws://localhost:6280'] })
    await page.locator('dialog').waitFor({ state: 'hidden' })
  })

  test('a pairing link', async () => {
    const { page } = await harness.tab(usual(), english)
    await page.getByRole('link', { name: 'Devices' }).click()
    await named(page, 'I have a pairing link').click()
    await page.getByRole('textbox', { name: 'Pairing link' }).fill('https://example.org/')
    await named(page, 'Continue').click()
    await page.getByRole('alert').filter({ hasText: 'not a pairing link of Masq' }).waitFor()
  })
})

describe('adding a device', { concurrency: 3 }, () => {
  test('digits are typed, whatever the state does meanwhile', async () => {
    const { page, script } = await harness.tab(usual(), english)
    script.answers.invite = () => (script.set({ ...usual(), pairing: pairing('waiting') }), { pairing: 7 })
    await page.getByRole('link', { name: 'Devices' }).click()
    await named(page, 'Add a computer').click()
    assert.equal(await page.getByRole('textbox', { name: 'Pairing link' }).inputValue(), link)
    const comparing = { ...usual(), pairing: pairing('compare', { name: 'New laptop' }) }
    script.set(comparing)
    const field = page.getByLabel('Six digits')
    await field.waitFor()
    assert.equal(await focused(page), 'digits')
    await page.keyboard.type('48 2')
    script.set({
      ...comparing,
      name: 'Another',
      apps: [],
      devices: [device('new', 'New')],
      requests: asking().requests,
    })
    await wait(page, () => document.title.startsWith('(5)'))
    await page.keyboard.type('91')
    assert.equal(await field.inputValue(), '48 291')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'There are six digits' }).waitFor()
    assert.equal(await focused(page), 'digits')
    await page.keyboard.type('3')
    await page.keyboard.press('Enter')
    assert.deepEqual(await script.called('confirm'), { pairing: 7, digits: '482913' })
    script.set({ ...comparing, pairing: pairing('done', { name: 'New laptop' }) })
    await heading(page, 'Connected with New laptop').waitFor()
    await named(page, 'Done').click()
    await script.called('dismiss')
    await page.locator('dialog').waitFor({ state: 'hidden' })
    assert.equal(await focused(page), 'Add a computer')
  })

  test('what the state says of the pairing before is not shown', async () => {
    const { page, script } = await harness.tab({ ...usual(), pairing: pairing('waiting', { pairing: 6 }) }, english)
    script.answers.invite = () => ({ pairing: 7 })
    await page.getByRole('link', { name: 'Devices' }).click()
    await named(page, 'Add a computer').click()
    await heading(page, 'One moment').waitFor()
    await script.called('invite')
    script.set({ ...usual(), pairing: pairing('failed', { pairing: 6, error: 'E_EXPIRED' }) })
    script.set({ ...usual(), name: 'Told', self: { id: 'self', name: 'Told' }, pairing: pairing('waiting') })
    await page.getByText('Told').first().waitFor()
    assert.equal(await page.getByRole('textbox', { name: 'Pairing link' }).inputValue(), link)
    script.set({ ...usual(), pairing: null }) // put away in another tab
    await page.locator('dialog').waitFor({ state: 'hidden' })
  })

  test('a phone is let in by a yes, or not by a no', async () => {
    const { page, script } = await harness.tab(usual(), english)
    const phone = { app: 'https://notes.example.org', name: 'Phone', digits: '482913' }
    script.answers.invite = () => (script.set({ ...usual(), pairing: pairing('compare', phone) }), { pairing: 7 })
    await page.getByRole('button', { name: /^Notes https/ }).click()
    await page.getByRole('button', { name: /^Open on my phone/ }).click()
    assert.deepEqual(await script.called('invite'), { app: 'https://notes.example.org' })
    await page.getByText('482 913').waitFor()
    await named(page, 'Yes, they match').click()
    assert.deepEqual(await script.called('confirm'), { pairing: 7 })
    await named(page, 'No').click()
    assert.deepEqual(await script.called('cancel'), { pairing: 7 })
  })

  test('joining asks before anything is sent, and for what becomes of own data', async () => {
    const { page, script } = await harness.tab(usual(), english)
    await page.getByRole('link', { name: 'Devices' }).click()
    await named(page, 'I have a pairing link').click()
    await page.getByRole('textbox', { name: 'Pairing link' }).fill(link)
    await page.keyboard.press('Enter')
    await page.getByText('sync.example.org').waitFor()
    assert.ok(!script.calls.some((c) => c.method === 'join'))
    const joiner = { role: 'joiner', name: 'Desk', digits: '482913', hasData: true } as const
    script.answers.join = () => (script.set({ ...usual(), pairing: pairing('compare', joiner) }), { pairing: 7 })
    await named(page, 'Join').click()
    assert.deepEqual(await script.called('join'), { link })
    await named(page, 'Yes, join').click()
    await page.getByRole('alert').filter({ hasText: 'Choose first' }).waitFor()
    assert.ok(!script.calls.some((c) => c.method === 'confirm'))
    await page.getByRole('radio', { name: /^Bring it along/ }).check()
    await named(page, 'Yes, join').click()
    assert.deepEqual(await script.called('confirm'), { pairing: 7, bring: true })
  })

  test('Escape cancels, and the focus returns', async () => {
    const { page, script } = await harness.tab(usual(), english)
    script.answers.invite = () => (script.set({ ...usual(), pairing: pairing('waiting') }), { pairing: 7 })
    await page.getByRole('link', { name: 'Devices' }).click()
    await named(page, 'Add a computer').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: 'Pairing link' }).waitFor()
    await page.keyboard.press('Escape')
    assert.deepEqual(await script.called('cancel'), { pairing: 7 })
    assert.equal(await focused(page), 'Add a computer')
  })
})

describe('the page', { concurrency: 3 }, () => {
  test('is used by keyboard alone, with the focus to be seen', async () => {
    const { page, script } = await harness.tab(asking(), english)
    await page.locator('.request button:enabled').first().waitFor()
    const labels: string[] = []
    for (let i = 0; i < 24; i++) {
      await page.keyboard.press('Tab')
      const [label, seen] = await page.evaluate(() => {
        const el = document.activeElement!
        const outline = (pseudo?: string) => getComputedStyle(el, pseudo).outlineStyle
        return [
          el.getAttribute('aria-label') ?? el.textContent ?? '',
          outline() !== 'none' || outline('::before') !== 'none',
        ]
      })
      assert.ok(seen || !label, `${label} has the focus, but does not show it`)
      labels.push(String(label))
      if (String(label).startsWith('Refuse')) break
    }
    assert.deepEqual(
      labels.map((l) => l.replace(/[\u2066-\u2069]/g, '')),
      [
        'Applications5, 5 requests wait for you',
        'Devices',
        'Settings',
        'Allow https://garden.example.org',
        'Refuse https://garden.example.org',
      ],
    )
    await page.keyboard.press('Space')
    assert.deepEqual(await script.called('refuse'), { request: 1 })
  })

  test('speaks the language that is chosen, and remembers it', async () => {
    const { page } = await harness.tab(empty(), { locale: 'de-DE' })
    await page.getByRole('link', { name: 'Settings' }).click()
    await page.getByRole('combobox', { name: 'Language' }).selectOption('fr')
    await heading(page, 'Réglages et aide').waitFor()
    assert.equal(await page.locator('html').getAttribute('lang'), 'fr')
    await page.reload()
    await heading(page, 'Réglages et aide').waitFor()
  })

  test('keeps what is open, scrolled and focused when the state changes', async () => {
    const { page, script } = await harness.tab(usual(), english)
    const timesheet = page.getByRole('button', { name: /^Timesheet/ })
    await timesheet.click()
    await page.evaluate(() => document.querySelector('main')!.scrollTo(0, 120))
    const { apps } = usual()
    script.set({ ...usual(), apps: [...apps.slice(1), { ...apps[0]!, name: 'Notes, renamed' }] })
    await page.getByRole('button', { name: /^Notes, renamed/ }).waitFor()
    assert.equal(await timesheet.getAttribute('aria-expanded'), 'true')
    assert.ok(await timesheet.evaluate((el) => el === document.activeElement))
    assert.equal(await page.evaluate(() => document.querySelector('main')!.scrollTop), 120)
  })
})

describe('many and long things', { concurrency: 3 }, () => {
  test('a long list can be searched, a short one needs no field', async () => {
    const { page, script } = await harness.tab(many(), english)
    const field = page.getByRole('searchbox', { name: 'Search applications' })
    await field.fill('app17')
    await page.getByText('1 of 30').waitFor()
    assert.equal(await page.locator('.app').count(), 1)
    await page.getByRole('button', { name: /^Application 18/ }).waitFor()
    script.set({ ...many(), bytes: 1 })
    assert.equal(await field.inputValue(), 'app17')
    assert.ok(await field.evaluate((el) => el === document.activeElement))
    await field.fill('nowhere')
    await page.getByText(/Nothing here is called/).waitFor()
    await page.getByRole('link', { name: 'Devices' }).click()
    await page.getByRole('searchbox', { name: 'Search devices' }).fill('computer 12')
    await page.getByText('1 of 60').waitFor()
    script.set(usual())
    await page.getByText('Laptop').waitFor()
    assert.equal(await page.getByRole('searchbox').count(), 0)
  })

  test('of a long address its end is seen, all of it is read aloud, and copied', async () => {
    const long = `https://${'a-very-long-subdomain.'.repeat(7)}accounts.example.co.uk:8443`
    const { page } = await harness.tab({ ...usual(), apps: [app(long, 'Long'), app(long + '1', '')] }, english)
    for (const [i, want] of [long, long + '1'].entries()) {
      const address = page.locator('.opener').nth(i).locator('.address')
      assert.equal(await address.textContent(), want)
      assert.equal(await address.getAttribute('title'), want)
      const cut = await address.evaluate((el) => {
        const [start, end] = [...el.children] as [Element, Element]
        const fits = (e: Element) =>
          e.getBoundingClientRect().right <= el.closest('.app')!.getBoundingClientRect().right
        return {
          start: start.scrollWidth > start.clientWidth,
          end: end.scrollWidth > end.clientWidth + 1,
          fits: fits(end),
        }
      })
      assert.deepEqual(cut, { start: true, end: false, fits: true })
      assert.match((await address.locator('.end').textContent())!, /^\.example\.co\.uk:8443/)
    }
  })

  test('each browser has its name', async () => {
    const { page } = await harness.tab(usual(), english)
    await page.getByRole('button', { name: /^Notes/ }).click()
    const names = await page.locator('.details .name').allTextContents()
    for (const name of ['Firefox on Linux', 'Chrome', 'A browser']) assert.ok(names.includes(name), name)
    await page.getByRole('button', { name: /^Remove: Firefox on Linux/ }).click()
    await page.getByText(/Firefox on Linux.* cannot reach the data/).waitFor()
  })

  test('a request says which browser it comes from', async () => {
    const { page } = await harness.tab(asking(), english)
    await page.getByText('It asks from Firefox on Linux.').waitFor()
  })
})

test('devices that were not heard for long are counted on every page, and each can be removed', async () => {
  const { page, script } = await harness.tab(overdue(), english)
  await page.getByRole('link', { name: /^Devices.* 2 have not been heard for more than 30 days$/ }).click()
  const hint = 'Not heard for more than 30 days. If it is not coming back, remove it'
  for (const name of ['Computer in the attic', 'Phone'])
    await page.locator('.device').filter({ hasText: name }).getByText(hint).waitFor()
  assert.equal(await page.locator('.device .overdue').count(), 2)
  await page.getByRole('button', { name: /^Remove .*Computer in the attic/ }).press('Enter')
  await heading(page, 'Remove Computer in the attic?').waitFor()
  assert.ok(!script.calls.some((c) => c.method === 'revoke'))
  await named(page, 'Remove this device').press('Enter')
  assert.deepEqual(await script.called('revoke'), { device: 'attic' })
})
