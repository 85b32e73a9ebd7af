// WebDriver (https://www.w3.org/TR/webdriver2): commands by HTTP, one after the other, to the window that is chosen.

const CONNECT_MS = 30_000

/** WebDriver is a session with a driver at an address. */
export class WebDriver {
  #address
  #session = ''
  #turn = Promise.resolve()
  #chosen = ''

  static async connect(address, capabilities) {
    const driver = new WebDriver()
    driver.#address = address
    const made = await driver.call('POST', '', { capabilities: { alwaysMatch: capabilities } }, CONNECT_MS)
    driver.#session = `/${made.sessionId}`
    driver.capabilities = made.capabilities
    return driver
  }

  /** inWindow sends commands while a window is chosen. */
  inWindow(handle, commands) {
    const done = this.#turn.then(async () => {
      if (handle !== this.#chosen) await this.call('POST', '/window', { handle })
      this.#chosen = handle
      return commands(this)
    })
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** left says that there is no chosen window any more. */
  left() {
    this.#chosen = ''
  }

  /** call resolves with a command's value. */
  async call(method, path, body, ms = 20_000) {
    const response = await fetch(`${this.#address}/session${this.#session}${path}`, {
      method,
      body: method === 'POST' ? JSON.stringify(body ?? {}) : undefined,
      signal: AbortSignal.timeout(ms),
    }).catch((error) => {
      throw new Error(`WebDriver ${path}: ${error.cause?.message ?? error.message}`)
    })
    const { value } = await response.json()
    if (value?.error) throw new Error(`WebDriver ${path}: ${value.error}: ${value.message}`)
    return value
  }
}
