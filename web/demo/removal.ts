// Removing a device for good, from both sides: the one that removes another, and the one that was removed.
import type { Device, Masq } from '@masq/client'
import { button, h } from './dom.js'
import { errorText } from './errors.js'
import { heading } from './pairing.js'
import { iso, t } from './words.js'

/** confirmRemoval asks whether a device is to be removed, says what that means, and does it. */
export function confirmRemoval(
  masq: Masq,
  device: Device,
  { gone, back }: { gone: () => void; back: () => void },
): HTMLElement[] {
  return [
    heading(t('removeTitle', { device: iso(device.name) })),
    h('p', {}, t('removeText')),
    h('p', {}, t('removeKeeps')),
    h('p', {}, t('removeFinal')),
    ...sure(t('removeYes'), () => masq.revoke(device.id).then(gone), back),
  ]
}

/** removedPage says to who was removed what that means, and which ways on there are. */
export function removedPage(notes: number, over: () => void, close: HTMLElement, paste: HTMLElement): HTMLElement[] {
  return [
    heading(t('outTitle')),
    h('p', {}, t('outText')),
    h('p', {}, t('outKeeps', { n: notes })),
    h('p', {}, t('outAgain')),
    paste,
    h('p', {}, t('outOver')),
    h('div', { class: 'actions' }, close, button(t('startOver'), over)),
  ]
}

/** confirmStartOver asks whether all that is in this browser is to be deleted, and does it. */
export function confirmStartOver(masq: Masq, notes: number, back: () => void): HTMLElement[] {
  return [
    heading(t('overTitle')),
    h('p', {}, t('overText', { n: notes })),
    ...sure(t('overYes'), () => startOver(masq), back),
  ]
}

function sure(label: string, act: () => Promise<void>, back: () => void): HTMLElement[] {
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const run = async (): Promise<void> => {
    yes.disabled = true
    problem.hidden = true
    try {
      await act()
    } catch (error) {
      problem.textContent = error instanceof Blocked ? t('overBlocked') : errorText(error)
      problem.hidden = false
      yes.disabled = false
    }
  }
  const yes = button(label, () => void run(), { class: 'danger' })
  return [problem, h('div', { class: 'actions' }, yes, button(t('back'), back))]
}

class Blocked extends Error {}

const blockedMs = 5000

// Everything in this origin's databases is Notes'. After that this browser is a new device.
async function startOver(masq: Masq): Promise<void> {
  await masq.close()
  const names = (await indexedDB.databases()).map(({ name }) => name ?? '')
  await Promise.all(names.map(deleted))
  location.reload()
}

const deleted = (name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name)
    const timer = setTimeout(() => reject(new Blocked()), blockedMs)
    request.onsuccess = () => (clearTimeout(timer), resolve())
    request.onerror = () => reject(request.error)
  })
