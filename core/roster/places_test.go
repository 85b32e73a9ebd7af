package roster

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// held are the ids of all that a roster has, ascending.
func held(r *Roster) []ID {
	var ids []ID
	for i := range r.entries {
		ids = append(ids, r.entries[i].id)
	}
	sortIDs(ids)
	return ids
}

// take gives a roster entries that come together, with all that they stand behind. Their signatures hold.
func take(t testing.TB, r *Roster, entries [][]byte) {
	t.Helper()
	had := len(r.entries)
	for _, raw := range entries {
		if err := r.add(raw, !r.namespace, true); err != nil && err != ErrEntry && err != ErrMissing {
			t.Fatal(err)
		}
	}
	if len(r.entries) > had {
		r.settle(had)
	}
}

// takeAll takes what a harness has, a few entries to a message.
func takeAll(t testing.TB, r *Roster, h *harness) {
	t.Helper()
	var some [][]byte
	for i := range h.entries {
		if some = append(some, h.whole(i)...); i%8 == 7 || i == len(h.entries)-1 {
			take(t, r, some)
			some = nil
		}
	}
}

// whole is entry i of a harness behind all that it stands behind.
func (h *harness) whole(i int) [][]byte {
	need := map[ID]bool{}
	var out [][]byte
	for j := i; j >= 0; j-- {
		e := &h.parsed[j]
		if j != i && !need[e.id] {
			continue
		}
		for _, id := range e.prev {
			need[id] = true
		}
		out = append(out, e.raw)
	}
	slices.Reverse(out)
	return out
}

func (h *harness) note(name string, by device, behind ...string) {
	h.t.Helper()
	h.put(name, by, typeNote, behind, func(b []byte) []byte { return append(b, name...) })
}

// exchange is what two devices do in a session: each sends the other what that one's heads do not cover. It reports whether anything
// was sent that changed something.
func exchange(t testing.TB, a, b *Roster) bool {
	t.Helper()
	forB, forA := a.Batches(b.Heads()), b.Batches(a.Heads())
	changed := false
	for _, part := range forA {
		did, err := a.AddAll(part)
		if err != nil {
			t.Fatal(err)
		}
		changed = changed || did
	}
	for _, part := range forB {
		did, err := b.AddAll(part)
		if err != nil {
			t.Fatal(err)
		}
		changed = changed || did
	}
	return changed
}

// The ways in which a member, x, fills the roster of a, b, c (whom b let in) and x with about 330 entries.
func fillings() []struct {
	name string
	fill func(h *harness, x device)
} {
	made := func(n int) device { return dev(1000 + n) }
	return []struct {
		name string
		fill func(h *harness, x device)
	}{
		{"ADDs of made-up keys", func(h *harness, x device) {
			for n := range 330 {
				h.add(fmt.Sprint("m", n), x, made(n), "x")
			}
		}},
		{"ADDs, one behind the other", func(h *harness, x device) {
			last := "x"
			for n := range 200 {
				name := fmt.Sprint("m", n)
				h.add(name, x, made(n), last)
				last = name
			}
			last = "x"
			for n := range 130 {
				name := fmt.Sprint("n", n)
				h.add(name, x, made(1000+n), last)
				last = name
			}
		}},
		{"changes of relays", func(h *harness, x device) {
			last := "x"
			for n := range 250 {
				name := fmt.Sprint("m", n)
				h.relays(name, x, byte(n), last)
				last = name
			}
			for n := range 80 {
				h.relays(fmt.Sprint("n", n), x, byte(n), "x", "m0")
			}
		}},
		{"devices that let in the next", func(h *harness, x device) {
			last := "x"
			for n := range 250 {
				name := fmt.Sprint("m", n)
				h.add(name, x, made(n), last)
				last, x = name, made(n)
			}
			for n := range 80 {
				h.relays(fmt.Sprint("n", n), made(n), 9, fmt.Sprint("m", n))
			}
		}},
		{"REVOKEs by made-up devices of themselves", func(h *harness, x device) {
			for n := range 270 {
				name := fmt.Sprint("m", n)
				h.add(name, x, made(n), "x")
				h.revoke(fmt.Sprint("r", n), made(n), made(n), name)
			}
		}},
		{"REVOKEs that stand behind much", func(h *harness, x device) {
			for k := range 12 {
				last := "x"
				for n := range 100 {
					name := fmt.Sprint("m", k, " ", n)
					h.add(name, x, made(100*k+n), last)
					last = name
				}
				h.revoke(fmt.Sprint("r", k), made(100*k), made(100*k), last)
			}
		}},
		{"notes", func(h *harness, x device) {
			for n := range 330 {
				h.note(fmt.Sprint("m", n), x, "x")
			}
		}},
	}
}

