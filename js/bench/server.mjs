// A system's own server: a program of its own on a port of its own.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const waitMs = 20_000

/** freePort returns a port that nobody listens at. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

export class Server {
  #child
  #system
  port

  /** url is where the server is reached; at, by another port that leads there. */
  get url() {
    return this.at(this.port)
  }

  at(port) {
    return this.#system.url?.(port) ?? `ws://127.0.0.1:${port}`
  }

  /** start runs a system's server in a folder of its own, where it may leave things. */
  static async start(system, cwd) {
    const port = await freePort()
    const { command, args, env } = system.server(String(port))
    const server = new Server()
    server.port = port
    server.#system = system
    server.#child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await server.#listens(port)
    return server
  }

  /** memory is what the program has in memory, in MB. */
  memory() {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(this.#child.pid)], { encoding: 'utf8' })) / 1024
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL') // some do not end while anybody is connected
    await once(this.#child, 'exit')
  }

  async #listens(port) {
    for (const end = Date.now() + waitMs; Date.now() < end;) {
      if (this.#child.exitCode !== null) throw new Error(`the server ended with ${this.#child.exitCode}`)
      const socket = connect(port, '127.0.0.1')
      const there = await new Promise((resolve) =>
        socket.on('connect', () => resolve(true)).on('error', () => resolve(false)),
      )
      socket.destroy()
      if (there) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`the server does not listen after ${waitMs} ms`)
  }
}
