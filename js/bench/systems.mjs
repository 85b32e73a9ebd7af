// The systems, in the order in which they stand in the tables. Each has page/<name>.mjs, and a program that is its server;
// `quick`: measured by QUICK=1 too.
import { fileURLToPath } from 'node:url'

/** Where everything is built and kept that the benchmark needs: beside all else that is built. */
export const place = fileURLToPath(new URL('../../.build/bench/', import.meta.url))
const masq = fileURLToPath(new URL('../../.build/masq', import.meta.url))

const node = (file, port, env) => ({ command: process.execPath, args: [place + file, port], env })

export const systems = {
  masq: {
    quick: true,
    title: 'Masq',
    packages: [],
    url: (port) => `ws://localhost:${port}`,
    server: (port) => ({ command: masq, args: ['sync-server', '--listen', `127.0.0.1:${port}`] }),
  },
  yjs: {
    quick: true,
    title: 'Yjs',
    packages: ['yjs', 'y-indexeddb', 'y-websocket'],
    server: (port) => node('node_modules/y-websocket/bin/server.cjs', port, { HOST: '127.0.0.1', PORT: port }),
  },
  tinybase: {
    quick: true,
    title: 'TinyBase',
    packages: ['tinybase'],
    server: (port) => node('server/tinybase.mjs', port),
  },
  automerge: {
    quick: true,
    title: 'automerge-repo',
    packages: ['@automerge/automerge-repo', '@automerge/automerge'],
    server: (port) => node('server/automerge.mjs', port),
  },
  rxdb: {
    title: 'RxDB',
    packages: ['rxdb', 'dexie'],
    server: (port) => node('server/rxdb.mjs', port),
  },
  pouchdb: {
    title: 'PouchDB',
    packages: ['pouchdb-browser', 'pouchdb-server'],
    url: (port) => `http://127.0.0.1:${port}`,
    server: (port) => ({
      command: process.execPath,
      args: [
        `${place}node_modules/pouchdb-server/bin/pouchdb-server`,
        '--in-memory',
        '--no-stdout-logs',
        '--port',
        port,
      ],
    }),
  },
  raw: {
    quick: true,
    title: 'raw IndexedDB and relay',
    packages: [],
    limit: true,
    server: (port) => node('server/raw.mjs', port),
  },
}
