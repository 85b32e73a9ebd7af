// Package pairing lets a new device into a circle: from a link to two users' yes, on both screens, to six digits that agree.
//
// A Machine is one side of one pairing. The device that is in shows a Link and runs Host; the one that opens it runs Joiner.
// Both meet in Link.Mailbox at the Sync Server. Each call tells the machine what happened and returns what to send, one body of
// DATA each; State says what to show, and Deadline when to call Tick.
//
//	out := m.Peer(now, present)       // the other side came or left; also when the own connection is lost
//	out := m.Receive(now, body)       // a body came
//	out := m.Yes(now), m.No(now)      // at Compare: the user has compared State's Digits and Other
//	out := m.YesWith(now, digits)     // instead of Yes where State.Hidden: the user has typed what the other side shows
//	out := m.Grant(now, g)            // host, at BothYes: takes Joined in, as pending until their first session
//	out := m.Tick(now)                // Deadline has come
//
// A pairing ends at Granted or Failed; then all its secrets are gone but those that Granted returns. It fails closed: whatever
// is not exactly as expected ends it, and the link is worth nothing any more once State.Spent. A host should leave the mailbox
// only after the joiner has: its last message could be lost otherwise.
//
// core/PROTOCOL.md, "Pairing", is the specification: CPace with ML-KEM-768 from the link's secret, then Noise NNpsk0, then a
// commitment, so that even somebody who saw the link has one chance in a million to go unnoticed.
package pairing

import (
	"errors"

	"github.com/masqdev/masq/core/roster"
)

// Why a pairing fails. Another error is that of the source of randomness.
var (
	ErrLink    = errors.New("pairing: not a link of Masq's, or not for this application")
	ErrAuth    = errors.New("pairing: the other side does not know the link's secret, or somebody interfered: make a new link")
	ErrExpired = errors.New("pairing: the time for an answer is over: make a new link")
	ErrDenied  = errors.New("pairing: the other side said no, or went away")
	ErrCrowded = errors.New("pairing: another device is answering this link") // said by the Sync Server: see Fail
	ErrVersion = errors.New("pairing: the other side has another version: update Masq on both")
	ErrCircle  = errors.New("pairing: the device is in a circle already")
	ErrRole    = errors.New("pairing: the link is for another kind of device: make one for a store, or for the application")
	ErrOffer   = errors.New("pairing: this device cannot let another one in") // a bug in what Host or Grant were given
)

// How long a step may take, in ms.
const (
	LinkLife  = 300_000 // from Host or Joiner to the first P1
	Handshake = 30_000  // from there to Compare, and from both yes to the grant
	YesLife   = 60_000  // from Compare to both yes
)

// Reasons in PX; core/PROTOCOL.md, "Errors".
const (
	codeVersion = 1
	codeExpired = 3
	codeCircle  = 16
	codeDenied  = 18
)

// reason is what the other side is told of err, 0 for nothing.
func reason(err error) byte {
	switch err {
	case ErrDenied, ErrLink, ErrRole, ErrOffer:
		return codeDenied
	case ErrCircle:
		return codeCircle
	case ErrExpired:
		return codeExpired
	case ErrVersion:
		return codeVersion
	}
	return 0
}

func refusal(code byte) error {
	switch code {
	case codeCircle:
		return ErrCircle
	case codeExpired:
		return ErrExpired
	case codeVersion:
		return ErrVersion
	}
	return ErrDenied
}

func rosterError(err error) error {
	if err == roster.ErrVersion {
		return ErrVersion
	}
	return ErrAuth
}

// Step says how far a pairing has got.
type Step uint8

// The steps, in their order.
const (
	Waiting   Step = iota // for the other device, or for its answers
	Compare               // State has Digits, unless Hidden, and Other: ask the user
	Confirmed             // this user said yes, the other not yet
	BothYes               // host: Grant; joiner: wait
	Granted               // done
	Failed                // State.Err says why
)

// State is what to show.
type State struct {
	Step   Step
	Digits string // six, from Compare on; empty if Hidden
	Other  Other  // from Compare on
	Hidden bool   // a store that lets another one in: its user types the digits that the joiner shows, see YesWith
	Spent  bool   // the link can't be used again
	Err    error  // when Failed
}
