// Package session is the secure session between two paired devices: a hybrid Noise handshake (X25519 and ML-KEM-768) and frames
// that each have a key of their own. core/PROTOCOL.md, "Keys" and "The session", is the specification.
//
// It does no I/O and reads no clock. A Pair is made once of the two devices' keys; it names the relay channels to meet on. A
// Conn is what happens on one relay channel:
//
//	c := session.NewConn(pair, chanID, rand)
//	m1, err := c.Begin(now)             // at JOINED with a peer and at every PEER{1}; send m1 if it is not nil
//	r := c.Receive(now, body)           // at every DATA; act on r, see Result
//	out, err := c.Seal(now, out, msgs...) // to send messages; and once, with or without messages, when r.Up
//	r = c.Tick(now)                     // at c.Deadline(), and whenever something was sent or received
//	c.Drop()                            // at PEER{0} and when the socket closes
//
// All that a Conn hands out to be sent are whole relay frames, the type byte of DATA in front; what it takes are the bodies of
// DATA without it. That spares a copy of everything sent.
//
// The keys of a frame, a session and a handshake are overwritten as soon as they are done with, where they can be reached. Inside of
// other packages they cannot: there what the garbage collector has not reclaimed may still be in memory, as may copies on the stack.
package session

import (
	"crypto/mlkem"
	"errors"
	"io"

	"github.com/masqdev/masq/core/wire"
)

// Errors of a Conn. After those in a Result the socket is to be closed and dialled again later.
var (
	ErrHandshake = errors.New("session: handshake failed: the other device has other keys, or somebody interfered")
	ErrSession   = errors.New("session: session ended by a frame that does not belong in it")
	ErrTimeout   = errors.New("session: the other device did not answer in time")
	ErrSpent     = errors.New("session: session used up without having been renewed")
	ErrDown      = errors.New("session: no session")
	ErrTooBig    = errors.New("session: message too long or not a message")
)

// HandshakeTimeout is how long a handshake may take, in milliseconds.
const HandshakeTimeout = 10_000

// Result is what came of a call. Up or Down comes before Messages.
type Result struct {
	Send     []byte // a relay frame to send, nil: none: a handshake's, or an empty one of the session, to keep it alive
	Messages []byte // whole messages, one behind the other, for wire.NextMessage; they alias what was received
	Taken    bool   // it was a frame of the session, though its message may not be whole yet: the other side lives
	Up       bool   // a new session stands; the one before it, if there was one, is over. Call Seal.
	Down     bool   // the session is over and there is none
	Renew    bool   // a new handshake is due: send BYE{renew}, and if the pair is the initiator, Begin
	Err      error  // close the socket and dial again later; nil also when something was ignored
}

// A Conn is the attempts and the session on one relay channel. It is for one goroutine.
type Conn struct {
	pair    *Pair
	channel [32]byte
	random  io.Reader
	kem     encapsulate

	pending *attempt
	live    *session
}

// attempt is a handshake under way: the initiator has a hello out, the responder a session that no frame has confirmed yet.
type attempt struct {
	tag      tag
	deadline uint64 // Unix ms
	hello    *hello
	session  *session
}

// NewConn makes a Conn for the relay channel of that name. random is of cryptographic quality.
func NewConn(p *Pair, channel [32]byte, random io.Reader) *Conn {
	return &Conn{pair: p, channel: channel, random: random, kem: (*mlkem.EncapsulationKey768).Encapsulate}
}

// Up reports whether a session stands.
func (c *Conn) Up() bool { return c.live != nil }

// Pending reports whether an attempt is under way.
func (c *Conn) Pending() bool { return c.pending != nil }

// Begin starts an attempt in the place of one that may be under way, because the other device is there or a session is to
// be renewed. The initiator gets M1 to send; the responder gets nil, because it waits for M1. A session that stands goes on until
// the new one does. The error is that of the random source.
func (c *Conn) Begin(now uint64) ([]byte, error) {
	if !c.pair.initiator {
		return nil, nil
	}
	c.end()
	a := &attempt{deadline: now + HandshakeTimeout}
	if _, err := io.ReadFull(c.random, a.tag[:]); err != nil {
		return nil, err
	}
	var out []byte
	var err error
	a.hello, out, err = newHello(c.pair, &c.channel, c.random, begin(a.tag, typeM1, m1Size))
	if err != nil {
		return nil, err
	}
	c.pending = a
	return out, nil
}

// begin is the front of a relay frame with a body of that size.
func begin(t tag, typ uint8, size int) []byte {
	return append(append(append(make([]byte, 0, 1+size), byte(wire.RelayData)), t[:]...), typ)
}

// Receive takes the body of a DATA. It decrypts in place: body is the Conn's from then on.
func (c *Conn) Receive(now uint64, body []byte) Result {
	if len(body) < headSize {
		return Result{}
	}
	t := tag(body[:4])
	switch {
	case body[4] == typeM1 && !c.pair.initiator:
		return c.answer(now, t, body[headSize:])
	case c.live != nil && c.live.tag == t:
		return c.carry(now, body)
	case c.pending != nil && c.pending.tag == t:
		return c.advance(now, body)
	}
	return Result{} // of an attempt that is over
}

