import { NAME_CHARACTERS_MAX, SYNC_MAX } from './codec.gen.js'
import { bad, fields, type Fields } from './fields.js'
import { base, script } from './host.js'
import { bytesOf, isText } from './values.js'

/** What `connect` takes. What is undefined is as if absent; a name that is not among these is E_OPTIONS. */
export interface ConnectOptions {
  /** The application, as the user sees it. */
  app: {
    /** Its name, for people. */
    name: string
    /** What it is for, in a sentence. */
    description?: string
    /** URL of its icon. The Store manager shows it if it has at most 32 KiB as a data: URL, and the page may fetch it. */
    icon?: string | URL
  }
  /**
   * The Sync Servers with which a new circle of devices starts, at most 8: `wss://host`, or `ws://` for one on localhost;
   * `https:` and `http:` are taken for those. Once devices are paired, what they have agreed on counts. Default: none, no
   * sync.
   */
  sync?: string | URL | readonly (string | URL)[]
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
  /** The address of masq.wasm. Default: beside the script, or beside the page in which an inline one stands. */
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

const ID_BYTES_MAX = 255
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

declare const MASQ_SCRIPT: boolean // see pins.ts

const OPTIONS: Fields<ConnectOptions> = {
  ...{ app: '', sync: '', store: 'string', device: 'string', id: 'string', wasm: '', worker: '' },
}
const APP: Fields<ConnectOptions['app']> = { name: 'string', description: 'string', icon: '' }

/** Checks and completes the options. Throws E_OPTIONS. */
export function resolveOptions(options: ConnectOptions): Options {
  const o = fields('connect', options, OPTIONS)
  const app = fields('app', o.app, APP)
  if (!app.name) throw bad('app.name must say what the application is called')
  const { store = 'auto' } = o
  if (store !== 'auto' && store !== 'local' && store !== 'embedded')
    throw bad("store must be 'auto', 'local' or 'embedded'")
  const id = o.id ?? location.origin
  if (id === '' || !isText(id) || bytesOf(id) > ID_BYTES_MAX) throw bad('id must be text of 1 to 255 bytes')
  if (store === 'local' && id !== location.origin) throw bad('with an id of its own the data is embedded')
  return {
    app: id,
    about: about(app),
    store,
    name: deviceName(o.device),
    url: page(),
    sync: relayURLs([o.sync ?? []].flat()),
    wasm: o.wasm === undefined ? defaultWasm() : absolute(o.wasm, 'wasm'),
    worker: o.worker === undefined || typeof o.worker === 'function' ? o.worker : absolute(o.worker, 'worker'),
  }
}

/** What a local store takes: no more characters than these, and none that cannot be seen. */
function about({ name, description = '', icon = '' }: ConnectOptions['app']): Options['about'] {
  const plain = (s: string, most: number): string => [...s.replace(unseen, ' ').trim()].slice(0, most).join('')
  if (!isAddress(icon)) throw bad('app.icon must be an address')
  return { name: plain(name, NAME_CHARACTERS_MAX), description: plain(description, 200), icon: String(icon) }
}

/** Where worker.js is if it is beside the script, provided that this is the page's origin. */
export function workerBeside(): string | undefined {
  const url = beside('worker.js', import.meta.url)
  return url && new URL(url).origin === location.origin ? url : undefined
}

/** The address of a file beside the script, or beside the page that it stands in; undefined if neither has one. */
export function beside(file: string, module = MASQ_SCRIPT ? import.meta.url : ''): string | undefined {
  try {
    return new URL(file, module || script || base()).href
  } catch {
    return undefined // a Worker from a blob: URL
  }
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
  const url = isAddress(value) && parse(value)
  if (!url) throw bad('sync must be a whole address, like wss://sync.example.org')
  if (url.protocol === 'https:') url.protocol = 'wss:'
  if (url.protocol === 'http:') url.protocol = 'ws:'
  if (url.protocol !== 'wss:' && url.protocol !== 'ws:') throw bad('sync must begin with wss: or ws:')
  if (url.search || url.hash || url.username || url.password) throw bad('sync takes no query, fragment or password')
  return url.href.replace(/\/+$/, '')
}

function defaultWasm(): string {
  const url = MASQ_SCRIPT ? beside('masq.wasm') : (besideModule() ?? beside('masq.wasm'))
  if (!url) throw bad('wasm must be the whole address of masq.wasm: this Worker has none of its own')
  return url
}

function besideModule(): string | undefined {
  try {
    return new URL('./masq.wasm', import.meta.url).href // written out like this because bundlers look for it
  } catch {
    return undefined // bundled into what is no module
  }
}

/** The page's address, to which the invites of its engine lead; '' where it has none. Nobody sees which page a Worker is of. */
function page(): string {
  const { origin, pathname } = location
  return origin === 'null' || typeof document === 'undefined' ? '' : origin + pathname
}

/** Where an invite leads that is made here, where `url` is the page's address: from a Worker, to the origin's first page. */
export function invitesLeadTo(url: string): string {
  return url || (location.origin === 'null' ? '' : `${location.origin}/`)
}

function absolute(url: unknown, what: string): string {
  const whole = isAddress(url) && parse(url, base())
  if (!whole) throw bad(`${what} must be an address`)
  return whole.href
}

function isAddress(value: unknown): value is string | URL {
  return typeof value === 'string' || value instanceof URL
}

function parse(url: string | URL, relativeTo?: string): URL | undefined {
  try {
    return new URL(url, relativeTo)
  } catch {
    return undefined
  }
}
