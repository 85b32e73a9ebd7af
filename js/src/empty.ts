// The empty start: while there is no store yet, a page need not wait for the engine to hear that there is nothing in it.
//
// Only the tab that leads says so. It holds the lock that elects it, and has looked since: there is no database of this application's, and
// none that says that the data is in the local store. So nobody has written yet. What is written from now on, in whatever tab, goes
// through this tab's engine, which cannot begin without its program. In the turn in which the tab hands that over it stops saying that
// there is nothing: before any write is carried out, and so before anybody can hear that one was. That is what is promised. Who has
// heard of a write, by a channel or by localStorage, reads it in this tab.
//
// The tab stops as well when it is asked for anything but to read, so that it reads its own writes, when its engine fails, and when it does
// not lead any more. If another tab takes the lock by force, that one's engine announces itself before it writes. And such a tab never
// says that there is nothing: the engine that had the lock may still write.

import type { Entry } from './codec.gen.js'
import { GRANTS, databases } from './grants.js'
import { names } from './messages.js'

/** What a question is answered with. */
export interface Found {
  entries: Entry[]
  more: boolean
  number: number
}
export const NOTHING: Found = { entries: [], more: false, number: 0 }

/**
 * Where a watch begins whose reader was told that there is nothing: the engine tells it of all that there is, behind a reset that says
 * nothing new. So it misses nothing, whichever tab's engine it comes to, and however late.
 */
export const NOWHERE = 1 // as in core/peer/watch.go

/** Whether it is known that there is nothing. It is never known again once it was over. */
export class Empty {
  now: boolean | undefined // undefined: nobody has looked

  /** Looks, with the lock of `app` held. Calls `told` if it is so. */
  look(app: string, told: () => void): void {
    const ours: unknown[] = [names.database(app), GRANTS]
    void databases().then(
      (all) => {
        this.now ??= !all.some((name) => ours.includes(name))
        if (this.now) told()
      },
      () => undefined,
    )
  }

  end(): void {
    this.now = false
  }
}
