// @masq/client/testing: the API as in a browser, and what several devices do.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { afterEach, describe, test } from 'node:test'
import type * as Testing from '../src/testing.js'
import { apiTests } from './api.js'
import type { Realm } from './realm.js'

const file = (name: string): string => new URL(`../dist/${name}`, import.meta.url).href
const testing = (await import(file('testing.js'))) as typeof Testing
const { MasqError, advance, clear, connect, devices, offline, online, pair, reset, settled } = testing

/** The code with which it rejects; '' if it does not. */
const codeOf = (p: Promise<unknown>): Promise<string> =>
  p.then(
    () => '',
    (e: unknown) => (e instanceof MasqError ? e.code : String(e)),
  )

describe('the API in memory', () => {
  apiTests(async () => {
    const masq = await connect({ app: { name: 'T' } })
    Object.assign(globalThis, { Masq: testing, masq })
    return { evaluate: async (code) => (0, eval)(code) as unknown } satisfies Realm
  })
})

describe('devices in memory', () => {
  afterEach(reset)

  test('what one writes the others have, and hear of', async () => {
    const [laptop, phone, desk] = await devices(['Laptop', 'Phone', 'Desk'])
    const told: unknown[] = []
    for (const masq of [laptop, phone, desk])
      masq.watch('note/', (c) => told.push(c.type === 'change' ? [c.key, c.value, c.from] : c))
    await laptop.put('note/1', { title: 'Hello' })
    await settled()
    assert.deepEqual(told, [
      ['note/1', { title: 'Hello' }, 'here'],
      ['note/1', { title: 'Hello' }, 'Laptop'],
      ['note/1', { title: 'Hello' }, 'Laptop'],
    ])
    for (const masq of [phone, desk]) assert.deepEqual(await masq.get('note/1'), { title: 'Hello' })
    assert.deepEqual(laptop.status.counts, { devices: 2, online: 2, upToDate: 2 })
    assert.deepEqual(
      (await laptop.devices()).map((d) => [d.name, d.self, d.online]),
      [
        ['Laptop', true, true],
        ['Phone', false, true],
        ['Desk', false, true],
      ],
    )
  })

  test('what a device calls JSON and is none breaks nothing on another', async () => {
    const [liar, victim] = await devices(['Liar', 'Victim'])
    const lies: Record<string, Uint8Array> = {
      cut: Buffer.from('{"a":'),
      notText: Uint8Array.of(0x22, 0xff, 0x22),
      deep: Buffer.from('['.repeat(100_000) + ']'.repeat(100_000)),
    }
    const told: unknown[] = []
    victim.watch('', (c) => told.push(c.type === 'change' && [c.key, c.value, c.previous]))
    await victim.put('cut', 'before')
    await settled()
    told.length = 0
    const encode = TextEncoder.prototype.encode
    TextEncoder.prototype.encode = function (text?: string) {
      const lie = text?.startsWith('"lie ') && lies[text.slice(5, -1)]
      return lie ? new Uint8Array(lie) : encode.call(this, text)
    }
    try {
      for (const key of Object.keys(lies)) await liar.put(key, `lie ${key}`)
      await settled()
      await offline(liar)
      await liar.put('conflict', 'lie cut')
      await victim.put('conflict', 1)
    } finally {
      TextEncoder.prototype.encode = encode
    }
    await online(liar)
    await settled()
    const bytes = Object.entries(lies).map(([key, lie]) => [key, new Uint8Array(lie)] as const)
    for (const [key, lie] of bytes) assert.deepEqual(await victim.get(key), lie, key)
    const all = new Map(await victim.list({ lt: 'x' }))
    for (const [key, lie] of bytes) assert.deepEqual(all.get(key), lie, key)
    const either = [await victim.get('conflict'), ...(await victim.conflicts('conflict'))]
    assert.deepEqual(new Set(either.map(String)), new Set(['1', String(bytes[0]![1])]))
    assert.deepEqual(
      told.slice(0, 3),
      bytes.map(([key, lie]) => [key, lie, key === 'cut' ? 'before' : undefined]),
    )
    await victim.put('cut', 'after')
    assert.deepEqual((told as unknown[][]).at(-1), ['cut', 'after', bytes[0]![1]])
  })

  test('what two write while apart is a conflict on both, until the next write', async () => {
    const [laptop, phone] = await devices(['Laptop', 'Phone'])
    await offline(phone)
    await laptop.put('k', 'laptop')
    await phone.put('k', 'phone')
    await settled()
    assert.equal(await laptop.get('k'), 'laptop')
    assert.deepEqual([laptop.status.counts.online, phone.status.sync], [0, 'offline'])
    await online(phone)
    for (const masq of [laptop, phone]) {
      assert.equal(await masq.get('k'), 'phone')
      assert.deepEqual(await masq.conflicts('k'), ['laptop'])
    }
    await laptop.put('k', 'both')
    await settled()
    assert.equal(await phone.get('k'), 'both')
    assert.deepEqual(await phone.conflicts('k'), [])
  })

  test('a device that was away for a day has everything when it is back', async () => {
    const [laptop, phone] = await devices(['Laptop', 'Phone'])
    await offline(phone)
    for (let i = 0; i < 500; i++) await laptop.put(`k${i}`, i)
    await advance(24 * 3600_000)
    await online(phone)
    assert.equal((await phone.list()).length, 500)
    assert.equal(await phone.count('k49'), 11)
  })

  test('an invite, the digits on both, and what the joiner has comes along or not', async () => {
    const laptop = await connect({ app: { name: 'T' }, device: 'Laptop', sync: 'wss://sync.example.org' })
    const phone = await connect({ app: { name: 'T' }, device: 'Phone' })
    await phone.put('from/phone', 1)
    const invite = await laptop.invite()
    assert.match(invite.link, /^https:\/\/app\.test\/#masq=1\.[\w-]{22}/)
    assert.match(await invite.qr(), /^<svg /)
    const join = await phone.join(invite.link)
    await Promise.all([invite.compared, join.compared])
    assert.match(invite.digits, /^\d{6}$/)
    assert.deepEqual([invite.digits, invite.name, join.name, join.hasData], [join.digits, 'Phone', 'Laptop', true])
    assert.equal(await codeOf(join.confirm()), 'E_DATA')
    await Promise.all([invite.confirm(), join.confirm({ discard: true })])
    await Promise.all([invite.done, join.done])
    assert.deepEqual([await laptop.list(), await phone.list()], [[], []])
    assert.equal(phone.status.sync, 'online')
  })

  test('an invite that nobody answers, and one that is answered by no', async () => {
    const [laptop] = await devices(['Laptop'])
    const phone = await connect({ app: { name: 'Test' }, device: 'Phone' })
    const late = await laptop.invite()
    await advance(5 * 60_000)
    assert.equal(await codeOf(late.done), 'E_EXPIRED')
    const invite = await laptop.invite()
    const join = await phone.join(invite.link)
    await join.compared
    await join.cancel()
    assert.equal(await codeOf(invite.done), 'E_DENIED')
  })

  test('one that is shut out hears of it, and gets nothing more', async () => {
    const [laptop, phone] = await devices(['Laptop', 'Phone'])
    await laptop.put('before', 1)
    await settled()
    await laptop.revoke((await laptop.devices())[1]!.id)
    await laptop.put('after', 2)
    await settled()
    assert.deepEqual([phone.status.error, phone.status.sync], ['E_REVOKED', 'off'])
    assert.deepEqual(await phone.list(), [['before', 1]])
    assert.equal(await codeOf(laptop.revoke('nobody')), 'E_VALUE')
  })

  test('no Sync Server, or no network, is as in a browser', async () => {
    const alone = await connect({ app: { name: 'T' } })
    assert.equal(await codeOf(alone.invite()), 'E_SYNC')
    const [laptop] = await devices(['Laptop'])
    await offline(laptop)
    assert.equal(laptop.status.sync, 'off') // there is no other device
    const invite = await laptop.invite()
    await settled()
    assert.deepEqual([invite.offline, invite.step], [true, 'waiting'])
    await online(laptop)
    assert.deepEqual([invite.offline, invite.step], [false, 'waiting'])
  })

  test('a device keeps its data, two objects on it share them, and another id has its own', async () => {
    const app = { name: 'T' }
    const first = await connect({ app })
    await first.put('k', 1)
    const second = await connect({ app })
    const told: unknown[] = []
    second.watch('', (c) => told.push(c.type === 'change' ? [c.value, c.from] : c))
    await first.put('k', 2)
    await settled()
    assert.deepEqual(told, [[2, 'tab']])
    await first.close()
    await second.put('k', 3)
    await second.close()
    const again = await connect({ app })
    assert.equal(await again.get('k'), 3)
    assert.equal(await (await connect({ app, id: 'another' })).get('k'), undefined)
    assert.equal(await (await connect({ app, device: 'Phone' })).get('k'), undefined)
    await reset()
    assert.equal(await codeOf(again.get('k')), 'E_CLOSED')
    assert.equal(await (await connect({ app })).get('k'), undefined)
  })

  test('a device that is paired goes on syncing when it is opened again', async () => {
    const [laptop, phone] = await devices(['Laptop', 'Phone'])
    await phone.close()
    await laptop.put('k', 1)
    const again = await connect({ app: { name: 'Test' }, device: 'Phone' })
    await settled()
    assert.equal(await again.get('k'), 1)
    assert.equal(laptop.status.counts.upToDate, 1)
  })

  test('cleared data is told, once, and what was there comes back only by pairing', async () => {
    const [laptop, phone] = await devices(['Laptop', 'Phone'])
    await laptop.put('k', 1)
    await settled()
    const told: unknown[] = []
    const errors: unknown[] = []
    phone.watch('', (c) => told.push(c.type === 'change' ? [c.key, c.value, c.deleted] : c))
    phone.addEventListener('status', () => phone.status.error && errors.push(phone.status.error))
    await clear(phone)
    assert.deepEqual(told, [{ type: 'reset', reason: 'cleared' }])
    assert.deepEqual(errors, ['E_CLEARED'])
    assert.deepEqual(await phone.list(), [])
    await pair(laptop, phone)
    await settled()
    assert.equal(await phone.get('k'), 1)
    assert.deepEqual(told.slice(1), [['k', 1, false]])
    await reset()
    assert.equal(await codeOf(clear(phone)), 'E_CLOSED')
  })

  test('devices pair by the helper, with what both have', async () => {
    const options = { app: { name: 'T' }, sync: 'wss://sync.example.org' }
    const [a, b] = [await connect({ ...options, device: 'A' }), await connect({ ...options, device: 'B' })]
    await Promise.all([a.put('a', 1), b.put('b', 2)])
    await pair(a, b)
    await settled()
    assert.deepEqual(await a.list(), await b.list())
    assert.equal((await a.list()).length, 2)
  })

  test('many devices, many keys', async () => {
    const all = await devices(['A', 'B', 'C', 'D', 'E'])
    await Promise.all(all.flatMap((masq, d) => Array.from({ length: 200 }, (_, i) => masq.put(`${d}/${i}`, i))))
    await settled()
    for (const masq of all) assert.equal((await masq.list()).length, 1000)
  })
})

test('a listener that throws fails the test, and harms nobody else', async () => {
  const code = `import { connect } from '${file('testing.js')}'
    const masq = await connect({ app: { name: 'T' } })
    masq.watch('', () => { throw new Error('mine') })
    masq.watch('', (change) => console.log(change.key))
    await masq.put('heard', 1)`
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' })
  assert.equal(child.status, 1)
  assert.match(child.stderr, /Error: mine/)
  assert.match(child.stdout, /heard/)
})

test('a program that has it open ends all the same', () => {
  const code = `import { devices } from '${file('testing.js')}'; await devices(['Laptop', 'Phone'])`
  execFileSync(process.execPath, ['--input-type=module', '--eval', code])
})

test('nothing is left in the global scope', () => {
  for (const name of ['Go', 'fs', 'path', 'masqCodec', 'onmessage']) assert.equal(name in globalThis, false, name)
})

test('CommonJS has the same', async () => {
  const common = createRequire(import.meta.url)('../dist/testing.cjs') as typeof Testing
  assert.deepEqual(Object.keys(common).sort(), Object.keys(testing).sort())
  const masq = await common.connect({ app: { name: 'T' } })
  await masq.put('k', 1)
  assert.equal(await masq.get('k'), 1)
  assert.ok(await masq.put('', 1).catch((e: unknown) => e instanceof common.MasqError))
})
