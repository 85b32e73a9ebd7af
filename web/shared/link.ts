// What can be read in a pairing link.

/** relayOf is the host of the Sync Server that a link names, or else that of fallback; undefined if what stands there is no address. */
export function relayOf(link: string, fallback: string = location.href): string | undefined {
  const coded = /#masq=1\.[\w-]+\.([\w-]+)$/.exec(link)?.[1]
  try {
    return new URL(coded ? atob(coded.replace(/-/g, '+').replace(/_/g, '/')) : fallback).host
  } catch {
    return undefined
  }
}
