// What is measured, in the order of the table. The 50th and the 95th percentile of all that was measured in all runs count, of which the
// table shows the second where samples is set. Less is better in all of them.

/** The rows of the first table: 2,700 keys. */
export const rows = [
  { id: 'cold', title: 'cold page to ready', unit: 'ms' },
  { id: 'separate', title: '500 puts, then durable', unit: 'ms' },
  { id: 'oneByOne', title: 'one durable put', unit: 'ms', samples: true },
  { id: 'across', title: 'put on A to watch on B', unit: 'ms', samples: true },
  { id: 'many', title: '2,000 separate puts, then durable', unit: 'ms' },
  { id: 'batch', title: '500 puts as one batch, then durable', unit: 'ms' },
  { id: 'burst', title: 'burst of 1,000 puts, all seen on the other side', unit: 'ms' },
  { id: 'fresh', title: 'fresh device shows 2,700 keys', unit: 'ms' },
  { id: 'reload', title: 'reload, 2,700 keys read', unit: 'ms' },
  { id: 'restart', title: 'restarted browser, 3,700 keys read', unit: 'ms' },
  { id: 'download', title: 'download', unit: 'kB brotli' },
  { id: 'storage', title: 'on disk after 3,700 keys of 100 B', unit: 'kB' },
  { id: 'server', title: 'server has grown by', unit: 'MB', unchecked: true }, // a collector's whim
]

/** The rows of the second table: 100,000 keys. */
export const largeRows = [
  { id: 'fill', title: 'write 100,000 keys, 1,000 at a time', unit: 'ms' },
  { id: 'open', title: 'restarted browser, one key read', unit: 'ms' },
  { id: 'openAll', title: 'restarted browser, all keys read', unit: 'ms' },
  { id: 'range', title: 'range of 1,000', unit: 'ms', samples: true },
  { id: 'memory', title: 'memory of page, Worker and WebAssembly', unit: 'MB' },
  { id: 'copy', title: 'fresh device shows all keys', unit: 'ms' },
  { id: 'reunion', title: '1 % changed on each of two devices, until equal', unit: 'ms' },
  { id: 'wire', title: 'bytes on the wire for that', unit: 'kB' },
  { id: 'storageLarge', title: 'on disk', unit: 'kB' },
  { id: 'serverLarge', title: 'server has grown by', unit: 'MB' },
]

/** What nobody can beat, besides the system called raw: IndexedDB, microseconds for each value of 100 characters. */
export const limitRows = [
  { id: 'oneStrict', title: 'one a transaction, strict', unit: 'µs' },
  { id: 'oneRelaxed', title: 'one a transaction, relaxed', unit: 'µs' },
  { id: 'hundredStrict', title: '100 a transaction, strict', unit: 'µs' },
  { id: 'packedStrict', title: '100 packed into one record, strict', unit: 'µs' },
  { id: 'get', title: 'get', unit: 'µs' },
]

function quantile(sorted, q) {
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low)
}

const ascending = (a, b) => a - b
const middle = (samples) => quantile(samples.toSorted(ascending), 0.5) // NaN of none

/** summary makes of all runs of one system { id: { p50, p95, runs } }, runs with the median of each run, null where it has none. */
export function summary(runs) {
  const out = {}
  for (const { id } of [...rows, ...largeRows, ...limitRows]) {
    const each = runs.map((run) => [run[id] ?? []].flat())
    const samples = each.flat().sort(ascending)
    if (samples.length === 0) continue
    out[id] = {
      p50: quantile(samples, 0.5),
      p95: quantile(samples, 0.95),
      runs: each.map((one) => middle(one) || null),
    }
  }
  return out
}

/**
 * ratio is how many times Masq's figure in a row is another system's: of the runs' ratios, as what else the machine does during a run
 * concerns both, the geometric mean, which takes in every run and is the same whichever of the two is divided by the other (Fleming and
 * Wallace, "How not to lie with statistics: the correct way to summarize benchmark results", 1986). Medians of five runs differ more
 * from one benchmark to the next. undefined if there was no run in which both had one.
 */
export function ratio(results, other, id) {
  const theirs = results[other]?.[id]?.runs ?? []
  const ratios = (results.masq?.[id]?.runs ?? []).map((ours, run) => ours / theirs[run])
  const logs = ratios.filter((ratio) => ratio > 0 && ratio < Infinity).map(Math.log)
  return logs.length > 0 ? Math.exp(logs.reduce((a, b) => a + b) / logs.length) : undefined
}

/** fastest is the name of the peer with the lowest median in a row; undefined if none has it. */
export function fastest(systems, results, id) {
  return Object.keys(results)
    .filter((name) => name !== 'masq' && !systems[name].limit && results[name][id])
    .sort((a, b) => results[a][id].p50 - results[b][id].p50)[0]
}
