// The servers of the smoke test: the real Sync Server behind its tap, `masq up` for the pages, and one origin in front of both.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

/** start runs a program of ours and answers its first line of output that pattern matches. */
async function start(program, args, pattern) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
  for await (const line of createInterface({ input: child.stdout })) {
    const match = pattern.exec(line)
    if (!match) continue
    child.stdout.resume()
    return { match, stop }
  }
  throw new Error(`${program} ended before it said ${pattern}`)
}

/**
 * front makes one origin of two servers, as they are in reality: requests go to pages, WebSockets to sync. Both are ports on
 * this computer. It listens on port, or on any when that is 0.
 */
async function front(pages, sync) {
  const sockets = new Set()
  const server = createServer((req, res) => {
    const onward = request({ port: pages, host: '127.0.0.1', path: req.url, method: req.method, headers: req.headers })
    onward.on('response', (answer) => {
      res.writeHead(answer.statusCode, answer.headers)
      answer.pipe(res)
    })
    onward.on('error', () => res.destroy())
    req.pipe(onward)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (req, socket, head) => {
    const onward = connect(sync, '127.0.0.1', () => {
      const headers = req.rawHeaders.flatMap((text, i) => (i % 2 ? [] : [`${text}: ${req.rawHeaders[i + 1]}\r\n`]))
      onward.write(`${req.method} ${req.url} HTTP/1.1\r\n${headers.join('')}\r\n`)
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    for (const [one, other] of [
      [onward, socket],
      [socket, onward],
    ]) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { port: server.address().port, stop }
}
