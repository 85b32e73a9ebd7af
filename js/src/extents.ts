// Which parts of a file are in use: a file of blocks has room where one was deleted.

/** A part of a file, in bytes. */
export interface Extent {
  at: number
  size: number
}

/** Blocks begin at multiples of this, as the pages of files do. */
const STEP = 4096

/** Where to put what comes, in one file. What has been taken and what is given back never overlap. */
export class Extents {
  #gaps: Extent[] = [] // ascending, never two that touch
  #end: number // all behind it is free

  /** `end` is how long the file is. Nothing before it is free until it is given back. */
  constructor(end: number) {
    this.#end = up(end)
  }

  /** Where all that is taken ends. */
  get end(): number {
    return this.#end
  }

  /** Takes room for `size` bytes: in the first gap that is large enough, else at the end. */
  take(size: number): Extent {
    const need = up(size)
    const i = this.#gaps.findIndex((gap) => gap.size >= need)
    if (i < 0) {
      const at = this.#end
      this.#end += need
      return { at, size }
    }
    const gap = this.#gaps[i]!
    const { at } = gap
    if (gap.size === need) this.#gaps.splice(i, 1)
    else this.#gaps[i] = { at: at + need, size: gap.size - need }
    return { at, size }
  }

  /** Gives back what was taken. */
  give({ at, size }: Extent): void {
    const end = at + up(size)
    if (end === at) return
    let i = this.#gaps.findIndex((gap) => gap.at >= at)
    if (i < 0) i = this.#gaps.length
    const before = this.#gaps[i - 1]
    const after = this.#gaps[i]
    const from = before && before.at + before.size === at ? before.at : at
    const to = after && after.at === end ? after.at + after.size : end
    const first = from < at ? i - 1 : i
    const touching = (from < at ? 1 : 0) + (to > end ? 1 : 0)
    if (to === this.#end) {
      this.#end = from
      this.#gaps.splice(first, touching)
    } else this.#gaps.splice(first, touching, { at: from, size: to - from })
  }

  /** Gives back all before `end` that is in none of `used`. Nothing of it may be free yet. */
  giveAllBut(used: Extent[], end: number): void {
    let at = 0
    for (const extent of [...used].sort((a, b) => a.at - b.at)) {
      if (extent.at > at) this.give({ at, size: extent.at - at })
      at = Math.max(at, extent.at + up(extent.size))
    }
    if (end > at) this.give({ at, size: end - at })
  }
}

const up = (n: number): number => Math.ceil(n / STEP) * STEP
