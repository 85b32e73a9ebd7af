// What is measured, in the order of the table. The 50th and the 95th percentile of all that was measured in all runs count, of which the
// table shows the second where samples is set. Less is better in all of them.

/** The rows that are measured by turns: how a page starts. Masq's ratio to the fastest other should be at most `target`. */
export const startRows = [
  { id: 'cold', title: 'cold page to ready', unit: 'ms', target: 1 },
  { id: 'coldDefault', title: 'cold page to ready, default options', unit: 'ms', target: 1 },
  { id: 'firstPut', title: 'cold page to the first durable put', unit: 'ms', target: 1.3 },
  { id: 'coldSlow', title: 'cold page to ready, throttled', unit: 'ms', target: 1 },
  { id: 'reload', title: 'reload, 3,700 keys read', unit: 'ms', target: 1 },
  { id: 'reloadDefault', title: 'reload, default options', unit: 'ms', target: 1 },
  { id: 'reloadSlow', title: 'reload, throttled', unit: 'ms', target: 1.1 },
  { id: 'restart', title: 'restarted browser, 3,700 keys read', unit: 'ms', target: 1.1 },
  {
    id: 'restartDefault',
    title: 'restarted browser, default options',
    unit: 'ms',
    target: 1.1,
  },
]

/** The rows of the table of the processors' time: the renderer process's, all threads. */
export const cpuRows = [
  { id: 'coldCPU', title: 'CPU time, cold page to the first durable put', unit: 'ms' },
  { id: 'reloadCPU', title: 'CPU time, reload, 3,700 keys read', unit: 'ms' },
  { id: 'restartCPU', title: 'CPU time, restarted browser, 3,700 keys read', unit: 'ms' },
]

/** The rows that are measured by runs of scenario.mjs: 2,700 keys. */
export const scenarioRows = [
  { id: 'separate', title: '500 puts, then durable', unit: 'ms' },
  { id: 'oneByOne', title: 'one durable put', unit: 'ms', samples: true },
  { id: 'across', title: 'put on A to watch on B', unit: 'ms', samples: true },
  { id: 'many', title: '2,000 separate puts, then durable', unit: 'ms' },
  { id: 'batch', title: '500 puts as one batch, then durable', unit: 'ms' },
  { id: 'burst', title: 'burst of 1,000 puts, all seen on the other side', unit: 'ms' },
  { id: 'fresh', title: 'fresh device shows 2,700 keys', unit: 'ms' },
  { id: 'download', title: 'download', unit: 'kB brotli' },
  { id: 'storage', title: 'on disk after 3,700 keys of 100 B', unit: 'kB' },
  { id: 'server', title: 'server has grown by', unit: 'MB', unchecked: true }, // a collector's whim
]

/** The rows of the first table. */
export const rows = [...startRows, ...scenarioRows]

/** The rows of the table with 100,000 keys. */
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
  for (const { id } of [...rows, ...cpuRows, ...largeRows, ...limitRows]) {
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
  const logs = ratioLogs(results, other, id)
  return logs.length > 0 ? Math.exp(mean(logs)) : undefined
}

/**
 * interval is [low, high], between which the ratio is with a confidence of 90 %: of the logarithms of the runs' ratios, the interval of
 * Student's t around their mean (Georges, Buytaert and Eeckhout, "Statistically rigorous Java performance evaluation", 2007, section 3.2).
 * undefined if there were less than two runs in which both had a figure: nothing says how far they are apart.
 */
export function interval(results, other, id) {
  const logs = ratioLogs(results, other, id)
  if (logs.length < 2) return undefined
  const middle = mean(logs)
  const variance = logs.reduce((sum, log) => sum + (log - middle) ** 2, 0) / (logs.length - 1)
  const half = (students[logs.length - 2] ?? students.at(-1)) * Math.sqrt(variance / logs.length)
  return [Math.exp(middle - half), Math.exp(middle + half)]
}

/**
 * met says whether the interval reaches a row's target; undefined if there is no target, or less than five runs in which both had a figure:
 * the interval of so few reaches nearly everything.
 */
export function met({ id, target }, results, other) {
  if (!target || ratioLogs(results, other, id).length < 5) return undefined
  return interval(results, other, id)[0] <= target
}

/** The 95th percentile of Student's t by its degrees of freedom, from 1 on; with more, the last is a little too much. */
const students = [
  6.314, 2.92, 2.353, 2.132, 2.015, 1.943, 1.895, 1.86, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.74,
  1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701, 1.699, 1.697,
]

const mean = (list) => list.reduce((a, b) => a + b) / list.length

function ratioLogs(results, other, id) {
  const theirs = results[other]?.[id]?.runs ?? []
  const ratios = (results.masq?.[id]?.runs ?? []).map((ours, run) => ours / theirs[run])
  return ratios.filter((ratio) => ratio > 0 && ratio < Infinity).map(Math.log)
}

/** fastest is the name of the peer with the lowest median in a row; undefined if none has it. */
export function fastest(systems, results, id) {
  return Object.keys(results)
    .filter((name) => name !== 'masq' && !systems[name].limit && results[name][id])
    .sort((a, b) => results[a][id].p50 - results[b][id].p50)[0]
}
