// What is said of an error: Notes' own words for each code, as Masq's are for programmers.
import { has, t } from './words.js'

/** codeOf is the code of an error of Masq's; '' if it is another. */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** errorText is a sentence for the user. */
export const errorText = (error: unknown): string => sentence(codeOf(error))

/** sentence is the one for a code. */
export const sentence = (code: string): string => (code.startsWith('E_') && has(code) ? t(code) : t('E_other'))
