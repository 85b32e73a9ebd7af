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
