// With a local store; and the pages that come with Masq, used by clicking and typing.
import assert from 'node:assert/strict'
import { certificate } from '../programs.mjs'
import { Site, client, notes } from '../site.mjs'
import { connect } from '../stage.mjs'

const text = (tab) => tab.run('document.body.innerText')
const shows = (tab, what) => tab.until(`document.body.innerText.includes(${JSON.stringify(what)})`)
const button = (label) =>
  `[...document.querySelectorAll('button')].find((b) => b.innerText.trim() === ${JSON.stringify(label)} && b.offsetParent)`
const click = async (tab, label) => {
  await tab.until(`!!(${button(label)})`)
  await tab.run(`(${button(label)}).click()`)
}
const type = (tab, label, value) =>
  tab.run(`(() => {
    const field = document.querySelector('[aria-label="${label}"]') ?? [...document.querySelectorAll('label')].find((l) => l.innerText.includes('${label}')).control
    field.value = ${JSON.stringify(value)}
    field.dispatchEvent(new InputEvent('input', { bubbles: true }))
  })()`)

async function write(tab, title, body) {
  await click(tab, 'New note')
  await tab.until(`!!document.querySelector('#main textarea')`)
  await type(tab, 'Title', title)
  await type(tab, 'Text', body)
  await shows(tab, 'Saved on this device')
}

/** moves has a page in the browser move its data into a local store, whose digits its user types, and allows it. */
async function moves(t, tab) {
  const store = await t.localStore()
  const typed = `new Promise((resolve) => (globalThis.type = resolve))`
  await tab.begin(`(globalThis.using = masq.useLocalStore({ digits: () => ${typed} }))`)
  const answer = async (app) => {
    await tab.run(`type('${await store.digits(app)}')`)
    await store.allow(app)
  }
  const allowed = answer(await tab.run('location.origin'))
  allowed.catch(() => undefined) // the page says why it did not ask
  await Promise.race([allowed, tab.run('using.then(() => 1)')])
  await tab.run('using.then(() => 1)')
}

export const pages = [
  [
    'useLocalStore: the data moves, other tabs follow',
    async (t) => {
      const auto = `store: 'auto'`
      const [a, b] = [await t.open(auto), await t.open(auto)]
      await a.run(`(await masq.put('k', 1), await masq.put('b', new Uint8Array([1, 2])))`)
      await moves(t, a)
      for (const tab of [a, b]) {
        await tab.until(`masq.status.store === 'local'`)
        assert.deepEqual(await tab.run(`[await masq.get('k'), ...(await masq.get('b'))]`), [1, 1, 2])
      }
      await a.reload()
      await connect(a, auto)
      assert.deepEqual(await a.run(`[masq.status.store, await masq.get('k')]`), ['local', 1])
    },
  ],
  [
    'useLocalStore in a page that is served by https:',
    async (t) => {
      const tls = await certificate(t.folder())
      const site = t.also(await Site.open(client, tls), (s) => s.close())
      const tab = await t.open(`store: 'auto'`, { url: site.url() })
      await tab.run(`masq.put('k', 1)`)
      await moves(t, tab)
      assert.deepEqual(await tab.run(`[masq.status.store, await masq.get('k')]`), ['local', 1])
    },
  ],
  [
    'the local store is restarted: what is asked meanwhile is answered',
    async (t) => {
      const store = await t.localStore()
      const tab = await t.tab()
      await tab.begin(`Masq.connect({ app: { name: 'T' }, store: 'local' }).then((m) => (globalThis.masq = m))`)
      await store.allow(new URL(t.site.url()).origin)
      await tab.until(`globalThis.masq?.status.store === 'local'`)
      await tab.run(`masq.put('k', 1)`)
      await store.stop()
      await tab.until(`masq.status.store === 'away'`)
      await tab.begin(`(globalThis.asked = masq.get('k'))`)
      await store.start()
      assert.equal(await tab.run('asked'), 1)
    },
  ],
  [
    'Notes, in this browser',
    async (t) => {
      const site = t.also(await Site.open(notes), (s) => s.close())
      const tab = await t.tab(site.url())
      await shows(tab, 'Nothing written yet')
      await write(tab, 'Groceries', 'oat milk, rye bread')
      await t.shot(tab, 'notes')
      await tab.reload()
      await shows(tab, 'Groceries')
    },
  ],
  [
    'Notes in the local store, and the Store manager',
    async (t) => {
      const store = await t.localStore({ up: true })
      const tab = await t.tab(await store.notes())
      await shows(tab, 'Allow Notes in the Store manager')
      const manager = await t.tab(await store.link())
      await manager.until(`(${button('Allow')})?.disabled === false`) // nobody can hit it in the moment in which it appears
      await t.shot(manager, 'manager-asked')
      await store.allow(new URL(await store.notes()).origin)
      await shows(tab, 'Nothing written yet')
      await write(tab, 'Plumber', 'kitchen tap drips again')
      await shows(manager, 'On this computer')
      await t.shot(manager, 'manager')
      assert.doesNotMatch(await text(manager), /masq-open|undefined/)
    },
  ],
]
