// Package localstore is the local store: one engine for every application, browser and program on the computer, with who may
// come in, what each may see, and the user's choices. Its front (package native) has the sockets; this package does no I/O and
// asks no clock, as the engine below it. A Store is for one goroutine.
//
//	s := localstore.New(localstore.Config{Peer: peer.Config{Key: key}, Port: 6277})
//	var out localstore.Actions
//	s.Step(now, localstore.Peer{Event: peer.Start{Blocks: ids}}, &out) // first, with what storage lists
//	for { carry out out.List, in order; out.Reset(); s.Step(now, next event, &out) }
//
// Every request of HTTP is checked first with CheckHost, every upgrade to a WebSocket with ClassifyOrigin. What is spoken
// on a connection is JSON-RPC 2.0; openrpc.json (Document) describes what may be said.
//
// Tokens, and what applications say of themselves, are kept by the engine, sealed like all data. Pending requests, the
// manager's links and its sessions are in memory only, so that restarting the store ends them.
package localstore

import (
	"github.com/masqdev/masq/core/peer"
)

// Config is what a Store needs to know.
type Config struct {
	Peer    peer.Config // of the engine; App and URL stay empty, and Quota is 1 GiB if it is 0
	Port    uint16      // where the store listens and its manager is: links begin http://localhost:PORT/
	Pages   uint16      // where pages reach the store, if another program passes that port on; 0: Port
	Version string      // of this program, for people
}

// pagePort is where pages reach the store.
func (c *Config) pagePort() uint16 {
	if c.Pages != 0 {
		return c.Pages
	}
	return c.Port
}

// Kind says what a connection is, before it has shown anything.
type Kind uint8

// The kinds.
const (
	Web     Kind = iota // a page of the web
	Native              // a program of this computer, by TCP
	Manager             // the Store manager's page, which this store serves
	Admin               // masq itself, by the Unix socket: it may do everything
)

// Who is at the other end of a connection.
type Who struct {
	Kind   Kind
	Origin string // Web and Manager: as the browser's Origin header has it
}

// Standing says how far a connection has come.
type Standing uint8

// The standings. A connection begins as a Stranger, but for an Admin's.
const (
	Stranger Standing = iota // it is not in
	Asking                   // it is in first contact, or waits for the user
	In
)

// Event is something that happened outside of the store.
type Event interface{ isEvent() }

type (
	// Peer is an event of the engine: anything but an Op. Peer{peer.Start{}} is the first event, once.
	Peer struct{ peer.Event }
	// ClientOpened: a connection stands. Client is never 0, and never used again.
	ClientOpened struct {
		Client uint32
		Who    Who
		Agent  Agent // of a page
	}
	// ClientMessage: a text arrived. The store may keep Data.
	ClientMessage struct {
		Client uint32
		Data   []byte
	}
	// ClientClosed: the connection has ended. It need not follow a ClientClose.
	ClientClosed struct{ Client uint32 }
	// Disk says how large the database file is. The manager shows it.
	Disk struct{ Bytes uint64 }
	// Stop closes every connection with 1001, says BYE to every device and commits what is left. peer.Failed with E_CLOSED
	// follows when that is done.
	Stop struct{}
	// Events happened at once, in their order: what follows from them is asked for once.
	Events []Event
)

func (Peer) isEvent()          {}
func (ClientOpened) isEvent()  {}
func (ClientMessage) isEvent() {}
func (ClientClosed) isEvent()  {}
func (Disk) isEvent()          {}
func (Stop) isEvent()          {}
func (Events) isEvent()        {}

// Action is something for the front to carry out: Reopen, ClientSend, ClientClose, ClientStands, or one of package peer's: Dial, Send, Ping,
// Hangup, Commit, Load, WakeAt (answered by Peer{peer.Tick{}}), Failed. The others of peer's do not come.
type Action any

type (
	// Reopen asks for what storage lists, by Peer{peer.Start}, behind all that was asked of it before: the engine has panicked,
	// and another one is to follow.
	Reopen struct{}
	// Bug: the engine has panicked, and another one is to follow. It is to be logged where.
	Bug struct{ Where string }
	// ClientSend sends a text. It has no line end in it. Sends to a connection that has ended are ignored.
	ClientSend struct {
		Client uint32
		Data   []byte // the front's from now on
	}
	// ClientStands says that a connection has come so far. What it may send, and whether others may take its place, follows from that.
	ClientStands struct {
		Client uint32
		As     Standing
	}
	// ClientClose closes a connection behind what was sent before. Nothing more is said to it.
	ClientClose struct {
		Client uint32
		Code   uint16 // of the WebSocket
		Reason string // the error's code: E_AUTH, ...
	}
)

