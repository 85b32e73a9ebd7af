package session

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// FuzzReceive hands foreign bytes to a connection in each of its states. The first byte picks the state; where withTag is set, the tag
// is the one that the connection knows. Nothing foreign may make a session, give messages, or make the responder speak.
func FuzzReceive(f *testing.F) {
	a, b := testPairs(f)
	i, r := NewConn(a, [32]byte{7}, random(11)), NewConn(b, [32]byte{7}, random(12)) // the same devices at another time
	m1 := mustBegin(f, i)
	m2 := body(r.Receive(0, slices.Clone(m1)).Send)
	i.Receive(0, slices.Clone(m2))
	m3 := body(mustSeal(f, i, credit(1))[0])
	for state := range byte(5) {
		for _, b := range [][]byte{nil, m1[:5], m1, m2, m3, append(slices.Clone(m3), 0), flip(m1, 40), flip(m2, 1100), flip(m3, 5)} {
			f.Add(state, true, b)
			f.Add(state, false, b)
		}
	}
	states := connStates(f)
	f.Fuzz(func(t *testing.T, state byte, withTag bool, b []byte) {
		c := copyOf(t, states[state%5])
		var known tag
		if c.live != nil {
			known = c.live.tag
		} else if c.pending != nil {
			known = c.pending.tag
		}
		if withTag && len(b) >= 4 {
			copy(b, known[:])
		}
		up := c.Up()
		res := c.Receive(0, b)
		if res.Up || len(res.Messages) > 0 || c.Up() && !up {
			t.Fatalf("%+v", res)
		}
		if res.Send != nil && !(bytes.Equal(b[4:], m1[4:]) && !c.pair.initiator) {
			t.Fatal("answered what the other side never said")
		}
		if res.Down != (up && !c.Up()) {
			t.Fatal("the session's end is told wrong")
		}
		c.Tick(1 << 40)
		c.Seal(1<<40, nil, credit(1))
	})
}

// connStates makes one connection in each state: 0 responder, 1 initiator with M1 out, 2 responder with M2 out, 3 initiator and
// 4 responder with a session. Nothing in them differs from run to run, so that coverage does not either.
func connStates(t testing.TB) (states [5]*Conn) {
	fixed := func(i, r *Conn) (*Conn, *Conn) {
		r.kem = func(ek *mlkem.EncapsulationKey768) (secret, ct []byte) {
			secret, ct, err := mlkemtest.Encapsulate768(ek, make([]byte, 32))
			if err != nil {
				t.Fatal(err)
			}
			return secret, ct
		}
		return i, r
	}
	_, states[0] = fixed(testConns(t))
	states[1], states[2] = fixed(testConns(t))
	states[2].Receive(0, mustBegin(t, states[1]))
	states[3], states[4] = fixed(testConns(t))
	shake(t, states[3], states[4])
	return states
}

// copyOf is a connection in the same state. An initiator's handshake cannot be copied and is begun anew.
func copyOf(t testing.TB, from *Conn) *Conn {
	c := *from
	pair := *from.pair
	pair.guard = guard{}
	c.random, c.pair = random(1), &pair
	if c.live != nil {
		c.live = copyOfSession(c.live)
	}
	if p := c.pending; p != nil {
		c.pending = nil
		if p.hello != nil {
			mustBegin(t, &c)
		} else {
			c.pending = &attempt{tag: p.tag, deadline: p.deadline, session: copyOfSession(p.session)}
		}
	}
	return &c
}

func copyOfSession(s *session) *session {
	c := *s
	c.send.aead, c.receive.aead = newAEAD(keyOf(&s.send)), newAEAD(keyOf(&s.receive))
	return &c
}

// FuzzUnpack is a peer that knows the keys and sends what it likes.
func FuzzUnpack(f *testing.F) {
	f.Add(plain(1, 256, credit(1)), plain(1, 256, nil))
	f.Add(plain(2, 256, credit(1)[:3]), plain(3, 256, credit(1)[3:]))
	f.Add(plain(2, 256, credit(1)), plain(1, 256, credit(1)))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var s session
		for _, p := range [][]byte{a, b, b} {
			if len(p) < wire.MinFramePlain || len(p) > wire.MaxFramePlain {
				continue
			}
			msgs, err := s.unpack(1, p)
			if err != nil {
				return
			}
			for len(msgs) > 0 {
				if _, _, msgs, err = wire.NextMessage(msgs); err != nil {
					t.Fatal("messages that are none")
				}
			}
		}
	})
}
