package roster

import (
	"bytes"
	"slices"
	"testing"
)

var ns = [32]byte{7}

// peer makes the n-th device, as an application peer.
func peer(n int) device {
	d := dev(n)
	d.Kind = Embedded
	return d
}

func signFull(t testing.TB, r *Roster, by, who device) []byte {
	t.Helper()
	raw, err := r.SignFull(by.ik, who.Member)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func loadSpace(t testing.TB, b []byte) *Roster {
	t.Helper()
	r, err := LoadSpace(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSpace(t *testing.T) {
	a, b, p, q := dev(1), dev(2), peer(5), peer(6)
	r := OpenSpace(ns, a.IK)
	if r.ID() != SpaceGenesis(ns) || r.Len() != 0 || len(r.Heads()) != 0 || r.Genesis() != nil || len(r.Members()) != 0 || r.Relays() != nil {
		t.Error("an empty one has something")
	}
	signFull(t, r, a, a)
	signFull(t, r, a, b)
	add(t, r, a, p)
	theirs := OpenSpace(ns, a.IK) // what p gets
	sync(t, r, theirs)
	add(t, theirs, p, q)
	sync(t, theirs, r)
	for name, r := range map[string]*Roster{"a": r, "p": theirs, "loaded": loadSpace(t, theirs.Encode())} {
		m, _ := r.Member(b.IK)
		n, _ := r.Member(q.IK)
		if say(r) != "[1 2 5 6] out []" || m.Kind != Store || m.Name != "" || m.NK != b.NK || n.Kind != Embedded || n.Name != q.Name ||
			!slices.Equal(r.Roots(), [][32]byte{a.IK}) {
			t.Errorf("%s: %s, %+v, %+v", name, say(r), m, n)
		}
		if r.Members()[0].Kind != Store || r.Members()[3].Kind != Embedded {
			t.Errorf("%s: not the full devices first", name)
		}
	}
	for name, err := range map[string]error{
		"a FULL by a peer":       second(theirs.SignFull(p.ik, dev(9).Member)),
		"a FULL by a stranger":   second(theirs.SignFull(dev(9).ik, dev(9).Member)),
		"an ADD of a store":      second(r.SignAdd(a.ik, dev(9).Member, Accept(dev(9).ik, r.ID(), dev(9).Member))),
		"an ADD by a stranger":   second(r.SignAdd(dev(9).ik, peer(8).Member, Accept(peer(8).ik, r.ID(), peer(8).Member))),
		"relays":                 second(r.SignRelays(a.ik, nil)),
		"a peer revokes a FULL":  second(theirs.SignRevoke(p.ik, b.IK)),
		"a peer revokes another": second(theirs.SignRevoke(q.ik, p.IK)),
		"nobody is revoked":      second(theirs.SignRevoke(a.ik, dev(9).IK)),
		"a FULL of a peer":       second(r.SignFull(a.ik, p.Member)),
		"a genesis":              r.Add(circle(t, a).Genesis()),
	} {
		if want := map[bool]error{true: ErrCircle, false: ErrEntry}[name == "a genesis"]; err != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	before := r.Len()
	if !bytes.Equal(signFull(t, r, a, b), r.Behind(nil)[1]) || r.Len() != before {
		t.Error("a FULL that is there is signed again")
	}
	revoke(t, theirs, p, q)
	sync(t, theirs, r)
	if say(r) != "[1 2 5] out [6]" {
		t.Error(say(r))
	}
	revoke(t, r, a, p)
	if say(r) != "[1 2] out [5 6]" {
		t.Error(say(r))
	}
}

// Two full devices begin a roster apart, each for a peer.
func TestSpaceBegunTwice(t *testing.T) {
	a, b, p, q := dev(1), dev(2), peer(5), peer(6)
	ra, rb := OpenSpace(ns, a.IK, b.IK), OpenSpace(ns, b.IK)
	rb.Trust(a.IK)
	signFull(t, ra, a, a)
	signFull(t, rb, b, b)
	add(t, ra, a, p)
	add(t, rb, b, q)
	rp, rq := OpenSpace(ns, a.IK), OpenSpace(ns, b.IK)
	sync(t, ra, rp)
	sync(t, rb, rq)
	sync(t, rb, rp)
	if say(rp) != "[1 5] out []" {
		t.Errorf("b counts for p although nobody that it trusts said so: %s", say(rp))
	}
	sync(t, ra, rb)
	sync(t, rb, ra)
	signFull(t, ra, a, b)
	sync(t, ra, rb)
	signFull(t, rb, b, a)
	for range 2 {
		sync(t, rb, ra)
		sync(t, ra, rb)
		sync(t, ra, rp)
		sync(t, rb, rq)
	}
	for name, r := range map[string]*Roster{"a": ra, "b": rb, "p": rp, "q": rq} {
		if say(r) != "[1 2 5 6] out []" || !slices.Equal(r.Heads(), ra.Heads()) {
			t.Errorf("%s: %s", name, say(r))
		}
	}
}
