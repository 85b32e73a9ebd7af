// The entry of masq.global.js: what a page has after the script tag, as `Masq`.

import { MasqError, connect, takeInvite } from './index.js'

Object.assign(globalThis, { Masq: { MasqError, connect, takeInvite } })
