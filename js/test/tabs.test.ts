// Several tabs share one engine, whatever becomes of the tab that runs it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { CODEC_VERSION } from '../src/codec.gen.js'
import { Harness, codeOf, run } from './browser.js'

const SEEDS = 5
const STEPS = 25

let harness: Harness
before(async () => void (harness = await Harness.open()))
after(() => harness.close())

/** Collects what a watch of everything tells, as `key=value from`. */
const watch = (page: Page): Promise<unknown> =>
  run(
    page,
    `(globalThis.seen = [], masq.watch('', (c) => seen.push(c.key + '=' + c.value + ' ' + c.from)), masq.get(''.padEnd(1, '-')))`,
  )
const seen = (page: Page, want: string): Promise<unknown> =>
  page.waitForFunction(`seen.includes(${JSON.stringify(want)})`)
const put = (page: Page, key: string, value: number): Promise<unknown> => run(page, `masq.put('${key}', ${value})`)
const get = (page: Page, key: string): Promise<unknown> => run(page, `masq.get('${key}')`)
const workers = (...pages: Page[]): number[] => pages.map((p) => p.workers().length)

test('tabs see each other’s writes, through one Worker', async () => {
  const profile = await harness.profile()
  const [a, b] = [await harness.tab(profile), await harness.tab(profile)]
  assert.deepEqual(workers(a, b), [1, 0])
  await Promise.all([watch(a), watch(b)])
  await put(a, 'x', 1)
  await put(b, 'y', 2)
  await Promise.all([seen(a, 'x=1 here'), seen(b, 'x=1 tab'), seen(a, 'y=2 tab'), seen(b, 'y=2 here')])
  assert.deepEqual([await get(a, 'y'), await get(b, 'x')], [2, 1])
  assert.equal(await run(b, `masq.list({ prefix: '' }).then((l) => l.length)`), 2)
  await profile.close()
})

test('what is asked in one turn is sent at its end, and a long turn in parts meanwhile', async () => {
  const profile = await harness.profile()
  for (const page of [await harness.tab(profile), await harness.tab(profile)]) {
    await run(
      page,
      `void (globalThis.posts = [], [Worker, BroadcastChannel].forEach(({ prototype: p }) => {
        const post = p.postMessage
        p.postMessage = function (m, ...rest) { if (m.bytes) posts.push(m.bytes.length); post.call(this, m, ...rest) }
      }))`,
    )
    const turn = (n: number, length: number): Promise<unknown> =>
      run(page, `Promise.all(Array.from({ length: ${n} }, (_, i) => masq.put('k' + i, 'x'.repeat(${length}))))`)
    const posted = (): Promise<number[]> => page.evaluate('posts.splice(0)')
    await turn(100, 50)
    assert.equal((await posted()).length, 1)
    await turn(100, 1000)
    const parts = await posted()
    assert.equal(parts.length, 7)
    assert.ok(
      parts.every((n) => n < 18 << 10),
      String(parts),
    )
    await turn(2, 100_000)
    assert.equal((await posted()).length, 2)
    assert.equal(await run(page, `masq.list({ prefix: 'k' }).then((l) => l.length)`), 100)
  }
  await profile.close()
})

test('when the leading tab goes, another leads: what was asked is answered and watches go on', async () => {
  for (const leave of [
    (p: Page) => p.close(),
    (p: Page) => run(p, 'masq.close()'),
    (p: Page) => p.goto('about:blank'),
  ]) {
    const profile = await harness.profile()
    const [a, b, c] = [await harness.tab(profile), await harness.tab(profile), await harness.tab(profile)]
    await Promise.all([watch(b), watch(c)])
    await put(b, 'before', 1)
    const writes = run(
      b,
      `Promise.all(Array.from({ length: 300 }, (_, i) => new Promise((r) => setTimeout(r, i)).then(() => masq.put('k' + i, i))))`,
    )
    await leave(a)
    await writes
    await put(c, 'after', 2)
    await Promise.all([seen(b, 'after=2 tab'), seen(c, 'k299=299 tab')])
    assert.equal(await run(c, `masq.list({ prefix: 'k' }).then((l) => l.length)`), 300)
    const missing = await run(
      c,
      `Array.from({ length: 300 }, (_, i) => 'k' + i).filter((k) => !seen.some((s) => s.startsWith(k + '=')))`,
    )
    assert.deepEqual(missing, [], 'every change was seen')
    assert.deepEqual(workers(b, c).sort(), [0, 1])
    await profile.close()
  }
})

