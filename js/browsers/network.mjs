// The network, taken away and given back. In a network of the test's own (.ci/alone) it is the system's; else it is pretended, in
// the page that is open and in those that the site serves meanwhile.
import { execFileSync } from 'node:child_process'

const name = process.env.MASQ_NETWORK

/** offline takes it away from a tab with a page of the site. */
export async function offline(tab, site) {
  if (name) execFileSync('ip', ['link', 'set', name, 'down'])
  else await pretend(tab, site, false)
  await tab.until('navigator.onLine === false')
}

/** online gives it back. */
export async function online(tab, site) {
  if (name) restore()
  else await pretend(tab, site, true)
  await tab.until('navigator.onLine')
}

/** restore gives it back if it is away. */
export function restore() {
  if (!name) return
  execFileSync('ip', ['link', 'set', name, 'up'])
  execFileSync('ip', ['route', 'replace', 'default', 'via', '192.0.2.2'])
}

function pretend(tab, site, yes) {
  const says = `Object.defineProperty(Navigator.prototype, 'onLine', { get: () => ${yes}, configurable: true })`
  site.first = says
  return tab.run(`(${says}, dispatchEvent(new Event('${yes ? 'online' : 'offline'}')), 1)`)
}
