package roster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// world is a set of entries that are signed by whoever, behind whatever: what honest devices sign, and what thieves could.
type world struct {
	t       testing.TB
	genesis ID
	first   *Roster
	entries [][]byte
	ids     map[string]ID
}

// newWorld is a circle of dev(1).
func newWorld(t testing.TB) *world {
	r := circle(t, dev(1))
	return &world{t: t, genesis: r.ID(), first: r, ids: map[string]ID{"G": r.ID()}}
}

func newNamespaceWorld(t testing.TB) *world {
	return &world{t: t, genesis: NamespaceGenesis([32]byte{7}), ids: map[string]ID{}}
}

func (w *world) put(name string, by device, typ uint8, behind []string, body func(prev []byte) []byte) {
	w.t.Helper()
	var prev []ID
	for _, b := range behind {
		id, ok := w.ids[b]
		if !ok {
			w.t.Fatalf("no entry %s", b)
		}
		prev = append(prev, id)
	}
	sortIDs(prev)
	prev = slices.Compact(prev)
	raw := sign(by.ik, w.genesis, typ, body(appendPrev(nil, prev)))
	e, err := parse(raw)
	if err != nil {
		w.t.Fatal(name, err)
	}
	w.ids[name] = e.id
	w.entries = append(w.entries, raw)
}

func (w *world) add(name string, by, who device, behind ...string) {
	w.t.Helper()
	acc := Accept(who.ik, w.genesis, who.Member)
	w.put(name, by, typeAdd, behind, func(b []byte) []byte { return append(appendMember(b, &who.Member), acc[:]...) })
}

func (w *world) revoke(name string, by, who device, behind ...string) {
	w.t.Helper()
	w.put(name, by, typeRevoke, behind, func(b []byte) []byte { return append(b, who.IK[:]...) })
}

func (w *world) relays(name string, by device, version byte, behind ...string) {
	w.t.Helper()
	w.put(name, by, typeRelays, behind, func(b []byte) []byte { return append(b, 0, 0, 0, version, 0) })
}

func (w *world) full(name string, by, who device, behind ...string) {
	w.t.Helper()
	w.put(name, by, typeFull, behind, func(b []byte) []byte { return append(append(b, who.IK[:]...), who.NK[:]...) })
}

// say is what a roster says, in one line.
func say(r *Roster) string {
	var in, out []string
	number := func(ik [32]byte) string {
		for n := range 40 {
			if dev(n).IK == ik {
				return fmt.Sprint(n)
			}
		}
		return "?"
	}
	for _, m := range r.Members() {
		in = append(in, number(m.IK))
		if r.Revoked(m.IK) {
			in = append(in, "and out")
		}
	}
	for _, m := range r.RevokedMembers() {
		out = append(out, number(m.IK))
	}
	slices.Sort(in)
	slices.Sort(out)
	return fmt.Sprint(in, " out ", out)
}

// fill gives a roster the entries in an order, again and again until nothing is missing. It answers how many were refused.
func fill(t testing.TB, r *Roster, entries [][]byte) int {
	t.Helper()
	left := slices.Clone(entries)
	refused := 0
	for again := true; again; {
		again = false
		left = slices.DeleteFunc(left, func(raw []byte) bool {
			switch err := r.Add(raw); err {
			case ErrMissing:
				return false
			case ErrEntry:
				refused++
			case nil:
			default:
				t.Fatal(err)
			}
			again = true
			return true
		})
	}
	return refused
}

// orders calls f with every order of a few entries, or with some of many.
func orders(entries [][]byte, f func([][]byte)) {
	if len(entries) > 4 {
		s := &rng{1}
		for range 40 {
			mixed := slices.Clone(entries)
			for i := range mixed {
				j := i + s.n(len(mixed)-i)
				mixed[i], mixed[j] = mixed[j], mixed[i]
			}
			f(mixed)
		}
		return
	}
	var walk func(done, left [][]byte)
	walk = func(done, left [][]byte) {
		if len(left) == 0 {
			f(done)
		}
		for i := range left {
			rest := slices.Delete(slices.Clone(left), i, i+1)
			walk(append(slices.Clone(done), left[i]), rest)
		}
	}
	walk(nil, entries)
}

