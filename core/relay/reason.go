package relay

import "github.com/masqdev/masq/core/wire"

// Reason says why a connection ended. Each is counted.
type Reason uint8

// The reasons.
const (
	Left         Reason = iota // it went by itself
	BadPath                    // its path is none of the Sync Server's
	BadHost                    // it dialled a host that is not among Config.Hosts
	BadSignature               // JOIN's signature does not hold
	BadFrame                   // a malformed frame, or before JOIN one that is longer
	BadText                    // a text frame that is not "ping"
	OutOfPlace                 // a frame that has no place here: DATA before JOIN, a second JOIN, PAIR on a channel
	TooBig                     // a frame over the limit
	LateJoin                   // no JOIN or PAIR in time
	Silent                     // nothing heard for too long
	Slow                       // took too little for too long
	Crowd                      // too many connections from its address
	Taken                      // its side of the mailbox is taken
	Replaced                   // a newer connection took its side
	OtherLeft                  // the mailbox ended because the other side left
	MailboxOver                // the mailbox's time is over
	Restart                    // the server restarts
	Overrun                    // more came from another node than its queue may hold
	Guesses                    // too many nameplates from its address
	OverBudget                 // the slowest when more was held in memory than may be
	numReasons
)

// reasons has each reason's name in counters, and the code for ERR; 0: no ERR is sent.
var reasons = [numReasons]struct {
	name string
	code wire.RelayCode
}{
	Left:         {"left", 0},
	BadPath:      {"bad_path", wire.RelayEFrame},
	BadHost:      {"bad_host", wire.RelayEAuth},
	BadSignature: {"bad_signature", wire.RelayEAuth},
	BadFrame:     {"bad_frame", wire.RelayEFrame},
	BadText:      {"bad_text", wire.RelayEFrame},
	OutOfPlace:   {"out_of_place", wire.RelayEFrame},
	TooBig:       {"too_big", wire.RelayETooBig},
	LateJoin:     {"late_join", wire.RelayEExpired},
	Silent:       {"silent", wire.RelayEExpired},
	Slow:         {"slow", wire.RelayESlow},
	Crowd:        {"crowd", wire.RelayERate},
	Taken:        {"taken", wire.RelayECrowded},
	Replaced:     {"replaced", wire.RelayEReplaced},
	OtherLeft:    {"other_left", 0},
	MailboxOver:  {"mailbox_over", wire.RelayEExpired},
	Restart:      {"restart", 0},
	Overrun:      {"overrun", wire.RelayESlow},
	Guesses:      {"guesses", wire.RelayERate},
	OverBudget:   {"over_budget", wire.RelayESlow},
}

// String is the reason's name in counters.
func (r Reason) String() string {
	if r < numReasons {
		return reasons[r].name
	}
	return "unknown"
}

// Reasons are all of them, in order.
func Reasons() []Reason {
	out := make([]Reason, numReasons)
	for i := range out {
		out[i] = Reason(i)
	}
	return out
}

// Stats counts. It holds no name of a channel and no address.
type Stats struct {
	Waiting, Joined     int // connections now: before and after their JOIN or PAIR
	Channels, Mailboxes int // now

	Opened  uint64             // connections since the start
	Joins   uint64             // valid JOIN and PAIR since the start
	Frames  uint64             // DATA frames handed on
	Bytes   uint64             // in their bodies
	Dropped uint64             // DATA frames dropped because the other side was not there
	Ended   [numReasons]uint64 // connections, by Reason

	Nameplates int // reserved now

	// Among several nodes.
	Nodes, Far       int    // others heard of lately, and sides of channels that are there
	Published, Heard uint64 // messages
	Gaps             uint64 // how often a message to or from another node may have been lost, by channel
}

// Stats returns the counters as they are.
func (s *Server) Stats() Stats {
	out := s.stats
	out.Waiting, out.Joined = s.waiting.Len(), s.joined.Len()
	out.Mailboxes = s.mailboxes.Len()
	out.Channels = len(s.rooms) - out.Mailboxes
	out.Nameplates = s.plates.list.Len()
	out.Nodes, out.Far = s.nodes.list.Len(), s.nodes.far
	return out
}
