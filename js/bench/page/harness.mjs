// What every page of the benchmark does with its system: the driver calls window.bench, which calls the adapter.
//
// An adapter is, for one system and in that system's own words:
//   open({ server, join })  opens the data on this device and begins to sync; join: what another device's share() answered, for
//                           a device that has no data yet. Resolves when what is stored here can be read.
//   put(key, value)         writes one key; may return a Promise
//   putAll(entries)         writes many at once, the way the system has for that
//   durable()               resolves when all that was written is in the database (how firmly: see the README)
//   get(key), range(from, limit), count()   from the key `from` on, in the order of the keys, [[key, value], ...]
//   watch(told)             calls told(key, value) for every key that changes from now on, wherever
//   share()                 what another device needs to know: returns a text
//   online(yes)             joins and leaves the network

/** now is the time that all devices of this machine agree on, in ms: this page's time alone begins with the page. */
const now = () => performance.timeOrigin + performance.now()

/** offer opens what the page's address says and gives the driver window.bench. */
export function offer(adapter) {
  const { expect, first, ...options } = Object.fromEntries(new URLSearchParams(location.search))
  const told = new Map() // what stands before the / in a key → its keys → when this page was last told of them
  let waiting = []

  function see(key) {
    const prefix = key.slice(0, key.indexOf('/'))
    if (!told.has(prefix)) told.set(prefix, new Map())
    told.get(prefix).set(key, now())
    waiting = waiting.filter((look) => !look())
  }
  const total = () => [...told.values()].reduce((n, keys) => n + keys.size, 0)
  const until = (reached) =>
    new Promise((resolve) => {
      const look = () => reached() && (resolve(), true)
      if (!look()) waiting.push(look)
    })

  async function open() {
    await adapter.open(options)
    await adapter.get('there is no such key')
    const ready = performance.now()
    const put = first && (await firstPut())
    adapter.watch(see)
    for (const [key] of await adapter.range('', Infinity)) see(key)
    await until(() => total() >= Number(expect ?? 0))
    return { ready, put, shown: performance.now() }
  }

  /** firstPut writes a key and returns when it is durable. */
  async function firstPut() {
    const [[key, value]] = random('first', 1)
    void adapter.put(key, value)
    await adapter.durable()
    return performance.now()
  }

  /** timed returns how long work takes, in ms. */
  async function timed(work) {
    const start = performance.now()
    await work()
    return performance.now() - start
  }

  async function inLots(entries, lot) {
    for (let at = 0; at < entries.length; at += lot) {
      void adapter.putAll(entries.slice(at, at + lot))
      await adapter.durable()
    }
  }

  window.bench = {
    adapter,
    opened: open(),

    /** separate writes n keys one by one, awaits none, then waits until all are durable. */
    separate(prefix, n) {
      const entries = random(prefix, n)
      return timed(async () => {
        for (const [key, value] of entries) void adapter.put(key, value)
        await adapter.durable()
      })
    },

    batch(prefix, n) {
      const entries = random(prefix, n)
      return timed(async () => {
        void adapter.putAll(entries)
        await adapter.durable()
      })
    },

    /** oneByOne waits after each write until it is durable. */
    async oneByOne(prefix, n) {
      const times = []
      for (const [key, value] of random(prefix, n)) {
        times.push(
          await timed(async () => {
            void adapter.put(key, value)
            await adapter.durable()
          }),
        )
      }
      return times
    },

    /** paced writes a key every gap ms and returns when it wrote each. */
    async paced(prefix, n, gap) {
      const times = []
      for (const [key, value] of random(prefix, n)) {
        times.push([key, now()])
        void adapter.put(key, value)
        await new Promise((resolve) => setTimeout(resolve, gap))
      }
      await adapter.durable()
      return times
    },

    /** burst writes n keys and returns when it began. */
    async burst(prefix, n) {
      const entries = random(prefix, n)
      const start = now()
      for (const [key, value] of entries) void adapter.put(key, value)
      await adapter.durable()
      return start
    },

    /** fill writes, for each of the parts, n keys of a prefix from number first on, some at a time, and waits for each lot. */
    fill: (parts, lot) =>
      timed(async () => {
        for (const [prefix, first, n] of parts) await inLots(random(prefix, n, first), lot)
      }),

    /** rewrite gives the n keys of a prefix other values. */
    rewrite: (prefix, n, lot) => inLots(random(prefix, n), lot),

    /** ranges returns how long each of some ranges of length keys took, from somewhere among the n keys of prefix on. */
    async ranges(prefix, n, length) {
      const times = []
      for (let i = 0; i < 20; i++) {
        const [[from]] = random(prefix, 1, Math.floor(Math.random() * (n - length)))
        let found
        times.push(await timed(async () => (found = await adapter.range(from, length))))
        if (found.length !== length || found[0][0] !== from)
          throw new Error(`range answered ${found.length} from ${found[0]}`)
      }
      return times
    },

    /** network joins or leaves, and returns when. */
    async network(yes) {
      const start = now()
      await adapter.online?.(yes)
      return start
    },

    /** sawAgain waits until this page has been told of n keys of a prefix after a time, and returns when the last was. */
    async sawAgain(prefix, n, since) {
      const late = () => [...told.get(prefix).values()].filter((at) => at > since)
      await until(() => late().length >= n)
      return Math.max(...late())
    },

    /** saw waits until this page has been told of n keys that begin with prefix/, and returns when, for each. */
    async saw(prefix, n) {
      await until(() => (told.get(prefix)?.size ?? 0) >= n)
      return [...told.get(prefix)]
    },

    /** has waits until this page has been told of n keys in all. */
    has: (n) => until(() => total() >= n),
  }
}

/** random is n entries, from number first on, with values of 100 random characters: JSON that does not compress. */
function random(prefix, n, first = 0) {
  return Array.from({ length: n }, (_, i) => {
    const bytes = crypto.getRandomValues(new Uint8Array(75))
    return [`${prefix}/${String(first + i).padStart(6, '0')}`, btoa(String.fromCharCode(...bytes))]
  })
}
