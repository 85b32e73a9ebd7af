// Made by scripts/sentences.mjs from core/localstore/errors.json.

/** One sentence for each code: what is wrong, and what to do. */
export const sentences = {
  E_KEY: 'A key is text of 1 to 1,024 bytes in UTF-8 without U+0000. Use another key.',
  E_VALUE: 'This value cannot be stored. Store what JSON can say, a Uint8Array or an ArrayBuffer.',
  E_TOOBIG: 'Too big: a value has at most 1 MiB, a batch 1,000 operations and 4 MiB. Split it up.',
  E_OPTIONS: 'The options are not right.',
  E_INSECURE: 'This page is not in a secure context. Serve it by https:, or from localhost.',
  E_UNSUPPORTED: 'This browser lacks something that Masq needs. Update it.',
  E_WASM: 'The engine could not be loaded. Check that masq.wasm is served where the `wasm` option says.',
  E_WORKER: 'The Worker could not be started. With a strict Content-Security-Policy, set the `worker` option.',
  E_STORAGE: 'The browser does not keep data here. Leave private browsing, or allow this site to store data.',
  E_QUOTA: 'The storage is full. Delete something, or make room on this device.',
  E_DAMAGED: 'The stored data cannot be read. Clear this site’s data; the other devices still have theirs.',
  E_CLEARED:
    'This site’s data was deleted in this browser. What other devices have is still there: pair with one again.',
  E_RESET: 'A watch was reset: this is no change. List the range anew.',
  E_VERSION: 'Another version of Masq is in use, here or on the other device. Reload all tabs, and update.',
  E_FENCED: 'Another engine took over this data. Reload the page.',
  E_CLOSED: 'Masq is closed. Call connect() again.',
  E_LINK: 'This is not an invite of this application. Open the whole link, as the other device shows it.',
  E_EXPIRED: 'The invite is no longer valid. Make a new one.',
  E_CROWDED: 'Another device is already answering this invite. Make a new one.',
  E_DENIED: 'The other side said no. Make a new invite to try again.',
  E_AUTH:
    'The two devices could not verify each other. Make a new invite; if it happens again, someone is interfering.',
  E_CIRCLE: 'This device is already paired with others. Pair from one of those instead.',
  E_SYNC: 'The Sync Server cannot be reached, or none is set. Check the network and the `sync` option.',
  E_BUSY: 'Too much at once, or another pairing is under way. Try again when that is done.',
  E_DATA:
    'This device already has data. Call confirm with bring: true to bring it along, or discard: true to delete it.',
  E_INTERRUPTED: 'The tab that ran Masq was closed or stopped answering in the middle of this. Start it again.',
  E_STORE_AWAY: 'The local store cannot be reached. Start it, or install Masq on this computer, then try again.',
  E_REVOKED: 'This device was shut out by another of the user’s devices. Pair it anew.',
  E_APP: 'The local store does not know this application. Call useLocalStore() from a click.',
  E_INTERNAL: 'A bug in Masq: the console says where. Reload the page.',
} as const
