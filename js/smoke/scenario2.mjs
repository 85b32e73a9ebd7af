// Scenario 2, store and application: a phone has no store, and gets one application of the user's stores.
import assert from 'node:assert/strict'
import { looks } from './browser.mjs'
import { Manager } from './manager.mjs'
import { step, until } from './steps.mjs'
import { bothWays, engineOnlyWhere, nothingInClear, story, words } from './story.mjs'

const laptopName = 'Wilhelmina’s laptop 4H'
const cellarName = 'Box in the cellar 2M'
const phoneName = 'Pocket telephone 7Q'
const otherApplication = ['private/diary', 'nobody else is to read this'] // the phone has nothing of it
const alone = ['Written past the laptop', 'the spare key is under the fern']

/** run plays it. */
export async function run(stage) {
  const { origin } = stage
  const [laptopStore, cellar] = await step('two stores pair, on the command line', async () => {
    const stores = await Promise.all([stage.store(laptopName), stage.store(cellarName)])
    await stores[0].pair(stores[1])
    await stores[0].put(...otherApplication)
    return stores
  })
  const laptop = stage.device('laptop', looks.computer, laptopStore)
  const phone = stage.device('phone', looks.phone)
  const manager = await step('Notes is allowed on the laptop, and a note is written', async () => {
    await laptop.start(origin)
    const digits = await laptop.asking()
    const manager = await Manager.open(laptop)
    await manager.allow(origin, 'asked', digits)
    await laptop.write(words.first)
    return manager
  })
  await step('the phone opens the manager’s link, both compare digits and say yes', () => pair(manager, phone, origin))
  await step('the manager shows the phone with Notes alone', async () => {
    await manager.devices({ [cellarName]: '', [phoneName]: 'Only Notes' })
    await manager.close()
  })
  await bothWays(laptop, phone)
  await step('the laptop is off: the phone’s note reaches the other store', async () => {
    await laptop.stop()
    await laptopStore.stop()
    await phone.write(alone)
    await until('the other store has it', async () => JSON.stringify(await cellar.entries(origin)).includes(alone[1]))
    await laptopStore.start()
    await laptop.start(origin)
    await laptop.sees(alone)
  })

  const contents = await story(stage, [laptop, phone])
  await step('the command line of the other store shows the same', async () => {
    const winners = contents.map(({ key, value }) => ({ key, value }))
    assert.deepEqual(await cellar.entries(origin), winners)
  })
  engineOnlyWhere(stage.devices)
  await nothingInClear(stage, contents, [laptopName, cellarName, phoneName, otherApplication, alone])
}

async function pair(manager, phone, origin) {
  const link = await manager.openOnPhone(origin)
  assert.ok(link.startsWith(`${origin}/#masq=1.`), link)
  await phone.answer(link, phoneName)
  const [digits, onPhone] = await Promise.all([manager.compare(), phone.compare()])
  assert.match(digits, /^\d{3} \d{3}$/)
  assert.deepEqual(onPhone, { digits, other: laptopName })
  await manager.yes('Yes, they match')
  await phone.button('Yes, they match').click()
  await Promise.all([manager.connected(phoneName), phone.button('Show my notes').click()])
  await phone.online()
}
