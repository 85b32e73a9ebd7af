// Writes down what was measured: a table for the terminal and the README, and the README's charts.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, platform, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { cpuRows, fastest, interval, largeRows, limitRows, met, ratio, rows } from './rows.mjs'
import { systems } from './systems.mjs'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))

/** number writes three digits that count, and all before the point. */
export function number(n) {
  if (n === undefined) return '–'
  const digits = Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : 2
  return n.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function machine(browser) {
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} × ${cpus()[0].model}, ${memory} GiB, ${platform()} ${release().split('-')[0]}, ${browser}, Node ${process.version}`
}

/** heading is what a figure means nothing without. */
export function heading({ machine, runs, versions = {} }) {
  const lists = Object.values(versions).filter(Boolean)
  return (
    [new Date().toISOString().slice(0, 10), runs, machine, ...(lists.length > 0 ? [lists.join('; ')] : [])].join('. ') +
    '.'
  )
}

/** table is GitHub's table of the medians, with the 95th percentile behind a stroke where there are samples, and the targets if any. */
function table(rows, results) {
  const names = Object.keys(results)
  const aimed = rows.some(({ target }) => target)
  const lines = measured(rows, results).map((row) => {
    const best = names
      .filter((n) => !systems[n].limit && results[n][row.id])
      .sort((a, b) => results[a][row.id].p50 - results[b][row.id].p50)[0]
    const cells = names.map((name) => {
      const text = cell(row, results[name][row.id])
      return name === best ? `**${text}**` : text
    })
    return [`${row.title}, ${row.unit}`, ...cells, compared(results, row.id), ...(aimed ? [aim(row, results)] : [])]
  })
  const titles = names.map((name) => systems[name].title)
  return grid([['', ...titles, 'Masq to the fastest other', ...(aimed ? ['target'] : [])], ...lines])
}

/** aim is a row's target, and whether it is met. */
function aim(row, results) {
  if (!row.target) return ''
  const reached = met(row, results, fastest(systems, results, row.id))
  return `${number(row.target)}: ${reached === undefined ? '–' : reached ? 'met' : 'missed'}`
}

/** measured is those of some rows of which there are figures. */
const measured = (rows, results) => rows.filter(({ id }) => Object.values(results).some((row) => row[id]))

function cell(row, value) {
  return value && row.samples ? `${number(value.p50)} / ${number(value.p95)}` : number(value?.p50)
}

/** tables is every table of which there are figures, by its name in the README. */
function tables({ results, limits }) {
  return {
    ...(measured(rows, results).length > 0 && { table: table(rows, results) }),
    ...(measured(cpuRows, results).length > 0 && { cpu: table(cpuRows, results) }),
    ...(measured(largeRows, results).length > 0 && { large: table(largeRows, results) }),
    ...(Object.keys(limits).length > 0 && { limits: limitTable(limits) }),
  }
}

const limitTable = (limits) =>
  grid([
    ['', 'median', '95th percentile'],
    ...limitRows.map(({ id, title, unit }) => [`${title}, ${unit}`, number(limits[id]?.p50), number(limits[id]?.p95)]),
  ])

/** shown is the tables as the terminal shows them. */
export const shown = (outcome) => Object.values(tables(outcome)).join('\n\n')

function compared(results, id) {
  const peer = fastest(systems, results, id)
  const times = ratio(results, peer, id)
  if (!times) return '–'
  const within = interval(results, peer, id)
  return `${number(times)}${within ? ` (${within.map(number).join(' to ')})` : ''} × ${systems[peer].title}`
}

/** grid lines up the cells of a GitHub table; the first line is its head. */
export function grid(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  const row = (line) =>
    `| ${line.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`
  const rule = `| ${widths.map((w, i) => (i ? `${'-'.repeat(w - 1)}:` : '-'.repeat(w))).join(' | ')} |`
  return [row(lines[0]), rule, ...lines.slice(1).map(row)].join('\n')
}

/** verdict says where Masq is not the first, as plainly as where it is, and which targets it has met. */
function verdict({ results }) {
  const lists = { first: [], behind: [], met: [], missed: [] }
  for (const row of [...rows, ...largeRows, ...cpuRows]) {
    const peer = fastest(systems, results, row.id)
    const times = ratio(results, peer, row.id)
    if (!times) continue
    const item = `${row.title}: ${compared(results, row.id)}`
    lists[times <= 1 ? 'first' : 'behind'].push(item)
    const reached = met(row, results, peer)
    if (reached !== undefined) lists[reached ? 'met' : 'missed'].push(`${item}, target ${number(row.target)}`)
  }
  const list = (items) => (items.length > 0 ? items.map((item) => `- ${item}`).join('\n') : '- nowhere')
  const { first, behind, met: reached, missed } = lists
  return [
    `Masq is first in:\n\n${list(first)}\n\nMasq loses in:\n\n${list(behind)}`,
    `It meets its targets in:\n\n${list(reached)}\n\nIt misses them in:\n\n${list(missed)}`,
  ].join('\n\n')
}

/** write puts all of it into README.md, and the charts beside it. */
export async function write(outcome) {
  const { turns, small, large } = outcome.runs
  const runs = `${turns} turns of starts, ${small} runs, with 100,000 keys ${large}`
  await fill({ heading: heading({ ...outcome, runs }), ...tables(outcome), verdict: verdict(outcome) })
  for (const [theme, colors] of Object.entries(themes))
    writeFileSync(file(`chart-${theme}.svg`), chart(outcome, colors))
  await keep(file('results.json'), JSON.stringify(outcome))
}

/** fill writes parts of README.md, each between its marks. */
export async function fill(parts) {
  const readme = file('README.md')
  let text = readFileSync(readme, 'utf8')
  for (const [mark, part] of Object.entries(parts)) {
    const between = new RegExp(`(<!-- ${mark} -->\n)[^]*?(\n<!-- end -->)`)
    if (!between.test(text)) throw new Error(`js/bench/README.md has no place for ${mark}`)
    text = text.replace(between, (_, before, after) => `${before}\n${part}\n${after}`)
  }
  await keep(readme, text)
}

/** keep writes a file as it is to look in the repository. */
async function keep(path, text) {
  writeFileSync(path, await format(text, { ...(await resolveConfig(path)), filepath: path }))
}

const themes = {
  light: {
    ink: '#1f2328',
    faint: '#d1d9e0',
    marks: ['#c2185b', '#1565c0', '#2e7d32', '#b26a00', '#6a3fb5', '#00838f', '#7a7f85'],
  },
  dark: {
    ink: '#e6edf3',
    faint: '#3d444d',
    marks: ['#ff6fa5', '#6cb6ff', '#6bd968', '#f0b44c', '#c297ff', '#4dd0e1', '#9198a1'],
  },
}

/** chart is a row of points for each measure of time, on a scale on which twice as long is as far everywhere. */
function chart({ results }, { ink, faint, marks }) {
  const names = Object.keys(results)
  const shown = rows.filter(({ id, unit }) => unit === 'ms' && names.some((name) => results[name][id]))
  const [left, width, line, top] = [320, 900, 30, 70]
  const height = top + shown.length * line + 40
  const values = shown.flatMap(({ id }) => names.map((name) => results[name][id]?.p50)).filter((v) => v > 0)
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.ceil(Math.log10(Math.max(...values)))
  const x = (value) => left + ((Math.log10(value) - low) / (high - low)) * (width - left - 45)
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13" fill="${ink}" role="img">`,
    '<title>Milliseconds for each measure, by system; further left is faster</title>',
  ]
  for (let e = low; e <= high; e++) {
    const at = x(10 ** e).toFixed(1)
    out.push(`<path d="M${at} ${top - 10}V${height - 30}" stroke="${faint}"/>`)
    out.push(
      `<text x="${at}" y="${height - 12}" text-anchor="middle">${number(10 ** e).replace(/\.0+$/, '')} ms</text>`,
    )
  }
  let at = 20
  names.forEach((name, i) => {
    const { title } = systems[name]
    out.push(mark(name, at, 24, marks[i]), `<text x="${at + 12}" y="28">${title}</text>`)
    at += 40 + 7.2 * title.length // wide enough for the usual letters of 13 px
  })
  shown.forEach(({ id, title }, i) => {
    const y = top + i * line + 8
    out.push(`<text x="${left - 14}" y="${y + 4}" text-anchor="end">${title}</text>`)
    out.push(`<path d="M${left} ${y}H${width - 45}" stroke="${faint}"/>`)
    for (const [n, name] of [...names.entries()].reverse()) {
      if (results[name][id]) out.push(mark(name, x(results[name][id].p50), y, marks[n]))
    }
  })
  return [...out, '</svg>', ''].join('\n')
}

/** Masq is a diamond, a raw limit a stroke, everything else a dot. */
function mark(name, x, y, color) {
  const at = x.toFixed(1)
  if (name === 'masq') return `<path d="M${at} ${y - 8}l8 8l-8 8l-8-8z" fill="${color}"/>`
  if (systems[name].limit) return `<path d="M${at} ${y - 9}v18" stroke="${color}" stroke-width="3"/>`
  return `<circle cx="${at}" cy="${y}" r="5.5" fill="${color}"/>`
}
