// The Worker: WebSockets go to the channel that they ask for, everything else to the front, which is Go.
import front from 'syumai-workers'

export { Channel } from './channel.mjs'

// A path of the Sync Server's, as core/wire has it: 32 or 16 bytes in base64url, or a nameplate.
const channelPath = /\/v1\/(channel\/[\w-]{42}[AEIMQUYcgkosw048]|pair\/(?:[\w-]{21}[AQgw]|[0-9A-HJKMNP-TV-Z]{3,8}))$/

export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url)
    const [, name] = channelPath.exec(pathname) ?? []
    if (!name) return front.fetch(request, env, ctx)
    const of = (header) => request.headers.get(header) ?? ''
    if (of('Upgrade').toLowerCase() !== 'websocket')
      return refuse(426, 'this is for WebSockets', { Upgrade: 'websocket' })
    if (!/(^|[, ])masq\.relay\.v1($|[, ])/.test(of('Sec-WebSocket-Protocol')))
      return refuse(400, 'the subprotocol masq.relay.v1 is required')
    return env.CHANNEL.get(env.CHANNEL.idFromName(name)).fetch(request)
  },
}

const refuse = (status, text, headers) => new Response(`${text}\n`, { status, headers })
