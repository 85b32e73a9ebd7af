// A program that keeps its data in the user's Masq store: it asks for access, waits, writes a value and prints what changes.
// Run it with Node.js 22 (or 20 and --experimental-websocket). The calls are those of http://localhost:6277/openrpc.json.
const ws = new WebSocket(process.argv[2] ?? 'ws://localhost:6277/v1')
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
// Keep the token: with its id and key, "prove" and "proof" let the program in next time without asking.
const token = await call('request', { id: 'org.example.hello', app: { name: 'Hello' } })
await call('watch', { prefix: 'greeting/' })
await call('put', { key: 'greeting/' + token.id, value: { text: 'hello', at: new Date() } })
