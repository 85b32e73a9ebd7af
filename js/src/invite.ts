/**
 * If the page was opened by an invite's link, takes it out of the address bar at once and returns it, else undefined. Call
 * it before anything else of the page runs, ask the user, then give the link to `masq.join()`.
 */
export function takeInvite(): string | undefined {
  if (!location.hash.startsWith('#masq=1.')) return undefined
  const link = location.href
  history.replaceState(history.state, '', location.pathname + location.search)
  return link
}
