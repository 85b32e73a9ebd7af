package roster

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/testdata/vectors"
)

var outcomes = map[error]string{
	ErrEntry: "entry", ErrMissing: "missing", ErrCircle: "circle", ErrVersion: "version", ErrFull: "full",
}

func TestVectors(t *testing.T) {
	out := circleVectors(t)
	out = append(out, namespaceVectors(t)...)
	out = append(out, begunTwice(t)...)
	out = append(out, randomVectors(t)...)
	out = append(out, addVectors(t)...)
	out = append(out, noticeVectors(t)...)
	out = append(out, placesVectors(t)...)
	vectors.Check(t, "roster.json", "What rosters say: every table of this package's tests, and sets of entries at random", out)
	vectors.Check(t, "names.json", "Names of devices and URLs of Sync Servers", nameVectors())
}

// verdictOf gives a roster the entries in their order, each once, and notes what it says of each and of all.
func verdictOf(t *testing.T, name, rule string, begin func() *Roster, entries [][]byte) vectors.Vector {
	r := begin()
	in := vectors.Fields{"entries": vectors.HexList(entries)}
	if r.namespace {
		roots := []string{}
		for _, ik := range r.roots {
			roots = append(roots, vectors.Hex(ik[:]))
		}
		in["ns"], in["roots"] = vectors.Hex(ns[:]), roots
	} else {
		in["genesis"] = vectors.Hex(r.Genesis())
	}
	said := []string{}
	for _, raw := range entries {
		said = append(said, vectors.Outcome(r.Add(raw), outcomes))
	}
	if len(entries) > 1 {
		sayAgain(t, r, begin, entries)
	}
	out := sayAll(r)
	out["entries"] = said
	return vectors.Vector{Name: name, Rule: rule, Op: "roster.verdict", In: in, Outcome: vectors.OK, Out: out}
}

// sayAgain checks that another order changes nothing.
func sayAgain(t *testing.T, r *Roster, begin func() *Roster, entries [][]byte) {
	t.Helper()
	list := slices.Clone(entries)
	slices.Reverse(list)
	other := begin()
	if fill(t, other, list); !slices.Equal(other.Heads(), r.Heads()) || !slices.Equal(other.Members(), r.Members()) {
		t.Fatal("the order makes a difference")
	}
}

func sayAll(r *Roster) vectors.Fields {
	now := r.current()
	counts := []ID{}
	for i := range r.entries {
		if now.live.has(i) {
			counts = append(counts, r.entries[i].id)
		}
	}
	sortIDs(counts)
	return vectors.Fields{
		"counts": vectors.Keys(counts), "members": memberList(r.Members()), "revoked": memberList(r.RevokedMembers()), "heads": vectors.Keys(r.Heads()),
		"relays": append([]string{}, r.Relays()...),
	}
}

// memberList is in the order of ik, which is nobody's own.
func memberList(list []Member) []vectors.Fields {
	slices.SortFunc(list, func(a, b Member) int { return bytes.Compare(a.IK[:], b.IK[:]) })
	out := []vectors.Fields{}
	for _, m := range list {
		out = append(out, vectors.Fields{
			"ik": vectors.Hex(m.IK[:]), "nk": vectors.Hex(m.NK[:]), "kind": m.Kind, "name": m.Name, "entry": vectors.Hex(m.Entry[:]),
		})
	}
	return out
}

