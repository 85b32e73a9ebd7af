// The Store manager: the page on which a person decides which applications may use the store, which devices belong to them,
// and what is synced. The store serves it, and it speaks JSON-RPC to the store, at its own origin.
import { openSecret, pairingLink, takeFragment } from './fragment.js'
import { Manager } from './manager.js'
import { viewNames } from './page.js'

const address = window.masqAddress
delete window.masqAddress
const manager = new Manager(location.origin.replace(/^http/, 'ws') + '/v1', openSecret(address))
take(address)

// A link may also be opened in a tab that has the page open already.
addEventListener('hashchange', () => {
  const address = takeFragment()
  const secret = openSecret(address)
  if (secret) manager.store.unlock({ secret })
  if (address) return take(address)
  const view = viewNames.find((v) => location.hash === '#' + v)
  if (view) manager.go(view)
})

function take(address: string | undefined): void {
  const link = pairingLink(address)
  if (link) manager.offer(link)
}
