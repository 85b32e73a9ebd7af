// The state as TypeScript has it is that of core/localstore/openrpc.json: the compiler compares the two.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

interface Schema {
  $ref?: string
  type?: string
  enum?: string[]
  anyOf?: Schema[]
  items?: Schema
  required?: string[]
  properties?: Record<string, Schema>
}

const js = process.cwd() // where npm runs the tests
const document = JSON.parse(readFileSync(join(js, '../core/localstore/openrpc.json'), 'utf8')) as {
  components: { schemas: Record<string, Schema> }
}

const names: Record<string, string> = { string: 'string', integer: 'number', boolean: 'boolean', null: 'null' }

/** typeOf writes a schema as a type of TypeScript. */
function typeOf({ $ref, ...s }: Schema): string {
  if ($ref) return typeOf(document.components.schemas[$ref.split('/').at(-1)!]!)
  if (s.enum) return s.enum.map((one) => JSON.stringify(one)).join(' | ')
  if (s.anyOf) return s.anyOf.map(typeOf).join(' | ')
  if (s.type === 'array') return `(${typeOf(s.items!)})[]`
  if (s.type !== 'object') return names[s.type!]!
  const fields = Object.entries(s.properties!).map(
    ([name, field]) => `${name}${s.required?.includes(name) ? '' : '?'}: ${typeOf(field)}`,
  )
  return `{ ${fields.join('; ')} }`
}

// An optional property that only one side has can be assigned both ways: Whole makes all of them required.
const comparison = (state: string): string => `
import type { State } from '${join(js, '../web/manager/state.js')}'
type Published = ${state}
type Whole<T> = T extends object ? { [K in keyof T]-?: Whole<T[K]> } : T
declare const types: State, published: Published
export const a: Published = types, b: State = published
declare const allTypes: Whole<State>, allPublished: Whole<Published>
export const c: Whole<Published> = allTypes, d: Whole<State> = allPublished
`

/** compared is what the compiler finds different between State and the schema's type. */
function compared(state: string): string {
  const folder = mkdtempSync(join(js, '.build/state-'))
  try {
    writeFileSync(join(folder, 'state.ts'), comparison(state))
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../tsconfig.json', files: ['state.ts'] }),
    )
    const tsc = join(js, 'node_modules/typescript/bin/tsc')
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
    return stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const published = typeOf({ $ref: '#/components/schemas/State' })

test('state.ts has what is published, and no more', () => {
  assert.equal(compared(published), '')
})

test('a difference would be found', () => {
  const others = [
    ['a property less', published.replace('version: string; ', '')],
    ['an optional property less', published.replace('port?: number; ', '')],
    ['an optional property more', published.replace('port?: number', 'port?: number; house?: number')],
    ['one that may be missing', published.replace('entries: number', 'entries?: number')],
    ['another value', published.replace('"embedded"', '"phone"')],
  ] as const
  for (const [what, type] of others) {
    assert.notEqual(type, published, what)
    assert.match(compared(type), /error TS/, what)
  }
})