// Whatever a member fills the roster with, the others can go on, and revoke it, and it takes nobody's place.
// inBrowser is the first few of all in a browser, where signatures take ten times as long, and else all.
func inBrowser[T any](all []T, few int) []T {
	if runtime.GOOS == "js" {
		return all[:few]
	}
	return all
}

func TestRevokesWhoFills(t *testing.T) {
	a, b, c, d, x := dev(1), dev(2), dev(3), dev(4), dev(5)
	for _, k := range inBrowser(fillings(), 2) {
		h := newHarness(t)
		h.add("b", a, b, "G")
		h.add("c", b, c, "b")
		h.add("x", a, x, "b")
		honest := slices.Clone(h.entries)
		k.fill(h, x)
		r, later := open(t, h.first.Genesis()), open(t, h.first.Genesis())
		take(t, r, honest)
		takeAll(t, r, h)
		if r.Len() > maxKept {
			t.Errorf("%s: %d entries", k.name, r.Len())
		}
		add(t, r, c, d)
		if _, err := r.SignRelays(b.ik, []string{relayB}); err != nil {
			t.Errorf("%s: relays: %v", k.name, err)
		}
		revoke(t, r, c, x)
		for _, part := range r.Batches(nil) {
			if _, err := later.AddAll(part[min(1, len(part)):]); err != nil && err != ErrCircle {
				t.Errorf("%s: %v", k.name, err)
			}
		}
		takeAll(t, later, h) // the thief goes on
		for name, r := range map[string]*Roster{"who revoked": r, "another": later, "loaded": load(t, later.Encode())} {
			for _, who := range []device{a, b, c, d} {
				if _, ok := r.Member(who.IK); !ok {
					t.Errorf("%s: %s: %s is no member", k.name, name, who.Name)
				}
			}
			if !r.Revoked(x.IK) {
				t.Errorf("%s: %s: not revoked", k.name, name)
			}
			if r.Relays() == nil && k.name != "changes of relays" {
				t.Errorf("%s: %s: no relays", k.name, name)
			}
		}
		if exchange(t, r, later); !slices.Equal(held(r), held(later)) || exchange(t, r, later) {
			t.Errorf("%s: two devices do not agree", k.name)
		}
	}
}