// answer is the responder's half of the handshake. An M1 that cannot be read changes nothing and is not answered. Nor is one that was
// answered before, or one too many: the Sync Server could have a device compute without end.
func (c *Conn) answer(now uint64, t tag, msg []byte) Result {
	g := &c.pair.guard
	if len(msg) != noise1Size || g.knows(msg) || !g.admits(now) {
		return Result{}
	}
	s, out, err := answer(now, c.pair, &c.channel, c.random, c.kem, msg, begin(t, typeM2, m2Size))
	if err == ErrHandshake {
		return Result{}
	}
	if err != nil {
		return Result{Err: err}
	}
	g.answered(msg)
	s.tag = t
	c.end()
	c.pending = &attempt{tag: t, deadline: now + HandshakeTimeout, session: s}
	return Result{Send: out}
}

// advance takes what the attempt under way waits for: M2, or the frame that confirms. What else comes ends the attempt.
func (c *Conn) advance(now uint64, body []byte) Result {
	a := c.pending
	c.pending = nil
	if a.hello == nil {
		msgs, err := a.session.open(now, body)
		if err != nil {
			a.session.erase()
			return Result{Err: ErrHandshake}
		}
		c.stands(a.session)
		return Result{Up: true, Messages: msgs}
	}
	if body[4] != typeM2 {
		a.end()
		return Result{Err: ErrHandshake}
	}
	s, err := a.hello.finish(now, c.pair, body[headSize:])
	if err != nil {
		return Result{Err: err}
	}
	s.tag = a.tag
	c.stands(s)
	return Result{Up: true}
}

// stands puts a session in the place of the one before.
func (c *Conn) stands(s *session) {
	if c.live != nil {
		c.live.erase()
	}
	c.live = s
}

// end overwrites the keys of an attempt that came to nothing.
func (a *attempt) end() {
	if a.hello != nil {
		a.hello.noise.forget()
	}
	if a.session != nil {
		a.session.erase()
	}
}

// end ends the attempt under way, if there is one.
func (c *Conn) end() {
	if c.pending != nil {
		c.pending.end()
		c.pending = nil
	}
}

// carry takes a frame of the session.
func (c *Conn) carry(now uint64, body []byte) Result {
	if c.live.spent(now) {
		return c.down(ErrSpent)
	}
	msgs, err := c.live.open(now, body)
	if err != nil {
		return c.down(err)
	}
	return Result{Messages: msgs, Taken: true}
}

func (c *Conn) down(err error) Result {
	c.stands(nil)
	return Result{Down: true, Err: err}
}

// Seal appends the frames that carry msgs to out, in order: as many whole messages to a frame as it holds, longer ones in
// pieces. It keeps nothing of msgs. The first Seal of a session gives a frame even without messages, because the other side waits
// for one. Errors, with nothing sealed: ErrDown; ErrTooBig if a message is longer than wire.MaxMessage or no message;
// ErrSpent, upon which Tick says Down.
func (c *Conn) Seal(now uint64, out [][]byte, msgs ...[]byte) ([][]byte, error) {
	if c.live == nil {
		return out, ErrDown
	}
	if c.live.spent(now) {
		return out, ErrSpent
	}
	for _, m := range msgs {
		if len(m) < wire.MessageHeader || len(m) > wire.MaxMessage {
			return out, ErrTooBig
		}
	}
	return c.live.seal(now, out, msgs), nil
}

// Tick does what is due at a time: it ends a session of which nothing was heard for Silence, and keeps one alive by which nothing was
// sent for KeepAlive. Renew is said once a session, earlier to the initiator than to the responder.
func (c *Conn) Tick(now uint64) Result {
	var err error
	if c.pending != nil && now >= c.pending.deadline {
		c.end()
		if c.pair.initiator { // the responder has nothing to try again
			err = ErrTimeout
		}
	}
	s := c.live
	switch {
	case s == nil:
		return Result{Err: err}
	case s.spent(now):
		return c.down(ErrSpent)
	case now >= s.lostAt():
		return c.down(ErrTimeout)
	case !s.renewed && s.renewDue(now, c.pair.initiator):
		s.renewed = true
		return Result{Renew: true, Err: err}
	case now >= s.sentAt+KeepAlive:
		return Result{Send: s.empty(now), Err: err}
	}
	return Result{Err: err}
}

// Deadline is when Tick has something to do if nothing else happens before, in Unix milliseconds; 0: never.
func (c *Conn) Deadline() uint64 {
	var at uint64
	soonest := func(t uint64) {
		if t != 0 && (at == 0 || t < at) {
			at = t
		}
	}
	if c.pending != nil {
		soonest(c.pending.deadline)
	}
	if s := c.live; s != nil {
		soonest(s.lostAt())
		soonest(s.sentAt + KeepAlive)
		soonest(s.spentAt())
		if !s.renewed {
			soonest(s.renewAt(c.pair.initiator))
		}
	}
	return at
}

// Drop forgets the session and the attempt under way, because the socket or the other device is gone. Nothing of it can be used again.
func (c *Conn) Drop() {
	c.end()
	c.stands(nil)
}
