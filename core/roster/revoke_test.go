package roster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// harness is a set of entries that are signed by whoever, behind whatever: what honest devices sign, and what thieves could.
type harness struct {
	t       testing.TB
	genesis ID
	first   *Roster
	entries [][]byte
	parsed  []entry // the same, as they were put
	ids     map[string]ID
}

// newHarness is a circle of dev(1).
func newHarness(t testing.TB) *harness {
	r := circle(t, dev(1))
	return &harness{t: t, genesis: r.ID(), first: r, ids: map[string]ID{"G": r.ID()}}
}

func newNamespaceHarness(t testing.TB) *harness {
	return &harness{t: t, genesis: NamespaceGenesis([32]byte{7}), ids: map[string]ID{}}
}

func (h *harness) put(name string, by device, typ uint8, behind []string, body func(prev []byte) []byte) {
	h.t.Helper()
	var prev []ID
	for _, b := range behind {
		id, ok := h.ids[b]
		if !ok {
			h.t.Fatalf("no entry %s", b)
		}
		prev = append(prev, id)
	}
	sortIDs(prev)
	prev = slices.Compact(prev)
	raw := sign(by.ik, h.genesis, typ, body(appendPrev(nil, prev)))
	e, err := parse(raw)
	if err != nil {
		h.t.Fatal(name, err)
	}
	h.ids[name] = e.id
	h.entries, h.parsed = append(h.entries, raw), append(h.parsed, e)
}

func (h *harness) add(name string, by, who device, behind ...string) {
	h.t.Helper()
	acc := Accept(who.ik, h.genesis, who.Member)
	h.put(name, by, typeAdd, behind, func(b []byte) []byte { return append(appendMember(b, &who.Member), acc[:]...) })
}

func (h *harness) revoke(name string, by, who device, behind ...string) {
	h.t.Helper()
	h.put(name, by, typeRevoke, behind, func(b []byte) []byte { return append(b, who.IK[:]...) })
}

func (h *harness) relays(name string, by device, version byte, behind ...string) {
	h.t.Helper()
	h.put(name, by, typeRelays, behind, func(b []byte) []byte { return append(b, 0, 0, 0, version, 0) })
}

