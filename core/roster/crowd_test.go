package roster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// crowds are what a full device x lets in, one behind the other so that a REVOKE of x stands behind all, beside REVOKEs that fill its half of the places.
func crowds() []struct {
	name  string
	build func(t testing.TB) (h *harness, r *Roster)
} {
	a, b, x := dev(1), dev(2), dev(5)
	return []struct {
		name  string
		build func(t testing.TB) (h *harness, r *Roster)
	}{
		{"circle", func(t testing.TB) (*harness, *Roster) {
			h := newHarness(t)
			h.add("b", a, b, "G")
			h.add("x", b, x, "b")
			h.add("m0", x, dev(1000), "x")
			for n := range 199 {
				h.add(fmt.Sprint("m", n+1), x, dev(1001+n), fmt.Sprint("m", n))
			}
			return h, open(t, h.first.Genesis())
		}},
		{"namespace", func(t testing.TB) (*harness, *Roster) {
			h := newNamespaceHarness(t)
			h.full("ab", a, b)
			h.full("ba", b, a, "ab")
			h.full("x", a, x, "ab")
			h.full("m0", x, dev(1000), "x")
			for n := range 199 {
				h.full(fmt.Sprint("m", n+1), x, dev(1001+n), fmt.Sprint("m", n))
			}
			return h, OpenNamespace(ns, a.IK, b.IK, x.IK)
		}},
	}
}

// A full device lets in more than there are places for REVOKEs of another one's. That one can shut out all of them, and whoever let them in
// first or last.
func TestRevokesCrowd(t *testing.T) {
	a, x := dev(1), dev(5)
	for _, k := range crowds() {
		for _, last := range []bool{false, true} {
			h, r := k.build(t)
			for n := range 150 {
				h.revoke(fmt.Sprint("r", n), x, dev(1000), fmt.Sprint("m", n))
			}
			takeAll(t, r, h)
			other := again(t, r)
			if !last {
				revoke(t, r, a, x)
			}
			crowd := slices.DeleteFunc(r.Members(), func(m Member) bool { return m.IK == a.IK || m.IK == dev(2).IK || m.IK == x.IK })
			if len(crowd) < 140 {
				t.Fatalf("%s: only %d are in", k.name, len(crowd))
			}
			shut := func(full bool) {
				for _, m := range crowd {
					if _, err := r.SignRevoke(a.ik, m.IK); err != nil && r.Has(m.IK) && !(full && err == ErrFull) {
						t.Fatalf("%s, %v: %v", k.name, last, err)
					}
				}
			}
			if shut(last); last { // as long as x is in, it may be that there is no place
				revoke(t, r, a, x)
				shut(false)
			}
			exchange(t, r, other)
			for who, r := range map[string]*Roster{"who revoked": r, "another": other, "loaded": again(t, r)} {
				if n := len(r.Members()); n != 2 || !r.Has(a.IK) || !r.Has(dev(2).IK) || !r.Revoked(x.IK) {
					t.Errorf("%s, %v: %s: %d are in", k.name, last, who, n)
				}
			}
		}
	}
}

