// What a page has and a Worker has not. An AbortController does for the options of a listener: they are its `signal`.

const page = typeof document === 'undefined' ? undefined : document

/** Whether nobody sees the page now. Of a Worker nobody knows: it counts as seen. */
export const hidden = (): boolean => page?.hidden ?? false

/** Calls `told` when the page is seen or hidden, until `end` ends it. */
export function onVisibility(told: () => void, end: AbortController): void {
  page?.addEventListener('visibilitychange', told, end)
}

/**
 * Calls `left` when the page goes, for good or into the browser's cache of pages, and `back` when it comes out of that, until `end`
 * ends it.
 */
export function onLeaving(left: () => void, back: () => void, end: AbortController): void {
  if (!page) return
  addEventListener('pagehide', left, end)
  addEventListener('pageshow', (e) => e.persisted && back(), end)
}

/** What relative addresses are relative to. */
export const base = (): string => page?.baseURI ?? location.href

/** Where violations of the policy are told. */
export const policy = (): EventTarget => page ?? globalThis

/** The script tag that this comes from; a module and a Worker have none. */
const tag = page?.currentScript as HTMLScriptElement | null | undefined

/** Whether the page has given the script's hash. */
export const hasIntegrity = Boolean(tag?.integrity)

/**
 * Loads a module if it has this hash: what a script element has loaded, `import` finds, and does not ask for again. In a Worker
 * it does nothing. Rejects otherwise.
 */
export async function checkedModule(src: string, integrity: string): Promise<void> {
  if (!page) return
  const how = { type: 'module', crossOrigin: '', nonce: tag?.nonce ?? '', integrity, src }
  const element = page.createElement('script')
  await new Promise((onload, onerror) => page.head.append(Object.assign(element, how, { onload, onerror })))
}

/**
 * The address of the script for a script tag, or of the bundle that it is in; '' if it has none, as an inline one. A Worker's
 * importScripts says it nowhere but in the stack.
 */
export const script = (page ? tag?.src : /https?:[^\s)]+?(?=:\d+:\d+)/.exec(new Error().stack ?? '')?.[0]) ?? ''
