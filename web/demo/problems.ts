// What is said when pairing fails: what happened, and what to do.

/** Side is the device that shows the invite (host) or the one that opened it (joiner). */
export type Side = 'host' | 'joiner'

/** Problem is a failure in plain words. */
export interface Problem {
  title: string
  text: string
  /** Whether the joiner may try the same invite again. Mostly not: an invite is good for one attempt. */
  again?: boolean
}

const newInvite = {
  host: 'Make a new invite and open it on the other device.',
  joiner: 'Make a new invite on the other device and open that one.',
}

const problems: Record<string, (side: Side) => Problem> = {
  E_EXPIRED: (side) => ({
    title: 'The invite has expired',
    text: 'It was not used, or not answered, in time. ' + newInvite[side],
  }),
  E_DENIED: (side) => ({
    title: 'The other device said no',
    text:
      'The two are not connected, and nothing was exchanged. If the digits differed, use another network before you try again. ' +
      newInvite[side],
  }),
  E_CROWDED: (side) => ({
    title: 'The invite is already in use',
    text: 'Another device opened it first. If that was not you, do not confirm anything. ' + newInvite[side],
  }),
  E_AUTH: (side) => ({
    title: 'The two devices could not trust each other',
    text: 'The link was not complete, or somebody interfered. Nothing was exchanged. ' + newInvite[side],
  }),
  E_CIRCLE: (side) => ({
    title:
      side === 'joiner'
        ? 'This device is already connected to others'
        : 'The other device is already connected to others',
    text: `A device can be in one group only. Make the invite on ${side === 'joiner' ? 'this' : 'that'} device instead, and open it on the one that is not connected yet.`,
  }),
  E_SYNC: () => ({
    title: 'The Sync Server cannot be reached',
    text: 'Check this device’s connection to the internet, then try again.',
    again: true,
  }),
  E_LINK: () => ({
    title: 'This is not an invite to Notes',
    text: 'The link may have been cut off on its way. Copy the whole link from the other device, or scan its code again.',
  }),
  E_BUSY: () => ({
    title: 'Another pairing is under way',
    text: 'Finish or cancel it, also in other tabs, or wait half a minute. Then try again.',
    again: true,
  }),
  E_INTERRUPTED: (side) => ({
    title: 'The pairing was interrupted',
    text: 'Another tab of Notes was closed, or took over. ' + newInvite[side],
  }),
  E_VERSION: () => ({
    title: 'One of the devices is out of date',
    text: 'Reload Notes on both devices, then try again.',
  }),
}

/** problem explains an error of pairing. */
export function problem(error: unknown, side: Side): Problem {
  const { code, message } = (error ?? {}) as { code?: string; message?: string }
  const known = problems[code ?? '']
  return known ? known(side) : { title: 'Pairing did not work', text: message || newInvite[side] }
}
