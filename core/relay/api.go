// Package relay is the Sync Server without its network: a state machine that passes frames between the two sides of a channel.
//
// It does no I/O, asks no clock and starts no goroutine. Whoever drives it numbers its connections and tells what happens
// to them, one Event at a time, with the time; the Server answers with Actions to carry out, in their order.
//
//	s := relay.New(relay.Config{})
//	var out relay.Actions
//	s.Step(now, relay.Open{Conn: 1, Path: r.URL.Path, Host: r.Host}, &out)
//	for { carry out out.List; out.Reset(); s.Step(now, next event, &out) } // a Tick whenever Next says so
//
// What never breaks: a body is handed on unchanged and to nobody but the other side of its channel, and of a channel that
// is empty nothing is kept. Several Servers can share channels (Config.Node): what they tell each other goes through Publish and
// Heard, and whatever is lost on that way shows to both sides as a gap. A Server is for one goroutine. core/PROTOCOL.md, "The Sync Server", is the specification.
package relay

import (
	"io"

	"github.com/masqdev/masq/core/wire"
)

// Millis is a time in Unix milliseconds, or a span in milliseconds.
type Millis = uint64

// Config is what a Server needs to know. The zero value is a server for loopback names with the default limits.
type Config struct {
	// Hosts are the names by which devices may dial: JOIN's signature is over the host dialled, so that nobody can pass a
	// device's JOIN on to another server. A name without a port stands for every port. Empty: loopback names.
	Hosts  []string
	Limits Limits
	Rand   io.Reader // of cryptographic quality; nil: crypto/rand
	// Node is this server's number among those that share channels, a random one; 0: it is alone and publishes nothing.
	Node   uint64
	Topics string // what topics begin with; all nodes have the same
}

// Limits are announced in HELLO. A zero field stands for its default.
type Limits struct {
	FrameBytes     uint32 // bytes of a frame, type byte included; 65,536, which is also the most
	Join           uint32 // ms until JOIN or PAIR; 5,000
	Ping           uint32 // ms between the pings expected; 30,000
	Dead           uint32 // ms of silence after which a connection is dead; 90,000
	QueueBytes     uint32 // bytes queued for a receiver; 1,048,576
	Slow           uint32 // ms in which a receiver takes SlowBytes, or all that is queued if that is less; 10,000
	BytesPerSecond uint32 // from a connection; above it, reading is delayed; 8,388,608
	Mailbox        uint32 // ms that a mailbox lives; 600,000
	SlowBytes      uint32 // see Slow; 16,384
	TotalBytes     uint32 // bytes of messages that are held in memory, over all connections; 268,435,456
	AddressBytes   uint32 // the same over the connections of an IPv4 address or an IPv6 /64; 16,777,216
}

// Event is something that happened to a connection. Events about a connection that has ended are ignored.
type Event interface{ isEvent() }

type (
	// Open: a WebSocket stands. Path and Host are those of its HTTP request. Conn is never used again.
	Open struct {
		Conn       uint64
		Path, Host string
	}
	// Frame: a whole message arrived. Data is the Server's until the Actions of this Step are carried out: it may be in a Send, and
	// is kept nowhere. It comes as a pointer, so that a driver can tell of many with one Frame and leave nothing to collect.
	Frame struct {
		Conn uint64
		Data []byte
		Text bool
	}
	// Closed: the connection has ended.
	Closed struct{ Conn uint64 }
	// Fail: the driver found fault with the connection: TooBig, Slow, OverBudget or Crowd.
	Fail struct {
		Conn   uint64
		Reason Reason
	}
	// Tick: the time that Next answered has come. A Tick too many does no harm.
	Tick struct{}
	// Drain tells connections that the server restarts, and closes them: about so many as Most says, those longest silent first, and the
	// two sides of a channel together; all if it is 0. New ones are told the same. Each waits for between one and two times
	// ReconnectIn ms, so that not all come back at once.
	Drain struct {
		ReconnectIn, TryFor uint32
		Most                int
	}
	// Reserve asks for a nameplate. Reserved with the same ID answers.
	Reserve struct{ ID uint64 }
	// Heard: another node published Data on a topic that this one follows. Data is the Server's from now on. It comes as a pointer, as
	// Frame does.
	Heard struct {
		Topic string
		Data  []byte
	}
	// Linked: what was published may not have arrived, here or there (Up false: and for now nothing will; true: from now on it does).
	// The channels whose other side is on another node get a gap.
	Linked struct{ Up bool }
)

