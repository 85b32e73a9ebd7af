// What is said when something fails: what happened, and what to do.
import { StoreError } from './errors.js'
import type { State } from './state.js'
import { en, type Key } from './strings.js'
import { t } from './words.js'

/** Problem is a failure in plain words. */
export interface Problem {
  title: string
  text: string
  /** Whether the same may be tried again. Mostly not: an invite is good for one attempt. */
  again?: boolean
}

const has = (key: string): key is Key => Object.hasOwn(en, key)

// say finds the string for a code, `${code}_${suffix}` before `code`.
const say = (...keys: string[]): string | undefined => {
  const key = keys.find(has)
  return key && t(key)
}

/** failureText is one sentence about an error of the store. */
export function failureText(error: unknown): string {
  if (!(error instanceof StoreError)) return t('E_INTERNAL')
  return say(error.code) ?? (error.message || t('E_INTERNAL'))
}

/** pairingProblem explains why a pairing ended. side is this store's. */
export function pairingProblem(code: string, side: 'host' | 'joiner', message = ''): Problem {
  const title = say(`P_${code}`) ?? t('P_failed')
  const anew = t(side === 'host' ? 'anewHost' : 'anewJoiner')
  const text = say(`P_${code}_${side}`, `P_${code}_text`)
  const again = ['E_SYNC', 'E_BUSY', 'E_AWAY'].includes(code)
  return { title, text: text ?? [message, anew].filter(Boolean).join(' '), again }
}

/** codeOf is the code of an error. */
export const codeOf = (error: unknown): string => (error instanceof StoreError ? error.code : 'E_INTERNAL')

/** syncProblem is what keeps the store from syncing or storing, or from doing so by itself, if something does. */
export function syncProblem({ error, copied }: State): Problem | undefined {
  if (!error) return copied ? { title: t('copyRuns'), text: t('copyRunsText') } : undefined
  const title = say(`S_${error}`) ?? t('S_failed', { code: error })
  return { title, text: say(`S_${error}_text`) ?? t('S_failed_text') }
}
