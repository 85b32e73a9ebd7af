// A tab, whichever browser it is in: what the cases do with it. Each browser's own tab extends it by the few things that its
// protocol says in a way of its own.
import { writeFileSync } from 'node:fs'

/** How long code in a page may take. */
export const RUN_MS = 20_000

/** PageError is what code in a page has thrown. */
export class PageError extends Error {
  constructor({ name, code, message }) {
    super(`${name}${code ? ` ${code}` : ''}: ${message}`)
    this.code = code ?? name
  }
}

/**
 * Tab is one. Its browser's own has goto(url), reload(), back(), close(), png(), which resolves with a picture in base64, and
 * settle(expression, ms), which resolves with the text that a promise in the page resolves with.
 */
export class Tab {
  /** run returns what the expression resolves with in the page: what JSON can say. It rejects with what that throws. */
  async run(expression, ms = RUN_MS) {
    const { value, error } = JSON.parse(await within(ms, expression, this.settle(guarded(expression), ms)))
    if (error) throw new PageError(error)
    return value
  }

  /** start begins what run would wait for. */
  begin(expression) {
    return this.run(`void (${expression})`)
  }

  /** code is the code with which the expression fails; '' if it does not. */
  async code(expression, ms) {
    try {
      await this.run(expression, ms)
      return ''
    } catch (error) {
      return error.code ?? String(error)
    }
  }

  /** until waits for an expression to be true in the page. */
  async until(expression, ms = RUN_MS) {
    const end = Date.now() + ms
    while (!(await this.run(expression, ms))) {
      if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${expression}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** shot writes a picture of the tab. */
  async shot(file) {
    writeFileSync(file, Buffer.from(await within(RUN_MS, 'a picture', this.png()), 'base64'))
  }
}

/** within rejects if a promise takes longer than ms. */
export function within(ms, what, promise) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms: ${what.slice(0, 200)}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

function guarded(expression) {
  return `(async () => {
    try { return JSON.stringify({ value: await (async () => (${expression}))() }) }
    catch (e) { return JSON.stringify({ error: { name: e?.name, code: e?.code, message: String(e?.message ?? e) } }) }
  })()`
}
