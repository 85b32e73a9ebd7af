// A real Sync Server, `masq sync-server`, on a free port of loopback: found by that address, or by TLS under a name.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export class SyncServer {
  /** Where devices find it. */
  readonly url: string
  #folder: string
  #process: ChildProcess

  private constructor(url: string, folder: string, process: ChildProcess) {
    this.url = url
    this.#folder = folder
    this.#process = process
  }

  /** Builds and starts one. `name` is what devices call it, if not by its address; nobody vouches for its certificate. */
  static async open(name?: string): Promise<SyncServer> {
    const folder = mkdtempSync(join(tmpdir(), 'masq-sync-'))
    const binary = build(folder, 'masq', './core/cmd/masq')
    const named = name ? ['--host', name, ...certificate(folder, name)] : []
    const child = spawn(binary, ['sync-server', '--listen', '127.0.0.1:0', ...named], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const port = await portOf(child)
    return new SyncServer(name ? `wss://${name}:${port}` : `ws://127.0.0.1:${port}`, folder, child)
  }

  close(): void {
    this.#process.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function build(folder: string, name: string, what: string): string {
  const file = join(folder, name)
  execFileSync('go', ['build', '-buildvcs=false', '-o', file, what], { cwd: root })
  return file
}

/** Makes a certificate for `name` by the program that comes with Go, and says in options where it is. */
function certificate(folder: string, name: string): string[] {
  const go = String(execFileSync('go', ['env', 'GOROOT'], { cwd: root })).trim()
  const make = build(folder, 'certificate', join(go, 'src/crypto/tls/generate_cert.go'))
  execFileSync(make, ['--host', name, '--ecdsa-curve', 'P256'], { cwd: folder, stdio: 'ignore' })
  return ['--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem')]
}

/** The port on which a server says that it listens. */
function portOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = ''
    const hear = (b: Buffer): void => {
      said += String(b)
      const [, port] = /127\.0\.0\.1:(\d+)/.exec(said) ?? []
      if (port) resolve(port)
    }
    server.stdout!.on('data', hear)
    server.stderr!.on('data', hear)
    server.on('exit', () => reject(new Error(`the Sync Server ended: ${said}`)))
  })
}