// The codes with which connections are closed: 4000 and an error's number, as at the Sync Server.
const (
	CloseStop    uint16 = 1001 // the store stops
	CloseRestart uint16 = 1012 // the store has begun anew, because it had stopped for want of room: come back
	CloseCrowd   uint16 = 1013 // too many connections, or too much at once before the store is open
	CloseAuth    uint16 = 4002 // E_AUTH: it could not prove what it said
	CloseExpired uint16 = 4003 // E_EXPIRED: it did not come in, in time
	CloseTooBig  uint16 = 4006 // E_TOOBIG: a message over MaxMessage
	CloseFormat  uint16 = 4009 // E_FRAME: not JSON-RPC
	CloseDenied  uint16 = 4018 // E_DENIED: access was taken away
)

// Actions collects what a Step asks for. The zero value is ready.
type Actions struct{ List []Action }

// Reset empties a for the next Step and keeps its memory.
func (a *Actions) Reset() { clear(a.List); a.List = a.List[:0] }

func (a *Actions) add(x Action) { a.List = append(a.List, x) }

// Limits. js/README.md and openrpc.json repeat those that applications meet.
const (
	MaxMessage         = 8 << 20  // bytes of a message
	MaxStrangerMessage = 4 << 10  // and of one by somebody who is not in
	MaxStrangerBytes   = 32 << 10 // bytes of all that a connection says before it is in
	maxBatch           = 1000     // calls in a JSON-RPC batch
	maxUnanswered      = 10_000   // calls of a connection that are not answered
	maxUnansweredBytes = 64 << 20 // and the bytes of all of an origin's connections, or of all programs
	maxBatchAnswer     = 8 << 20  // bytes of a batch's answer, from which on no more entries are put into it
	maxWatches         = 1000     // of a connection
	maxDepth           = 1000     // levels of arrays and objects in a value
	maxEarly           = 1000     // messages before the store is open, all connections together
	maxEarlyBytes      = 64 << 20 // and their bytes
	defaultQuota       = 1 << 30  // bytes that an application may store, unless the user says otherwise
	minQuota           = 1 << 20
	maxQuota           = 1 << 50
	maxIcon            = 32 << 10 // bytes of an icon's data: URL
	maxIcons           = 4 << 20  // and of all that are kept: what comes then has none
	maxURL             = 1024     // bytes of an application's address

	maxPending       = 20   // requests for access that wait for the user
	maxPendingDomain = 3    // of one registrable domain
	maxRefusals      = 3    // in a row: then the origin is blocked; and exchanges in a row that came to nothing: then it pauses
	maxAttempts      = 1000 // owners whose attempts are counted
	maxOpenLinks     = 16   // links of masq open that were not followed
	maxSessions      = 64   // of the manager
	maxCodeTries     = 3    // of one code
	codeLength       = 8    // characters of it, 5 bits each
	maxTypedCode     = 16   // bytes of what a person types for it
)

// Times, in ms.
const (
	comeInTime    = 10_000    // until a connection is in or asks
	requestTime   = 600_000   // until a request for access is over
	requestPause  = 600_000   // from the third exchange in a row that came to nothing, and from each that follows, to the next
	openLinkTime  = 60_000    // until a link of masq open is over
	openCodeAfter = 5_000     // from a link, if it is not followed, until a code is made
	openCodeTime  = 300_000   // until a code is over
	usedEvery     = 3_600_000 // how often a token's last use is written
	reopenFirst   = 1_000     // from a panic until another engine begins; each time twice as long
	reopenMost    = 30_000
	stateEvery    = 250 // how often the manager is told of changes
	apiVersion    = 2
	secretBytes   = 16
	keyBytes      = 32
	idBytes       = 8
	nonceBytes    = 32
	maxIDLen      = 64 // bytes of a call's id
	maxAppID      = 255
	maxName       = 40
	maxDescribing = 200
)
