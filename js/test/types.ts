// The types that an application sees. Nothing here runs: tsc checks it.
import {
  connect,
  takeInvite,
  type Change,
  type Device,
  type Masq,
  MasqError,
  type Pairing,
  type Reset,
  type Status,
} from '../src/index.js'
import * as testing from '../src/testing.js'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const is = <T extends true>(_: T | undefined = undefined): void => undefined

interface Note {
  title: string
}

export async function use(masq: Masq, pairing: Pairing, error: MasqError): Promise<void> {
  const value = await masq.get('k')
  is<Equal<typeof value, unknown>>()
  const note = await masq.get<Note>('k')
  is<Equal<typeof note, Note | undefined>>()
  const list = await masq.list<Note>({ prefix: 'n/', gte: 'a', lt: 'b', reverse: true, limit: 3 })
  is<Equal<typeof list, [key: string, value: Note][]>>()
  await masq.list('n/')
  const count = await masq.count({ gt: 'a' })
  is<Equal<typeof count, number>>()
  await masq.list({ gt: 'a', lte: 'b' })
  for await (const entry of masq.entries<Note>('n/')) is<Equal<typeof entry, [key: string, value: Note]>>()
  for await (const entry of masq.entries<Note>()) is<Equal<typeof entry, [key: string, value: Note]>>()
  for await (const key of masq.keys('n/')) is<Equal<typeof key, string>>()
  for await (const key of masq.keys({ prefix: 'n/' })) is<Equal<typeof key, string>>()
  const stop = masq.watch<Note>('n/', (change) => {
    is<Equal<typeof change, Change<Note> | Reset>>()
    if (change.type === 'reset') return is<Equal<typeof change.reason, 'cleared' | 'lost'>>()
    is<Equal<typeof change.previous, Note | undefined>>()
  })
  // @ts-expect-error a reset has no key: who keeps a copy of the range has to list it anew
  masq.watch('n/', ({ key }) => key)
  is<Equal<typeof stop, () => void>>()
  is<Equal<Masq['status'], Status>>()
  const devices = await masq.devices()
  is<Equal<typeof devices, Device[]>>()
  masq.addEventListener('status', (event) => is<Equal<typeof event, Event>>())
  await masq.put('k', 1, { durability: 'relaxed' })
  await masq.batch([
    { type: 'put', key: 'k', value: 1 },
    { type: 'del', key: 'k' },
  ])
  await masq.useLocalStore()
  await masq.useLocalStore({ digits: () => Promise.resolve(masq.status.asking?.digits) })
  is<Equal<Awaited<ReturnType<Masq['persist']>>, boolean>>()
  is<Equal<Status['persistent'], boolean | undefined>>()
  await masq.revoke(devices[0]!.id)
  is<Equal<Status['store'], 'embedded' | 'local' | 'asking' | 'away' | 'denied'>>()
  is<Equal<Status['counts'], { readonly devices: number; readonly online: number; readonly upToDate: number }>>()
  await connect({ app: { name: 'T' }, store: 'local' })
  await pairing.confirm({ bring: true })
  is<Equal<typeof pairing.step, 'waiting' | 'compare' | 'confirmed' | 'paired' | 'done' | 'failed'>>()
  const link = takeInvite()
  is<Equal<typeof link, string | undefined>>()
  if (error.code === 'E_QUOTA' || error.code === 'E_STORE_AWAY' || error.code === 'E_REVOKED') return

  // @ts-expect-error a batch's operation has a value or is a deletion
  await masq.batch([{ type: 'put', key: 'k' }])
  // @ts-expect-error no such durability
  await masq.put('k', 1, { durability: 'soon' })
  // @ts-expect-error no such event
  masq.addEventListener('sync', () => undefined)
  // @ts-expect-error the status is not the application's to change
  masq.status = masq.status
  // @ts-expect-error an application has a name
  await connect({})
  await connect({ app: { name: 'T', icon: new URL('https://x/i.svg') }, sync: new URL('wss://sync.example.org') })
  await connect({ app: { name: 'T' }, sync: ['wss://a.example', 'wss://b.example'] as const })
  // @ts-expect-error no such option
  await connect({ app: { name: 'T' }, snyc: 'wss://sync.example.org' })
  // @ts-expect-error no such bound
  await masq.list({ start: 'a' })
  // @ts-expect-error a prefix is text
  await masq.list({ prefix: null })
  // @ts-expect-error no such option
  await pairing.confirm({ keep: true })
  // @ts-expect-error a device's name is its `device`
  await connect({ app: { name: 'T' }, name: 'Laptop' })
  // @ts-expect-error no such store
  await connect({ app: { name: 'T' }, store: 'cloud' })
  // @ts-expect-error digits are typed while Masq waits
  await masq.useLocalStore({ digits: () => '482913' })
  // @ts-expect-error no such code
  if (error.code === 'E_NOTHING') return
}

export async function useTesting(masq: Masq): Promise<void> {
  is<Equal<typeof testing.connect, typeof connect>>()
  is<Equal<typeof testing.MasqError, typeof MasqError>>()
  is<Equal<testing.Status, Status>>()
  const [laptop, phone] = await testing.devices(['Laptop', 'Phone'], { sync: 'wss://sync.example.org' })
  is<Equal<typeof laptop, Masq>>()
  await testing.pair(laptop, phone)
  await testing.offline(masq)
  const none = await testing.settled()
  is<Equal<typeof none, void>>()
  await testing.advance(1000)

  // @ts-expect-error there are two devices
  await testing.devices(['Laptop', 'Phone']).then(([, , third]) => third)
  // @ts-expect-error the names say which devices
  await testing.devices(['Laptop'], { device: 'Phone' })
  // @ts-expect-error time is in milliseconds
  await testing.advance('1 min')
}
