// One short message with at most one thing to do, at the bottom of the page.
import { announce, button, byId, h } from './dom.js'
import { t } from './words.js'

const shownForMs = 10_000

let timer: ReturnType<typeof setTimeout> | undefined
let after: (() => void) | undefined

/** toast shows a message for ten seconds, longer while it is pointed at or focused. home takes the focus if the toast had it. */
export function toast(text: string, action?: { label: string; run: () => void }, home?: () => void): void {
  const box = byId('toast')
  after = home
  const act = () => {
    hide()
    action?.run()
  }
  box.replaceChildren(
    h('p', {}, text),
    h('div', {}, action && button(action.label, act), button(t('dismiss'), hide, { class: 'quiet' })),
  )
  box.hidden = false
  box.onpointerenter = box.onfocus = () => clearTimeout(timer)
  box.onpointerleave = start
  start()
  announce(action ? t('atTheEnd', { text, action: action.label }) : text)
}

/** focusToast puts the focus on the toast's action. */
export function focusToast(): void {
  byId('toast').querySelector('button')?.focus()
}

function start(): void {
  clearTimeout(timer)
  timer = setTimeout(() => {
    if (byId('toast').matches(':hover, :focus-within')) start()
    else hide()
  }, shownForMs)
}

function hide(): void {
  const box = byId('toast')
  const hadFocus = box.contains(document.activeElement)
  clearTimeout(timer)
  box.hidden = true
  if (hadFocus) after?.()
}
