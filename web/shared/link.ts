// What can be read in a pairing link without asking anybody: core/PROTOCOL.md, "Links".

/** LinkProblem is why a link cannot work: something is missing at its end, it is none, it is a newer Masq's, it leads elsewhere. */
export type LinkProblem = 'cut' | 'none' | 'newer' | 'elsewhere'

const mark = '#masq='

/** relayOf is the host of the Sync Server that a link names, or else that of fallback; undefined if what stands there is no address. */
export function relayOf(link: string, fallback: string = location.href): string | undefined {
  const coded = /#masq=1\.[\w-]+\.([\w-]+)$/.exec(link)?.[1]
  return parsed((coded === undefined ? fallback : decode(coded)) ?? '')?.host
}

/**
 * linkProblem says what is wrong with the form of a link to the application at origin, whose Sync Server is sync; undefined if
 * nothing is. A link that was cut off is told by its form, or by the Sync Server's address, of which only the beginning is left.
 */
export function linkProblem(link: string, origin: string, sync: string): LinkProblem | undefined {
  const [address = '', code] = split(link)
  if (code === undefined) return 'none'
  if (parsed(address)?.origin !== origin) return 'elsewhere'
  const [version = '', secret, relay, ...more] = code.split('.')
  if (version !== '1')
    return /^[1-9]\d{0,3}$/.test(version) && secret !== undefined ? 'newer' : version ? 'none' : 'cut'
  if (more.length > 0 || /[^\w-]/.test((secret ?? '') + (relay ?? ''))) return 'none'
  if (!/^[\w-]{21}[AQgw]$/.test(secret ?? '')) return (secret ?? '').length < 22 ? 'cut' : 'none'
  return relay === undefined ? undefined : relayProblem(relay, sync)
}

/** takeRest takes what is left of a link that was cut off out of the address bar, or a newer Masq's, and returns the address with it. */
export function takeRest(): string | undefined {
  const address = location.href
  if (split(address)[1] === undefined) return undefined
  history.replaceState(history.state, '', location.pathname + location.search)
  return address
}

function relayProblem(coded: string, sync: string): LinkProblem | undefined {
  const relay = decode(coded)
  if (relay === undefined) return 'cut'
  if (relay === sync) return undefined
  if (sync.startsWith(relay)) return 'cut'
  return /^wss?:\/\/[^/]/.test(relay) && parsed(relay) ? undefined : 'cut'
}

// A link that ends within the mark was cut off, too: what is left of it is all that the fragment has.
function split(link: string): [string, string?] {
  const at = link.indexOf('#')
  const [address, fragment] = at < 0 ? [link, ''] : [link.slice(0, at), link.slice(at)]
  if (fragment.startsWith(mark)) return [address, fragment.slice(mark.length)]
  return fragment.length > 1 && mark.startsWith(fragment) ? [address, ''] : [address]
}

function decode(base64url: string): string | undefined {
  try {
    return atob(base64url.replace(/-/g, '+').replace(/_/g, '/'))
  } catch {
    return undefined
  }
}

function parsed(url: string): URL | undefined {
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}
