// Which store an application's data is in. The browser's prompt is never raised by deciding it.

import { exists, readGrant, type Grant } from './grants.js'
import { names } from './messages.js'
import type { Options } from './options.js'

/** `embedded`, `local`: that one; `try`: the local one, if there is one and the user agrees, else embedded. */
export type Choice = 'embedded' | 'local' | 'try'

/** Decides. Rejects with StorageError. */
export async function choose({ store, app }: Options): Promise<{ choice: Choice; grant: Grant }> {
  if (store === 'embedded' || app !== location.origin) return { choice: 'embedded', grant: {} }
  // All at once, because the page waits for it.
  const [grant, begun, allowed] = await Promise.all([readGrant(), exists(names.database(app)), permission()])
  if (grant.used || store === 'local') return { choice: 'local', grant }
  return { choice: grant.refused || begun || allowed !== 'granted' ? 'embedded' : 'try', grant }
}

/**
 * Whether this page may connect to localhost: `prompt` if trying would ask the user. Since Chrome 147 `loopback-network` is
 * what the browser asks for; before, `local-network-access`. A browser that knows neither asks nobody, and neither does any
 * browser for a page that is on localhost itself.
 */
export async function permission(): Promise<PermissionState> {
  for (const name of ['loopback-network', 'local-network-access']) {
    try {
      const { state } = await navigator.permissions.query({ name: name as PermissionName })
      return state === 'prompt' && onLoopback(location.hostname) ? 'granted' : state
    } catch {
      // a name that this browser does not know
    }
  }
  return 'granted'
}

function onLoopback(host: string): boolean {
  return /^((.+\.)?localhost|127(\.\d+){3}|\[::1\])$/.test(host)
}
