// Package peer is the engine: a device with its roster, its namespaces and its channels to the user's other devices.
//
// It does no I/O and asks no clock. Whoever drives it (the WebAssembly client, a native program, the simulator) tells it what
// happened, one Event at a time, with the time; it answers with Actions to carry out. Nothing blocks. An Engine is for
// one goroutine.
//
//	e := peer.New(peer.Config{...})
//	var out peer.Actions
//	e.Step(now, peer.Start{Blocks: ids}, &out) // first, with what storage lists
//	for { carry out out.List; out.Reset(); e.Step(now, next event, &out) }
//
// A driver carries actions out in their order. It has at most one Commit running at a time because the engine asks for no
// other before Committed. After an error in Committed the engine goes back to what storage has, unless another engine has taken over or
// storage is closed: then, and when a Load fails, it answers every operation with an error and asks for nothing more.
//
// # What grows
//
// An application of a local store costs about 400 bytes of storage, beside what is in it. A put costs the same on the wire however often its
// device was started, and whoever is never heard again; each device that wrote the same key makes it 16 bytes longer. Once in a
// session each side tells its whole vector, which has every device that ever wrote.
package peer

import (
	"io"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// Config is what an Engine needs to know.
type Config struct {
	Key  [32]byte  // the store key, which seals every block
	App  string    // an embedded store's application id: the origin on the web; at most 255 bytes. Empty: a local store
	Name string    // this device's name, 1 to wire.MaxNameRunes characters; a default when empty
	Sync []string  // relay URLs that a new circle starts with, at most 8; none: no sync
	URL  string    // the application's address, to which an invite's link leads; empty: Invite.URL has it
	Rand io.Reader // of cryptographic quality; nil: crypto/rand
	// Quota is how many bytes each application of a local store may have stored, unless SetQuota has said otherwise; 0: no limit.
	Quota uint64
	// Conn is a number that no connection has that is dialled. The driver of an engine that follows another one sets it to the last
	// that the other dialled: what is still on its way of those is then nobody's.
	Conn uint32
	// Shun are the nks of devices that are not met: an engine before panicked on what they sent.
	Shun [][32]byte
}

// Millis is a time in Unix milliseconds, or a span in milliseconds.
type Millis = uint64

// Event is something that happened outside of the engine.
type Event interface{ isEvent() }

type (
	// Start opens the engine on what storage lists. It is the first event, once.
	Start struct{ Blocks []storage.ID }
	// Opened: the connection that Dial asked for stands.
	Opened struct{ Conn uint32 }
	// Frame: a binary frame arrived. The engine may keep Data.
	Frame struct {
		Conn uint32
		Data []byte
	}
	// Pong: the text frame "pong" arrived, which answers Ping.
	Pong struct{ Conn uint32 }
	// Closed: the connection has ended, or could not be made. Code is the WebSocket close code, 0 if there was none.
	Closed struct {
		Conn uint32
		Code uint16
	}
	// Tick: the time that WakeAt asked for has come. A Tick too many does no harm.
	Tick struct{}
	// Committed returns Commit. Err is nil, storage.ErrExists, storage.ErrQuota or another error.
	Committed struct{ Err error }
	// Loaded returns Load. Data is nil where there is no such block. Err is what Load failed with.
	Loaded struct {
		Blocks []storage.Block
		Err    error
	}
	// Disk: whether storage has no room but a reserve, which is for what deletes. The driver of one that has such a reserve says so when that
	// changes, before Committed, behind Start if it is full then, and as the answer to Room. Other storage never says so.
	Disk struct{ Full bool }
	// Events happened at once, in their order: what follows from them (one commit, packed frames) is asked for once.
	Events []Event
	// Offline and Online: what the driver is told of the network, which may be wrong. After Offline whoever cannot be reached is
	// dialled again within a minute, and a Sync Server on this computer as ever. Online dials at once what waits.
	Offline struct{}
	Online  struct{}
)

func (Start) isEvent()     {}
func (Opened) isEvent()    {}
func (Frame) isEvent()     {}
func (Pong) isEvent()      {}
func (Closed) isEvent()    {}
func (Tick) isEvent()      {}
func (Events) isEvent()    {}
func (Committed) isEvent() {}
func (Loaded) isEvent()    {}
func (Disk) isEvent()      {}
func (Offline) isEvent()   {}
func (Online) isEvent()    {}
func (*Op) isEvent()       {}

// Entry is a key with a value.
type Entry struct {
	Key   string
	Kind  wire.Kind
	Value []byte
}

// Code is an error as applications see it; "" is none. js/README.md documents each.
type Code string

// The codes of the engine. The driver has others of its own.
const (
	OK        Code = ""
	EKey      Code = "E_KEY"      // not 1 to 1,024 bytes of UTF-8 without U+0000
	EValue    Code = "E_VALUE"    // not of a kind that can be stored
	ETooBig   Code = "E_TOOBIG"   // a value over 1 MiB; a batch over 1,000 operations or 4 MiB
	EQuota    Code = "E_QUOTA"    // storage is full, or the application's quota, or the roster has no place for another entry by this device
	EFenced   Code = "E_FENCED"   // another engine took over this data
	EDamaged  Code = "E_DAMAGED"  // what is stored cannot be read
	EVersion  Code = "E_VERSION"  // stored by a newer Masq, or spoken by another version
	EStorage  Code = "E_STORAGE"  // storage failed
	EClosed   Code = "E_CLOSED"   // the engine was shut down
	EInternal Code = "E_INTERNAL" // a bug in Masq; the engine itself never says so
	ELink     Code = "E_LINK"     // not a link of Masq's, or not this application's
	EExpired  Code = "E_EXPIRED"  // the invite or the time for a yes is over
	ECrowded  Code = "E_CROWDED"  // another device is already answering this invite
	EDenied   Code = "E_DENIED"   // the other side said no, or cancelled
	EAuth     Code = "E_AUTH"     // the other side does not know the link's secret, or somebody interfered
	ECircle   Code = "E_CIRCLE"   // this device already has a circle with others in it
	ESync     Code = "E_SYNC"     // the Sync Server cannot be reached, or none is configured
	EApps     Code = "E_APPS"     // there are as many applications as a local store may have
	EBusy     Code = "E_BUSY"     // another pairing is under way, or too many of something at once
	EData     Code = "E_DATA"     // Confirm with neither Bring nor Discard, although this device has data of its own
	ERevoked  Code = "E_REVOKED"  // this device was shut out of its circle
	EApp      Code = "E_APP"      // the local store has no such application
)

// Action is something for the driver to carry out.
type Action interface{ isAction() }

type (
	// Reply returns an Op, once.
	Reply struct {
		Op      uint64
		Err     Code
		Entries []Entry
		Text    string
		More    bool     // List: there are others after these
		Number  uint64   // Watch: how far this device's log has got
		Damaged []string // List: keys that are left out, because their values cannot be read. Get and Conflicts, with EDamaged: the key, if all else is served
	}
	// Changed tells a Watch what has changed, in order. Several keys of one batch come together.
	// What was shown and could not be stored is changed back.
	Changed struct {
		Watch    uint64
		Position uint64 // for Watch.Since after a restart
		Reset    bool   // what this watch was told before is void: all that there is follows
		Changes  []Change
	}
	// StatusChanged is the whole status, sent when something in it has changed.
	StatusChanged struct{ Status Status }
	// PairingState tells how an Invite or a Join goes on. After Done, or an Err, nothing more follows for it. Offline the Reply does not
	// wait for the Sync Server.
	PairingState struct {
		Op      uint64
		Step    PairingStep
		Digits  string // six, from Compare on; "" where Confirm needs those that the joiner shows
		Name    string // the other device's name, from Compare on
		Expires Millis // when this step ends by itself
		HasData bool   // joining: this device has data of its own: Confirm must say Bring or Discard
		Offline bool   // the Sync Server cannot be reached because this device is offline: goes on when it is not
		Err     Code
	}
	// Dial opens a WebSocket with subprotocol masq.relay.v1. Opened or Closed follows. Conn is never used again.
	Dial struct {
		Conn uint32
		URL  string
	}
	// Send sends a binary frame. Sends to a connection that has ended are ignored.
	Send struct {
		Conn uint32
		Data []byte // the driver's from now on
	}
	// Ping sends the text frame "ping"; Pong follows, or the engine hangs up.
	Ping struct{ Conn uint32 }
	// Hangup closes a connection. Closed need not follow.
	Hangup struct{ Conn uint32 }
	// Commit asks for storage.Store.Commit; Committed follows. The commit is the driver's until then.
	Commit struct {
		Changes    storage.Commit
		Durability storage.Durability
	}
	// Load asks for storage.Store.Load; Loaded follows. Several may run at once.
	Load struct{ IDs []storage.ID }
	// Room asks whether there is room again. Disk follows. Only who said that the disk is full is asked.
	Room struct{}
	// WakeAt asks for a Tick at a time (not before). A new one replaces the last. 0: none.
	WakeAt struct{ At Millis }
	// Failed: the engine has stopped for good. Everything not answered has been answered with Err.
	Failed struct{ Err Code }
)

func (Reply) isAction()         {}
func (Changed) isAction()       {}
func (StatusChanged) isAction() {}
func (PairingState) isAction()  {}
func (Dial) isAction()          {}
func (Send) isAction()          {}
func (Ping) isAction()          {}
func (Hangup) isAction()        {}
func (Commit) isAction()        {}
func (Load) isAction()          {}
func (Room) isAction()          {}
func (WakeAt) isAction()        {}
func (Failed) isAction()        {}

// Actions collects what a Step asks for. The zero value is ready.
type Actions struct{ List []Action }

// Reset empties a for the next Step and keeps its memory.
func (a *Actions) Reset() { clear(a.List); a.List = a.List[:0] }

func (a *Actions) add(x Action) { a.List = append(a.List, x) }

// Change is one key that has another value, or other versions beside it, than before.
type Change struct {
	Key      string
	Kind     wire.Kind // Deleted: there is no value now
	Value    []byte
	HadValue bool // there was a value before: PrevKind, Previous
	PrevKind wire.Kind
	Previous []byte
	Client   uint32 // the Op.Client that wrote it here, 0 if it came from another device
	Others   int    // how many versions Conflicts returns
	Device   string // the name of the device that it came from, "device" if that is not known; "" if it was written here
}

// PairingStep says how far a pairing has got.
type PairingStep uint8

// The steps, in their order.
const (
	Waiting    PairingStep = 1 // invite: for the joiner; join: for the other side's answer
	Compare    PairingStep = 2 // both users compare Digits and Name, and say yes (Confirm) or no (Cancel)
	Confirmed  PairingStep = 3 // this side has said yes, the other not yet
	Paired     PairingStep = 4 // both said yes; the first session is being set up
	Done       PairingStep = 5 // the two are in sync
	PairFailed PairingStep = 6 // Err says why
)

// Sync says how syncing goes.
type Sync uint8

// The states of Status.Sync.
const (
	SyncOff        Sync = 0 // no other device, or no Sync Server configured
	SyncConnecting Sync = 1 // dialling, or waiting to dial again
	SyncWaiting    Sync = 2 // at the Sync Server; no other device is there
	SyncOnline     Sync = 3 // in session with at least one device
	SyncOffline    Sync = 4 // as SyncConnecting, after Offline; never where a Sync Server is on this computer
)

// Status is what an application may show of the engine's state.
type Status struct {
	Sync        Sync
	Entries     uint64 // keys that have a value
	RecoverySet bool
	Self        Device
	Devices     []Device // the circle's other devices; in an application peer, those of its namespace
	Err         Code     // why sync has stopped, if it has: EVersion, another device runs another version of Masq; ERevoked
	Copied      bool     // another copy of this device runs, as it seems: its data was copied
	Relays      []string // local store: the Sync Servers in force
	Apps        []AppStatus
	Left        int     // how many more entries of its own this device has places for in its roster, at most EnoughLeft
	Damaged     Damaged // in an embedded store; a local store says it of each application
}

// Damaged is what of the stored values cannot be read. All else is served. A damaged key can be written and deleted.
type Damaged struct {
	Keys  int      // how many keys that are; about, while they are being looked for
	Names []string // the first of these, at most replica.MaxNamed
}

// EnoughLeft is Status.Left of a device that does not near its quota of roster entries, such as devices that it lets in.
const EnoughLeft = 16

// AppStatus is one application of a local store.
type AppStatus struct {
	App     string
	Name    string // for people
	On      bool   // it is synced at all
	Entries uint64 // keys that have a value
	Bytes   uint64 // about how much room it takes
	Stored  uint64 // of that, without what is yet to be cleared away: what counts for Quota
	Quota   uint64 // how much may be Stored; 0: no limit
	Full    bool   // something was refused for want of room, and would be again
	Mending bool   // a fresh copy is being taken from another device
	// Restored: what is stored proved to be an older state than this device had once, and nothing has mended that since.
	Restored bool
	Damaged  Damaged
	Devices  []AppDevice
	Peers    []Device // its application peers
}

// AppDevice is how an application stands with another device of the circle.
type AppDevice struct {
	ID        string
	On        bool // this device syncs it with that one
	Theirs    bool // that one with this one, as it said last
	ToSend    uint64
	ToReceive bool
	Full      bool // it has no room for what it lacks
	Differs   bool // it holds something else though nothing is left to be sent: a full device, for more than a minute
}

// Device is one of the circle's devices.
type Device struct {
	ID        string // base64url of its ik
	Name      string // an application peer knows those of its user's stores only if it paired with them: else ""
	Kind      uint8  // roster.Store or roster.Embedded
	Online    bool
	LastHeard Millis // 0: never
	ToSend    uint64 // records that it is not known to have durably
	ToReceive bool   // it is sending what this device lacks
	Full      bool   // it has no room for what it lacks
	Differs   bool   // it holds something else though nothing is left to be sent: a full device, for more than a minute
	Overdue   bool   // it was not heard for 30 days, and this device ran on 7 of them: is it ever coming back?
}
