// The Worker, and an eye on it, for the tests: GET /made answers how many objects were made so far. Each begins with everything
// forgotten, Go's memory included, as when the platform starts it on another machine.
import { Channel as Plain } from './channel.mjs'
import { stop } from './relay.mjs'
import worker from './worker.mjs'

let made = 0

export class Channel extends Plain {
  constructor(ctx, env) {
    super(ctx, env)
    made++
    stop()
  }
}

export default {
  fetch(request, env, ctx) {
    return new URL(request.url).pathname === '/made' ? new Response(`${made}`) : worker.fetch(request, env, ctx)
  },
}
