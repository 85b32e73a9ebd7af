// A real Sync Server, `masq sync-server`, on loopback.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export class RealSync {
  readonly url: string
  #process: ChildProcess
  #folder: string

  private constructor(url: string, process: ChildProcess, folder: string) {
    this.url = url
    this.#process = process
    this.#folder = folder
  }

  /** Builds it and starts it, on a port of its own. */
  static async open(): Promise<RealSync> {
    const folder = mkdtempSync(join(tmpdir(), 'masq-sync-'))
    const binary = join(folder, 'masq')
    const root = fileURLToPath(new URL('../..', import.meta.url))
    execFileSync('go', ['build', '-buildvcs=false', '-o', binary, './core/cmd/masq'], { cwd: root })
    const child = spawn(binary, ['sync-server', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const url = await new Promise<string>((resolve, reject) => {
      let said = ''
      const hear = (b: Buffer): void => {
        said += String(b)
        const address = /127\.0\.0\.1:\d+/.exec(said)?.[0]
        if (address) resolve(`ws://${address}`)
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.on('exit', () => reject(new Error(`the Sync Server ended: ${said}`)))
    })
    return new RealSync(url, child, folder)
  }

  close(): void {
    this.#process.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
