// What the store tells the manager, as core/localstore/openrpc.json has it: a test compares the two. Times are Unix milliseconds; 0 is
// never.

export interface State {
  version: string
  port?: number
  name: string
  sync: 'off' | 'connecting' | 'waiting' | 'online'
  error?: string
  relays: string[]
  bytes?: number
  recovery: boolean
  copied?: boolean // another copy of this store runs
  /** How many more devices this computer can let in; undefined if they are many. */
  left?: number
  requests: Request[]
  blocked: { app: string }[]
  apps: App[]
  devices: Device[]
  self: { id: string; name: string }
  pairing: Pairing | null
}

/** Request is an application that waits for a yes or a no. name, description and icon are what it says of itself. */
export interface Request {
  request: number
  app: string
  origin: string // who asks: an origin, or a program's id
  name: string
  description: string
  icon: string
  again: boolean
  digits: string // six, which the application knows too
  typing: boolean // the user is to type them there, and has not yet
  allowed: boolean // the user has said yes, and is to type them still
  program?: string // a program asks
  /** The browser that a page asks from, and its system, as far as they are known. */
  browser?: string
  system?: string
  asked: number
  expires: number
}

export interface App {
  app: string
  name: string
  description: string
  icon: string
  native: boolean
  allowed: boolean // somebody on this computer has access
  on: boolean
  entries: number
  bytes: number
  stored: number // what counts for quota
  quota: number
  full: boolean // there is no room for what was to come
  damaged?: Damaged
  mending: boolean // a fresh copy is being taken from another device
  restored: boolean // what is stored proved to be an older state
  lastUsed: number
  connected: number
  tokens: Token[]
  devices: AppDevice[]
  peers: Device[]
}

/** Damaged is the values that cannot be read, though all else is served. */
export interface Damaged {
  keys: number
  names: string[] // the keys of the first of them
}

/** Token is one way in: a browser profile, or a program. */
export interface Token {
  id: string
  program?: string
  browser?: string
  system?: string
  since: number
  lastUsed: number
  connected: number
}

export interface AppDevice {
  id: string
  on: boolean
  theirs: boolean
  toSend: number
  toReceive: boolean
  full: boolean // it has no room for what it lacks
  differs: boolean // it holds something else, though both have taken in the same
}

export interface Device {
  id: string
  name: string
  kind: 'store' | 'embedded'
  online: boolean
  lastHeard: number
  toSend: number
  toReceive: boolean
  full: boolean // it has no room for what it lacks
  differs: boolean // it holds something else, though both have taken in the same
  overdue: boolean // it was not heard for 30 days, and the store ran on 7 of them
}

export interface Pairing {
  pairing: number
  role: 'host' | 'joiner'
  app?: string
  link?: string
  step: 'waiting' | 'compare' | 'confirmed' | 'paired' | 'done' | 'failed'
  digits?: string
  name?: string
  expires: number
  hasData?: boolean
  error?: string
}