func (h *harness) full(name string, by, who device, behind ...string) {
	h.t.Helper()
	h.put(name, by, typeFull, behind, func(b []byte) []byte { return append(append(b, who.IK[:]...), who.NK[:]...) })
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

// fill gives a roster the entries in an order, again and again until nothing is missing. It returns how many were refused.
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

type revokeCase struct {
	name    string
	rule    string // of core/PROTOCOL.md
	build   func(h *harness)
	refused int
	want    string
}

func revokeTables() []revokeCase {
	a, b, c, d, x, y := dev(1), dev(2), dev(3), dev(4), dev(5), dev(6)
	sameNK := d
	sameNK.NK = x.NK
	return []revokeCase{
		{"unseen ADD and RELAYS are void", "R8.12", func(h *harness) {
			h.add("x", a, x, "G")
			h.relays("r", x, 9, "x")
			h.add("y", x, y, "x")
			h.revoke("ax", a, x, "x")
		}, 0, "[1] out [5 6]"},
		{"what was seen stays", "R8.12", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("y", x, y, "x")
			h.revoke("ax", a, x, "y")
		}, 0, "[1 6] out [5]"},
		{"two void each other: both are out", "R8.17", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("b", a, b, "x")
			h.revoke("ax", a, x, "b")
			h.revoke("xa", x, a, "b")
		}, 0, "[2] out [1 5]"},
		{"two void each other, one in the past: what the other did since is void too", "R8.17", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("b", a, b, "x")
			h.revoke("ax", a, x, "b")
			h.revoke("xa", x, a, "x")
		}, 0, "[] out [1 2 5]"},
		{"a ring of three", "R8.17", func(h *harness) {
			h.add("b", a, b, "G")
			h.add("c", a, c, "b")
			h.add("d", a, d, "c")
			h.revoke("ab", a, b, "d")
			h.revoke("bc", b, c, "d")
			h.revoke("ca", c, a, "d")
		}, 0, "[4] out [1 2 3]"},
		{"a chain: the first decides", "R8.18", func(h *harness) {
			h.add("b", a, b, "G")
			h.add("c", a, c, "b")
			h.revoke("ab", a, b, "c")
			h.revoke("bc", b, c, "c")
		}, 0, "[1 3] out [2]"},
		{"a chain of three: every other counts", "R8.18", func(h *harness) {
			h.add("b", a, b, "G")
			h.add("c", a, c, "b")
			h.add("d", a, d, "c")
			h.revoke("ab", a, b, "d")
			h.revoke("bc", b, c, "d")
			h.revoke("cd", c, d, "d")
		}, 0, "[1 3] out [2 4]"},
		{"a ring, and what hangs on it", "R8.18", func(h *harness) {
			h.add("b", a, b, "G")
			h.add("c", a, c, "b")
			h.revoke("ab", a, b, "c")
			h.revoke("ba", b, a, "c")
			h.revoke("bc", b, c, "c")
		}, 0, "[3] out [1 2]"},
		{"a ring's REVOKE counts although a third saw through it", "R8.17", func(h *harness) {
			h.add("b", a, b, "G")
			h.add("x", a, x, "b")
			h.revoke("ax", a, x, "x")
			h.revoke("bx", b, x, "x")
			h.revoke("xa", x, a, "x")
		}, 0, "[2] out [1 5]"},
		{"the revoker's entry is not in the past of what it revokes: a REVOKE in answer is none", "R8.8", func(h *harness) {
			h.add("x", a, x, "G")
			h.revoke("ax", a, x, "x")
			h.revoke("xa", x, a, "ax")
		}, 1, "[1] out [5]"},
		{"a device that the thief adds in the past cannot save it", "R8.14", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("b", a, b, "x")
			h.revoke("ax", a, x, "b")
			h.add("y", x, y, "b")
			h.revoke("ya", y, a, "y")
		}, 0, "[2] out [1 5 6]"},
		{"nor if somebody else saw the thief first", "R8.14", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("b", a, b, "x")
			h.revoke("bx", b, x, "b")
			h.add("y", x, y, "b")
			h.revoke("ya", y, a, "y")
		}, 0, "[1 2] out [5 6]"},
		{"void through two", "R8.13", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("y", x, y, "x")
			h.add("d", y, d, "y")
			h.revoke("ax", a, x, "x")
		}, 0, "[1] out [4 5 6]"},
		{"a REVOKE that is void does no harm to what came after", "R8.18", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("b", a, b, "x")
			h.revoke("xb", x, b, "b")
			h.revoke("ax", a, x, "b")
			h.add("c", b, c, "xb", "ax")
		}, 0, "[1 2 3] out [5]"},
		{"added at once with its REVOKE", "R8.20", func(h *harness) {
			h.add("b", a, b, "G")
			h.add("x", a, x, "b")
			h.revoke("ax", a, x, "x")
			h.add("x2", b, x, "b")
			h.add("d", b, sameNK, "b")
		}, 0, "[1 2] out [5]"},
		{"added again behind it", "R8.8", func(h *harness) {
			h.add("x", a, x, "G")
			h.revoke("ax", a, x, "x")
			h.add("x2", a, x, "ax")
		}, 1, "[1] out [5]"},
		{"REVOKE of a stranger", "R8.8", func(h *harness) { h.revoke("ax", a, x, "G") }, 1, "[1] out []"},
		{"leaving", "R8.12", func(h *harness) {
			h.add("b", a, b, "G")
			h.add("x", b, x, "b")
			h.revoke("bb", b, b, "x")
			h.add("y", b, y, "x")
		}, 0, "[1 5] out [2 6]"},
		{"leaving in the past, when out already", "R8.18", func(h *harness) {
			h.add("x", a, x, "G")
			h.add("y", x, y, "x")
			h.revoke("ax", a, x, "y")
			h.revoke("xx", x, x, "x")
		}, 0, "[1 6] out [5]"},
		{"the last one leaves", "R8.12", func(h *harness) { h.revoke("aa", a, a, "G") }, 0, "[] out [1]"},
	}
}

