// Package codec is what crosses between JavaScript and the engine: events one way, actions the other, as bytes.
//
// JavaScript writes the events of a turn one behind the other, Parse takes them apart, and Append writes the engine's
// actions for the way back, so that a hundred puts cross once. js/src/codec.ts is the other half; testdata/codec.txt
// holds the bytes that both are tested against. Version is raised with every change, since two tabs may run two versions
// of a page.
//
// Integers are big-endian; lv8, lv and lv32 are bytes behind their length of 8, 16 and 32 bits, as in core/PROTOCOL.md.
// A message is
//
//	type u8 ‖ len u32 ‖ body(len)
//
// Events, from JavaScript:
//
//	 1 config     key(32) ‖ lv(app) ‖ lv(name) ‖ lv(url) ‖ n u8 ‖ lv(sync)*n          first, once
//	 2 start      n u32 ‖ id u64 * n                                                   second, once
//	 3 opened     conn u32
//	 4 frame      conn u32 ‖ data
//	 5 closed     conn u32 ‖ code u16
//	 6 tick
//	 7 committed  err u8: 0 none, 1 block exists, 2 no room, 3 another
//	 8 loaded     err u8 ‖ n u32 ‖ (id u64 ‖ there u8 ‖ lv32(data)) * n
//	 9 offline
//	10 online
//	11 op         id u64 ‖ verb u8 ‖ flags u8 ‖ target u64 ‖ since u64 ‖ limit u32 ‖ lv(key) ‖ lv(prefix) ‖ lv(gte) ‖
//	              lv(lt) ‖ lv(after) ‖ n u16 ‖ (kind u8 ‖ lv(key) ‖ lv32(value)) * n
//	              flags: 1 relaxed, 2 bring, 4 reverse, 8 keys only, 16 discard
//	              id, target: the tab's number u32 ‖ a number of its own u32
//	12 pong       conn u32
//
// Actions, to JavaScript:
//
//	 1 reply      op u64 ‖ lv8(code) ‖ more u8 ‖ position u64 ‖ lv(text) ‖ n u32 ‖ (kind u8 ‖ lv(key) ‖ lv32(value)) * n
//	 2 changed    watch u64 ‖ position u64 ‖ n u32 ‖ (kind u8 ‖ had u8 ‖ previous kind u8 ‖ others u16 ‖ client u32 ‖ lv8(device) ‖
//	              lv(key) ‖ lv32(value) ‖ lv32(previous)) * n
//	 3 status     sync u8 ‖ recovery u8 ‖ entries u64 ‖ lv8(code) ‖ self ‖ n u16 ‖ device * n
//	              self, device: lv8(id) ‖ lv8(name) ‖ flags u8: 1 online, 2 to receive ‖ last heard u64 ‖ to send u64
//	 4 pairing    op u64 ‖ step u8 ‖ has data u8 ‖ offline u8 ‖ expires u64 ‖ lv8(digits) ‖ lv8(name) ‖ lv8(code)
//	 5 dial       conn u32 ‖ lv(url)
//	 6 send       conn u32 ‖ data
//	 7 ping       conn u32
//	 8 hangup     conn u32
//	 9 commit     relaxed u8 ‖ (n u32 ‖ (id u64 ‖ lv32(data)) * n) twice: adds, puts ‖ n u32 ‖ id u64 * n
//	10 load       n u32 ‖ id u64 * n
//	11 wake at    time u64
//	12 failed     lv8(code)
package codec

// Version is the codec's, which two tabs must have in common.
const Version = 2

// Types of events.
const (
	evConfig    = 1
	evStart     = 2
	evOpened    = 3
	evFrame     = 4
	evClosed    = 5
	evTick      = 6
	evCommitted = 7
	evLoaded    = 8
	evOffline   = 9
	evOnline    = 10
	evOp        = 11
	evPong      = 12
)

// Types of actions.
const (
	acReply   = 1
	acChanged = 2
	acStatus  = 3
	acPairing = 4
	acDial    = 5
	acSend    = 6
	acPing    = 7
	acHangup  = 8
	acCommit  = 9
	acLoad    = 10
	acWakeAt  = 11
	acFailed  = 12
)

// Flags of an op.
const (
	opRelaxed  = 1
	opBring    = 2
	opReverse  = 4
	opKeysOnly = 8
	opDiscard  = 16
	opFlags    = 31 // all of them
)

// Flags of a device.
const (
	deviceOnline    = 1
	deviceToReceive = 2
)