test('a leader that does not answer loses the lock', async () => {
  const profile = await harness.profile()
  const frozen = await harness.tab(profile, { connected: false })
  const held = `'masq:' + location.origin + ':engine', () => (held(), new Promise(() => {}))`
  await run(frozen, `new Promise((held) => void navigator.locks.request(${held}))`)
  const a = await harness.tab(profile)
  await put(a, 'x', 1)
  assert.equal(await get(a, 'x'), 1)
  await profile.close()
})

test('a leader that the lock is stolen from goes on as one of the others', async () => {
  const profile = await harness.profile()
  const a = await harness.tab(profile)
  const b = await harness.tab(profile)
  await watch(a)
  await put(a, 'x', 1)
  await run(
    b,
    `void navigator.locks.request('masq:' + location.origin + ':engine', { steal: true }, () => new Promise((r) => setTimeout(r, 300)))`,
  )
  await put(a, 'y', 2)
  assert.equal(await get(b, 'y'), 2)
  await put(b, 'z', 3)
  await seen(a, 'z=3 tab')
  await profile.close()
})

// A thawed tab's Worker runs beside the new leader's: storage's `add` stops one of them before it changes anything.
test('of two engines on the same data one is fenced, and nothing is lost', async () => {
  const profile = await harness.profile()
  const a = await harness.tab(profile, { options: `id: 'fence'` })
  await put(a, 'one', 1)
  const b = await harness.tab(profile, { connected: false })
  await run(
    b,
    `new Promise((resolve) => {
    globalThis.second = new Worker('/worker.js');
    second.onmessage = (e) => e.data.t === 'out' && resolve();
    second.postMessage({ t: 'init', engine: 77, app: 'fence', name: 'B', url: '', sync: [], wasm: location.origin + '/masq.wasm' });
    second.postMessage({ t: 'hello', client: 9, version: ${CODEC_VERSION} });
  })`,
  )
  await put(a, 'two', 2) // the first engine writes: the second does not know
  const code = await run(
    b,
    `new Promise((resolve) => {
    const hex = ${JSON.stringify(putBytes(9, 1, 'three', '3'))};
    second.onmessage = (e) => e.data.t === 'failed' && resolve(e.data.code);
    second.postMessage({ t: 'ops', client: 9, engine: 77, bytes: new Uint8Array(hex) });
  })`,
  )
  assert.equal(code, 'E_FENCED')
  assert.deepEqual([await get(a, 'one'), await get(a, 'two'), await get(a, 'three')], [1, 2, undefined])
  await put(a, 'four', 4)
  await run(b, 'second.terminate()')
  await profile.close()
})

test('an engine that is fenced is followed by another, which is asked again', async () => {
  const profile = await harness.profile()
  const a = await harness.tab(profile, { options: `id: 'fence2'` })
  await put(a, 'one', 1)
  const b = await harness.tab(profile, { connected: false })
  await run(
    b,
    `new Promise((resolve) => {
    globalThis.second = new Worker('/worker.js');
    second.onmessage = (e) => e.data.t === 'out' && resolve();
    second.postMessage({ t: 'init', engine: 78, app: 'fence2', name: 'B', url: '', sync: [], wasm: location.origin + '/masq.wasm' });
    second.postMessage({ t: 'hello', client: 9, version: ${CODEC_VERSION} });
  })`,
  )
  await run(
    b,
    `new Promise((resolve) => {
    let replies = 0;
    second.onmessage = (e) => e.data.t === 'out' && new Uint8Array(e.data.bytes)[0] !== 3 && resolve();
    setTimeout(resolve, 2000);
    second.postMessage({ t: 'ops', client: 9, engine: 78, bytes: new Uint8Array(${JSON.stringify(putBytes(9, 1, 'three', '3'))}) });
  })`,
  )
  await run(b, 'second.terminate()')
  await put(a, 'four', 4) // E_FENCED inside, then the next engine
  assert.deepEqual([await get(a, 'one'), await get(a, 'three'), await get(a, 'four')], [1, 3, 4])
  await profile.close()
})

