/** The collection, the same on both sides. */
export const schema = {
  version: 0,
  primaryKey: 'key',
  type: 'object',
  properties: { key: { type: 'string', maxLength: 64 }, value: { type: 'string' } },
  required: ['key', 'value'],
}
