// Web Locks, as tabs and engines use them.

/** How a lock that this tab asked for comes to nothing. */
export interface LockEvents {
  /** It was stolen, or the page went into the browser's cache of pages and has come back. */
  lost(): void
  /**
   * Ask for it again. Never in the turn in which the lock was lost: the document of a page that goes away loses it, too, and would
   * ask without end.
   */
  again(): void
  /** This page may have no locks. Asking again would change nothing. */
  refused(e: unknown): void
}

/** A browser that rejects what waits in the queue is asked again after this time. */
const AGAIN_MS = 1000

/** Asks for a lock; `work` runs with it held. Returns what ends the waiting, not the work. */
export function withLock(
  name: string,
  { steal = false }: { steal?: boolean },
  work: () => Promise<void>,
  events: LockEvents,
): () => void {
  const queue = new AbortController()
  let held = false
  const run = async (): Promise<void> => {
    held = true
    await work()
  }
  void (async () => {
    try {
      await navigator.locks.request(name, steal ? { steal } : { signal: queue.signal }, run)
    } catch (e) {
      if (queue.signal.aborted) return
      if ((e as Error).name !== 'AbortError') return events.refused(e)
      events.lost()
      const again = (): void => void (queue.signal.aborted || events.again())
      if (held) inAnotherTurn(again)
      else setTimeout(again, AGAIN_MS)
    }
  })()
  return () => queue.abort()
}

/** A timer would come late in a tab that is not seen. */
function inAnotherTurn(work: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    work()
  }
  port2.postMessage(undefined)
}