test('another engine’s failures do not concern a tab that has one', async () => {
  for (const failure of ['E_FENCED', 'E_DAMAGED', 'E_VERSION']) {
    const profile = await harness.profile()
    const [, b] = [await harness.tab(profile), await harness.tab(profile)]
    await put(b, 'x', 1)
    await run(
      b,
      `navigator.locks.query().then(({ held }) => {
        for (const { name } of held)
          if (name.includes(':tab:'))
            new BroadcastChannel(name.replace(':tab:', ':')).postMessage({ t: 'failed', engine: 7, code: '${failure}', detail: '' })
      })`,
    )
    await run(
      b,
      'new Promise((r) => { const c = new MessageChannel(); c.port1.onmessage = r; c.port2.postMessage(0) })',
    )
    assert.equal(await codeOf(b, `masq.put('y', 2)`), '')
    await profile.close()
  }
})

test('an engine that meets a bug fails, and the next one goes on', async () => {
  const profile = await harness.profile()
  const a = await harness.tab(profile)
  await put(a, 'x', 1)
  const b = await harness.tab(profile, { connected: false })
  const errors: string[] = []
  a.on('console', (m) => m.type() === 'error' && errors.push(m.text()))
  const code = await run(
    b,
    `new Promise((resolve) => {
    const port = new BroadcastChannel('masq:' + location.origin + ':5');
    port.onmessage = ({ data }) => {
      const bytes = new Uint8Array([11, 0, 0, 0, 10, 0, 0, 0, 5, 0, 0, 0, 1, 1, 0]); // an op that is cut
      if (data.t === 'welcome') port.postMessage({ t: 'ops', client: 5, engine: data.engine, bytes });
      if (data.t === 'failed') resolve(data.code);
    };
    navigator.locks.request('masq:' + location.origin + ':tab:5', () => {
      new BroadcastChannel('masq:' + location.origin).postMessage({ t: 'hello', client: 5, version: ${CODEC_VERSION} });
      return new Promise(() => {});
    });
  })`,
  )
  assert.equal(code, 'E_INTERNAL')
  assert.match(errors.join('\n'), /masq: panic: malformed message\n[^]*main\.\(\*client\)/)
  await put(a, 'y', 2)
  assert.deepEqual([await get(a, 'x'), await get(a, 'y')], [1, 2])
  await profile.close()
})

// As the browser reports it: the transaction aborts with QuotaExceededError.
const fullDisk = `let full = false;
const disk = new BroadcastChannel('full');
disk.onmessage = (e) => {
  full = e.data;
  disk.postMessage('heard');
};
const { add } = IDBObjectStore.prototype;
IDBObjectStore.prototype.add = function (...args) {
  if (full) queueMicrotask(() => this.transaction.abort());
  return add.apply(this, args);
};
const { commit } = IDBTransaction.prototype;
IDBTransaction.prototype.commit = function () { if (!full) commit.call(this) };
const error = Object.getOwnPropertyDescriptor(IDBTransaction.prototype, 'error').get;
Object.defineProperty(IDBTransaction.prototype, 'error', {
  get() { return full ? new DOMException('', 'QuotaExceededError') : error.call(this) },
});`

