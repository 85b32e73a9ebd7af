// Has the conformance suite of core/relay, which is the native server's too, check the Worker in workerd.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Workerd } from './serve.mjs'

const program = fileURLToPath(new URL('../../.build/conformance.test', import.meta.url)) // `make test-worker` builds it
let workerd

before(async () => (workerd = await Workerd.start()))
after(() => workerd?.stop())

/** suite runs it, and returns what each case came to, by its name, and what it printed. */
async function suite(url) {
  const env = { ...process.env, MASQ_CONFORMANCE_URL: url, MASQ_CONFORMANCE_OTHER: '', MASQ_CONFORMANCE_NOCAPS: '1' }
  const child = spawn(program, ['-test.v', '-test.run=^TestServer$'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const data of child.stdout.setEncoding('utf8')) text += data
  return {
    text,
    cases: new Map([...text.matchAll(/^ *--- (\w+): (\S+)/gm)].map(([, outcome, name]) => [name, outcome])),
  }
}

it('the Worker is a Sync Server', async (t) => {
  const { cases, text } = await suite(`ws://localhost:${workerd.port}`)
  const of = (outcome) => [...cases].filter(([, came]) => came === outcome).map(([name]) => name)
  assert.equal(cases.get('TestServer'), 'PASS', text)
  // Addresses are the platform's to count, and queues its to hold: README.md, "What differs".
  assert.deepEqual(of('SKIP').sort(), [
    'TestServer/a-receiver-that-is-too-slow',
    'TestServer/nameplate-joins-are-counted',
  ])
  t.diagnostic(`${of('PASS').length} cases of the conformance suite pass`)
})
