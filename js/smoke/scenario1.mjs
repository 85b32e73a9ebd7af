// Scenario 1, store and store: each computer has a local store, whose user lets Notes in and pairs the two in their managers.
import assert from 'node:assert/strict'
import { looks } from './browser.mjs'
import { Manager } from './manager.mjs'
import { step } from './steps.mjs'
import { bothWays, engineOnlyWhere, nothingInClear, story, words } from './story.mjs'

const laptopName = 'Wilhelmina’s laptop 4H'
const desktopName = 'Desk by the window 8K'

/** run plays it. */
export async function run(stage) {
  const { origin } = stage
  const [laptop, desktop] = await step('two stores start, each on its own computer', async () => [
    stage.device('laptop', looks.computer, await stage.store(laptopName)),
    stage.device('desktop', looks.computer, await stage.store(desktopName)),
  ])
  const managers = await step('Notes asks for access to each, and is allowed in its manager', () =>
    Promise.all([laptop, desktop].map((device) => letIn(device, origin))),
  )
  await step('a note is written on the laptop', async () => {
    await laptop.write(words.first)
    await laptop.shot('note')
  })
  await step('the stores pair by link, and by the digits that are typed', () => pair(...managers))
  await bothWays(laptop, desktop)

  const second = stage.device('second-browser', looks.computer, laptop.store)
  await step('a second browser on the laptop asks for itself, and has the same notes', async () => {
    await second.start(origin)
    await managers[0].allow(origin, 'asked-again', await second.asking())
    await second.sees(words.reply)
    await second.shot('synced')
  })
  await Promise.all(managers.map((manager) => manager.close()))

  const contents = await story(stage, [laptop, desktop])
  engineOnlyWhere(stage.devices)
  await nothingInClear(stage, contents, [laptopName, desktopName], 30)
}

async function letIn(device, origin) {
  await device.start(origin)
  const digits = await device.asking()
  const manager = await Manager.open(device)
  await manager.allow(origin, 'asked', digits)
  await device.empty()
  return manager
}

async function pair(laptop, desktop) {
  const link = await laptop.addComputer()
  assert.match(link, /^http:\/\/localhost:\d+\/#masq=1\.[\w-]{22}/)
  await desktop.join(link)
  await laptop.letIn(desktopName, await desktop.readDigits())
  await desktop.yes('Yes, join')
  await Promise.all([laptop.connected(desktopName), desktop.connected(laptopName)])
  await Promise.all([laptop.devices({ [desktopName]: '' }), desktop.devices({ [laptopName]: '' })])
}
