// What the smoke test does, told while it does it.

const waitMs = 60_000

/** step runs a part of a scenario and says how long it took, or that it failed. */
export async function step(what, run) {
  const start = Date.now()
  try {
    const answer = await run()
    console.log(`  ${what} (${seconds(start)})`)
    return answer
  } catch (error) {
    console.log(`  FAILED: ${what} (${seconds(start)})`)
    throw error
  }
}

/** seconds is how long ago start was. */
export const seconds = (start) => `${((Date.now() - start) / 1000).toFixed(1)} s`

/** until waits for a condition: the value that look returns, once it is neither false nor undefined. */
export async function until(what, look, limitMs = waitMs) {
  const end = Date.now() + limitMs
  for (;;) {
    const value = await look()
    if (value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
