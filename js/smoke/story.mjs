// What happens in every scenario once two devices are connected, and what is looked at in the end.
import assert from 'node:assert/strict'
import { step, until } from './steps.mjs'
import { finds, searchFolder, searchProfile } from './search.mjs'

const outageMs = 5_000

// Everything that is written. It must turn up on all devices and nowhere else.
export const words = {
  first: ['Groceries for Saturday', 'oat milk, rye bread, 12 eggs'],
  reply: ['Plumber came by', 'kitchen tap drips again'],
  offline: [
    ['Written while cut off, one', 'the ferry leaves at seven'],
    ['Written while cut off, other', 'bring both passports'],
  ],
  conflict: ['oat milk, rye bread, and cheese from the market', 'oat milk, rye bread, and three lemons'],
}
const [shared] = words.first

/** bothWays has the other device see the first note, and the first one the reply. */
export function bothWays(one, other) {
  return step('notes go both ways', async () => {
    await other.sees(words.first)
    await other.write(words.reply)
    await one.sees(words.reply)
    await one.shot('synced')
    await other.shot('synced')
  })
}

/**
 * story goes on from there: an outage while two devices write, then everything on the stage is closed and started again. It
 * returns what all devices hold.
 */
export async function story(stage, writers) {
  await step('the Sync Server is away for 5 s while both write, the same note too', () => outage(stage.tap, writers))
  const before = await step('all converge, and each shows both versions', async () => {
    const same = await converged(stage.devices)
    for (const device of stage.devices) await twoVersions(device)
    return same
  })
  await step('everything is closed and started again, and nothing is missing', async () => {
    await Promise.all(stage.devices.map((device) => device.stop()))
    await Promise.all(stage.stores.map((store) => store.stop()))
    await Promise.all(stage.stores.map((store) => store.start()))
    await Promise.all(stage.devices.map((device) => device.start(stage.origin)))
    for (const device of stage.devices)
      assert.deepEqual(await device.contents(), before, `the ${device.name} has changed`)
    await Promise.all(stage.devices.map((device) => device.online()))
  })
  return before
}

async function outage(tap, writers) {
  await tap.tell('stop')
  const over = new Promise((resolve) => setTimeout(resolve, outageMs))
  await Promise.all(
    writers.map(async (device, n) => {
      await device.write(words.offline[n])
      await device.edit(shared, words.conflict[n])
      await device.shot('cut-off')
    }),
  )
  await over
  await tap.tell('start')
}

/** converged waits until all devices hold the same, and returns it. Both versions of the shared note must be in it. */
export async function converged(devices) {
  const same = await until('all hold the same', async () => {
    const [one, ...others] = await Promise.all(devices.map((device) => device.contents()))
    const text = JSON.stringify(one)
    const complete = [...words.conflict, ...words.offline.flat()].every((version) => text.includes(version))
    return complete && others.every((other) => JSON.stringify(other) === text) && one
  })
  const entry = same.find(({ value }) => value.title === shared)
  assert.deepEqual(new Set([entry.value, ...entry.others].map(({ text }) => text)), new Set(words.conflict))
  return same
}

async function twoVersions(device) {
  await device.open(shared)
  await device.page.getByRole('heading', { name: 'Two versions of this note' }).waitFor()
  await device.shot('two-versions')
  await device.backToList()
}

/**
 * nothingInClear closes everything and looks for what the user wrote where it must not be. more is what else must not be there,
 * framesAtLeast how many frames the search is worth nothing without.
 */
export async function nothingInClear(stage, contents, more, framesAtLeast = 50) {
  const used = [...contents.map(({ key }) => key), ...[Object.values(words), more].flat(Infinity)]
  const frames = await step('nothing of it is in the clear', async () => {
    for (const part of [...stage.devices, ...stage.stores]) await part.mark()
    await Promise.all(stage.devices.map((device) => device.stop()))
    await Promise.all(stage.stores.map((store) => store.stop()))
    // What the application is and where is no secret in a browser, but is one to the Sync Server and on a store's disk.
    const names = [...used, 'Notes', new URL(stage.origin).host]
    const frames = stage.tap.frames()
    assert.ok(frames.length > framesAtLeast, `only ${frames.length} frames`)
    const found = frames.flatMap((body, n) => finds(names, body, `frame ${n}`))
    for (const { profile, marker } of stage.devices) found.push(...unmarked(searchProfile, profile, used, marker))
    for (const { dir, marker } of stage.stores) found.push(...unmarked(searchFolder, dir, names, marker))
    assert.deepEqual(found, [])
    return frames.length
  })
  console.log(`  ${frames} frames passed the Sync Server`)
}

// The marker was stored in the clear on purpose: a search that misses it proves nothing.
function unmarked(search, dir, used, marker) {
  const found = search(dir, [...used, marker])
  const others = found.filter((sentence) => !sentence.includes(marker))
  assert.ok(others.length < found.length, `${dir}: the search finds nothing at all`)
  return others
}

/** engineOnlyWhere sees to it that a browser loads the WASM if, and only if, there is no local store. */
export function engineOnlyWhere(devices) {
  for (const device of devices)
    assert.equal(
      device.requested(/\/masq\.[0-9a-f]{8}\.wasm$/),
      !device.store,
      `${device.name}: the WASM was ${device.store ? '' : 'not '}loaded`,
    )
}
