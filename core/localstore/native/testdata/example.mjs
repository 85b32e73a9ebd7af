// A program that keeps its data in the user's Masq store: it asks for access, waits, writes a value and prints what changes.
// Run it with Node.js 22 (or 20 and --experimental-websocket). The calls are those of http://localhost:6277/openrpc.json.
import { createDecipheriv, createECDH, createHash, hkdfSync, randomBytes } from 'node:crypto'

const id = 'org.example.hello'
const url = process.argv[2] ?? 'ws://localhost:6277/v1'
const ws = new WebSocket(url)
const waiting = new Map()
const call = (method, params = {}) =>
  new Promise((resolve, reject) => {
    const id = waiting.size + 1
    waiting.set(id, { resolve, reject })
    ws.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  })
ws.onmessage = ({ data }) => {
  const { id, result, error, method, params } = JSON.parse(data)
  if (method === 'asking') console.log('waiting for: masq apps allow org.example.hello')
  if (method === 'changed') for (const { key, value } of params.changes) console.log(key, '=', JSON.stringify(value))
  if (error) waiting.get(id).reject(new Error(error.message))
  else waiting.get(id)?.resolve(result)
}
ws.onclose = ({ code, reason }) => console.log('the store has closed', code, reason)
await new Promise((resolve) => (ws.onopen = resolve))

// First contact. The digits are those that "masq apps" shows, if no other program stands in between.
const lv = (text) => [Buffer.from([text.length >> 8, text.length & 255]), Buffer.from(text)]
const port = Number(new URL(url).port)
const about = Buffer.concat([...lv('masq-contact/1'), ...lv(id), Buffer.from([port >> 8, port & 255])])
const hash = (...parts) => createHash('sha256').update(Buffer.concat([about, ...parts])).digest()
const own = createECDH('prime256v1')
const [key, nonce] = [own.generateKeys(), randomBytes(32)]
const commitment = hash(key, nonce)
const answer = await call('request', { id, app: { name: 'Hello' }, commitment: commitment.toString('base64url') })
const stores = Buffer.from(answer.key, 'base64url')
const transcript = hash(commitment, stores, key, nonce)
console.log('digits:', String([...transcript].reduce((n, byte) => (n * 256 + byte) % 1e6, 0)).padStart(6, '0'))
const reveal = { key: key.toString('base64url'), nonce: nonce.toString('base64url') }
const sealed = Buffer.from((await call('reveal', reveal)).token, 'base64url')
const under = hkdfSync('sha256', own.computeSecret(stores), transcript, 'masq-contact/1 token', 32)
const open = createDecipheriv('aes-256-gcm', Buffer.from(under), Buffer.alloc(12)).setAuthTag(sealed.subarray(-16))
const token = Buffer.concat([open.update(sealed.subarray(0, -16)), open.final()])

// Keep the token: with its id (8 bytes) and key (32), "prove" and "proof" let the program in next time without asking.
await call('watch', { prefix: 'greeting/' })
await call('put', { key: 'greeting/' + token.toString('hex', 0, 8), value: { text: 'hello', at: new Date() } })
