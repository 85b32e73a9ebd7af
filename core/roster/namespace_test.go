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

func loadNamespace(t testing.TB, b []byte) *Roster {
	t.Helper()
	r, err := LoadNamespace(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNamespace(t *testing.T) {
	a, b, p, q := dev(1), dev(2), peer(5), peer(6)
	r := OpenNamespace(ns, a.IK)
	if r.ID() != NamespaceGenesis(ns) || r.Len() != 0 || len(r.Heads()) != 0 || r.Genesis() != nil || len(r.Members()) != 0 || r.Relays() != nil {
		t.Error("an empty one has something")
	}
	signFull(t, r, a, a)
	signFull(t, r, a, b)
	add(t, r, a, p)
	theirs := OpenNamespace(ns, a.IK) // what p gets
	sync(t, r, theirs)
	add(t, theirs, p, q)
	sync(t, theirs, r)
	for name, r := range map[string]*Roster{"a": r, "p": theirs, "loaded": loadNamespace(t, theirs.Encode())} {
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

// What a root has revoked that application peers do not count is revoked once more by one that they do count: else they would keep whom the
// circle's devices no longer see.
func TestRevokeOfWhoIsOutHereAlone(t *testing.T) {
	a, x, f, p, q := dev(1), dev(2), dev(3), peer(5), peer(6)
	for name, who := range map[string]device{"a peer": q, "who let it in": p, "a full device": f} {
		r, theirs := OpenNamespace(ns, a.IK, x.IK), OpenNamespace(ns, a.IK)
		signFull(t, r, a, f)
		add(t, r, a, p)
		add(t, r, p, q)
		revoke(t, r, x, who)
		sync(t, r, theirs)
		if r.Has(who.IK) || !theirs.Has(who.IK) || !r.HasFor(a.IK, who.IK) || r.HasFor(x.IK, q.IK) {
			t.Errorf("%s: before: %s, %s", name, say(r), say(theirs))
		}
		for _, out := range r.RevokedMembers() {
			if r.HasFor(a.IK, out.IK) { // it has not gone with another
				revoke(t, r, a, device{Member: out})
			}
		}
		sync(t, r, theirs)
		if theirs.Has(who.IK) || say(r) != say(theirs) && name != "a full device" || r.HasFor(a.IK, who.IK) {
			t.Errorf("%s: after: %s, %s", name, say(r), say(theirs))
		}
		if _, err := r.SignRevoke(a.ik, who.IK); err != ErrEntry {
			t.Errorf("%s: signed again: %v", name, err)
		}
	}
}

// Two full devices begin a roster apart, each for a peer.
func TestNamespaceBegunTwice(t *testing.T) {
	a, b, p, q := dev(1), dev(2), peer(5), peer(6)
	ra, rb := OpenNamespace(ns, a.IK, b.IK), OpenNamespace(ns, b.IK)
	rb.Trust(a.IK)
	signFull(t, ra, a, a)
	signFull(t, rb, b, b)
	add(t, ra, a, p)
	add(t, rb, b, q)
	rp, rq := OpenNamespace(ns, a.IK), OpenNamespace(ns, b.IK)
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

type namespaceCase struct {
	name  string
	rule  string // of core/PROTOCOL.md
	build func(h *harness)
	want  string // of who trusts a
}

func namespaceTables() []namespaceCase {
	a, b, c := dev(1), dev(2), dev(3)
	p, q, s, u := peer(5), peer(6), peer(7), peer(8)
	likeB, likeQ := peer(9), peer(9)
	likeB.NK, likeQ.NK = b.NK, q.NK
	return []namespaceCase{
		{"a root needs no entry", "R8.25", func(h *harness) { h.add("p", a, p) }, "[5] out []"},
		{"a stranger's", "R8.29", func(h *harness) { h.full("b", b, b); h.add("p", b, p, "b") }, "[] out []"},
		{"a stranger's, introduced later", "R8.28", func(h *harness) {
			h.full("b", b, b)
			h.add("p", b, p, "b")
			h.full("ab", a, b)
		}, "[2 5] out []"},
		{"two strangers introduce each other", "R8.28", func(h *harness) {
			h.full("bc", b, c)
			h.full("cb", c, b)
			h.add("p", c, p, "bc")
		}, "[] out []"},
		{"a FULL by a FULL by a FULL", "R8.28", func(h *harness) {
			h.full("ab", a, b)
			h.full("bc", b, c, "ab")
			h.add("p", c, p, "bc")
		}, "[2 3 5] out []"},
		{"a peer's FULL", "R8.28", func(h *harness) {
			h.add("p", a, p)
			h.full("pb", p, b, "p")
			h.full("pp", p, p, "p")
		}, "[5] out []"},
		{"the same FULL twice", "R8.28", func(h *harness) {
			h.full("ab", a, b)
			h.full("ab2", a, b, "ab")
			h.add("p", b, p, "ab2")
		}, "[2 5] out []"},
		{"with another nk", "R8.27", func(h *harness) {
			h.full("ab", a, b)
			other := b
			other.NK = c.NK
			h.full("ab2", a, other, "ab")
		}, "[2] out []"},
		{"a peer is revoked, and whom it let in, and whom they let in", "R8.32", func(h *harness) {
			h.full("aa", a, a)
			h.add("p", a, p, "aa")
			h.add("q", p, q, "p")
			h.add("s", q, s, "q")
			h.add("u", a, u, "s")
			h.revoke("ap", a, p, "u")
		}, "[1 8] out [5 6 7]"},
		{"whom another one let in too stays", "R8.32", func(h *harness) {
			h.add("p", a, p)
			h.add("q", p, q, "p")
			h.add("q2", a, q, "p")
			h.revoke("ap", a, p, "q", "q2")
		}, "[6] out [5]"},
		{"what a FULL did stays, seen by who revoked it", "R8.32", func(h *harness) {
			h.full("aa", a, a)
			h.full("ab", a, b, "aa")
			h.add("p", b, p, "ab")
			h.add("q", p, q, "p")
			h.revoke("abr", a, b, "q")
			h.add("s", b, s, "q")
		}, "[1 5 6] out [2 7]"},
		{"the root is revoked", "R8.12", func(h *harness) {
			h.full("aa", a, a)
			h.full("ab", a, b, "aa")
			h.add("p", a, p, "ab")
			h.revoke("ba", b, a, "p")
			h.full("ac", a, c, "p")
		}, "[2 5] out [1 3]"},
		{"a peer may revoke those that it let in, however far", "R8.30", func(h *harness) {
			h.add("p", a, p)
			h.add("q", p, q, "p")
			h.add("s", q, s, "q")
			h.revoke("ps", p, s, "s")
		}, "[5 6] out [7]"},
		{"and itself, and then they are out with it", "R8.30", func(h *harness) {
			h.add("p", a, p)
			h.add("q", p, q, "p")
			h.revoke("pp", p, p, "q")
		}, "[] out [5 6]"},
		{"but nobody else", "R8.30", func(h *harness) {
			h.full("ab", a, b)
			h.add("p", a, p, "ab")
			h.add("q", a, q, "p")
			h.add("s", q, s, "q")
			h.revoke("pq", p, q, "s")
			h.revoke("ps", p, s, "s")
			h.revoke("pb", p, b, "s")
			h.revoke("sq", s, q, "s")
		}, "[2 5 6 7] out []"},
		{"nor by an ADD of its own", "R8.30", func(h *harness) {
			h.add("p", a, p)
			h.add("q", a, q, "p")
			h.add("q2", p, q, "p")
			h.revoke("pq", p, q, "q2")
		}, "[5 6] out []"},
		{"although a stranger adds its guest, too", "R8.30", func(h *harness) {
			h.add("p", a, p)
			h.add("q", p, q, "p")
			h.add("xq", peer(9), q)
			h.revoke("pq", p, q, "q")
		}, "[5] out [6]"},
		{"a peer's REVOKE of a FULL closes no ring", "R8.31", func(h *harness) {
			h.full("ab", a, b)
			h.add("p", b, p, "ab")
			h.revoke("pb", p, b, "p")
			h.revoke("bp", b, p, "p")
		}, "[2] out [5]"},
		{"a peer must not take a FULL's nk", "R8.34", func(h *harness) {
			h.full("ab", a, b)
			h.add("p", a, p, "ab")
			h.add("u", p, likeB, "p")
			h.full("ab2", a, b, "u")
		}, "[2 5] out []"},
		{"nor its inviter's other peers', by letting one in and out again", "R8.34", func(h *harness) {
			h.add("p", a, p)
			h.add("q", a, q, "p")
			h.add("u", p, likeQ, "p")
			h.revoke("pu", p, likeQ, "u")
		}, "[5 6] out [9]"},
		{"two FULL revoke each other", "R8.17", func(h *harness) {
			h.full("aa", a, a)
			h.full("ab", a, b, "aa")
			h.full("ac", a, c, "ab")
			h.revoke("bc", b, c, "ac")
			h.revoke("cb", c, b, "ac")
		}, "[1] out [2 3]"},
		{"added again after a REVOKE", "R8.27", func(h *harness) {
			h.full("ab", a, b)
			h.add("p", a, p)
			h.revoke("abr", a, b, "ab")
			h.revoke("ap", a, p, "p")
			h.full("ab2", a, b, "abr")
			h.add("p2", a, p, "ap")
		}, "[] out [2 5]"},
		{"introduced while revoked", "R8.12", func(h *harness) {
			h.full("ab", a, b)
			h.full("ac", a, c, "ab")
			h.revoke("abr", a, b, "ac")
			h.full("cb", c, b, "ac")
		}, "[3] out [2]"},
		{"a thief's FULL falls with it", "R8.12", func(h *harness) {
			h.full("ab", a, b)
			h.full("bc", b, c, "ab")
			h.add("p", c, p, "bc")
			h.add("q", p, q, "p")
			h.revoke("abr", a, b, "ab")
		}, "[] out [2 3 5 6]"},
		{"a thief's FULL cannot save it", "R8.14", func(h *harness) {
			h.full("aa", a, a)
			h.full("ab", a, b, "aa")
			h.revoke("abr", a, b, "ab")
			h.full("bc", b, c, "ab")
			h.revoke("ca", c, a, "bc")
		}, "[] out [1 2 3]"},
	}
}

func TestNamespaceTables(t *testing.T) {
	for _, k := range namespaceTables() {
		h := newNamespaceHarness(t)
		k.build(h)
		tried := 0
		orders(h.entries, func(list [][]byte) {
			r := OpenNamespace(ns, dev(1).IK)
			if n := fill(t, r, list); n > 0 || r.Len() != len(list) {
				t.Errorf("%s: %d refused", k.name, n)
			}
			if got := say(r); got != k.want {
				t.Errorf("%s: order %d: %s, want %s", k.name, tried, got, k.want)
				k.want = got
			}
			if tried == 0 && say(loadNamespace(t, r.Encode())) != k.want {
				t.Errorf("%s: loading changes it", k.name)
			}
			tried++
		})
	}
}

// namespaceAddCases are entries for an empty roster of ns with dev(1) as its root.
func namespaceAddCases() (r *Roster, cases map[string]addCase) {
	a, p := dev(1), peer(5)
	r = OpenNamespace(ns, a.IK)
	good := func(genesis ID) []byte {
		acc := Accept(p.ik, genesis, p.Member)
		return append(appendMember(appendPrev(nil, nil), &p.Member), acc[:]...)
	}
	full := append(append(appendPrev(nil, nil), a.IK[:]...), a.NK[:]...)
	flipped := sign(a.ik, r.ID(), typeFull, full)
	flipped[len(flipped)-1] ^= 1
	unaccepted := good(r.ID())
	unaccepted[len(unaccepted)-1] ^= 1
	other := NamespaceGenesis([32]byte{8})
	return r, map[string]addCase{
		"a bit flipped":           {flipped, ErrEntry},
		"another namespace's":     {sign(a.ik, other, typeFull, full), ErrEntry},
		"accepted elsewhere":      {sign(a.ik, r.ID(), typeAdd, good(other)), ErrEntry},
		"not accepted":            {sign(a.ik, r.ID(), typeAdd, unaccepted), ErrEntry},
		"left over":               {sign(a.ik, r.ID(), typeFull, append(bytes.Clone(full), 0)), ErrEntry},
		"cut":                     {sign(a.ik, r.ID(), typeFull, full[:len(full)-1]), ErrEntry},
		"no REVOKE's target":      {sign(a.ik, r.ID(), typeRevoke, appendPrev(nil, nil)), ErrEntry},
		"relays":                  {sign(a.ik, r.ID(), typeRelays, append(appendPrev(nil, nil), 0, 0, 0, 1, 0)), ErrEntry},
		"prev is not here":        {sign(a.ik, r.ID(), typeFull, append(appendPrev(nil, []ID{{1}}), full[1:]...)), ErrMissing},
		"unknown type":            {sign(a.ik, r.ID(), 7, nil), ErrVersion},
		"a stranger's, not known": {sign(p.ik, r.ID(), 7, nil), ErrEntry},
		"a NOTE that is too long": {sign(a.ik, r.ID(), typeNote, make([]byte, 258)), ErrEntry},
	}
}

func TestNamespaceRefuses(t *testing.T) {
	r, cases := namespaceAddCases()
	for name, c := range cases {
		if err := r.Add(c.raw); err != c.want || r.Len() != 0 {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	a := dev(1)
	full := append(append(appendPrev(nil, nil), a.IK[:]...), a.NK[:]...)
	if err := circle(t, a).Add(sign(a.ik, circle(t, a).ID(), typeFull, full)); err != ErrEntry {
		t.Errorf("a FULL in a circle: %v", err)
	}
}

func TestLoadNamespaceRefuses(t *testing.T) {
	a := dev(1)
	r := OpenNamespace(ns, a.IK)
	signFull(t, r, a, a)
	add(t, r, a, peer(5))
	good := r.Encode()
	twice := bytes.Clone(good)
	twice[34] = 2 // roots
	twice = slices.Insert(twice, 35, a.IK[:]...)
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":         {nil, ErrEntry},
		"a circle's":      {circle(t, a).Encode(), ErrVersion},
		"a newer format":  {append([]byte{3}, good[1:]...), ErrVersion},
		"cut":             {good[:len(good)-1], ErrEntry},
		"cut in the root": {good[:40], ErrEntry},
		"left over":       {append(bytes.Clone(good), 0), ErrEntry},
		"a root twice":    {twice, ErrEntry},
	} {
		if _, err := LoadNamespace(c.b); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Load(good); err != ErrVersion {
		t.Errorf("a namespace's as a circle's: %v", err)
	}
	empty := loadNamespace(t, OpenNamespace(ns).Encode())
	if empty.Len() != 0 || empty.Roots() != nil || empty.ID() != NamespaceGenesis(ns) {
		t.Error("an empty one is not the same afterwards")
	}
}

func FuzzNamespaceEntry(f *testing.F) {
	a, p, q := dev(1), peer(5), peer(6)
	r := OpenNamespace(ns, a.IK)
	signFull(f, r, a, a)
	add(f, r, a, p)
	add(f, r, p, q)
	for _, e := range r.Behind(nil) {
		f.Add(e)
	}
	f.Add(revoke(f, loadNamespace(f, r.Encode()), a, p))
	f.Add(sign(a.ik, r.ID(), 9, nil))
	seeds := append(r.Behind(nil), revoke(f, loadNamespace(f, r.Encode()), a, p))
	had := r.Encode()
	f.Fuzz(func(t *testing.T, raw []byte) {
		if slices.ContainsFunc(seeds, func(s []byte) bool { return bytes.Equal(s, raw) }) {
			return
		}
		if r.Add(raw) == nil || !bytes.Equal(r.Encode(), had) {
			t.Fatal("an entry that nobody signed was taken")
		}
	})
}

func FuzzLoadNamespace(f *testing.F) {
	a, p := dev(1), peer(5)
	r := OpenNamespace(ns, a.IK)
	f.Add(r.Encode())
	signFull(f, r, a, a)
	add(f, r, a, p)
	f.Add(r.Encode())
	revoke(f, r, a, p)
	f.Add(r.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := LoadNamespace(b)
		if err == nil && !bytes.Equal(r.Encode(), b) {
			t.Fatal("not the one form")
		}
		_, _ = Load(b)
	})
}
