package channel

import (
	"bytes"
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// FuzzReceive hands foreign bytes to a link in each of its states. The first byte picks the state; where withTag is set, the tag
// is the one that the link knows. Nothing foreign may make a session, give messages, or make the responder speak.
func FuzzReceive(f *testing.F) {
	a, b := testPairs(f)
	i, r := NewLink(a, [32]byte{7}, random(11)), NewLink(b, [32]byte{7}, random(12)) // the same devices at another time
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
	states := linkStates(f)
	f.Fuzz(func(t *testing.T, state byte, withTag bool, b []byte) {
		l := copyOf(t, states[state%5])
		var known tag
		if l.live != nil {
			known = l.live.tag
		} else if l.pending != nil {
			known = l.pending.tag
		}
		if withTag && len(b) >= 4 {
			copy(b, known[:])
		}
		up := l.Up()
		res := l.Receive(0, b)
		if res.Up || len(res.Messages) > 0 || l.Up() && !up {
			t.Fatalf("%+v", res)
		}
		if res.Send != nil && !(bytes.Equal(b[4:], m1[4:]) && !l.pair.initiator) {
			t.Fatal("answered what the other side never said")
		}
		if res.Down != (up && !l.Up()) {
			t.Fatal("the session's end is told wrong")
		}
		l.Tick(1 << 40)
		l.Seal(1<<40, nil, credit(1))
	})
}

// linkStates makes one link in each state: 0 responder, 1 initiator with M1 out, 2 responder with M2 out, 3 initiator and
// 4 responder with a session. Nothing in them differs from run to run, so that coverage does not either.
func linkStates(t testing.TB) (states [5]*Link) {
	fixed := func(i, r *Link) (*Link, *Link) {
		r.kem = func(ek *mlkem.EncapsulationKey768) (secret, ct []byte) {
			secret, ct, err := mlkemtest.Encapsulate768(ek, make([]byte, 32))
			if err != nil {
				t.Fatal(err)
			}
			return secret, ct
		}
		return i, r
	}
	_, states[0] = fixed(testLinks(t))
	states[1], states[2] = fixed(testLinks(t))
	states[2].Receive(0, mustBegin(t, states[1]))
	states[3], states[4] = fixed(testLinks(t))
	shake(t, states[3], states[4])
	return states
}

// copyOf is a link in the same state. An initiator's handshake cannot be copied and is begun anew.
func copyOf(t testing.TB, from *Link) *Link {
	l := *from
	l.random = random(1)
	if l.live != nil {
		live := *l.live
		l.live = &live
	}
	if l.pending != nil {
		pending := *l.pending
		l.pending = &pending
		if pending.hello != nil {
			mustBegin(t, &l)
		} else {
			s := *pending.session
			l.pending.session = &s
		}
	}
	return &l
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
