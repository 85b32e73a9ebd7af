// Tests the built Worker in workerd, by WebSockets from outside.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import WebSocket from 'ws'
import { script, testPlace } from './build.mjs'
import { Device, channel, mailbox } from './device.mjs'
import { Workerd } from './serve.mjs'

/** workerd runs it workerd for the tests of one describe. */
function workerd(options) {
  const it = {}
  before(async () => {
    it.workerd = await Workerd.start(options)
    it.http = `http://localhost:${it.workerd.port}`
    it.ws = `ws://localhost:${it.workerd.port}`
  })
  after(() => it.workerd?.stop())
  return it
}

describe('the front', () => {
  const at = workerd()
  const name = 'A'.repeat(43)
  for (const [what, path, options, status, body] of [
    ['a page', '/', {}, 200, /^This is a Masq Sync Server/],
    ['livez', '/livez', {}, 200, /^ok\n$/],
    ['another path', '/x', {}, 404, /nothing here/],
    ['a malformed channel', '/v1/channel/x', {}, 404, /malformed/],
    ['a channel whose name ends in bits that are not there', `/v1/channel/${name.slice(1)}B`, {}, 404, /malformed/],
    ['a channel without WebSocket', `/v1/channel/${name}`, {}, 426, /WebSockets/],
    ['a channel below a prefix', `/sync/v1/channel/${name}`, {}, 426, /WebSockets/],
    ['a nameplate', '/v1/pair/new', { method: 'POST' }, 200, /^\{"nameplate":"[0-9A-HJKMNP-TV-Z]{5}"\}\n$/],
    ['a nameplate, by GET', '/v1/pair/new', {}, 405, /POST/],
    ['a nameplate, asked before', '/v1/pair/new', { method: 'OPTIONS' }, 204, /^$/],
  ]) {
    it(`answers ${what}`, async () => {
      const answer = await fetch(at.http + path, options)
      assert.equal(answer.status, status)
      assert.match(await answer.text(), body)
      if (path === '/v1/pair/new') assert.equal(answer.headers.get('Access-Control-Allow-Origin'), '*')
    })
  }
})

describe('a channel', () => {
  const at = workerd()

  async function two() {
    const key = channel()
    const a = await Device.join(at.ws, key, 0)
    await a.next('JOINED 0')
    const b = await Device.join(at.ws, key, 1)
    await Promise.all([b.next('JOINED 1'), a.next('PEER 1')])
    return { key, a, b }
  }

  it('announces its limits', async () => {
    const { limits } = await Device.open(at.ws + channel().path)
    const kept = { 1: 65_536, 2: 5_000, 3: 30_000, 4: 90_000, 5: 1_048_576, 6: 10_000, 7: 8_388_608, 8: 600_000 }
    const held = { 9: 16_384, 10: 268_435_456, 11: 16_777_216 }
    assert.deepEqual(limits, { ...kept, ...held })
  })

  it('passes DATA both ways, unchanged and in order', async () => {
    const { a, b } = await two()
    const most = 'x'.repeat(65_535)
    for (const text of ['one', '', most, 'two']) a.data(text)
    await b.all('DATA one', 'DATA ', `DATA ${most}`, 'DATA two')
    b.data('three')
    await a.next('DATA three')
  })

  it('drops DATA that nobody is there for', async () => {
    const { a, b, key } = await two()
    b.close()
    await a.next('PEER 0')
    a.data('lost')
    a.socket.send('ping')
    await a.next('pong')
    const again = await Device.join(at.ws, key, 1)
    await again.next('JOINED 1')
    a.data('found')
    await again.next('DATA found')
  })

  it('replaces a side', async () => {
    const { a, b, key } = await two()
    const again = await Device.join(at.ws, key, 0)
    await Promise.all([again.next('JOINED 1'), a.all('ERR 8', 'close 4008'), b.next('PEER 1')])
    a.data('from the one that was replaced')
    b.data('to the newer')
    await again.next('DATA to the newer')
    again.data('from the newer')
    await b.next('DATA from the newer')
  })

  it('keeps channels apart', async () => {
    const [one, other] = await Promise.all([two(), two()])
    one.a.data('one')
    other.a.data('other')
    await Promise.all([one.b.next('DATA one'), other.b.next('DATA other')])
  })

  const key = channel()
  for (const [what, frames, code] of [
    ['signed by another key', (d) => [d.joining({ ...key, privateKey: channel().privateKey }, 0)], 2],
    ['signed for another host', (d) => [d.joining(key, 0, 'example.org')], 2],
    ['signed for the other side', (d) => [[2, 1, ...d.joining(key, 0).slice(2)]], 2],
    ['DATA before JOIN', () => [[0, 1]], 9],
    ['PAIR', () => [[7, 0]], 9],
    ['an empty frame', () => [[]], 9],
    ['a frame of no type', () => [[99]], 9],
    ['a text', () => ['Ping'], 9],
    ['a frame too large', () => [new Uint8Array(65_537)], 6],
  ]) {
    it(`refuses ${what}`, async () => {
      const device = await Device.open(at.ws + key.path)
      for (const frame of frames(device)) typeof frame === 'string' ? device.socket.send(frame) : device.send(frame)
      await device.all(`ERR ${code}`, `close ${4000 + code}`)
    })
  }

  it('refuses a second JOIN', async () => {
    const { a, b, key } = await two()
    a.send(a.joining(key, 0))
    await Promise.all([a.all('ERR 9', 'close 4009'), b.next('PEER 0')])
  })

  it('has room for no crowd', async () => {
    const key = channel()
    await Promise.all(Array.from({ length: 16 }, () => Device.open(at.ws + key.path)))
    await assert.rejects(Device.open(at.ws + key.path), /429/)
  })

  it('refuses who asks for no subprotocol', async () => {
    const socket = new WebSocket(at.ws + key.path)
    const [error] = await once(socket, 'error')
    assert.match(error.message, /400/)
  })
})