func TestRevokeTables(t *testing.T) {
	for _, k := range revokeTables() {
		h := newHarness(t)
		k.build(h)
		tried := 0
		orders(h.entries, func(list [][]byte) {
			r := open(t, h.first.Genesis())
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

// random fills a harness with entries by honest devices and others, behind whatever.
func (h *harness) random(s *rng, n int) {
	behind := func() []string {
		var out []string
		for range 1 + s.n(2) {
			// Mostly near the end, as in life; sometimes long ago, as a thief would.
			name := fmt.Sprint(len(h.entries) - 1 - s.n(3))
			if s.n(4) == 0 {
				name = fmt.Sprint(s.n(max(1, len(h.entries))))
			}
			if _, ok := h.ids[name]; ok && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
		if out == nil && h.first != nil {
			out = []string{"G"}
		}
		return out
	}
	for range n {
		name, by, who := fmt.Sprint(len(h.entries)), dev(1+s.n(6)), dev(1+s.n(6))
		switch k := s.n(10); {
		case k < 2 && h.first == nil:
			h.full(name, by, who, behind()...)
		case k < 6:
			if h.first == nil {
				who.Kind = Embedded
			}
			if s.n(8) == 0 {
				who.NK = dev(1 + s.n(6)).NK
			}
			h.add(name, by, who, behind()...)
		case k < 9 || h.first == nil:
			h.revoke(name, by, who, behind()...)
		default:
			h.relays(name, by, byte(s.n(3)), behind()...)
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
		h := newHarness(t)
		begin := func() *Roster { return open(t, h.first.Genesis()) }
		if seed%2 == 1 {
			h = newNamespaceHarness(t)
			begin = func() *Roster { return OpenNamespace(ns, dev(1).IK, dev(2).IK) }
		}
		h.random(s, 8+s.n(20))
		first := begin()
		fill(t, first, h.entries)
		revoked += len(first.RevokedMembers())
		for _, m := range first.Members() {
			if first.Revoked(m.IK) {
				t.Fatalf("seed %d: in and out: %s", seed, say(first))
			}
		}
		for range 4 {
			for i := range h.entries {
				j := i + s.n(len(h.entries)-i)
				h.entries[i], h.entries[j] = h.entries[j], h.entries[i]
			}
			r := begin()
			fill(t, r, h.entries)
			if !slices.Equal(r.Members(), first.Members()) || say(r) != say(first) || !slices.Equal(r.Heads(), first.Heads()) ||
				r.Len() != first.Len() {
				t.Fatalf("seed %d: %s, %d entries, against %s, %d", seed, say(r), r.Len(), say(first), first.Len())
			}
		}
		if seed%2 == 1 {
			r := OpenNamespace(ns, dev(2).IK)
			fill(t, r, h.entries)
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
	h := newHarness(b)
	a := dev(1)
	var names []string
	for n := 2; n < 120; n++ { // each by the one before, all of them revoked in a row by devices that have not seen each other
		name := fmt.Sprint(n)
		behind := "G"
		if n > 2 {
			behind = fmt.Sprint(n - 1)
		}
		h.add(name, a, dev(n), behind)
		names = append(names, name)
		a = dev(n)
	}
	for n := 2; n < 119; n++ {
		h.revoke(fmt.Sprint("r", n), dev(n), dev(n+1), names[len(names)-1])
	}
	h.add("end", dev(119), dev(200), names[len(names)-1], "r5")
	r := open(b, h.first.Genesis())
	for _, e := range h.entries {
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
