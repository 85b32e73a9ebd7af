import { sentences } from './sentences.js'

/** Every code that an error of Masq's can have. js/README.md says what to do about each. */
export type MasqErrorCode = keyof typeof sentences

/** What everything in Masq rejects with or throws: a `code` to test for, and a `message` that says what to do. */
export class MasqError extends Error {
  override name = 'MasqError'
  /** Which error it is; stable across versions. */
  readonly code: MasqErrorCode

  /** @internal `sentence`: another than the code's own */
  constructor(code: string, detail = '', sentence?: string) {
    const known = code in sentences ? (code as MasqErrorCode) : 'E_INTERNAL'
    const why = known === code ? detail : `${code} ${detail}`
    const text = sentence ?? sentences[known]
    super(why ? `${text} (${why})` : text)
    this.code = known
  }
}
