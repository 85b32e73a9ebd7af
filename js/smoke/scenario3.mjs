// Scenario 3, application and application: neither device has a store, and the embedded ones pair with each other. Meanwhile
// the Sync Server flips a bit once, and one thing is written again and again.
import assert from 'node:assert/strict'
import { looks } from './browser.mjs'
import { step, until } from './steps.mjs'
import { bothWays, converged, engineOnlyWhere, nothingInClear, story, words } from './story.mjs'

const phoneName = 'Pocket telephone 7Q'
const timesAgain = 12
const tabbed = ['Birthday of Wilhelmina', 'a kite, or the blue lamp']
const again = ['again/the very same', 'the very same words, written again']
const flipped = ['After a flipped bit', 'seventeen clean towels']

/** run plays it. */
export async function run(stage) {
  const { tap, origin } = stage
  const laptop = stage.device('laptop', looks.computer)
  const phone = stage.device('phone', looks.phone)
  await step('the laptop writes a note', async () => {
    await laptop.start(origin)
    await laptop.empty()
    await laptop.shot('empty')
    await laptop.write(words.first)
    await laptop.shot('note')
  })
  const laptopName = await step('the phone opens the link, both compare digits and say yes', () => pair(laptop, phone))
  await bothWays(laptop, phone)
  await step('a second tab sees them at once', () => secondTab(laptop, origin))
  await step(`one thing written ${timesAgain} times never looks the same on the way`, () =>
    writeAgain(laptop, phone, tap),
  )
  await story(stage, [laptop, phone])
  await step('one flipped bit ends the session, and a new one brings the note', () => flip(laptop, phone, tap))

  const contents = await converged([laptop, phone])
  engineOnlyWhere(stage.devices)
  await nothingInClear(stage, contents, [laptopName, phoneName, tabbed, again, flipped])
}

async function pair(laptop, phone) {
  const link = await laptop.invite()
  assert.match(link, /#masq=1\.[\w-]{22}/)
  await phone.answer(link, phoneName)
  const [onLaptop, onPhone] = await Promise.all([laptop.compare(), phone.compare()])
  assert.match(onLaptop.digits, /^\d{3} \d{3}$/)
  assert.equal(onLaptop.digits, onPhone.digits)
  assert.equal(onLaptop.other, phoneName)
  await phone.button('Yes, they match').click()
  await phone.shot('confirmed')
  await laptop.button('Yes, they match').click()
  await Promise.all([laptop.button('Done').click(), phone.button('Show my notes').click()])
  await Promise.all([laptop.online(), phone.online()])
  return onPhone.other
}

async function secondTab(laptop, origin) {
  const tab = await laptop.tab(origin)
  await laptop.row(words.reply[0], tab).waitFor()
  await laptop.write(tabbed)
  await laptop.row(tabbed[0], tab).waitFor()
  await tab.close()
}

async function writeAgain(laptop, phone, tap) {
  const [key, value] = again
  for (let n = 1; n <= timesAgain; n++) {
    const before = tap.frames().length
    await laptop.put(key, value)
    await until(`write ${n} has passed`, () => tap.frames().length > before)
  }
  await until('the phone has it', async () => (await phone.contents()).some((entry) => entry.key === key))
  const bodies = tap.frames().map((body) => body.subarray(5).toString('latin1')) // behind tag and type
  assert.equal(new Set(bodies).size, bodies.length, 'the same bytes passed twice')
}

async function flip(laptop, phone, tap) {
  const handshakes = tap.handshakes()
  await tap.tell('flip')
  await laptop.write(flipped)
  await phone.sees(flipped)
  assert.equal((await tap.tell('counts')).flipped, 1)
  assert.ok(tap.handshakes() > handshakes, 'no new session began')
  await Promise.all([laptop.online(), phone.online()])
}
