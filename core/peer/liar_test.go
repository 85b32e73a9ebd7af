package peer

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// A liar is a device that holds real keys and rights, and says anything.

// to is the device's session with another, once data may be sent there; nil if there is none.
func (n *node) to(other *node) *replication {
	for _, d := range n.e.devices {
		if d.ik == other.e.publicIK() && d.repl != nil && len(d.repl.flows) > 0 && d.repl.flows[0].ready {
			return d.repl
		}
	}
	return nil
}

// says has the device say msg to another.
func (n *node) says(other *node, msg []byte) {
	n.m.t.Helper()
	n.m.until("a session of "+n.name+" with "+other.name, func() bool { return n.to(other) != nil })
	n.to(other).send(msg)
	n.step(Tick{})
	n.m.run()
}

func (n *node) vector(app string) wire.Vector { return n.e.namespaceOf(app).rep.Vector() }

func end(v wire.Vector) []byte {
	return wire.AppendEnd(nil, &wire.End{Number: 1, Position: 1 << 40, Vector: v})
}

func tailed(from uint64, n, tails int) (v wire.Vector) {
	for i := range n {
		e := wire.Element{Writer: from + uint64(i), Settled: 1 << 20}
		for k := range tails {
			e.Tails = append(e.Tails, wire.Tail{Seq: uint64(1000+k) << wire.BlockBits})
		}
		v = append(v, e)
	}
	return v
}

// TestVectorsThatCannotBeKept: a vector grows by what can be read back, whoever says more.
func TestVectorsThatCannotBeKept(t *testing.T) {
	for _, c := range []struct {
		name string
		ends []wire.Vector
	}{
		{"most writers", []wire.Vector{tailed(1, 65_535, 0)}},
		{"half of what a message has, twice", []wire.Vector{tailed(1, 66, 2000), tailed(1<<20, 66, 2000)}},
		{"as many tails as are taken", []wire.Vector{tailed(1, 10, 1000), tailed(1<<20, 10, 1000), tailed(1<<30, 10, 1000)}},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, full %v", c.name, full), func(t *testing.T) {
				h, laptop, liar := withPhone(t)
				if full {
					liar = h.add("Desktop", "")
					h.pair(laptop, liar)
				}
				for _, v := range c.ends {
					liar.says(laptop, end(v))
					h.wait(1000)
				}
				laptop.putIn(notes, "after", "1")
				for i := range 600 { // a checkpoint
					laptop.putIn(notes, "k", fmt.Sprint(i))
				}
				h.wait(20_000)
				laptop.crash()
				h.wait(5000)
				if laptop.failed != "" {
					t.Fatalf("does not open: %s", laptop.failed)
				}
				if got := laptop.in(todo); got != "secret=1" {
					t.Errorf("the other application has %q", got)
				}
				h.until("it goes on", func() bool { return liar.e.namespaceOf(notes).rep.Vector().CoversAll(laptop.vector(notes)) })
			})
		}
	}
}

// TestClaimsOnTheOwnWriter: a claim on this device's own writer makes it take another one once a day for an application peer, eight
// times for a full device, and the proof of a copy at any time.
func TestClaimsOnTheOwnWriter(t *testing.T) {
	for _, c := range []struct {
		name    string
		message func(phone *node, v wire.Vector) []byte
		want    int // in two days
	}{
		{"HAVE", func(phone *node, v wire.Vector) []byte {
			return wire.AppendHave(nil, &wire.Have{Number: 1, Vector: v, NK: phone.e.publicNK()})
		}, 0},
		{"END", func(_ *node, v wire.Vector) []byte { return end(v) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) { claimOnTheOwnWriter(t, c.message, c.want) })
	}
}

