// The table: a row for each case, a column for each browser.

/** table prints what came of the cases: outcomes by browser, each a Map from a case's name. */
export function table(names, outcomes, notes) {
  const columns = Object.keys(outcomes)
  const rows = names.map((name) => [name, ...columns.map((column) => outcomes[column].get(name) ?? '')])
  const widths = ['case', ...columns].map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)))
  const line = (cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`
  const dashes = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [
    line(['case', ...columns]),
    dashes,
    ...rows.map(line),
    ...notes.map((note, i) => `\n[${i + 1}] ${note}`),
  ].join('\n')
}
