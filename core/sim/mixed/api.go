// Package mixed runs devices of two versions of Masq together from one seed: an old one that was released, and this one.
//
//	res := mixed.Run(42, oldVersion, newVersion)
//	if !res.OK() { fmt.Println(res.Failures) }
//
// All devices are old at first. They pair, write and sync; then one after the other is updated on its own storage, while the
// others go on. Devices of different versions must stop with E_VERSION before any data, or sync all the while (Options.Together); once all
// are new, all that was acknowledged is everywhere. The old version never opens a disk that the new one has written to.
//
// A version is reached through the types of this file alone, which are those of core/peer without a version. Package driver
// translates; make mixed builds it a second time, against the old tree. Nothing runs by itself here: a seed replays.
package mixed

import "io"

// Version is a version of Masq: its engine, and its Sync Server.
type Version struct {
	Engine func(Config) Engine
	Server func(host string, rand io.Reader) Server
}

// Engine is a peer.Engine. It takes one of the events below and returns some of the actions below.
type Engine interface {
	Step(now uint64, ev any) []any
}

// Server is a relay.Server. It takes Accept, Packet and Gone, and Tick; it returns Packet and Gone.
type Server interface {
	Step(now uint64, ev any) []any
	Next() (at uint64, ok bool) // when it wants a Tick
}

// Config is what an engine needs to know, as in peer.Config.
type Config struct {
	Key       [32]byte
	App, Name string
	Sync      []string
	URL       string
	Rand      io.Reader
}

// Block and Commit are those of core/storage. No two engines have the same storage here, and so no commit needs a block that is there.
type (
	Block struct {
		ID   uint64
		Data []byte
	}
	Commit struct {
		Adds, Puts []Block
		Dels       []uint64
		Strict     bool
	}
)

// What happens to an engine.
type (
	Start  struct{ Blocks []uint64 }
	Opened struct{ Conn uint32 }
	Frame  struct {
		Conn uint32
		Data []byte
	}
	Pong   struct{ Conn uint32 }
	Closed struct {
		Conn uint32
		Code uint16
	}
	Tick      struct{}
	Committed struct{ Exists bool } // Exists: a block to be added was there
	Loaded    struct{ Blocks []Block }
	Offline   struct{}
	Online    struct{}
	// Ops are asked for at once.
	Ops []Op
)

// Op is an operation; Do is one of the types below it.
type Op struct {
	ID  uint64
	App string
	Do  any
}

// What an Op asks for.
type (
	AddApp    struct{ Name string }
	Watch     struct{}
	Get       struct{ Key string }
	Conflicts struct{ Key string }
	Put       struct{ Key, Value string } // Value "": a deletion
	Invite    struct{ URL string }
	Join      struct{ Link string }
	Confirm   struct {
		Target         uint64
		Digits         string
		Bring, Discard bool
	}
	Cancel   struct{ Target uint64 }
	Shutdown struct{}
)

// What an engine asks for, or tells. A Commit is one, too.
type (
	Reply struct {
		Op     uint64
		Err    string
		Values []string
		Text   string
	}
	Changed struct { // by the Watch of that Op
		Watch uint64
		Keys  []string
	}
	Pairing struct {
		Op      uint64
		Step    uint8 // as peer.PairingStep
		Digits  string
		HasData bool
		Err     string
	}
	Status struct {
		Err     string
		Self    string              // this device's id
		Members map[string][]string // of each application: the ids of the devices that it is shared with
	}
	Dial struct {
		Conn uint32
		URL  string
	}
	Send struct {
		Conn uint32
		Data []byte
		Text bool
	}
	Hangup struct{ Conn uint32 }
	Load   struct{ IDs []uint64 }
	WakeAt struct{ At uint64 }
	Failed struct{ Err string }
)

// What happens to a Sync Server, and what it does.
type (
	Accept struct {
		Conn       uint64
		Path, Host string
	}
	Packet struct {
		Conn uint64
		Data []byte
		Text bool
	}
	Gone struct {
		Conn uint64
		Code uint16
	}
)

// The steps of a pairing, as in core/peer.
const (
	waiting    = 1
	compare    = 2
	done       = 5
	pairFailed = 6
)