// rng is splitmix64.
type rng struct{ x uint64 }

func (s *rng) n(n int) int {
	s.x += 0x9e3779b97f4a7c15
	z := (s.x ^ s.x>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

func open(t testing.TB, genesis []byte) *Roster {
	t.Helper()
	r, err := Open(genesis)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func revoke(t testing.TB, r *Roster, by, who device) []byte {
	t.Helper()
	raw, err := r.SignRevoke(by.ik, who.IK)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRevoke(t *testing.T) {
	a, b, c := dev(1), dev(2), dev(3)
	r := circle(t, a, relayA)
	add(t, r, a, b)
	add(t, r, b, c)
	other := load(t, r.Encode())
	raw := revoke(t, r, a, b)
	if got := say(r); got != "[1 3] out [2]" {
		t.Error(got) // what b did before stays: c, and the relays
	}
	if !r.Revoked(b.IK) || r.Revoked(c.IK) || r.Revoked(dev(9).IK) || r.Relays() == nil {
		t.Error("wrong about who is out")
	}
	if out := r.RevokedMembers(); len(out) != 1 || out[0].Name != b.Name || out[0].NK != b.NK {
		t.Errorf("%+v", out)
	}
	if err := other.Add(raw); err != nil || say(other) != say(r) || say(load(t, r.Encode())) != say(r) {
		t.Error(err, say(other))
	}
	for name, err := range map[string]error{
		"revoke twice": second(r.SignRevoke(a.ik, b.IK)),
		"a stranger":   second(r.SignRevoke(a.ik, dev(9).IK)),
		"by the one":   second(r.SignRevoke(b.ik, a.IK)),
		"add again":    second(r.SignAdd(a.ik, b.Member, Accept(b.ik, r.ID(), b.Member))),
		"add by it":    second(r.SignAdd(b.ik, dev(4).Member, Accept(dev(4).ik, r.ID(), dev(4).Member))),
		"its relays":   second(r.SignRelays(b.ik, []string{relayB})),
	} {
		if err != ErrEntry {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := dev(4)
	d.NK = b.NK
	if _, err := r.SignAdd(a.ik, d.Member, Accept(d.ik, r.ID(), d.Member)); err != ErrEntry {
		t.Error("the nk of a revoked device was added again")
	}
	revoke(t, r, c, c)
	if got := say(r); got != "[1] out [2 3]" {
		t.Error(got)
	}
}

func second(_ []byte, err error) error { return err }

func TestRevokeTables(t *testing.T) {
	a, b, c, d, x, y := dev(1), dev(2), dev(3), dev(4), dev(5), dev(6)
	sameNK := d
	sameNK.NK = x.NK
	for _, k := range []struct {
		name    string
		build   func(w *world)
		refused int
		want    string
	}{
		{"unseen ADD and RELAYS are void", func(w *world) {
			w.add("x", a, x, "G")
			w.relays("r", x, 9, "x")
			w.add("y", x, y, "x")
			w.revoke("ax", a, x, "x")
		}, 0, "[1] out [5 6]"},
		{"what was seen stays", func(w *world) {
			w.add("x", a, x, "G")
			w.add("y", x, y, "x")
			w.revoke("ax", a, x, "y")
		}, 0, "[1 6] out [5]"},
		{"two void each other: both are out", func(w *world) {
			w.add("x", a, x, "G")
			w.add("b", a, b, "x")
			w.revoke("ax", a, x, "b")
			w.revoke("xa", x, a, "b")
		}, 0, "[2] out [1 5]"},
		{"two void each other, one in the past: what the other did since is void too", func(w *world) {
			w.add("x", a, x, "G")
			w.add("b", a, b, "x")
			w.revoke("ax", a, x, "b")
			w.revoke("xa", x, a, "x")
		}, 0, "[] out [1 2 5]"},
		{"a ring of three", func(w *world) {
			w.add("b", a, b, "G")
			w.add("c", a, c, "b")
			w.add("d", a, d, "c")
			w.revoke("ab", a, b, "d")
			w.revoke("bc", b, c, "d")
			w.revoke("ca", c, a, "d")
		}, 0, "[4] out [1 2 3]"},
		{"a chain: the first decides", func(w *world) {
			w.add("b", a, b, "G")
			w.add("c", a, c, "b")
			w.revoke("ab", a, b, "c")
			w.revoke("bc", b, c, "c")
		}, 0, "[1 3] out [2]"},
		{"a chain of three: every other counts", func(w *world) {
			w.add("b", a, b, "G")
			w.add("c", a, c, "b")
			w.add("d", a, d, "c")
			w.revoke("ab", a, b, "d")
			w.revoke("bc", b, c, "d")
			w.revoke("cd", c, d, "d")
		}, 0, "[1 3] out [2 4]"},
		{"a ring, and what hangs on it", func(w *world) {
			w.add("b", a, b, "G")
			w.add("c", a, c, "b")
			w.revoke("ab", a, b, "c")
			w.revoke("ba", b, a, "c")
			w.revoke("bc", b, c, "c")
		}, 0, "[3] out [1 2]"},
		{"a ring's REVOKE counts although a third saw through it", func(w *world) {
			w.add("b", a, b, "G")
			w.add("x", a, x, "b")
			w.revoke("ax", a, x, "x")
			w.revoke("bx", b, x, "x")
			w.revoke("xa", x, a, "x")
		}, 0, "[2] out [1 5]"},
		{"the revoker's entry is not in the past of what it revokes: a REVOKE in answer is none", func(w *world) {
			w.add("x", a, x, "G")
			w.revoke("ax", a, x, "x")
			w.revoke("xa", x, a, "ax")
		}, 1, "[1] out [5]"},
		{"a device that the thief adds in the past cannot save it", func(w *world) {
			w.add("x", a, x, "G")
			w.add("b", a, b, "x")
			w.revoke("ax", a, x, "b")
			w.add("y", x, y, "b")
			w.revoke("ya", y, a, "y")
		}, 0, "[2] out [1 5 6]"},
		{"nor if somebody else saw the thief first", func(w *world) {
			w.add("x", a, x, "G")
			w.add("b", a, b, "x")
			w.revoke("bx", b, x, "b")
			w.add("y", x, y, "b")
			w.revoke("ya", y, a, "y")
		}, 0, "[1 2] out [5 6]"},
		{"void through two", func(w *world) {
			w.add("x", a, x, "G")
			w.add("y", x, y, "x")
			w.add("d", y, d, "y")
			w.revoke("ax", a, x, "x")
		}, 0, "[1] out [4 5 6]"},
		{"a REVOKE that is void does no harm to what came after", func(w *world) {
			w.add("x", a, x, "G")
			w.add("b", a, b, "x")
			w.revoke("xb", x, b, "b")
			w.revoke("ax", a, x, "b")
			w.add("c", b, c, "xb", "ax")
		}, 0, "[1 2 3] out [5]"},
		{"added at once with its REVOKE", func(w *world) {
			w.add("b", a, b, "G")
			w.add("x", a, x, "b")
			w.revoke("ax", a, x, "x")
			w.add("x2", b, x, "b")
			w.add("d", b, sameNK, "b")
		}, 0, "[1 2] out [5]"},
		{"added again behind it", func(w *world) {
			w.add("x", a, x, "G")
			w.revoke("ax", a, x, "x")
			w.add("x2", a, x, "ax")
		}, 1, "[1] out [5]"},
		{"REVOKE of a stranger", func(w *world) { w.revoke("ax", a, x, "G") }, 1, "[1] out []"},
		{"leaving", func(w *world) {
			w.add("b", a, b, "G")
			w.add("x", b, x, "b")
			w.revoke("bb", b, b, "x")
			w.add("y", b, y, "x")
		}, 0, "[1 5] out [2 6]"},
		{"leaving in the past, when out already", func(w *world) {
			w.add("x", a, x, "G")
			w.add("y", x, y, "x")
			w.revoke("ax", a, x, "y")
			w.revoke("xx", x, x, "x")
		}, 0, "[1 6] out [5]"},
		{"the last one leaves", func(w *world) { w.revoke("aa", a, a, "G") }, 0, "[] out [1]"},
	} {
		w := newWorld(t)
		k.build(w)
		tried := 0
		orders(w.entries, func(list [][]byte) {
			r := open(t, w.first.Genesis())
			refused := fill(t, r, list)
			got := say(r)
			if tried == 0 && (got != k.want || refused != k.refused) {
				t.Errorf("%s: %s, %d refused; want %s, %d", k.name, got, refused, k.want, k.refused)
				k.want = got
			} else if got != k.want {
				t.Errorf("%s: order %d: %s", k.name, tried, got)
			}
			if r.Relays() != nil || tried == 0 && say(load(t, r.Encode())) != got {
				t.Errorf("%s: void relays hold, or loading changes it", k.name)
			}
			tried++
		})
	}
}

// random fills a world with entries by honest devices and others, behind whatever.
func (w *world) random(s *rng, n int) {
	behind := func() []string {
		var out []string
		for range 1 + s.n(2) {
			// Mostly near the end, as in life; sometimes long ago, as a thief would.
			name := fmt.Sprint(len(w.entries) - 1 - s.n(3))
			if s.n(4) == 0 {
				name = fmt.Sprint(s.n(max(1, len(w.entries))))
			}
			if _, ok := w.ids[name]; ok && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
		if out == nil && w.first != nil {
			out = []string{"G"}
		}
		return out
	}
	for range n {
		name, by, who := fmt.Sprint(len(w.entries)), dev(1+s.n(6)), dev(1+s.n(6))
		switch k := s.n(10); {
		case k < 2 && w.first == nil:
			w.full(name, by, who, behind()...)
		case k < 6:
			if w.first == nil {
				who.Kind = Embedded
			}
			if s.n(8) == 0 {
				who.NK = dev(1 + s.n(6)).NK
			}
			w.add(name, by, who, behind()...)
		case k < 9 || w.first == nil:
			w.revoke(name, by, who, behind()...)
		default:
			w.relays(name, by, byte(s.n(3)), behind()...)
		}
	}
}

// Whatever members, thieves and strangers sign, and in whatever order it comes, all devices say the same.
func TestConvergesAlways(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 20
	}
	revoked := 0
	for seed := range rounds {
		s := &rng{uint64(seed)}
		w := newWorld(t)
		begin := func() *Roster { return open(t, w.first.Genesis()) }
		if seed%2 == 1 {
			w = newNamespaceWorld(t)
			begin = func() *Roster { return OpenNamespace(ns, dev(1).IK, dev(2).IK) }
		}
		w.random(s, 8+s.n(20))
		first := begin()
		fill(t, first, w.entries)
		revoked += len(first.RevokedMembers())
		for _, m := range first.Members() {
			if first.Revoked(m.IK) {
				t.Fatalf("seed %d: in and out: %s", seed, say(first))
			}
		}
		for range 4 {
			for i := range w.entries {
				j := i + s.n(len(w.entries)-i)
				w.entries[i], w.entries[j] = w.entries[j], w.entries[i]
			}
			r := begin()
			fill(t, r, w.entries)
			if !slices.Equal(r.Members(), first.Members()) || say(r) != say(first) || !slices.Equal(r.Heads(), first.Heads()) ||
				r.Len() != first.Len() {
				t.Fatalf("seed %d: %s, %d entries, against %s, %d", seed, say(r), r.Len(), say(first), first.Len())
			}
		}
		if seed%2 == 1 {
			r := OpenNamespace(ns, dev(2).IK)
			fill(t, r, w.entries)
			r.Trust(dev(1).IK)
			if say(r) != say(first) || say(loadNamespace(t, r.Encode())) != say(first) {
				t.Fatalf("seed %d: trusted later: %s against %s", seed, say(r), say(first))
			}
		}
	}
	if revoked < rounds/4 {
		t.Errorf("only %d were revoked in all: the test has no teeth", revoked)
	}
}

// What is in a roster costs no more than it should, even if a thief filled it.
func BenchmarkWorst(b *testing.B) {
	w := newWorld(b)
	a := dev(1)
	var names []string
	for n := 2; n < 120; n++ { // each by the one before, all of them revoked in a row by devices that have not seen each other
		name := fmt.Sprint(n)
		behind := "G"
		if n > 2 {
			behind = fmt.Sprint(n - 1)
		}
		w.add(name, a, dev(n), behind)
		names = append(names, name)
		a = dev(n)
	}
	for n := 2; n < 119; n++ {
		w.revoke(fmt.Sprint("r", n), dev(n), dev(n+1), names[len(names)-1])
	}
	w.add("end", dev(119), dev(200), names[len(names)-1], "r5")
	r := open(b, w.first.Genesis())
	for _, e := range w.entries {
		if err := r.Add(e); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		r.now = nil
		r.current()
	}
}

// A device that is out is shown why, once, and nothing that came later.
func TestNotice(t *testing.T) {
	a, b, c, x, y := dev(1), dev(2), dev(3), dev(5), dev(6)
	r := circle(t, a)
	add(t, r, a, x)
	theirs := load(t, r.Encode()) // x's, which adds y meanwhile
	add(t, r, a, b)
	revoke(t, r, b, x)
	add(t, r, b, c)
	add(t, theirs, x, y)
	ys := load(t, theirs.Encode())
	sync(t, theirs, r)
	if got := say(r); got != "[1 2 3] out [5 6]" {
		t.Fatal(got)
	}
	for name, d := range map[string]struct {
		who  device
		has  *Roster
		want int
	}{"x": {x, theirs, 2}, "y": {y, ys, 2}} {
		notice := r.Notice(d.who.IK, d.has.Heads())
		if len(notice) != d.want {
			t.Errorf("%s: %d entries", name, len(notice))
		}
		for _, e := range notice {
			if err := d.has.Add(e); err != nil {
				t.Error(name, err)
			}
		}
		if !d.has.Revoked(d.who.IK) || say(d.has) != "[1 2] out [5 6]" {
			t.Errorf("%s: %s", name, say(d.has))
		}
		if len(r.Notice(d.who.IK, d.has.Heads())) != 0 {
			t.Errorf("%s is told twice", name)
		}
	}
	if r.Notice(a.IK, nil) != nil || r.Notice(dev(9).IK, nil) != nil {
		t.Error("who is in, or a stranger, is told something")
	}
	if n := len(r.Notice(x.IK, nil)); n != 4 {
		t.Errorf("%d entries for who knows nothing", n)
	}
}

func TestNoticeOfCascade(t *testing.T) {
	a, p, q, s := dev(1), peer(5), peer(6), peer(7)
	r := OpenNamespace(ns, a.IK)
	signFull(t, r, a, a)
	add(t, r, a, p)
	add(t, r, p, q)
	add(t, r, q, s)
	theirs := loadNamespace(t, r.Encode())
	revoke(t, r, a, p)
	add(t, r, a, peer(8))
	for _, e := range r.Notice(s.IK, theirs.Heads()) {
		if err := theirs.Add(e); err != nil {
			t.Error(err)
		}
	}
	if say(theirs) != "[1] out [5 6 7]" {
		t.Error(say(theirs))
	}
}

// With more heads than fit in prev, those are among them without which the REVOKE would not be taken.
func TestRevokeWithManyHeads(t *testing.T) {
	a, b, c := dev(1), dev(2), dev(3)
	r := circle(t, a)
	genesis := r.Heads()
	for i := range 40 {
		body := append(wire.AppendU32(appendPrev(nil, genesis), uint32(i+1)), 0)
		if err := r.Add(sign(a.ik, r.ID(), typeRelays, body)); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []device{b, c} { // apart
		acc := Accept(d.ik, r.ID(), d.Member)
		if err := r.Add(sign(a.ik, r.ID(), typeAdd, append(appendMember(appendPrev(nil, genesis), &d.Member), acc[:]...))); err != nil {
			t.Fatal(err)
		}
	}
	revoke(t, r, b, c)
	revoke(t, r, a, b)
	if say(r) != "[1] out [2 3]" && say(r) != "[1 3] out [2]" { // the second, if the first is among what the other has not seen
		t.Error(say(r))
	}
}