func claimOnTheOwnWriter(t *testing.T, message func(*node, wire.Vector) []byte, want int) {
	h, laptop, phone := withPhone(t)
	rep := laptop.e.namespaceOf(notes).rep
	renewals := func(days int) (n int) {
		for range days {
			for range 30 {
				laptop.putIn(notes, "k", fmt.Sprint(n))
				h.wait(1000)
				before := rep.Own().ID
				var v wire.Vector
				for _, e := range rep.Vector() {
					v = append(v, wire.Element{Writer: e.Writer, Settled: 1 << 60})
				}
				phone.says(laptop, message(phone, v))
				laptop.putIn(notes, "k", "1")
				h.wait(1000)
				if rep.Own().ID != before {
					n++
				}
			}
			h.wait(24 * 3600_000)
		}
		return n
	}
	if n := renewals(2); n != want {
		t.Errorf("renewed %d times in two days, want %d", n, want)
	}
	laptop.putIn(notes, "k", `"last"`)
	h.until("it goes on", func() bool { return phone.get("k") == `"last"` })
}

// TestHaveAboutAnother: an application peer does not say what a full device has, so that no tombstone goes by its word.
func TestHaveAboutAnother(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	h.pair(a, b)
	h.until("desktop has it", func() bool { return b.e.namespaceOf(notes) != nil })
	phone := h.add("Phone", notes)
	h.pairFor(a, phone, forPhone)
	a.putIn(notes, "private", "1")
	h.untilIn(b, notes, "private=1")
	h.until("phone has it", func() bool { return phone.get("private") == "1" })
	h.wait(2000)
	h.offline(b, true)
	a.must(Op{App: notes, Do: Batch{Writes: []Write{{Key: "private"}}}})
	h.until("phone has the deletion", func() bool { return phone.get("private") == "" })
	h.wait(2000)
	phone.says(a, wire.AppendHave(nil, &wire.Have{Number: 1, Vector: a.vector(notes), NK: b.e.publicNK()}))
	for i := range 1200 {
		a.putIn(notes, fmt.Sprint("k", i%5), fmt.Sprint(i))
	}
	h.wait(5000)
	h.offline(phone, true)
	h.offline(b, false)
	h.wait(120_000)
	if got := b.in(notes); got != a.in(notes) {
		t.Errorf("desktop has %q, laptop %q", got, a.in(notes))
	}
}

// TestEndAboutAnother: what an application peer says of a third device's writing keeps nothing of that out.
func TestEndAboutAnother(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	h.pair(a, b)
	h.until("desktop has it", func() bool { return b.e.namespaceOf(notes) != nil })
	phone := h.add("Phone", notes)
	h.pairFor(a, phone, forPhone)
	b.putIn(notes, "from", `"desktop"`)
	h.untilIn(a, notes, `from="desktop"`)
	h.offline(b, true)
	b.putIn(notes, "important", `"written offline"`)
	for _, settled := range []uint64{1 << 50, 2<<wire.BlockBits - 1, 1<<wire.BlockBits + 1} {
		var v wire.Vector
		for _, e := range a.vector(notes) {
			if e.Settled < settled {
				v = append(v, wire.Element{Writer: e.Writer, Settled: settled})
			}
		}
		phone.says(a, end(v))
		h.wait(1000)
	}
	h.offline(b, false)
	h.untilIn(a, notes, `from="desktop" important="written offline"`)
}

