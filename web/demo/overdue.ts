// Devices that were not heard for long. The user is told of each once, at the top of the page; the list of devices says it as long as it is so.
import type { Status } from '@masq/client'

const place = 'notes-overdue' // in localStorage: those that the user was told of

// A device that was heard and then was not again is told of anew.
const keys = ({ devices }: Pick<Status, 'devices'>): string[] =>
  devices.filter((d) => d.overdue).map((d) => `${d.id} ${d.lastHeard}`)

const told = (): string[] => (localStorage.getItem(place) ?? '').split('\n')

/** overdue is how many devices were not heard for long. */
export const overdue = (status: Pick<Status, 'devices'>): number => keys(status).length

/** knowsOverdue says whether the user was told of all of them. */
export const knowsOverdue = (status: Pick<Status, 'devices'>): boolean =>
  keys(status).every((key) => told().includes(key))

/** toldOverdue notes that the user was. */
export const toldOverdue = (status: Pick<Status, 'devices'>): void =>
  localStorage.setItem(place, keys(status).join('\n'))
