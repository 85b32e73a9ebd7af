/// <reference path="./worker-code.d.ts" />
// A chunk of its own, loaded by the tab that starts the Worker.

export { default } from 'masq:worker' // the Worker's bundle as text, put here by scripts/build.mjs