// again is a roster that was written and read.
func again(t testing.TB, r *Roster) *Roster {
	if !r.namespace {
		return load(t, r.Encode())
	}
	r, err := LoadNamespace(r.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Whoever has shut out some of a crowd and then the device that let them in does not lose that last REVOKE when more of that device's come in,
// which take what was its half before.
func TestRevokesStayWhenPlacesAreTaken(t *testing.T) {
	a, x := dev(1), dev(5)
	for _, k := range crowds() {
		h, r := k.build(t)
		takeAll(t, r, h)
		for n := range 140 {
			revoke(t, r, a, dev(1000+n))
		}
		revoke(t, r, a, x)
		for n := range 150 {
			h.revoke(fmt.Sprint("r", n), x, dev(1000), fmt.Sprint("m", n))
		}
		takeAll(t, r, h)
		if !r.Revoked(x.IK) {
			t.Errorf("%s: it is in again", k.name)
		}
	}
}

// Full devices that a full device has made up go with it, without a REVOKE of each; application peers that it let in stay.
func TestRevokeLeavesOutWhoWasNeverInTheCircle(t *testing.T) {
	a, b, x, p := dev(1), dev(2), dev(5), peer(6)
	h := newNamespaceHarness(t)
	h.full("ab", a, b)
	h.full("ba", b, a, "ab")
	h.full("ax", a, x, "ab")
	h.full("xb", x, b, "ab")
	h.add("p", x, p, "xb")
	for n := range 10 {
		h.full(fmt.Sprint("m", n), x, dev(1000+n), "xb")
	}
	r := OpenNamespace(ns, a.IK, b.IK, x.IK)
	takeAll(t, r, h)
	revoke(t, r, a, x)
	if got := len(r.Members()); got != 3 || !r.Has(p.IK) {
		t.Errorf("%d are in: %s", got, say(r))
	}
}

// A device whose introduction stands behind as many entries as it may can be revoked: the REVOKE stands behind that, also without room for what introduces its
// signer.
func TestRevokesWhoStandsBehindAll(t *testing.T) {
	a, b, x := dev(1), dev(2), dev(5)
	h := newNamespaceHarness(t)
	h.full("ab", a, b)
	h.full("ax", a, x, "ab")
	h.full("m0", x, dev(1000), "ax")
	h.revoke("r0", x, dev(1000), "m0")
	n := 0
	for ; n < maxPast-5; n++ {
		h.revoke(fmt.Sprint("r", n+1), x, dev(1000), fmt.Sprint("r", n))
	}
	last := dev(1001)
	h.full("last", x, last, fmt.Sprint("r", n))
	h.full("ba", b, a, "ab")
	r, other := OpenNamespace(ns, a.IK, b.IK, x.IK), OpenNamespace(ns, b.IK)
	takeAll(t, r, h)
	exchange(t, r, other) // by which the other learns that x is full
	exchange(t, r, other)
	if !r.Has(last.IK) || !other.Has(last.IK) {
		t.Fatal("it is not in")
	}
	h.revoke(fmt.Sprint("r", n+1), x, dev(1000), fmt.Sprint("r", n))
	h.full("more", x, dev(1002), fmt.Sprint("r", n+1))
	for _, c := range []struct {
		raw  []byte
		want error
	}{{h.entries[len(h.entries)-2], nil}, {h.entries[len(h.entries)-1], ErrEntry}} {
		if err := r.Add(c.raw); err != c.want {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	if r.Has(dev(1002).IK) {
		t.Error("an introduction counts that no REVOKE can stand behind")
	}
	revoke(t, r, a, last)
	exchange(t, r, other)
	if r.Has(last.IK) || other.Has(last.IK) {
		t.Errorf("it is in still: for its signer %v, for whoever trusts another store %v", r.Has(last.IK), other.Has(last.IK))
	}
}

// A crowd that a REVOKE of its door has seen, because an application peer came in behind it, is shut out though the places for REVOKEs do not do: none of those that
// went comes back for another.
func TestRevokesCrowdThatWasSeen(t *testing.T) {
	a, x := dev(1), dev(5)
	h, r := crowds()[1].build(t)
	h.add("p", x, peer(6), "m199")
	for n := range 150 {
		h.revoke(fmt.Sprint("r", n), x, dev(1000), fmt.Sprint("m", n))
	}
	takeAll(t, r, h)
	other := again(t, r)
	revoke(t, r, a, x)
	if got := len(r.Members()); got < 140 {
		t.Fatalf("only %d are left", got)
	}
	in := len(r.Members())
	for _, m := range r.Members() {
		if m.IK == a.IK || m.IK == dev(2).IK || !r.Has(m.IK) {
			continue
		}
		revoke(t, r, a, device{Member: m})
		if now := len(r.Members()); now >= in {
			t.Fatalf("%d were in, and %d are", in, now)
		} else {
			in = now
		}
	}
	exchange(t, r, other)
	for who, r := range map[string]*Roster{"who revoked": r, "another": other, "loaded": again(t, r)} {
		if n := len(r.Members()); n != 2 || !r.Revoked(x.IK) {
			t.Errorf("%s: %d are in", who, n)
		}
	}
}

// What a newcomer is given where a roster is too large to be given whole makes its host a member for it, whatever else introduces the host.
func TestGrantOfMany(t *testing.T) {
	for k := range 6 { // which of its introductions is a device's is the same everywhere, and no other rule
		a, b, x, p := dev(10*k+1), dev(10*k+2), dev(10*k+5), peer(10*k+6)
		h := newNamespaceHarness(t)
		h.full("aa", a, a)
		h.full("ab", a, b, "aa")
		h.full("ba", b, a, "ab")
		h.full("ax", a, x, "aa")
		h.full("bb", b, b)
		h.full("xa", x, a, "ax")
		h.full("xb", x, b, "ax")
		h.full("xx", x, x, "ax")
		h.add("p", a, p, "aa")
		h.full("m", x, dev(1000), "ax")
		h.revoke("r0", x, dev(1000), "m")
		for n := range 200 {
			h.revoke(fmt.Sprint("r", n+1), x, dev(1000), fmt.Sprint("r", n))
			h.note(fmt.Sprint("n", n), b, "ab")
		}
		for _, host := range []device{a, b, x} {
			r := OpenNamespace(ns, a.IK, b.IK, x.IK)
			takeAll(t, r, h)
			if r.Len() <= wire.MaxRoster {
				t.Fatalf("only %d entries", r.Len())
			}
			newcomer, grant := OpenNamespace(ns, host.IK), r.Grant(host.IK)
			if _, err := newcomer.AddAll(grant); err != nil || len(grant) > wire.MaxRoster || !newcomer.Has(host.IK) {
				t.Errorf("%s gives %d entries: %v, %s", host.Name, len(grant), err, say(newcomer))
			}
		}
		guest := OpenNamespace(ns, a.IK)
		takeAll(t, guest, h)
		newcomer := OpenNamespace(ns, a.IK)
		if _, err := newcomer.AddAll(guest.Grant(p.IK)); err != nil || !newcomer.Has(p.IK) {
			t.Errorf("a peer gives too little: %v, %s", err, say(newcomer))
		}
	}
}
