// The raw limits of the browser, in the same run as everything else.
import { Device, freshFolder } from './device.mjs'

/** measureLimits returns, by the names of limitRows, one value each. */
export async function measureLimits(site) {
  const device = new Device(freshFolder('limits'))
  try {
    await device.start()
    await device.open(site.page('limits', {}))
    return await device.run('limits')
  } finally {
    await device.stop()
  }
}
