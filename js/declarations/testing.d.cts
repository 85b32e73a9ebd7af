// The testing entry for CommonJS: what testing.d.ts says.

import type * as Testing from './testing.js' with { 'resolution-mode': 'import' }

export type * from './testing.js' with { 'resolution-mode': 'import' }
export declare const advance: typeof Testing.advance
export declare const clear: typeof Testing.clear
export declare const connect: typeof Testing.connect
export declare const devices: typeof Testing.devices
export declare const offline: typeof Testing.offline
export declare const online: typeof Testing.online
export declare const pair: typeof Testing.pair
export declare const reset: typeof Testing.reset
export declare const settled: typeof Testing.settled
export declare const takeInvite: typeof Testing.takeInvite
export declare const MasqError: typeof Testing.MasqError
export type MasqError = Testing.MasqError