func circleVectors(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	for _, c := range revokeTables() {
		h := newHarness(t)
		c.build(h)
		out = append(out, verdictOf(t, c.name, c.rule, func() *Roster { return open(t, h.first.Genesis()) }, h.entries))
	}
	// Relays: the highest (version, id) of those that count.
	a, b, x := dev(1), dev(2), dev(5)
	r := circle(t, a, relayA)
	add(t, r, a, b)
	rb := load(t, r.Encode())
	for _, urls := range [][]string{{relayB}, {relayA, relayB}} {
		if _, err := rb.SignRelays(b.ik, urls); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.SignRelays(a.ik, []string{relayA}); err != nil {
		t.Fatal(err)
	}
	sync(t, rb, r)
	begin := func() *Roster { return open(t, r.Genesis()) }
	out = append(out, verdictOf(t, "the highest version of RELAYS", "R8.21", begin, r.Behind(nil)[1:]))
	add(t, r, a, x)
	revoke(t, r, a, b)
	out = append(out, verdictOf(t, "RELAYS that were seen by who revoked their signer", "R8.21", begin, r.Behind(nil)[1:]))
	return append(out, twoAdds(t)...)
}

// twoAdds are of two that did not know of each other, and name one ik or one nk.
func twoAdds(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	a, b, c, d := dev(1), dev(2), dev(3), dev(4)
	d.NK = c.NK
	for _, k := range []struct {
		name   string
		second device
	}{{"the same device added twice", c}, {"two devices with one nk", d}} {
		h := newHarness(t)
		second := k.second
		second.Name = "Second"
		h.add("b", a, b, "G")
		h.add("1", a, c, "b")
		h.add("2", b, second, "b")
		h.add("3", c, dev(6), "1")
		out = append(out, verdictOf(t, k.name, "R8.19", func() *Roster { return open(t, h.first.Genesis()) }, h.entries))
	}
	return out
}

func namespaceVectors(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	for _, c := range namespaceTables() {
		h := newNamespaceHarness(t)
		c.build(h)
		out = append(out, verdictOf(t, "namespace: "+c.name, c.rule, func() *Roster { return OpenNamespace(ns, dev(1).IK) }, h.entries))
	}
	return out
}

// begunTwice is a roster that two full devices began apart, as one of their peers sees it, and then a chain of peers whose first is
// revoked.
func begunTwice(t *testing.T) []vectors.Vector {
	a, b, p, q := dev(1), dev(2), peer(5), peer(6)
	h := newNamespaceHarness(t)
	h.full("aa", a, a)
	h.full("bb", b, b)
	h.add("p", a, p, "aa")
	h.add("q", b, q, "bb")
	begin := func() *Roster { return OpenNamespace(ns, a.IK) }
	out := []vectors.Vector{verdictOf(t, "namespace: begun twice", "R8.28", begin, h.entries)}
	h.full("ab", a, b, "p")
	h.full("ba", b, a, "q", "ab")
	out = append(out, verdictOf(t, "namespace: begun twice, introduced", "R8.28", begin, h.entries))
	h.add("s", q, peer(7), "ba")
	h.add("u", peer(7), peer(8), "s")
	h.revoke("aq", a, q, "u")
	return append(out, verdictOf(t, "namespace: begun twice, and a cascade", "R8.32", begin, h.entries))
}

func randomVectors(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	for seed := range 40 {
		s := &rng{uint64(seed)}
		h, name, rule := newHarness(t), "circle at random ", "R8.11"
		begin := func() *Roster { return open(t, h.first.Genesis()) }
		if seed%2 == 1 {
			h, name, rule = newNamespaceHarness(t), "namespace at random ", "R8.26"
			begin = func() *Roster { return OpenNamespace(ns, dev(1).IK, dev(2).IK) }
		}
		h.random(s, 8+s.n(12))
		out = append(out, verdictOf(t, fmt.Sprint(name, seed), rule, begin, h.entries))
	}
	return out
}

// addVectors are single entries for a given roster, and what it says of them.
func addVectors(t *testing.T) []vectors.Vector {
	var out []vectors.Vector
	base, cases := addCases(t)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		if raw := cases[name].raw; len(raw) <= 5000 {
			out = append(out, verdictOf(t, "entry: "+name, "R8.7", func() *Roster { return open(t, base.Genesis()) }, [][]byte{raw}))
		}
	}
	_, cases = namespaceAddCases()
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		out = append(out, verdictOf(t, "namespace entry: "+name, "R8.26", func() *Roster { return OpenNamespace(ns, dev(1).IK) }, [][]byte{cases[name].raw}))
	}
	return out
}

// noticeVectors say what a device is sent that has given heads: all that it lacks, or, if it is out, why.
func noticeVectors(t *testing.T) []vectors.Vector {
	a, b, c, x, y := dev(1), dev(2), dev(3), dev(5), dev(6)
	r := circle(t, a)
	add(t, r, a, x)
	theirs := load(t, r.Encode())
	add(t, r, a, b)
	revoke(t, r, b, x)
	add(t, r, b, c)
	add(t, theirs, x, y)
	sync(t, theirs, r)
	var out []vectors.Vector
	for _, k := range []struct {
		name  string
		who   device
		heads []ID
	}{
		{"who was revoked", x, theirs.Heads()}, {"whom it let in", y, theirs.Heads()}, {"who was revoked and knows nothing", x, nil},
		{"who knows it already", x, r.Heads()}, {"a member", c, []ID{r.ID()}}, {"a member with an unknown head", c, []ID{{9}, r.ID()}},
		{"a member that knows nothing", b, nil},
	} {
		in := vectors.Fields{
			"genesis": vectors.Hex(r.Genesis()), "entries": vectors.HexList(r.Behind(nil)[1:]), "ik": vectors.Hex(k.who.IK[:]), "heads": vectors.Keys(k.heads),
		}
		sent, rule := r.Behind(k.heads), "R5.2"
		if r.Revoked(k.who.IK) {
			sent, rule = r.Notice(k.who.IK, k.heads), "R8.22"
		}
		ids := []ID{}
		for _, raw := range sent {
			e, err := parse(raw)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, e.id)
		}
		sortIDs(ids)
		out = append(out, vectors.Vector{
			Name: "sent to " + k.name, Rule: rule, Op: "roster.sent", In: in, Outcome: vectors.OK, Out: vectors.Fields{"entries": vectors.Keys(ids)},
		})
	}
	return out
}

