// Ways to start the Worker, best first.

import { MasqError } from './errors.js'
import { loadWorkerCode } from './load.js'
import { workerBeside } from './options.js'
import { pinned } from './pins.js'

declare const MASQ_SCRIPT: boolean // see pins.ts

const OWN = 'The Worker could not be started.'

/** Makes the Worker. It may throw or reject, and the Worker may fail later. */
export type Maker = () => Worker | Promise<Worker>

/** Functions that make the Worker, each to be tried if the one before it failed. */
export function workerMakers(option: string | URL | (() => Worker) | undefined): Maker[] {
  if (typeof option === 'function') return [() => own(option)]
  if (option !== undefined) return [() => new Worker(option)]
  const url = pinned ? undefined : workerBeside() // a Worker's address cannot be given with a hash
  const beside = url ? [() => new Worker(url)] : []
  return MASQ_SCRIPT ? [...beside, fromBlob] : [fromBlob, ...beside] // a bundle has no worker.js beside itself
}

/** Makes the Worker by the application's function. Rejects with MasqError. */
async function own(make: () => Worker | Promise<Worker>): Promise<Worker> {
  let worker: Partial<Worker> | undefined
  try {
    worker = await make()
  } catch (e) {
    throw new MasqError('E_WORKER', `the function \`worker\` failed: ${String(e).slice(0, 200)}`, OWN)
  }
  if (typeof worker?.postMessage === 'function' && typeof worker.terminate === 'function') return worker as Worker
  throw new MasqError('E_OPTIONS', 'the function `worker` must return a Worker')
}

/** A blob: URL works whatever origin the script came from, unless the page's Content-Security-Policy forbids it. */
async function fromBlob(): Promise<Worker> {
  const url = URL.createObjectURL(new Blob([await loadWorkerCode()], { type: 'text/javascript' }))
  try {
    return new Worker(url)
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), 10_000) // when it has been fetched
  }
}
