// The words: both languages say the same with the same places.
import { checkTables } from '../shared/tables'
import { en, fr } from './strings'

checkTables(en, fr)