describe('a mailbox', () => {
  const at = workerd()
  for (const [what, path] of [
    ['by its name', mailbox],
    [
      'by a nameplate',
      async () => `/v1/pair/${(await (await fetch(`${at.http}/v1/pair/new`, { method: 'POST' })).json()).nameplate}`,
    ],
  ]) {
    it(`takes two, ${what}, and ends with either`, async () => {
      const box = await path()
      const host = await Device.pair(at.ws, box, 0)
      await host.next('JOINED 0')
      const joiner = await Device.pair(at.ws, box, 1)
      await Promise.all([joiner.next('JOINED 1'), host.next('PEER 1')])
      for (const side of [0, 1]) await (await Device.pair(at.ws, box, side)).all('ERR 4', 'close 4004')
      joiner.data('to the host')
      host.data('to the joiner')
      await Promise.all([host.next('DATA to the host'), joiner.next('DATA to the joiner')])
      host.close()
      await joiner.all('PEER 0', 'close 1000')
      await (await Device.pair(at.ws, box, 0)).next('JOINED 0')
    })
  }

  it('refuses JOIN', async () => {
    const device = await Device.open(at.ws + mailbox())
    device.send(device.joining(channel(), 0))
    await device.all('ERR 9', 'close 4009')
  })
})

describe('time', () => {
  const at = workerd({ vars: { MASQ_LIMITS: '2=500 4=2000 8=1000' } })

  it('ends who does not join', async () => {
    await (await Device.open(at.ws + channel().path)).next('ERR 3') // workerd lets its TCP connection end 10 s later
  })

  it('ends a mailbox', async () => {
    const box = mailbox()
    const host = await Device.pair(at.ws, box, 0)
    await host.all('JOINED 0', 'ERR 3', 'close 4003')
  })

  it('ends who is silent, but not who says ping', async () => {
    const key = channel()
    const silent = await Device.join(at.ws, key, 0)
    const talks = await Device.join(at.ws, key, 1)
    await Promise.all([silent.all('JOINED 0', 'PEER 1'), talks.next('JOINED 1')])
    const ping = setInterval(() => talks.socket.send('ping'), 250)
    try {
      await silent.all('ERR 3', 'close 4003')
      while ((await talks.next('pong', 'PEER 0')) === 'pong');
    } finally {
      clearInterval(ping)
    }
  })
})

describe('hosts', () => {
  const at = workerd({ vars: { MASQ_HOSTS: 'a.example sync.example.org' } })

  it('takes who dials one of its names', async () => {
    const key = channel()
    const device = await Device.open(at.ws + key.path, { host: 'sync.example.org' })
    device.send(device.joining(key, 0))
    await device.next('JOINED 0')
  })

  it('refuses who dials another', async () => {
    await (await Device.open(at.ws + channel().path)).next('ERR 2') // see 'ends who does not join'
  })
})

describe('an object that was evicted', () => {
  before(() => script('watched.mjs', testPlace))
  const at = workerd({ script: join(testPlace, 'watched.mjs') })
  const made = async () => Number(await (await fetch(`${at.http}/made`)).text())

  it('goes on as if nothing had happened', async (t) => {
    const key = channel()
    const a = await Device.join(at.ws, key, 0)
    const b = await Device.join(at.ws, key, 1)
    await Promise.all([a.all('JOINED 0', 'PEER 1'), b.next('JOINED 1')])
    const before = await made()
    assert.equal(before, 1)
    let ms
    for (let waits = 1; (await made()) === before && waits <= 5; waits++) {
      await pause(10_500) // after 10 s of nothing the platform lets it go
      a.socket.send('ping') // which does not wake it
      await a.next('pong')
      assert.ok((await made()) === before, 'a ping has woken it')
      const start = performance.now()
      a.data(`after ${waits}`)
      await b.next(`DATA after ${waits}`)
      ms = performance.now() - start
    }
    assert.equal(await made(), before + 1, 'it was not evicted')
    const start = performance.now()
    b.data('awake')
    await a.next('DATA awake')
    const awake = performance.now() - start
    t.diagnostic(`DATA through an object that slept ${ms.toFixed(1)} ms, awake ${awake.toFixed(1)} ms`)
    t.diagnostic(`so waking it costs ${(ms - awake).toFixed(0)} ms; it is to be less than 50`)
    const again = await Device.join(at.ws, key, 0)
    await Promise.all([again.next('JOINED 1'), a.all('ERR 8', 'close 4008'), b.next('PEER 1')])
  })
})
