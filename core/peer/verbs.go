package peer

import "github.com/masqdev/masq/core/wire"

// Op is an operation of the application. Operations on one key keep their order.
type Op struct {
	ID     uint64 // chosen by the driver, unique among those not yet answered and watches
	Client uint32 // who asks (a tab); stands in the Changed that follow from it
	App    string // local store: the application that it is about; an embedded store has but one
	Do     Verb

	came uint64 // the engine's count of those that have come
}

// Verb is what an Op asks for: one of the types below.
type Verb interface{ ID() VerbID }

// VerbID is a verb's number: in the codec to JavaScript and in the table that operations are dispatched by.
type VerbID uint8

// The numbers of the verbs.
const (
	VerbGet       VerbID = 1
	VerbBatch     VerbID = 2
	VerbList      VerbID = 3
	VerbConflicts VerbID = 4
	VerbWatch     VerbID = 5
	VerbUnwatch   VerbID = 6
	VerbInvite    VerbID = 7
	VerbJoin      VerbID = 8
	VerbConfirm   VerbID = 9
	VerbCancel    VerbID = 10
	VerbShutdown  VerbID = 11
	VerbRename    VerbID = 12
	VerbImport    VerbID = 13
	VerbRevoke    VerbID = 14
	VerbCount     VerbID = 15
)

// The numbers of the verbs of a local store alone.
const (
	VerbAddApp    VerbID = 32
	VerbDropApp   VerbID = 33
	VerbPrefer    VerbID = 34
	VerbSetRelays VerbID = 35
	VerbKeep      VerbID = 36
	VerbKept      VerbID = 37
	VerbRevokeOf  VerbID = 38
	VerbSetQuota  VerbID = 39
	VerbMend      VerbID = 40
)

// The verbs, with what each returns in Reply behind the arrow.
type (
	// Get → Entries: one, or none.
	Get struct{ Key string }
	// Batch → nothing. A put or del is a batch of one, and a batch of none waits for what was before it.
	Batch struct {
		Writes  []Write
		Relaxed bool // reply as soon as the engine has taken it; else when it is durable
	}
	// List → Entries, at most 4,000 or about 1 MiB at once, and More when there are others. It selects the keys with Prefix that
	// are ≥ Gte and < Lt (empty: no bound), in ascending byte order or Reverse, at most Limit (0: no limit).
	List struct {
		Prefix, Gte, Lt   string
		After             string // continue behind this key; before it, when Reverse
		Reverse, KeysOnly bool
		Limit             uint32
	}
	// Conflicts → Entries: the versions that Get did not choose.
	Conflicts struct{ Key string }
	// Watch → Number: the position that it begins at. Changed actions with this Op's ID follow until Unwatch.
	Watch struct {
		Prefix string
		// Since has first delivered what changed after this position, of an earlier Changed or Reply. If that is not known, or a crash has taken
		// something that was told before it, the first Changed is a Reset. 0: nothing.
		Since uint64
	}
	// Unwatch → nothing.
	Unwatch struct{ Target uint64 } // the ID of Watch
	// Invite → Text: the link. PairingState actions with this Op's ID follow. In a local store, App is the application that the
	// other device is let into; empty: the circle.
	Invite struct{ URL string } // the address that the link leads to, if Config has none
	// Join → nothing. PairingState actions with this Op's ID follow.
	Join struct{ Link string }
	// Confirm → nothing.
	Confirm struct {
		Target  uint64 // the ID of Invite or Join
		Digits  string // where they are hidden
		Bring   bool   // hand over the data that is here already
		Discard bool   // delete it from this device instead
	}
	// Cancel → nothing.
	Cancel struct{ Target uint64 } // the ID of Invite or Join
	// Shutdown says BYE to every peer and commits what is left → nothing, when that is done.
	Shutdown struct{}
	// Rename → nothing.
	Rename struct{ Name string } // of this device
	// Import → nothing. It is a Batch that keeps both values where a key has another.
	Import struct{ Writes []Write }
	// Revoke → nothing: the device is out for good.
	Revoke struct{ Device string } // its id
	// Count → Number: how many keys List selects with these bounds. It reads no values.
	Count struct{ Prefix, Gte, Lt string }
)

// The verbs of a local store alone.
type (
	// AddApp → nothing: the namespace of App is there, also when it was dropped before.
	AddApp struct{ Name string } // the application's, for people
	// DropApp → nothing: the data of App is deleted from this device, and not synced any more.
	DropApp struct{}
	// Prefer → nothing. It says whether this device syncs App with another one.
	Prefer struct {
		Device string // its id; empty: all of them
		On     bool
	}
	// SetRelays → nothing.
	SetRelays struct{ URLs []string } // the circle's Sync Servers
	// Keep → nothing. It keeps a setting of the driver's, sealed with everything else; an empty Value deletes it.
	Keep struct {
		Key   string
		Value []byte
	}
	// Kept → Entries: the settings.
	Kept struct{ Prefix string }
	// RevokeOf → nothing: the application peers of App are out for good.
	RevokeOf struct{}
	// SetQuota → nothing. What is stored already stays, however little App may have.
	SetQuota struct{ Bytes uint64 } // 0: what Config says
	// Mend → nothing: a fresh copy of App is taken from another device, now or when one is there.
	Mend struct{}
)

// ID returns the verb's number.
func (Get) ID() VerbID       { return VerbGet }
func (Batch) ID() VerbID     { return VerbBatch }
func (List) ID() VerbID      { return VerbList }
func (Conflicts) ID() VerbID { return VerbConflicts }
func (Watch) ID() VerbID     { return VerbWatch }
func (Unwatch) ID() VerbID   { return VerbUnwatch }
func (Invite) ID() VerbID    { return VerbInvite }
func (Join) ID() VerbID      { return VerbJoin }
func (Confirm) ID() VerbID   { return VerbConfirm }
func (Cancel) ID() VerbID    { return VerbCancel }
func (Shutdown) ID() VerbID  { return VerbShutdown }
func (Rename) ID() VerbID    { return VerbRename }
func (Import) ID() VerbID    { return VerbImport }
func (Revoke) ID() VerbID    { return VerbRevoke }
func (Count) ID() VerbID     { return VerbCount }
func (AddApp) ID() VerbID    { return VerbAddApp }
func (DropApp) ID() VerbID   { return VerbDropApp }
func (Prefer) ID() VerbID    { return VerbPrefer }
func (SetRelays) ID() VerbID { return VerbSetRelays }
func (Keep) ID() VerbID      { return VerbKeep }
func (Kept) ID() VerbID      { return VerbKept }
func (RevokeOf) ID() VerbID  { return VerbRevokeOf }
func (SetQuota) ID() VerbID  { return VerbSetQuota }
func (Mend) ID() VerbID      { return VerbMend }

// Write is one put (JSON or Bytes) or deletion of a batch. A batch has each key at most once; the last one counts.
type Write struct {
	Key   string
	Kind  wire.Kind
	Value []byte // the engine keeps it
}