test('a full disk is E_QUOTA, and when there is room again it goes on', async () => {
  const profile = await harness.profile()
  const code = JSON.stringify(fullDisk) + ` + 'importScripts("' + location.origin + '/worker.js")'`
  const a = await harness.tab(profile, {
    options: `worker: () => new Worker(URL.createObjectURL(new Blob([${code}])))`,
  })
  const b = await harness.tab(profile)
  const model = `globalThis.model = {}, void masq.watch('', (c) => (c.deleted ? delete model[c.key] : (model[c.key] = c.value)))`
  await Promise.all([run(a, model), run(b, model)])
  await put(a, 'x', 1)
  await run(a, `void (globalThis.disk = new BroadcastChannel('full'))`)
  const full = (is: boolean): Promise<unknown> =>
    run(a, `new Promise((resolve) => ((disk.onmessage = resolve), disk.postMessage(${is}))).then(() => 0)`)
  await full(true)
  assert.equal(await codeOf(a, `masq.put('y', 2)`), 'E_QUOTA')
  assert.equal(await codeOf(b, `masq.put('x', 2)`), 'E_QUOTA')
  assert.equal(await codeOf(b, `masq.del('x')`), 'E_QUOTA')
  for (const page of [a, b]) {
    assert.deepEqual(await run(page, `masq.list()`), [['x', 1]])
    await page.waitForFunction(`JSON.stringify(model) === '{"x":1}'`) // what was shown is taken back
  }
  await full(false)
  await put(a, 'z', 3)
  assert.deepEqual([await get(a, 'x'), await get(a, 'y'), await get(a, 'z')], [1, undefined, 3])
  await profile.close()
})