// TestAnnouncements: a writer that its device has not signed, or that is one too many, is not taken.
func TestAnnouncements(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(laptop, phone *node, i uint64) *wire.Writer
		taken int
		ends  bool // the session
	}{
		{"its own", func(_, phone *node, i uint64) *wire.Writer { return phone.signed(1 + i) }, maxPeerWriters, true},
		{"a wrong signature", func(_, phone *node, i uint64) *wire.Writer { w := phone.signed(1 + i); w.Sig[0]++; return w }, 0, true},
		{"another namespace's", func(_, phone *node, i uint64) *wire.Writer {
			w := phone.signed(1 + i)
			w.Sig = [64]byte(ed25519.Sign(phone.e.self.ik, w.Signed([32]byte{1})))
			return w
		}, 0, true},
		{"somebody else's", func(laptop, phone *node, i uint64) *wire.Writer {
			w := phone.signed(1 + i)
			w.NK = laptop.e.publicNK()
			w.Sig = [64]byte(ed25519.Sign(phone.e.self.ik, w.Signed(phone.e.namespaces[0].ns())))
			return w
		}, 0, false},
		{"nobody's", func(_, phone *node, i uint64) *wire.Writer { w := phone.signed(1 + i); w.NK[31] ^= 1; return w }, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, laptop, phone := withPhone(t)
			rep := laptop.e.namespaceOf(notes).rep
			count := func() (n int) { rep.EachWriter(func(*wire.Writer) { n++ }); return n }
			before := count()
			h.until("a session", func() bool { return phone.to(laptop) != nil })
			var list []*wire.Writer
			for i := range uint64(maxFullWriters) {
				list = append(list, c.make(laptop, phone, i))
			}
			session := phone.to(laptop)
			phone.says(laptop, wire.AppendWriters(nil, &wire.Writers{Number: 1, List: list}))
			if n := count() - before; n > c.taken {
				t.Errorf("%d writers are taken, at most %d", n, c.taken)
			}
			if session.dead != c.ends {
				t.Errorf("the session has ended: %v", session.dead)
			}
			phone.put("k", `"on"`)
			if c.taken > 0 { // its real writer is one too many
				h.wait(60_000)
				if got := laptop.in(notes); got != "k=1" {
					t.Errorf("laptop has %q", got)
				}
				return
			}
			h.untilIn(laptop, notes, `k="on"`)
		})
	}
}

// Whom an application peer has let in takes no writer from it, nor from others that came in by it.
func TestAnnouncementsOfAFamily(t *testing.T) {
	h, laptop, phone := withPhone(t)
	liar, tablet := h.add("Liar", notes), h.add("Tablet", notes)
	h.pair(phone, liar)
	var list []*wire.Writer
	for i := range uint64(maxPeerWriters) {
		list = append(list, liar.signed(1+i))
	}
	for _, of := range []*node{phone, laptop} {
		liar.says(of, wire.AppendWriters(nil, &wire.Writers{Number: 1, List: list}))
	}
	h.pair(liar, tablet)
	for round := range leastWriters {
		value := fmt.Sprint(round)
		phone.put("phone", value)
		tablet.put("tablet", value)
		h.untilIn(laptop, notes, "k=1 phone="+value+" tablet="+value)
		phone.e.namespaces[0].rep.Renew()
		tablet.e.namespaces[0].rep.Renew()
	}
	tablet.put("tablet", `"one more"`) // for which there is no room
	h.wait(60_000)
	writers := map[[32]byte]int{}
	laptop.e.namespaceOf(notes).rep.EachWriter(func(w *wire.Writer) { writers[w.NK]++ })
	l, p, n := writers[liar.e.publicNK()], writers[phone.e.publicNK()], writers[tablet.e.publicNK()]
	if l > maxPeerWriters || p < leastWriters || n != leastWriters {
		t.Errorf("the liar has %d writers, the phone %d and the tablet %d", l, p, n)
	}
}

// A device announces its own writer also to one that has all of it: that may have it from a liar who brought the records alone.
func TestOwnWriterIsAnnounced(t *testing.T) {
	h, laptop, phone := withPhone(t)
	h.cutOff(phone, true)
	rep, at := phone.e.namespaces[0].rep, laptop.e.namespaceOf(notes).rep
	at.Renew()
	laptop.putIn(notes, "k", "2")
	own := at.Own()
	src := replica.Source{Session: 1, NK: laptop.e.publicNK(), Full: true}
	rec := wire.Record{Dot: wire.Dot{Writer: own.ID, Seq: at.Vector().Of(own.ID).Last()}, Time: 1, Key: "k", Kind: wire.JSON, Value: []byte("2")}
	if _, all, err := rep.Apply([]wire.Record{rec}, src); err != nil || !all {
		t.Fatal(err)
	}
	if _, _, err := rep.Join(at.Vector(), src); err != nil {
		t.Fatal(err)
	}
	h.cutOff(phone, false)
	laptop.putIn(notes, "n", "1")
	h.until("it is announced", func() bool { return rep.Writer(own.ID) != nil })
}

