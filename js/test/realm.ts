// Where the API is tried: a page, or this very process.

/** Runs code that is handed over as text. */
export interface Realm {
  evaluate(code: string): Promise<unknown>
}

/** The code with which `code`, run in the realm, fails; '' if it does not fail. */
export function codeOf(realm: Realm, code: string): Promise<string> {
  return realm.evaluate(
    `(async () => { try { await (async () => (${code}))(); return '' } catch (e) { return e.code ?? String(e) } })()`,
  ) as Promise<string>
}

/** What the expression `code` resolves with in the realm. */
export function run<T = unknown>(realm: Realm, code: string): Promise<T> {
  return realm.evaluate(`(async () => (${code}))()`) as Promise<T>
}

/** Asks until it is so: a minute at most, which no machine needs. */
export async function eventually(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await is());) {
    if (Date.now() > end) throw new Error(`is not so after a minute: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Asks until `code` resolves with true in the realm. (page.waitForFunction takes a promise for true, whatever comes of it.) */
export const resolvesTrue = (realm: Realm, code: string): Promise<void> =>
  eventually(code, async () => (await run(realm, code)) === true)