/** Numbers below n, by a seed. */
function random(seed: number): (n: number) => number {
  return (n) => Math.floor(((seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31) * n)
}

/** A page that watches and lists as soon as it is connected: `first` and `seen`. */
const firstLoad = `void (globalThis.seen = [], globalThis.connecting = Masq.connect({ app: { name: 'T' }, store: 'embedded' }).then(async (m) => {
  m.watch('', (c) => seen.push([c.type, c.key, c.value]))
  globalThis.first = await m.list()
  globalThis.masq = m
}))`

/**
 * Tabs of a fresh origin, and what a seed has them do. Each tab writes ascending numbers into keys of its own. Whoever reads after a write
 * was answered, in whatever tab, reads it or a later one; and what a tab has listed and been told of is what there is.
 */
class Schedule {
  readonly #random: (n: number) => number
  readonly #calm: boolean
  readonly #profile: BrowserContext
  #tabs: { page: Page; name: string }[] = []
  #names = 0
  #written = 0
  #answered = new Map<string, number>()
  #asked: Promise<unknown>[] = []
  #gate = Promise.resolve()
  #go = (): void => undefined

  /** With `calm`, no engine is ended. */
  constructor(seed: number, calm: boolean, profile: BrowserContext) {
    this.#random = random(seed)
    this.#calm = calm
    this.#profile = profile
  }

  async run(steps: number): Promise<void> {
    await this.#profile.route('**/masq.wasm', async (route) => {
      await this.#gate
      await route.continue().catch(() => undefined) // its page has gone
    })
    this.#late()
    await this.#load()
    for (let i = 0; i < steps; i++) {
      await this.#step()
      await new Promise((resolve) => setTimeout(resolve, this.#random(60)))
    }
    this.#go()
    await Promise.all(this.#asked)
    for (const { page } of this.#tabs) await this.#check(page)
  }

  async #step(): Promise<void> {
    const steps = [() => this.#read(), () => this.#write(), () => this.#read(), () => this.#write(), () => this.#load()]
    const ends = [() => this.#close(), () => this.#reload(), () => this.#leave(), () => this.#late()]
    const all = [...steps, () => this.#go(), ...(this.#calm ? [] : ends)]
    await all[this.#random(all.length)]!()
  }

  #any(): { page: Page; name: string } {
    return this.#tabs[this.#random(this.#tabs.length)]!
  }

  /** The engine's program does not come until `go`. */
  #late(): void {
    this.#go()
    this.#gate = new Promise((resolve) => (this.#go = resolve))
  }

  async #load(): Promise<void> {
    if (this.#tabs.length === 4) return
    const page = await harness.tab(this.#profile, { connected: false })
    await run(page, firstLoad)
    this.#tabs.push({ page, name: `t${++this.#names}` })
  }

  #read(): void {
    const before = new Map(this.#answered)
    const keys = JSON.stringify([...before.keys()])
    const values = `connecting.then(() => Promise.all([...${keys}.map((key) => masq.get(key)), masq.count('')]))`
    this.#ask(this.#any().page, values, (found) => {
      const count = found.pop()!
      assert.ok(count >= before.size, `counted ${count} of ${before.size}`)
      for (const [i, [key, value]] of [...before].entries())
        assert.ok(found[i]! >= value, `${key}: ${found[i]}, not ${value}`)
    })
  }

  #write(): void {
    const { page, name } = this.#any()
    if (name === 't1') return // it only reads: a write of its own would have it ask the engine
    const [key, value] = [`${name}/${this.#random(2)}`, ++this.#written]
    this.#ask(page, `connecting.then(() => masq.put('${key}', ${value}))`, () => void this.#answered.set(key, value))
  }

  /** What a tab that goes was asked is not answered. */
  #ask(page: Page, code: string, answer: (found: number[]) => void): void {
    const gone = (e: unknown): void => {
      if (this.#tabs.some((tab) => tab.page === page)) throw e
    }
    const asked = run<number[]>(page, code).then(answer, gone)
    asked.catch(() => undefined) // awaited in the end
    this.#asked.push(asked)
  }

  async #close(): Promise<void> {
    if (this.#tabs.length < 2) return
    const [tab] = this.#tabs.splice(this.#random(this.#tabs.length), 1)
    await tab!.page.close()
  }

  async #reload(): Promise<void> {
    await this.#close()
    await this.#load()
  }

  /** Into the browser's cache of pages, and back. */
  async #leave(): Promise<void> {
    const { page } = this.#any()
    for (const type of ['pagehide', 'pageshow'])
      await run(page, `dispatchEvent(new PageTransitionEvent('${type}', { persisted: true }))`)
  }

  async #check(page: Page): Promise<void> {
    const [first, list] = await run<[string, number][][]>(
      page,
      'connecting.then(async () => [first, await masq.list()])',
    )
    const model = new Map(first)
    const told = new Map<string, number>()
    for (const [type, key, value] of await run<[string, string, number][]>(page, 'seen')) {
      if (type === 'reset') {
        assert.ok(!this.#calm, 'a reset')
        model.clear()
      } else {
        // An engine that ends may have done what it has not answered, and then that is done again.
        assert.ok(!this.#calm || value > (told.get(key) ?? 0), `${key}=${value} is told again`)
        told.set(key, value)
        model.set(key, value)
      }
    }
    assert.deepEqual([...model].sort(), [...list!].sort())
    for (const [key, value] of this.#answered) assert.ok(model.get(key)! >= value, `${key} is not ${value}`)
  }
}

for (const calm of [true, false])
  test(`a fresh origin, by a schedule: loads, reads and writes while the engine is late${calm ? '' : ', and tabs that go'}`, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const profile = await harness.profile()
      await new Schedule(seed, calm, profile).run(STEPS).catch((e: unknown) => {
        throw new Error(`seed ${seed}: ${String(e)}`)
      })
      await profile.close()
    }
  })

/** A put as it crosses the codec; kept apart from the client's own writer on purpose. */
function putBytes(client: number, n: number, key: string, json: string): number[] {
  const u32 = (v: number): number[] => [v >>> 24, (v >>> 16) & 255, (v >>> 8) & 255, v & 255]
  const lv = (s: string): number[] => [0, s.length, ...Buffer.from(s)]
  const value = [1, ...lv(key), ...u32(json.length), ...Buffer.from(json)]
  const body = [...u32(client), ...u32(n), 2, 0, 0, 1, ...value]
  return [11, ...u32(body.length), ...body]
}
