/// <reference path="./worker-code.d.ts" />
// Ways to start the Worker, best first.

import { workerBeside } from './options.js'
import workerCode from 'masq:worker' // the Worker's bundle as text, put here by scripts/build.mjs

/** Functions that make the Worker, each to be tried if the one before it failed. */
export function workerMakers(option: string | URL | (() => Worker) | undefined): (() => Worker)[] {
  if (typeof option === 'function') return [option]
  if (option !== undefined) return [() => new Worker(option)]
  const beside = workerBeside()
  return beside ? [fromBlob, () => new Worker(beside)] : [fromBlob]
}

/** A blob: URL works whatever origin the script came from, unless the page's Content-Security-Policy forbids it. */
function fromBlob(): Worker {
  const url = URL.createObjectURL(new Blob([workerCode], { type: 'text/javascript' }))
  try {
    return new Worker(url)
  } finally {
    setTimeout(() => URL.revokeObjectURL(url), 10_000) // when it has been fetched
  }
}
