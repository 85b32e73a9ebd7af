// Package table describes the messages between JavaScript and the engine. `make generate` makes both halves of the codec of
// it: wasm/client/codec/codec.gen.go and js/src/codec.gen.ts.
//
// A message is
//
//	type u8 ‖ len u32 ‖ its fields, len bytes
//
// Its layout lists the fields, each by its name and type:
//
//	u8 u16 u32 u64  integers, big-endian; a u64 is under 2^53
//	bool            u8: 0 or 1
//	text8 text      UTF-8 behind its length in bytes as u8 or u16
//	bytes           behind their length as u32
//	bytes?          a bool, false if there are none, ‖ bytes
//	key32           32 bytes
//	rest            all bytes that are left
//	T[u16]          a count as u8, u16 or u32 ‖ as many of T
//
// A type with a capital letter is one of Records or Enums; an enum is a u8.
package table

import (
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// Version is the codec's, which two tabs must have in common: they may run two versions of a page. It is raised with
// every change of a message or verb.
const Version = 10

// MaxSync is how many relay URLs a Config has.
const MaxSync = 8

// Message is a message, record or verb.
type Message struct {
	Name   string
	Number uint8
	Layout string
}

// Events are what JavaScript tells the engine: Config first and Start second, once.
var Events = []Message{
	{"Config", 1, "key key32, app text, name text, url text, sync text[u8]"},
	{"Start", 2, "ids u64[u32]"},
	{"Opened", 3, "conn u32"},
	{"Frame", 4, "conn u32, data rest"},
	{"Closed", 5, "conn u32, code u16"},
	{"Tick", 6, ""},
	{"Committed", 7, "failure StorageFailure"},
	{"Loaded", 8, "failure StorageFailure, blocks FoundBlock[u32]"},
	{"Offline", 9, ""},
	{"Online", 10, ""},
	{"Op", 11, "client u32, n u32, verb Verb"}, // and the layout of the verb
	{"Pong", 12, "conn u32"},
}

// Verbs are those that JavaScript has, each with what follows the layout of Op.
var Verbs = []Message{
	{"Get", uint8(peer.VerbGet), "key text"},
	{"Batch", uint8(peer.VerbBatch), "relaxed bool, writes Write[u16]"},
	{"List", uint8(peer.VerbList), "prefix text, gte text, lt text, after text, reverse bool, keysOnly bool, limit u32"},
	{"Conflicts", uint8(peer.VerbConflicts), "key text"},
	{"Watch", uint8(peer.VerbWatch), "prefix text, since u64"},
	{"Unwatch", uint8(peer.VerbUnwatch), "target OpID"},
	{"Invite", uint8(peer.VerbInvite), "url text"},
	{"Join", uint8(peer.VerbJoin), "link text"},
	{"Confirm", uint8(peer.VerbConfirm), "target OpID, bring bool, discard bool"},
	{"Cancel", uint8(peer.VerbCancel), "target OpID"},
	{"Shutdown", uint8(peer.VerbShutdown), ""},
	{"Rename", uint8(peer.VerbRename), "name text"},
	{"Revoke", uint8(peer.VerbRevoke), "device text"},
	{"Count", uint8(peer.VerbCount), "prefix text, gte text, lt text"},
}

// TabActions are for the tab whose op they are about: client and n, the halves of its ID, come first.
var TabActions = []Message{
	{"Reply", 1, "client u32, n u32, code text8, more bool, number u64, text text, entries Entry[u32]"},
	{"Changed", 2, "client u32, n u32, position u64, changes RawChange[u32]"},
	{"Pairing", 4, "client u32, n u32, step u8, hasData bool, offline bool, expires u64, digits text8, name text8, code text8"},
}

// Status is the action for every tab.
var Status = Message{
	"Status", 3, "sync u8, recovery bool, copied bool, entries u64, damaged u32, code text8, self RawDevice, devices RawDevice[u16]",
}

// WorkerActions are for the Worker.
var WorkerActions = []Message{
	{"Dial", 5, "conn u32, url text"},
	{"Send", 6, "conn u32, data rest"},
	{"Ping", 7, "conn u32"},
	{"Hangup", 8, "conn u32"},
	{"Commit", 9, "relaxed bool, after u64, adds Block[u32], puts Block[u32], dels u64[u32]"},
	{"Load", 10, "ids u64[u32]"},
	{"WakeAt", 11, "at u64"},
	{"Failed", 12, "code text8"},
}

// Records are what messages have several of. They have no number.
var Records = []Message{
	{"OpID", 0, "client u32, n u32"},
	{"Write", 0, "kind Kind, key text, value bytes"},
	{"Entry", 0, "kind Kind, key text, value bytes"},
	// others: how many versions Conflicts returns; client: the tab that wrote it, 0 if none of this engine's; device: the
	// name of the one that it came from, "" if it was written here. One without key comes before all that there is: what the watch was
	// told before is void.
	{"RawChange", 0, "kind Kind, had bool, previousKind Kind, others u16, client u32, device text8, key text, value bytes, previous bytes"},
	{"RawDevice", 0, "id text8, name text8, online bool, toReceive bool, full bool, overdue bool, lastHeard u64, toSend u64"},
	{"Block", 0, "id u64, data bytes"},
	{"FoundBlock", 0, "id u64, data bytes?"},
}

// Enum is a set of numbers.
type Enum struct {
	Name    string
	Members []Number
}

// Number is a number with a name.
type Number struct {
	Name  string
	Value int
}

// Enums are those of fields. The numbers of messages and verbs stand with them.
var Enums = []Enum{
	{"Kind", []Number{{"Deleted", int(wire.Deleted)}, {"JSON", int(wire.JSON)}, {"Bytes", int(wire.Bytes)}}},
	{"StorageFailure", []Number{{"None", 0}, {"Exists", 1}, {"Quota", 2}, {"Other", 3}}},
}

// Names are those that applications see instead of a number.
var Names = []Enum{
	{"pairingSteps", []Number{
		{"waiting", int(peer.Waiting)}, {"compare", int(peer.Compare)}, {"confirmed", int(peer.Confirmed)},
		{"paired", int(peer.Paired)}, {"done", int(peer.Done)}, {"failed", int(peer.PairFailed)},
	}},
	{"syncStates", []Number{
		{"off", int(peer.SyncOff)}, {"connecting", int(peer.SyncConnecting)}, {"waiting", int(peer.SyncWaiting)},
		{"online", int(peer.SyncOnline)}, {"offline", int(peer.SyncOffline)},
	}},
}

// Limits are the engine's that JavaScript checks before.
var Limits = []Number{
	{"KEY_BYTES_MAX", wire.MaxKey},
	{"VALUE_BYTES_MAX", wire.MaxValue},
	{"BATCH_OPS_MAX", wire.MaxBatchOps},
	{"BATCH_BYTES_MAX", wire.MaxBatch},
	{"NAME_CHARACTERS_MAX", wire.MaxNameRunes},
	{"SYNC_MAX", MaxSync},
	{"WATCHES_MAX", peer.MaxWatches},
}

// Field is one of a message.
type Field struct{ Name, Type string }

// Fields takes the layout apart.
func (m Message) Fields() (fields []Field) {
	for text := range strings.SplitSeq(m.Layout, ", ") {
		if name, kind, ok := strings.Cut(text, " "); ok {
			fields = append(fields, Field{name, kind})
		}
	}
	return fields
}

// ListOf returns what a list has, and the type of its count; of another type itself, and false.
func ListOf(kind string) (item, count string, ok bool) {
	item, count, ok = strings.Cut(strings.TrimSuffix(kind, "]"), "[")
	return item, count, ok
}
