// Keys, values and options, without a browser.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ActionType, Kind } from '../src/codec.gen.js'
import { MasqError } from '../src/errors.js'
import { deviceName, describeBrowser } from '../src/options.js'
import { readStatus } from '../src/status.js'
import { bytesOf, checkKey, decodeValue, encodeValue } from '../src/values.js'

const codeOf = (f: () => unknown): string => {
  try {
    f()
    return ''
  } catch (e) {
    return e instanceof MasqError ? e.code : String(e)
  }
}

test('JSON goes through once and comes back', () => {
  for (const v of [null, true, 0, -1.5, '', '\ufeff', 'ключ', [], {}, { a: [{ b: null }] }, { u: undefined }]) {
    assert.equal(encodeValue(v), JSON.stringify(v))
    const e = { kind: Kind.JSON, value: Buffer.from(JSON.stringify(v)) }
    assert.deepEqual(decodeValue(e), JSON.parse(JSON.stringify(v)))
  }
  let calls = 0
  encodeValue({ toJSON: () => ++calls })
  assert.equal(calls, 1)
})

test('bytes go through as they are, without what surrounds them', () => {
  const b = new Uint8Array([1, 2, 3, 4])
  const table: [unknown, number[]][] = [
    [b, [1, 2, 3, 4]],
    [b.subarray(1, 3), [2, 3]],
    [b.buffer, [1, 2, 3, 4]],
    [new DataView(b.buffer, 2), [3, 4]],
    [new Uint16Array([0x0201]), [1, 2]],
    [new ArrayBuffer(0), []],
  ]
  for (const [v, want] of table) {
    const value = encodeValue(v) as Uint8Array
    assert.deepEqual([...value], want)
    assert.notEqual(value.buffer, b.buffer)
    assert.deepEqual(decodeValue({ kind: Kind.Bytes, value }), value)
  }
  const got = decodeValue({ kind: Kind.Bytes, value: b }) as Uint8Array
  got[0] = 99
  assert.equal(b[0], 1, 'a value is the caller’s own')
  assert.equal(decodeValue({ kind: Kind.Deleted, value: b }), undefined)
})

test('limits are exact', () => {
  const table: [() => unknown, string][] = [
    [() => checkKey('x'.repeat(1024)), ''],
    [() => checkKey('x'.repeat(1025)), 'E_KEY'],
    [() => checkKey('😀'.repeat(256)), ''],
    [() => checkKey('😀'.repeat(256) + 'x'), 'E_KEY'],
    [() => checkKey('', true), ''],
    [() => checkKey(''), 'E_KEY'],
    [() => checkKey('\udc00'), 'E_KEY'],
    [() => checkKey('\ud83d\ude00'), ''],
    [() => encodeValue('x'.repeat((1 << 20) - 2)), ''],
    [() => encodeValue('x'.repeat((1 << 20) - 1)), 'E_TOOBIG'],
    [() => encodeValue(new ArrayBuffer(1 << 20)), ''],
    [() => encodeValue(new ArrayBuffer((1 << 20) + 1)), 'E_TOOBIG'],
    [() => deviceName('x'.repeat(40)), ''],
    [() => deviceName('😀'.repeat(40)), ''],
    [() => deviceName('x'.repeat(41)), 'E_OPTIONS'],
    [() => deviceName('  '), 'E_OPTIONS'],
    [() => deviceName('a\u202eb'), 'E_OPTIONS'],
    [() => deviceName('a\nb'), 'E_OPTIONS'],
    [() => deviceName(7), 'E_OPTIONS'],
  ]
  for (const [f, want] of table) assert.equal(codeOf(f), want, f.toString())
  assert.equal(deviceName(' Desk '), 'Desk')
  assert.equal(bytesOf('é😀'), 6)
})

test('a device is named after its browser', () => {
  const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36'
  const table: [string, string, number?][] = [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0', 'Firefox on Linux'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome}`, 'Chrome on Windows'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/147.0.0.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${chrome}`, 'Chrome on ChromeOS'],
    [`Mozilla/5.0 (Linux; Android 10; K) ${chrome} OPR/90`, 'Opera on Android'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15', 'Safari on Mac'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15', 'iPad', 5],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/26.0 Mobile/15E148 Safari/604.1', 'iPhone'],
    ['', 'Browser'],
  ]
  for (const [userAgent, want, maxTouchPoints = 0] of table) {
    assert.equal(describeBrowser({ userAgent, maxTouchPoints }), want)
  }
})

test('a status sums up its devices', () => {
  const d = { id: 'x', name: 'X', online: false, toReceive: false, full: false, overdue: true, lastHeard: 0, toSend: 0 }
  const s = {
    type: ActionType.Status,
    sync: 3,
    recovery: false,
    copied: true,
    entries: 4,
    damaged: 1,
    code: 'E_VERSION',
    self: d,
  } as const
  const got = readStatus({
    ...s,
    devices: [
      { ...d, toSend: 3, toReceive: true },
      { ...d, toSend: 5 },
    ],
  })
  assert.deepEqual(
    [got.sync, got.toSend, got.toReceive, got.error, got.copied, got.damaged, got.self.online, got.devices[0]?.overdue],
    ['online', 5, true, 'E_VERSION', true, 1, true, true],
  )
  const alone = readStatus({ ...s, code: '', sync: 99, devices: [] })
  assert.deepEqual([alone.sync, alone.toSend, alone.toReceive, alone.error], ['off', 0, false, undefined])
})