func (Open) isEvent()    {}
func (*Frame) isEvent()  {}
func (Closed) isEvent()  {}
func (Fail) isEvent()    {}
func (Tick) isEvent()    {}
func (Drain) isEvent()   {}
func (Reserve) isEvent() {}
func (*Heard) isEvent()  {}
func (Linked) isEvent()  {}

// Action is something for the driver to carry out.
type Action interface{ isAction() }

type (
	// Send sends a binary frame. Data must not be changed. It comes as a pointer that holds until Reset.
	Send struct {
		Conn uint64
		Data []byte
	}
	// SendText sends a text frame.
	SendText struct {
		Conn uint64
		Text string
	}
	// Joined: the connection has shown that it may be here. It is for drivers that count those that have not.
	Joined struct{ Conn uint64 }
	// Close closes the connection with this WebSocket close code, behind what was sent before. Closed need not follow.
	Close struct {
		Conn   uint64
		Code   uint16
		Reason Reason
	}
	// Reserved returns a Reserve. Nameplate is empty if too many are reserved.
	Reserved struct {
		ID        uint64
		Nameplate string
	}
	// Follow asks for what other nodes publish on a topic: every Data as one Heard, in the order of each node's Publish. Topics are
	// of letters, digits, '-', '_' and one '.', behind Config.Topics. Follow and Publish take effect in order.
	Follow struct{ Topic string }
	// Unfollow ends it.
	Unfollow struct{ Topic string }
	// Publish tells the other nodes that follow a topic; this one does not hear it. It comes as a pointer, and Data holds until Reset.
	Publish struct {
		Topic string
		Data  []byte
	}
)

func (*Send) isAction()    {}
func (SendText) isAction() {}
func (Joined) isAction()   {}
func (Close) isAction()    {}
func (Reserved) isAction() {}
func (Follow) isAction()   {}
func (Unfollow) isAction() {}
func (*Publish) isAction() {}

// Actions collects what a Step asks for. The zero value is ready.
type Actions struct {
	List []Action

	// What List points to.
	sends     []Send
	publishes []Publish
	said      []byte // what is published
}

// saidKept is how much memory for what is published is kept for the next Step: that of the largest frame has room.
const saidKept = 2 * wire.MaxFrame

// Reset empties a for the next Step and keeps its memory.
func (a *Actions) Reset() {
	clear(a.List)
	clear(a.sends)
	clear(a.publishes)
	a.List, a.sends, a.publishes, a.said = a.List[:0], a.sends[:0], a.publishes[:0], a.said[:0]
	if cap(a.said) > saidKept {
		a.said = nil
	}
}

func (a *Actions) add(x Action) { a.List = append(a.List, x) }

func (a *Actions) send(conn uint64, data []byte) {
	a.sends = append(a.sends, Send{conn, data})
	a.add(&a.sends[len(a.sends)-1])
}

// publish publishes the parts of a message of a node.
func (a *Actions) publish(topic string, kind byte, node uint64, parts ...[]byte) {
	from := len(a.said)
	a.said = wire.AppendU64(append(a.said, kind), node)
	for _, b := range parts {
		a.said = append(a.said, b...)
	}
	a.publishes = append(a.publishes, Publish{topic, a.said[from:len(a.said):len(a.said)]})
	a.add(&a.publishes[len(a.publishes)-1])
}
