// The words: both languages say the same with the same places, and each error has some.
import { checkCodes, checkTables } from '../test/tables.js'
import { en, fr } from './strings.js'

checkTables(en, fr)
checkCodes(en, 'store', {
  // What the manager cannot cause, and what it says in other words, as a pairing's end or the state's error: see problems.ts.
  lacks: [
    ...['E_APP', 'E_CLOSED', 'E_FENCED', 'E_FRAME', 'E_KEY', 'E_METHOD', 'E_TOOBIG'],
    ...['E_CROWDED', 'E_DAMAGED', 'E_REVOKED', 'E_VERSION'],
  ],
  own: ['E_AWAY'],
})
