import { MasqError } from './errors.js'

/** What `connect` takes. */
export interface ConnectOptions {
  /** The application, as the user sees it. */
  app: {
    /** Its name, for people. */
    name: string
    /** What it is for, in a sentence. */
    description?: string
    /** URL of its icon. The Store manager shows it if it has at most 32 KiB as a data: URL, and the page may fetch it. */
    icon?: string
  }
  /**
   * The Sync Servers with which a new circle of devices starts, at most 8: `wss://host`, or `ws://` for one on localhost;
   * `https:` and `http:` are taken for those. Once devices are paired, what they have agreed on counts. Default: none, no
   * sync.
   */
  sync?: string | string[]
  /**
   * Where data is kept. `embedded`: in this browser. `local`: in the local store on this computer, and nowhere else; data that
   * an embedded store has is not moved before `useLocalStore()`. `auto` (the default): in the local store once it has been
   * used, or if this browser has no data yet, a local store may be reached without a prompt of the browser's, and the user
   * agrees; else embedded.
   */
  store?: 'auto' | 'local' | 'embedded'
  /** This device's name, as the user's other devices show it: 1 to 40 characters. Default: like "Firefox on Linux". */
  device?: string
  /**
   * The application's id: pages of one origin with different ids have different data. Default: the origin. With any other the
   * data is always embedded.
   */
  id?: string
  /** The address of masq.wasm. Default: beside the script. */
  wasm?: string | URL
  /**
   * The address of worker.js, or a function that makes a classic Worker of it. Default: the code that the script has in
   * itself, by a blob: URL. Needed only if the Content-Security-Policy forbids that.
   */
  worker?: string | URL | (() => Worker)
}

/** The options with everything filled in. */
export interface Options {
  app: string // the id
  about: { name: string; description: string; icon: string }
  store: 'auto' | 'local' | 'embedded'
  name: string
  url: string
  sync: string[]
  wasm: string
  worker: string | URL | (() => Worker) | undefined
}

const SYNC_MAX = 8
const ID_BYTES_MAX = 255
const NAME_CHARACTERS_MAX = 40
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

declare const MASQ_SCRIPT: boolean // set by the build: whether this is the file for a script tag

/** In a script tag, the script's own address; in a module there is none. */
export const script =
  typeof document === 'undefined' ? undefined : (document.currentScript as HTMLScriptElement | null)?.src

/** Checks and completes the options. Throws E_OPTIONS. */
export function resolveOptions(o: ConnectOptions): Options {
  if (typeof o?.app?.name !== 'string' || o.app.name === '')
    throw bad('app.name must say what the application is called')
  const { store = 'auto' } = o
  if (store !== 'auto' && store !== 'local' && store !== 'embedded')
    throw bad("store must be 'auto', 'local' or 'embedded'")
  const id = o.id ?? location.origin
  if (typeof id !== 'string' || id === '' || new TextEncoder().encode(id).length > ID_BYTES_MAX) {
    throw bad('id must be text of 1 to 255 bytes')
  }
  if (store === 'local' && id !== location.origin) throw bad('with an id of its own the data is embedded')
  return {
    app: id,
    about: about(o.app),
    store,
    name: deviceName(o.device),
    url: location.origin === 'null' ? '' : location.origin + location.pathname,
    sync: relayURLs([o.sync ?? []].flat()),
    wasm: o.wasm === undefined ? defaultWasm() : absolute(o.wasm, 'wasm'),
    worker: typeof o.worker === 'string' ? absolute(o.worker, 'worker') : o.worker,
  }
}

/** What a local store takes: no more characters than these, and none that cannot be seen. */
function about({ name, description = '', icon = '' }: ConnectOptions['app']): Options['about'] {
  const plain = (s: unknown, most: number): string => [...String(s).replace(unseen, ' ').trim()].slice(0, most).join('')
  return { name: plain(name, NAME_CHARACTERS_MAX), description: plain(description, 200), icon: String(icon) }
}

/** Where worker.js is if it is beside the script, provided that this is the page's origin. */
export function workerBeside(): string | undefined {
  const base = script ?? import.meta.url
  const url = base ? new URL('worker.js', base) : undefined
  return url?.origin === location.origin ? url.href : undefined
}

/** Checks a device's name, or makes one up. Throws E_OPTIONS. */
export function deviceName(name: unknown = describeBrowser(navigator)): string {
  if (typeof name !== 'string') throw bad("the device's name must be text")
  const trimmed = name.trim()
  const characters = [...trimmed].length
  if (characters < 1 || characters > NAME_CHARACTERS_MAX || trimmed.search(unseen) >= 0) {
    throw bad("the device's name must have 1 to 40 visible characters")
  }
  return trimmed
}

/** A name like "Firefox on Linux" or "iPhone". */
export function describeBrowser(n: { userAgent: string; maxTouchPoints?: number }): string {
  const has = (s: string): boolean => n.userAgent.includes(s)
  if (has('iPhone')) return 'iPhone'
  if (has('iPad') || (has('Macintosh') && (n.maxTouchPoints ?? 0) > 1)) return 'iPad'
  const browsers = { 'Edg/': 'Edge', 'OPR/': 'Opera', 'Firefox/': 'Firefox', 'Chrome/': 'Chrome', 'Safari/': 'Safari' }
  const systems = { Android: 'Android', CrOS: 'ChromeOS', Windows: 'Windows', Macintosh: 'Mac', Linux: 'Linux' }
  const find = (table: object): string | undefined => Object.entries(table).find(([mark]) => has(mark))?.[1]
  const system = find(systems)
  return (find(browsers) ?? 'Browser') + (system ? ` on ${system}` : '')
}

function relayURLs(list: unknown[]): string[] {
  if (list.length > SYNC_MAX) throw bad('sync takes at most 8 servers')
  return list.map(relayURL)
}

function relayURL(value: unknown): string {
  let url: URL
  try {
    url = new URL(String(value))
  } catch {
    throw bad('sync must be a whole address, like wss://sync.example.org')
  }
  if (url.protocol === 'https:') url.protocol = 'wss:'
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol !== 'wss:' && url.protocol !== 'ws:') throw bad('sync must begin with wss: or ws:')
  if (url.search || url.hash || url.username || url.password) throw bad('sync takes no query, fragment or password')
  return url.href.replace(/\/+$/, '')
}

function defaultWasm(): string {
  if (MASQ_SCRIPT) return new URL('masq.wasm', script).href
  try {
    return new URL('./masq.wasm', import.meta.url).href // written out like this because bundlers look for it
  } catch {
    return new URL('masq.wasm', script ?? document.baseURI).href // bundled into what is no module
  }
}

function absolute(url: string | URL, what: string): string {
  try {
    return new URL(url, document.baseURI).href
  } catch {
    throw bad(`${what} must be an address`)
  }
}

function bad(what: string): MasqError {
  return new MasqError('E_OPTIONS', what)
}
