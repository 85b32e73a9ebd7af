// For tests: looking at a page.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Page } from 'playwright-core'

const shots = join(process.cwd(), '../.build/looks') // npm runs the tests in js/

/** shot saves what the page shows, all of it: the window is made as high as the page. */
export async function shot(page: Page, name: string): Promise<void> {
  mkdirSync(shots, { recursive: true })
  const before = page.viewportSize() ?? { width: 0, height: 0 }
  const more = await page.evaluate(() => {
    const main = document.querySelector('main')
    return document.querySelector('dialog[open]') || !main ? 0 : main.scrollHeight - main.clientHeight
  })
  const height = Math.min(before.height + more, 4000)
  if (more > 0) await page.setViewportSize({ ...before, height })
  await page.screenshot({ path: join(shots, `${name}.png`) })
  if (more > 0) await page.setViewportSize(before)
}

/** accessible returns what axe finds wrong. */
export async function accessible(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({ resultTypes: ['violations'] }),
  )
  return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`)
}

/** overflowing returns the elements that stick out of the page to the side, but for what is cut off there. */
export const overflowing = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const cut = (el: Element): boolean => {
      for (let up = el.parentElement; up && up.tagName !== 'MAIN' && up.tagName !== 'DIALOG'; up = up.parentElement)
        if (getComputedStyle(up).overflowX === 'hidden') return true
      return false
    }
    return [...document.querySelectorAll('body *')]
      .filter((el) => {
        const { left, right, width } = el.getBoundingClientRect()
        return width > 0 && (right > innerWidth + 1 || left < -1) && el.checkVisibility() && !cut(el)
      })
      .map((el) => el.outerHTML.slice(0, 120))
  })
