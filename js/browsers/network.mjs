// The network, taken away and given back. In a network of the test's own (.ci/alone) it is the system's; else it is pretended, in a
// page that is open.
import { execFileSync } from 'node:child_process'

const name = process.env.MASQ_NETWORK

/** offline takes it away. */
export async function offline(tab) {
  if (name) execFileSync('ip', ['link', 'set', name, 'down'])
  else await pretend(tab, false)
  await tab.until('navigator.onLine === false')
}

/** online gives it back. */
export async function online(tab) {
  if (name) restore()
  else await pretend(tab, true)
  await tab?.until('navigator.onLine')
}

/** restore gives it back if it is away. */
export function restore() {
  if (!name) return
  execFileSync('ip', ['link', 'set', name, 'up'])
  execFileSync('ip', ['route', 'replace', 'default', 'via', '192.0.2.2'])
}

function pretend(tab, yes) {
  return tab.run(`(
    Object.defineProperty(Navigator.prototype, 'onLine', { get: () => ${yes}, configurable: true }),
    dispatchEvent(new Event('${yes ? 'online' : 'offline'}')), 1)`)
}
