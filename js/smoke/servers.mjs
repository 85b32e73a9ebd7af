// The Sync Servers there are, each as its operator starts it, on loopback ports that are free.
import { Program } from './program.mjs'

const built = (path) => new URL(`../../.build/${path}`, import.meta.url).pathname

/** Servers is programs that are one Sync Server together. */
class Servers {
  #programs = []

  /** urls is where it can be reached: of several nodes each. */
  urls = []

  async run(path, args, pattern) {
    const program = new Program(path, args)
    this.#programs.push(program)
    return program.says(pattern)
  }

  async node(...args) {
    const all = ['sync-server', '--listen', '127.0.0.1:0', ...args]
    this.urls.push(`ws://${await this.run(built('masq'), all, /listening on (127\.0\.0\.1:\d+)$/)}`)
  }

  /** stop ends all, the last to start first. */
  async stop() {
    for (const program of this.#programs.reverse()) await program.stop()
  }
}

async function oneNode(servers) {
  await servers.node()
}

async function twoNodes(servers) {
  // It says where it listens on its standard error.
  const args = ['-c', 'exec "$0" -a 127.0.0.1 -p -1 2>&1', built('bin/nats-server')]
  const nats = await servers.run('/bin/sh', args, /Listening for client connections on (127\.0\.0\.1:\d+)/)
  for (let n = 0; n < 2; n++) await servers.node('--nats', `nats://${nats}`)
}

async function worker(servers) {
  const serve = new URL('../cloudflare/serve.mjs', import.meta.url).pathname
  servers.urls.push(await servers.run(process.execPath, [serve, '0'], /(ws:\/\/localhost:\d+)$/))
}

/** kinds are the Sync Servers, by what they are. */
export const kinds = {
  'masq sync-server': oneNode,
  'two masq sync-servers and NATS': twoNodes,
  'the Worker in workerd': worker,
}

/** start starts one of the kinds. */
export async function start(kind) {
  const servers = new Servers()
  try {
    await kinds[kind](servers)
  } catch (error) {
    await servers.stop().catch(() => undefined)
    throw error
  }
  return servers
}
