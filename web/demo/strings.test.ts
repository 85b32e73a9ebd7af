// The words: both languages say the same with the same places.
import { checkTables } from '../test/tables.js'
import { en, fr } from './strings.js'

checkTables(en, fr)
