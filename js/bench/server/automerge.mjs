// What the packaged sync server does, which pins an old version: a Repo that offers what it has to nobody unasked.
import { Repo } from '@automerge/automerge-repo'
import { WebSocketServerAdapter } from '@automerge/automerge-repo-network-websocket'
import { WebSocketServer } from 'ws'

const sockets = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) })
new Repo({ network: [new WebSocketServerAdapter(sockets)], peerId: 'server', sharePolicy: async () => false })