// signed announces a writer of the phone's namespace.
func (n *node) signed(nonce uint64) *wire.Writer {
	w := &wire.Writer{NK: n.e.publicNK(), Nonce: nonce, Block: 1, Reserved: 2}
	w.Sig = [64]byte(ed25519.Sign(n.e.self.ik, w.Signed(n.e.namespaces[0].ns())))
	return w
}

// TestOutdated: a device from before sessions had a version, and one from after, stop before any data, and say so.
func TestOutdated(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.put("k", "1")
	h.until("synced", func() bool { return b.get("k") == "1" })
	h.offline(b, true)
	a.put("k", "2")
	newer := a.e.circle.roster.Newer(a.e.self.ik)
	old, err := roster.Load(b.e.circle.roster.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Add(newer); err != roster.ErrVersion {
		t.Errorf("an older roster says %v", err)
	}
	h.offline(b, false)
	h.until("a session", func() bool { return b.to(a) != nil })
	b.says(a, wire.AppendRosterHeads(nil, &wire.RosterHeads{Heads: b.e.circle.roster.Heads()}))
	if a.status.Err != EVersion {
		t.Errorf("status %q", a.status.Err)
	}
	h.until("it is updated", func() bool { return a.status.Err == OK && b.get("k") == "2" })
}

// TestLieAboutItself: a device whose own records contradict what it has announced is cut off, with nothing of them taken.
func TestLieAboutItself(t *testing.T) {
	h, laptop, phone := withPhone(t)
	phone.put("l", "1")
	h.untilIn(laptop, notes, "k=1 l=1")
	w := phone.e.namespaces[0].rep.Own()
	session := phone.to(laptop)
	rec := wire.Record{Dot: wire.Dot{Writer: w.ID, Seq: w.Reserved << wire.BlockBits}, Time: 1, Key: "m", Kind: wire.JSON, Value: []byte("1")}
	phone.says(laptop, wire.AppendData(nil, &wire.Data{Number: 1, Position: 1 << 40, Records: wire.AppendRecord(nil, &rec)}))
	if !session.dead {
		t.Error("the session goes on")
	}
	phone.put("n", "1")
	h.untilIn(laptop, notes, "k=1 l=1 n=1")
}

// TestEndIsBelievedInPart: what an application peer says of third devices is not joined, and is not sent again in each session either.
func TestEndIsBelievedInPart(t *testing.T) {
	h, laptop, phone := withPhone(t)
	tablet := h.add("Tablet", notes)
	h.pairFor(laptop, tablet, forPhone)
	h.until("they know each other", func() bool { return len(tablet.names()) == 2 && len(phone.names()) == 2 })
	h.offline(laptop, true)
	for i := range 50 {
		phone.put(fmt.Sprint("p", i), "1")
	}
	h.until("tablet has it", func() bool { return tablet.get("p49") == "1" })
	h.offline(phone, true)
	h.offline(laptop, false)
	h.until("laptop has it by hearsay", func() bool { return tablet.to(laptop) != nil && len(laptop.in(notes)) > 200 })
	before := laptop.e.namespaceOf(notes).rep.Position()
	h.silence(laptop)
	h.wait(120_000)
	if after := laptop.e.namespaceOf(notes).rep.Position(); after != before {
		t.Errorf("%d records came again", after-before)
	}
	if s := tablet.status; len(s.Devices) != 2 || s.Devices[0].ToSend+s.Devices[1].ToSend > 51 {
		t.Errorf("tablet has to send: %+v", s.Devices)
	}
	h.offline(phone, false)
	h.until("confirmed", func() bool { return laptop.vector(notes).CoversAll(phone.vector(notes)) })
	if got := laptop.in(notes); len(got) < 200 {
		t.Errorf("confirmed: %q", got)
	}
}

// TestHearsayIsDenied: what an application peer says in the name of a device that is online goes as soon as that device has heard of it, and
// nothing that is written afterwards has seen it.
func TestHearsayIsDenied(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	h.pair(a, b)
	h.until("desktop has it", func() bool { return b.e.namespaceOf(notes) != nil })
	phone := h.add("Phone", notes)
	h.pairFor(a, phone, forPhone)
	b.putIn(notes, "k", "1")
	h.untilIn(a, notes, "k=1")
	own := b.e.namespaceOf(notes).rep.Own()
	session := a.to(b)
	lie := wire.Record{Dot: wire.Dot{Writer: own.ID, Seq: own.Reserved<<wire.BlockBits - 1}, Time: 1, Key: "k", Kind: wire.JSON, Value: []byte("2")}
	phone.says(a, wire.AppendData(nil, &wire.Data{Number: 1, Position: 1 << 40, Records: wire.AppendRecord(nil, &lie)}))
	beside := func(n *node) []Entry { return n.must(Op{App: notes, Do: Conflicts{Key: "k"}}).Entries }
	if got := beside(a); len(got) != 1 {
		t.Errorf("laptop has beside k: %q", got)
	}
	h.until("it is denied", func() bool { return len(beside(a)) == 0 })
	a.putIn(notes, "k", "3")
	h.untilIn(b, notes, "k=3")
	h.wait(60_000)
	for _, n := range h.nodes[:2] {
		if got := beside(n); len(got) > 0 || n.in(notes) != "k=3" {
			t.Errorf("%s has %s, and beside it %q", n.name, n.in(notes), got)
		}
	}
	if a.to(b) != session {
		t.Error("another session")
	}
}

// storesAndPhone are two stores, the first of which has a phone let in, whose first write they all have.
func storesAndPhone(t *testing.T) (h *harness, a, b, phone *node) {
	h = newStores(t, "Laptop", "Desktop")
	a, b = h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	h.pair(a, b)
	phone = h.add("Phone", notes)
	h.pairFor(a, phone, forPhone)
	phone.putIn(notes, "k", "1")
	h.untilIn(b, notes, "k=1")
	return h, a, b, phone
}

// What no vector covers, because its device has never said that this is all, is not sent again in each session.
func TestUncoveredIsSentOnce(t *testing.T) {
	h, a, b, phone := storesAndPhone(t)
	own := phone.e.namespaceOf(notes).rep.Own()
	var recs []byte
	for i := range uint64(100) {
		rec := wire.Record{
			Dot: wire.Dot{Writer: own.ID, Seq: own.Reserved<<wire.BlockBits - 200 + i}, Time: 1, Key: fmt.Sprint("lie", i), Kind: wire.Bytes, Value: make([]byte, 1000),
		}
		recs = wire.AppendRecord(recs, &rec)
	}
	phone.says(a, wire.AppendData(nil, &wire.Data{Number: 1, Position: 1 << 40, Records: recs}))
	h.until("desktop has them", func() bool { return strings.Count(b.in(notes), "lie") == 100 })
	h.offline(phone, true)
	for again := range 3 {
		sent := 0
		h.tap = func(from *node, data []byte) []byte {
			if from == a {
				sent += len(data)
			}
			return data
		}
		h.cut()
		h.until("they meet again", func() bool { return a.to(b) != nil })
		h.wait(20_000)
		if h.tap = nil; sent > 50_000 {
			t.Errorf("%d. session: laptop sends %d bytes", again+1, sent)
		}
	}
}
