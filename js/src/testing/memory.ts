// Blocks in memory, behind the contract of core/storage.

import type { Blocks } from '../platform.js'
import { StorageError, type StoredBlock } from '../storage.js'
import { clock } from './clock.js'

/** What a device keeps when its engine has ended. */
export type Disk = Map<number, Uint8Array>

export class MemoryBlocks implements Blocks {
  onlost: Blocks['onlost']
  #disk: Disk | undefined

  constructor(disk: Disk) {
    this.#disk = disk
  }

  commit(adds: StoredBlock[], puts: StoredBlock[], dels: number[], _relaxed: boolean, after: number): Promise<void> {
    return this.#do((disk) => {
      if (after && !disk.has(after)) throw new StorageError('exists', 'the block before is gone')
      if (adds.some((b) => disk.has(b.id))) throw new StorageError('exists', 'the block exists')
      for (const b of [...adds, ...puts]) disk.set(b.id, b.data.slice())
      for (const id of dels) disk.delete(id)
    })
  }

  load(ids: number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#do((disk) => ids.map((id) => disk.get(id)))
  }

  list(): Promise<number[]> {
    return this.#do((disk) => [...disk.keys()].sort((a, b) => a - b))
  }

  close(): void {
    this.#disk = undefined
  }

  /** Done at once, because what is handed in is valid only now, and answered later, as by a disk. */
  #do<T>(work: (disk: Disk) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      try {
        if (!this.#disk) throw new StorageError('closed', 'storage is closed')
        const result = work(this.#disk)
        clock.soon(() => resolve(result))
      } catch (e) {
        clock.soon(() => reject(e as StorageError))
      }
    })
  }
}
