// What is said when pairing fails: what happened, and what to do.
import type { LinkProblem } from '../shared/link.js'
import { codeOf, sentence } from './errors.js'
import { t } from './words.js'

/** Side is the device that shows the invite (host) or the one that opened it (joiner). */
export type Side = 'host' | 'joiner'

/** Problem is a failure in plain words. */
export interface Problem {
  title: string
  text: string
  /** Whether the joiner may try the same invite again. Mostly not: an invite is good for one attempt. */
  again?: boolean
}

/** Circumstances are what is known beside the error. */
export interface Circumstances {
  /** The Sync Server that the invite names. */
  relay?: string | undefined
  /** Whether the two devices had met. */
  met?: boolean
}

const anew = (side: Side): { anew: string } => ({ anew: t(side === 'host' ? 'anewHost' : 'anewJoiner') })

const problems: Record<string, (side: Side, known: Circumstances) => Problem> = {
  E_EXPIRED: (side, { met }) =>
    side === 'joiner' && !met
      ? { title: t('p_nobody'), text: t('p_nobodyText'), again: true }
      : { title: t('p_expired'), text: t('p_expiredText', anew(side)) },
  E_DENIED: (side) => ({ title: t('p_denied'), text: t('p_deniedText', anew(side)) }),
  E_CROWDED: (side) => ({ title: t('p_crowded'), text: t('p_crowdedText', anew(side)) }),
  E_AUTH: (side) => ({ title: t('p_auth'), text: t('p_authText', anew(side)) }),
  E_CIRCLE: (side) =>
    side === 'joiner'
      ? { title: t('p_circleJoiner'), text: t('p_circleJoinerText') }
      : { title: t('p_circleHost'), text: t('p_circleHostText') },
  E_SYNC: (_, { relay }) => ({
    title: t('p_sync'),
    text: relay ? t('p_syncAt', { relay }) : t('p_syncText'),
    again: true,
  }),
  E_OFFLINE: () => ({ title: t('p_offline'), text: t('p_offlineText'), again: true }),
  E_LINK: () => linkText('cut'),
  E_BUSY: () => ({ title: t('p_busy'), text: t('p_busyText'), again: true }),
  E_INTERRUPTED: (side) => ({ title: t('p_interrupted'), text: t('p_interruptedText', anew(side)) }),
  E_VERSION: () => ({ title: t('p_version'), text: t('p_versionText') }),
  E_REVOKED: () => ({ title: t('p_revoked'), text: t('p_revokedText') }),
}

/** problem explains an error of pairing. */
export function problem(error: unknown, side: Side, known: Circumstances = {}): Problem {
  const code = codeOf(error)
  const explain = problems[code]
  if (explain) return explain(side, known)
  return { title: t('p_failed'), text: code ? sentence(code) : anew(side).anew }
}

/** linkText explains what is wrong with a link's form. */
export function linkText(why: LinkProblem): Problem {
  if (why === 'newer') return { title: t('p_version'), text: t('p_versionText') }
  if (why === 'elsewhere') return { title: t('p_elsewhere'), text: t('p_elsewhereText') }
  return why === 'cut' ? { title: t('p_cut'), text: t('p_cutText') } : { title: t('p_none'), text: t('p_noneText') }
}
