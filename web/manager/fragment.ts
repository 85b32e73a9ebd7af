// The secrets that the page may be opened with.

/** takeFragment takes a secret out of the address bar, and returns the address with it, if there is one. */
export function takeFragment(): string | undefined {
  const address = location.href
  if (!/^#masq(-open)?=/.test(location.hash)) return undefined
  history.replaceState(history.state, '', location.pathname + location.search)
  return address
}

/** openSecret is the secret of `masq open` in an address. */
export const openSecret = (address = ''): string | undefined => /#masq-open=([\w-]{22})$/.exec(address)?.[1]

/** pairingLink is address if it looks like a pairing link, else undefined. The store has the last word. */
export const pairingLink = (address = ''): string | undefined => (/#masq=1\./.test(address) ? address : undefined)