// An application peer that fills a namespace's roster takes nobody's place there, and is shut out by whoever let it in.
func TestRevokesPeerThatFills(t *testing.T) {
	a, b, p, q, s := dev(1), dev(2), peer(5), peer(6), peer(7)
	h := newNamespaceHarness(t)
	h.full("ab", a, b)
	h.add("p", b, p, "ab")
	h.add("q", a, q, "ab")
	for n := range 300 {
		name := fmt.Sprint("m", n)
		h.add(name, p, peer(100+n), "p")
		h.revoke(fmt.Sprint("r", n), peer(100+n), peer(100+n), name)
	}
	for n := range 100 {
		h.revoke(fmt.Sprint("a", n), p, a, "p", fmt.Sprint("m", n)) // which it has no right to
		h.full(fmt.Sprint("f", n), p, peer(100+n), "p")
	}
	r := OpenNamespace(ns, a.IK, b.IK)
	for i := range h.entries {
		take(t, r, h.whole(i))
	}
	add(t, r, q, s)
	signFull(t, r, b, a)
	revoke(t, r, b, p)
	guest := OpenNamespace(ns, a.IK) // of a: knows b by its FULL
	exchange(t, r, guest)
	for name, r := range map[string]*Roster{"full device": r, "peer": guest} {
		if got := say(r); !strings.HasPrefix(got, "[1 2 6 7] out [5 ") || r.Len() > maxKept {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The set that is kept does not depend on the order in which entries come, nor on what came twice.
func TestPlacesInAnyOrder(t *testing.T) {
	seeds := 3
	if testing.Short() || runtime.GOOS == "js" {
		seeds = 1
	}
	for seed := range seeds {
		s := &rng{uint64(seed)}
		h := newHarness(t)
		h.crowd(s, 340)
		var first *Roster
		for range 3 {
			r := open(t, h.first.Genesis())
			for n := 0; n < len(h.entries); n++ { // some come twice, some only behind others
				take(t, r, h.whole(s.n(len(h.entries))))
			}
			for i := range h.entries {
				take(t, r, h.whole(len(h.entries)-1-i))
			}
			if first == nil {
				first = r
				if r.Len() >= len(h.entries) {
					t.Fatalf("seed %d: only %d entries", seed, len(h.entries))
				}
			}
			if !slices.Equal(held(r), held(first)) || !slices.Equal(r.Members(), first.Members()) {
				t.Fatalf("seed %d: %d entries against %d, of %d", seed, r.Len(), first.Len(), len(h.entries))
			}
			if say(load(t, r.Encode())) != say(r) {
				t.Fatalf("seed %d: loading changes it", seed)
			}
		}
	}
}

// Devices that have had different entries agree after each has met each, and have no more to send.
func TestPlacesBySessions(t *testing.T) {
	for seed := range 3 {
		s := &rng{uint64(100 + seed)}
		h := newHarness(t)
		h.crowd(s, 340)
		var all []*Roster
		for range 3 {
			r := open(t, h.first.Genesis())
			for i := range h.entries {
				if s.n(3) > 0 {
					take(t, r, h.whole(i))
				}
			}
			all = append(all, r)
		}
		exchange(t, all[0], all[1])
		exchange(t, all[1], all[2])
		exchange(t, all[2], all[0])
		exchange(t, all[0], all[1])
		for _, r := range all[1:] {
			if !slices.Equal(held(r), held(all[0])) || len(r.Batches(all[0].Heads())) > 0 {
				t.Errorf("seed %d: %d entries against %d", seed, r.Len(), all[0].Len())
			}
		}
	}
}

// crowd fills a harness with n entries by devices that let each other in, most of them by few of these.
func (h *harness) crowd(s *rng, n int) {
	type member struct {
		device
		entry string
	}
	in := []member{{dev(1), "G"}}
	last := map[int]string{}
	for k := range n {
		name, m := fmt.Sprint("e", k), s.n(len(in))
		if s.n(2) == 0 {
			m = s.n(min(3, len(in)))
		}
		by, behind := in[m], []string{in[m].entry}
		if had, ok := last[m]; ok && s.n(3) > 0 {
			behind = []string{had}
		}
		if s.n(20) == 0 && k > 0 {
			behind = append(behind, fmt.Sprint("e", s.n(k)))
		}
		switch s.n(8) {
		case 0, 1, 2:
			who := dev(50 + k)
			h.add(name, by.device, who, behind...)
			in = append(in, member{who, name})
		case 3, 4:
			h.relays(name, by.device, byte(s.n(200)), behind...)
		case 5:
			who := in[s.n(len(in))]
			if who.entry == "G" {
				who = by
			}
			h.revoke(name, by.device, who.device, append(behind, who.entry)...)
		default:
			h.note(name, by.device, behind...)
		}
		last[m] = name
	}
}

// A NOTE is taken from members, passed on, struck, and has no other effect.
func TestNote(t *testing.T) {
	a, b := dev(1), dev(2)
	r := circle(t, a)
	add(t, r, a, b)
	note := func(by device, prev []ID, n int) []byte {
		return sign(by.ik, r.ID(), typeNote, append(appendPrev(nil, prev), make([]byte, n)...))
	}
	head := r.Heads()
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"empty":         {note(a, head, 0), nil},
		"the longest":   {note(b, head, 256), nil},
		"too long":      {note(b, head, 257), ErrEntry},
		"a stranger's":  {note(dev(9), head, 1), ErrEntry},
		"no prev":       {note(a, nil, 1), ErrEntry},
		"unknown prev":  {note(a, []ID{{1}}, 1), ErrMissing},
		"an older kind": {sign(a.ik, r.ID(), 7, note(a, head, 1)[3:40]), ErrVersion},
	} {
		if err := r.Add(c.raw); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	before := say(r)
	other := load(t, r.Encode())
	if r.Len() != 4 || before != "[1 2] out []" || other.Len() != 4 || !slices.Equal(other.Heads(), r.Heads()) {
		t.Errorf("%d entries, %s", r.Len(), before)
	}
	unseen := open(t, r.Genesis())
	sync(t, r, unseen)
	h := note(b, head, 7)
	revoke(t, r, a, b)
	if err := r.Add(h); err != nil || r.current().live.has(r.Len()-1) {
		t.Errorf("%v, or it is not struck", err)
	}
}

// FULLs take no place from application peers, however many devices signed them and did not know of each other.
func TestFullsLeavePlaces(t *testing.T) {
	roots := []device{dev(1), dev(2), dev(3)}
	var all []*Roster
	for _, by := range roots {
		r := OpenNamespace(ns, roots[0].IK, roots[1].IK, roots[2].IK)
		for n := range 100 {
			signFull(t, r, by, dev(100+n))
		}
		all = append(all, r)
	}
	for range 2 {
		for _, r := range all {
			exchange(t, r, all[0])
		}
	}
	for k, r := range all {
		by := roots[k]
		if r.Left(by.IK) != near || r.LeftFulls(by.IK) != 0 {
			t.Errorf("%d left, %d for FULLs", r.Left(by.IK), r.LeftFulls(by.IK))
		}
		if _, err := r.SignFull(by.ik, dev(300).Member); err != ErrFull {
			t.Errorf("one FULL more: %v", err)
		}
		add(t, r, by, peer(400+k))
		exchange(t, r, all[0])
		if !all[0].Has(peer(400 + k).IK) {
			t.Errorf("whom %d let in is not in", k)
		}
	}
}

// A device learns that it nears its quota, and an entry for which it has no place is refused when it is signed.
func TestQuota(t *testing.T) {
	a, b := dev(1), dev(2)
	r := circle(t, a)
	add(t, r, a, b)
	if r.Left(a.IK) != near || r.Left(b.IK) != near || r.Left(dev(9).IK) != 0 {
		t.Errorf("at first %d and %d left", r.Left(a.IK), r.Left(b.IK))
	}
	for n := 3; n <= places; n++ {
		add(t, r, a, dev(n))
	}
	c := dev(999)
	_, err := r.SignAdd(a.ik, c.Member, Accept(c.ik, r.ID(), c.Member))
	if err != ErrFull || r.Left(a.IK) != 0 || len(r.Members()) != places {
		t.Errorf("%v, %d left, %d members", err, r.Left(a.IK), len(r.Members()))
	}
	if r.Left(b.IK) != near {
		t.Errorf("b has %d left: what it has not had is its own", r.Left(b.IK))
	}
	add(t, r, b, c)
	revoke(t, r, a, dev(7))
	if !r.Revoked(dev(7).IK) {
		t.Error("no place for a REVOKE")
	}
	other := load(t, r.Encode())
	if !slices.Equal(held(r), held(other)) || r.Encode()[0] != formatLarge && r.Len() > wire.MaxRoster {
		t.Error("loading changes it")
	}
}

// Changes of relays take the places of those before, however many there are.
func TestRelaysForEver(t *testing.T) {
	a, b := dev(1), dev(2)
	r := circle(t, a, relayA)
	add(t, r, a, b)
	for n := range 600 {
		if _, err := r.SignRelays(a.ik, []string{fmt.Sprint("wss://r", n, ".example")}); err != nil {
			t.Fatal(n, err)
		}
	}
	if r.Relays()[0] != "wss://r599.example" || r.Len() > places {
		t.Errorf("%q, %d entries", r.Relays(), r.Len())
	}
	revoke(t, r, b, a)
	if r.Relays()[0] != "wss://r599.example" {
		t.Errorf("a REVOKE does not keep what holds: %q", r.Relays())
	}
}

// Strangers' entries take nobody's place in a namespace's roster, and are there when their signer comes to be known.
func TestStrangers(t *testing.T) {
	a, b, p, q := dev(1), dev(2), peer(5), peer(6)
	h := newNamespaceHarness(t)
	h.full("aa", a, a)
	h.add("p", a, p, "aa")
	for n := range 400 {
		h.full(fmt.Sprint("s", n), dev(1000+n), dev(1000+n))
	}
	h.full("bb", b, b)
	h.add("q", b, q, "bb")
	r := OpenNamespace(ns, a.IK)
	for i := range h.entries {
		take(t, r, h.whole(i))
	}
	if say(r) != "[1 5] out []" || r.Len() > 2+strangers {
		t.Errorf("%s, %d entries", say(r), r.Len())
	}
	add(t, r, a, peer(7))
	revoke(t, r, a, p)
	h.full("ab", a, b)
	take(t, r, slices.Concat(h.whole(len(h.entries)-1), h.whole(len(h.entries)-2))) // what a session brings at once
	if say(r) != "[1 2 6 7] out [5]" {
		t.Error(say(r))
	}
}

// What 254 hostile entries cost to take in, and at each start, in the worst shapes that are known.
func BenchmarkHostile(b *testing.B) {
	for _, k := range hostile() {
		b.Run(k.name, func(b *testing.B) {
			h, begin := k.build(b)
			for b.Loop() {
				r := begin()
				if _, err := r.AddAll(h.entries); err != nil {
					b.Fatal(err)
				}
				r.current()
			}
		})
		b.Run(k.name+", loading", func(b *testing.B) {
			h, begin := k.build(b)
			r := begin()
			if _, err := r.AddAll(h.entries); err != nil {
				b.Fatal(err)
			}
			enc := r.Encode()
			for b.Loop() {
				var err error
				if r.namespace {
					_, err = LoadNamespace(enc)
				} else {
					_, err = Load(enc)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type hostileCase struct {
	name  string
	build func(t testing.TB) (*harness, func() *Roster)
}

func hostile() []hostileCase {
	return []hostileCase{
		{"peers that leave, each behind all", func(t testing.TB) (*harness, func() *Roster) {
			h := newNamespaceHarness(t)
			h.add("p", dev(1), peer(2))
			last := "p"
			for n := range 126 {
				name := fmt.Sprint("m", n)
				h.add(name, peer(2), peer(10+n), last)
				last = name
			}
			for n := range 126 {
				name := fmt.Sprint("r", n)
				h.revoke(name, peer(10+n), peer(10+n), last)
				last = name
			}
			return h, func() *Roster { return OpenNamespace(ns, dev(1).IK) }
		}},
		{"peers that let in the next and revoke in parallel", func(t testing.TB) (*harness, func() *Roster) {
			h := newNamespaceHarness(t)
			h.add("p", dev(1), peer(2))
			by, last := peer(2), "p"
			for n := range 126 {
				name := fmt.Sprint("m", n)
				h.add(name, by, peer(10+n), last)
				by, last = peer(10+n), name
			}
			for n := range 125 {
				h.revoke(fmt.Sprint("r", n), peer(10+n), peer(11+n), last)
			}
			return h, func() *Roster { return OpenNamespace(ns, dev(1).IK) }
		}},
		{"full devices that introduce each other backwards", func(t testing.TB) (*harness, func() *Roster) {
			h := newNamespaceHarness(t)
			var last []string
			for n := range 84 {
				name := fmt.Sprint("f", n)
				h.full(name, dev(100-n), dev(101-n), last...)
				last = []string{name}
			}
			for n := range 84 {
				name := fmt.Sprint("r", n)
				h.revoke(name, dev(101-n), dev(101-n), last...)
				last = []string{name}
				other := fmt.Sprint("g", n)
				h.full(other, dev(17+n), dev(200+n), last...)
				last = []string{other}
			}
			return h, func() *Roster { return OpenNamespace(ns, dev(17).IK) }
		}},
		{"a circle's devices that leave, each behind all", func(t testing.TB) (*harness, func() *Roster) {
			h := newHarness(t)
			h.add("x", dev(1), dev(2), "G")
			by, last := dev(2), "x"
			for n := range 126 {
				name := fmt.Sprint("m", n)
				h.add(name, by, dev(10+n), last)
				by, last = dev(10+n), name
			}
			for n := range 126 {
				name := fmt.Sprint("r", n)
				h.revoke(name, dev(135-n), dev(135-n), last)
				last = name
			}
			return h, func() *Roster { return open(t, h.first.Genesis()) }
		}},
		{"a circle's devices that revoke the next in parallel", func(t testing.TB) (*harness, func() *Roster) {
			h := newHarness(t)
			by, last := dev(1), "G"
			for n := range 127 {
				name := fmt.Sprint("m", n)
				h.add(name, by, dev(10+n), last)
				by, last = dev(10+n), name
			}
			for n := range 126 {
				h.revoke(fmt.Sprint("r", n), dev(10+n), dev(11+n), last)
			}
			return h, func() *Roster { return open(t, h.first.Genesis()) }
		}},
	}
}

// In a namespace's roster with several roots, too, the set does not depend on the order, once all has come that its full devices signed.
func TestNamespacePlacesInAnyOrder(t *testing.T) {
	for _, signers := range []int{60, 3} { // with few, rows have FULLs behind ADDs
		t.Run(fmt.Sprint(signers), func(t *testing.T) { namespacePlacesInAnyOrder(t, signers) })
	}
}

func namespacePlacesInAnyOrder(t *testing.T, signers int) {
	s := &rng{7}
	h := newNamespaceHarness(t)
	for n := range 4 {
		h.full(fmt.Sprint("f", n), dev(1), dev(1+n))
	}
	for k := range 420 {
		name, by := fmt.Sprint("e", k), dev(1+s.n(signers))
		switch s.n(4) {
		case 0, 1:
			h.add(name, by, peer(5+s.n(60)), fmt.Sprint("f", s.n(4)))
		case 2:
			h.full(name, by, dev(1+s.n(30)))
		default:
			h.note(name, by)
		}
	}
	var first *Roster
	for range 3 {
		r := OpenNamespace(ns, dev(1).IK, dev(2).IK)
		for range 400 {
			take(t, r, h.whole(s.n(len(h.entries))))
		}
		for had := []ID(nil); had == nil || !slices.Equal(had, held(r)); { // a stranger's may come again once its signer is known
			had = held(r)
			for i := range h.entries {
				take(t, r, h.whole(len(h.entries)-1-i))
			}
		}
		if first == nil {
			first = r
		}
		if !slices.Equal(held(r), held(first)) || !bytes.Equal(fmt.Append(nil, r.Members()), fmt.Append(nil, first.Members())) {
			t.Fatalf("%d entries against %d", r.Len(), first.Len())
		}
	}
}