// placesVectors are more entries than there are places, and those that are forgotten.
func placesVectors(t *testing.T) []vectors.Vector {
	a, b, x := dev(1), dev(2), dev(5)
	h := newHarness(t)
	h.add("b", a, b, "G")
	h.add("x", b, x, "b")
	for n := range 130 {
		h.note(fmt.Sprint("x", n), x, "x")
		h.note(fmt.Sprint("b", n), b, "b")
	}
	h.add("y", x, dev(6), "x0")
	for n := range 6 {
		h.relays(fmt.Sprint("r", n), x, byte(n), "x", fmt.Sprint("b", n))
		h.note(fmt.Sprint("y", n), dev(6), "y")
	}
	h.revoke("yy", dev(6), dev(6), "y3", "r2")
	h.revoke("bx", b, x, "x1")
	circle := keptOf(t, "more entries than places", "R8.39", open(t, h.first.Genesis()), h.entries)
	h = newHarness(t)
	h.add("x", a, x, "G")
	h.add("y", x, dev(6), "x")
	for n := range 130 {
		note := fmt.Sprint("n", n)
		h.note(note, a, "x")
		h.revoke(fmt.Sprint("ay", n), a, dev(6), "y", note)
		h.revoke(fmt.Sprint("xy", n), x, dev(6), "y", note)
	}
	h.revoke("ax", a, x, "y", "n0", "n1", "n2")
	crowd := keptOf(t, "REVOKEs have their turns by the introductions of their targets", "R8.51", open(t, h.first.Genesis()), h.entries)
	h = newNamespaceHarness(t)
	h.full("ab", a, b)
	for n := range 70 {
		h.full(fmt.Sprint("s", n), dev(100+n), dev(100+n))
	}
	h.full("b6", b, dev(6), "s1")
	h.add("p", dev(6), peer(7))
	strangers := keptOf(t, "namespace: strangers' entries", "R8.43", OpenNamespace(ns, a.IK), h.entries)
	h = newNamespaceHarness(t)
	for n := range places {
		h.full(fmt.Sprint("f", n), a, dev(100+n))
	}
	for n := range 4 {
		h.add(fmt.Sprint("p", n), a, peer(7+n), "f250")
	}
	return []vectors.Vector{circle, crowd, strangers, keptOf(t, "namespace: FULLs behind ADDs", "R8.40", OpenNamespace(ns, a.IK), h.entries)}
}

// keptOf gives a roster entries that come together.
func keptOf(t *testing.T, name, rule string, r *Roster, entries [][]byte) vectors.Vector {
	in := vectors.Fields{"entries": vectors.HexList(entries)}
	if r.namespace {
		in["ns"], in["roots"] = vectors.Hex(ns[:]), []string{vectors.Hex(r.roots[0][:])}
	} else {
		in["genesis"] = vectors.Hex(r.Genesis())
	}
	if _, err := r.AddAll(entries); err != nil {
		t.Fatal(err)
	}
	forgotten := []ID{}
	for _, raw := range entries {
		if e, err := parse(raw); err != nil {
			t.Fatal(err)
		} else if _, ok := r.index[e.id]; !ok {
			forgotten = append(forgotten, e.id)
		}
	}
	sortIDs(forgotten)
	if len(forgotten) == 0 {
		t.Fatal(name, "has nothing to forget")
	}
	return vectors.Vector{
		Name: name, Rule: rule, Op: "roster.kept", In: in, Outcome: vectors.OK,
		Out: vectors.Fields{"forgotten": vectors.Keys(forgotten), "members": len(r.Members()), "heads": len(r.Heads())},
	}
}

func nameVectors() []vectors.Vector {
	var out []vectors.Vector
	for i, c := range deviceNames() {
		out = append(out, vectors.Vector{
			Name: fmt.Sprint("name ", i), Rule: "R8.46", Op: "roster.name", Outcome: vectors.OK, In: vectors.Fields{"name": vectors.Hex([]byte(c.name))},
			Out: vectors.Fields{"valid": ValidName(c.name)},
		})
	}
	for i, c := range relayURLs() {
		out = append(out, vectors.Vector{
			Name: fmt.Sprint("URL ", i), Rule: "R3.3", Op: "relay.url", Outcome: vectors.OK, In: vectors.Fields{"url": c.url},
			Out: vectors.Fields{"valid": ValidRelay(c.url), "safe": SafeRelay(c.url)},
		})
	}
	return out
}
