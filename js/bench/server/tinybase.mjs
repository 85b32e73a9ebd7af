import { createWsServer } from 'tinybase/synchronizers/synchronizer-ws-server'
import { WebSocketServer } from 'ws'

createWsServer(new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) }))
