// What a page has after <script src="masq.global.js">. In a script of the page's own:
//
//	/// <reference types="@masq/client/masq.global.js" />

import type * as Client from './index.js'

declare global {
  const Masq: typeof Client
}

export {}
