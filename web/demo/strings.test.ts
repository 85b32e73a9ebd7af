// The words: both languages say the same with the same places, and each error has some.
import { checkCodes, checkTables } from '../test/tables.js'
import { en, fr } from './strings.js'

checkTables(en, fr)
checkCodes(en, 'client', {
  // What Notes cannot cause, and what it says elsewhere in other words: see problems.ts and notices.ts.
  lacks: [
    ...['E_APP', 'E_CLOSED', 'E_FENCED', 'E_INTERNAL', 'E_KEY', 'E_OPTIONS', 'E_RESET', 'E_VALUE'],
    ...['E_CLEARED', 'E_CROWDED', 'E_DATA', 'E_LINK'],
  ],
  own: [],
})
