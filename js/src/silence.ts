// Notices that an engine in another tab has stopped. It counts this tab's ticks, not the time: clocks jump, and a browser lets a
// tab in the background tick as seldom as it likes.

/** How often a tab ticks, in ms, if the browser lets it. */
export const TICK_MS = 1000
/** Ticks without a word from the engine after which it is asked whether it is alive. */
const QUIET_TICKS = 3
/** Ticks without an answer after which it is dead. */
const DEAD_TICKS = 3
/** A tick that comes so late says that this tab was throttled or frozen. */
const LATE_MS = 1.5 * TICK_MS

/** What to do after a tick. */
export type Verdict = 'wait' | 'ask' | 'dead'

export class Silence {
  #quiet = 0
  #unanswered = -1 // ticks since the engine was asked; -1: it was not, or has answered
  #patience = DEAD_TICKS

  /** The engine has said something, or there is another. */
  heard(): void {
    this.#quiet = 0
    this.#unanswered = -1
  }

  /** The engine does its work. */
  works(): void {
    this.heard()
    this.#patience = DEAD_TICKS
  }

  /**
   * Once a tick, `gap` ms after the one before. `care`: whether somebody is waiting. A throttled tab asks at its first silent tick
   * and is sure at the third: one late tick alone proves nothing, because after a freeze it comes before the messages do.
   */
  tick(gap: number, care: boolean): Verdict {
    const late = gap > LATE_MS
    if (this.#unanswered < 0) {
      this.#quiet += late ? QUIET_TICKS : 1
      if (this.#quiet < QUIET_TICKS || !care) return 'wait'
      this.#unanswered = 0
      return 'ask'
    }
    this.#unanswered += late ? DEAD_TICKS / 2 : 1
    if (this.#unanswered < this.#patience) return 'wait'
    this.heard()
    // On a device so slow that no engine starts in that time, tabs would take it from each other for ever.
    this.#patience *= 2
    return 'dead'
  }
}
