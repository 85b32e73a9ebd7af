/**
 * If the page was opened by an invite's link, takes it out of the address bar at once and returns it, else undefined. Call
 * it before anything else of the page runs, ask the user, then give the link to `masq.join()`. Undefined in a Worker and on a
 * server, too.
 */
export function takeInvite(): string | undefined {
  if (typeof document === 'undefined' || !location.hash.startsWith('#masq=1.')) return undefined
  const link = location.href
  history.replaceState(history.state, '', location.pathname + location.search)
  return link
}
