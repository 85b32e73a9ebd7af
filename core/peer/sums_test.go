package peer

import (
	"testing"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// differ reports whether every device says, or none, that the others hold something else.
func (h *harness) differ(want bool) func() bool {
	return func() bool {
		for _, n := range h.nodes {
			for _, d := range n.status.Devices {
				if d.Differs != want {
					return false
				}
			}
		}
		return true
	}
}

// restored has two devices of which one was put back to before a deletion whose tombstone is gone.
func restored(t *testing.T) (h *harness, a, b *node) {
	h = newHarness(t, "Laptop", "Phone")
	a, b = h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.put("k", `1`)
	a.put("stays", `1`)
	h.until("both have it", func() bool { return h.converged() && b.get("k") == `1` })
	h.wait(5000)
	before := copyOf(t, b.store)
	a.del("k")
	h.until("it is deleted", func() bool { return h.converged() && b.get("k") == "" })
	h.wait(5000)
	for _, n := range h.nodes {
		n.e.namespaces[0].rep.Tidy()
		n.put("tidied by "+n.name, `1`)
	}
	h.wait(5000)
	b.store = before
	b.crash()
	h.until("in sync again", func() bool { return b.get("tidied by Laptop") == `1` })
	if b.get("k") != `1` || a.get("k") != "" {
		t.Fatalf("the tombstone was not gone: %s, %s", a.get("k"), b.get("k"))
	}
	return h, a, b
}

// A device that was put back to before a deletion whose tombstone is gone holds what nobody else does. Nothing that is left to be sent could tell
// it. Both say so after a minute, and no longer once the key is the same again.
func TestRestoredDeviceDiffers(t *testing.T) {
	h, a, b := restored(t)
	h.wait(50_000)
	if !h.differ(false)() {
		t.Errorf("they differ at once: %+v, %+v", a.status.Devices, b.status.Devices)
	}
	h.until("both say that they differ", h.differ(true))
	a.put("x", `1`)
	h.wait(70_000)
	if !h.differ(true)() {
		t.Errorf("a write has mended it: %+v, %+v", a.status.Devices, b.status.Devices)
	}
	b.del("k")
	h.until("both hold the same", h.differ(false))
}

// Where there is no sum any more, nothing is shown of an earlier one: a record that no vector covers came in, perhaps from a liar.
func TestNothingDiffersWithoutASum(t *testing.T) {
	h, a, b := restored(t)
	h.wait(50_000)
	h.until("both say that they differ", h.differ(true))
	rec := wire.Record{Dot: wire.Dot{Writer: 70, Seq: 1 << wire.BlockBits}, Time: 1, Key: "open", Kind: wire.JSON, Value: []byte("1")}
	for _, n := range []*node{a, b} {
		if _, all, err := n.e.namespaces[0].rep.Apply([]wire.Record{rec}, replica.Source{Session: 1, Full: true}); err != nil || !all {
			t.Fatal(err)
		}
		n.put("written by "+n.name, `1`)
	}
	h.wait(50_000)
	if !h.differ(true)() {
		t.Error("it is forgotten at once")
	}
	h.until("nothing is shown", h.differ(false))
}

// Two that wrote at the same time, so that neither's END says what both have then, compare all the same: soon, and once.
func TestSumsAreComparedAfterWritesAtOnce(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	h.wait(20_000)
	a.put("a", `1`)
	b.put("b", `1`)
	h.until("both have it", h.converged)
	h.wait(20_000)
	for _, n := range h.nodes {
		f := n.e.devices[0].repl.flows[0]
		if own := n.e.namespaces[0].rep.DurableSum(); own == nil || *own != f.saidSum || f.p.differing != 0 {
			t.Errorf("%s: %x was not compared", n.name, own)
		}
		said := f.toldAt
		if h.wait(20_000); f.toldAt != said {
			t.Errorf("%s says it again", n.name)
		}
	}
}

// TestSumsAreHeardInOrder: the sum that was told last counts, whatever it came with, though END waits until what came before it is applied.
func TestSumsAreHeardInOrder(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.put("k", `1`)
	h.until("both have it", func() bool { return h.converged() && b.get("k") == `1` })
	h.wait(20_000)
	told := func(first byte) *wire.Sum { return &wire.Sum{first} }
	end := func(s byte) {
		a.to(b).sendCounted(wire.AppendEnd(nil, &wire.End{Number: 1, Position: a.to(b).flows[0].pos, Sum: told(s)}))
	}
	have := func(s byte) {
		a.to(b).send(wire.AppendHave(nil, &wire.Have{Number: 1, NK: a.e.publicNK(), Sum: told(s)}))
	}
	for name, say := range map[string]func(){
		"END, HAVE":       func() { end(1); have(2) },
		"HAVE, END":       func() { have(1); end(2) },
		"END, HAVE, END":  func() { end(1); have(3); end(2) },
		"HAVE, END, HAVE": func() { have(3); end(1); have(2) },
	} {
		say()
		a.step(Tick{})
		h.wait(100)
		if f := b.to(a).flows[0]; f.theirSum == nil || *f.theirSum != *told(2) {
			t.Errorf("%s: %x counts", name, f.theirSum)
		}
	}
}

// A device that lacks what only hearsay has replaced, though its vector says that it has it, is not said to hold something else: the phone brought the
// desktop what the tablet wrote over the phone's own, which the laptop had before.
func TestNothingDiffersBehindHearsay(t *testing.T) {
	h, laptop, phone := withPhone(t)
	desktop, tablet := h.add("Desktop", ""), h.add("Tablet", "")
	h.pair(laptop, desktop)
	h.pair(laptop, tablet)
	h.untilIn(desktop, notes, "k=1")
	h.untilIn(tablet, notes, "k=1")
	h.wait(20_000)
	h.offline(desktop, true)
	phone.put("k", "2")
	h.untilIn(laptop, notes, "k=2")
	h.untilIn(tablet, notes, "k=2")
	h.wait(5000)
	h.offline(laptop, true)
	tablet.putIn(notes, "k", "3")
	h.until("the phone has it", func() bool { return phone.get("k") == "3" })
	h.wait(5000)
	h.offline(tablet, true)
	phone.put("x", "1")
	h.offline(desktop, false)
	h.untilIn(desktop, notes, "k=3 x=1")
	h.wait(5000)
	h.offline(laptop, false)
	h.untilIn(laptop, notes, "k=3 x=1")
	sum := func(n *node) *wire.Sum { return n.e.namespaceOf(notes).rep.DurableSum() }
	for range 10 {
		if h.wait(20_000); !h.differ(false)() {
			t.Fatalf("they differ: %+v, %+v", laptop.status.Devices, desktop.status.Devices)
		}
	}
	if !laptop.vector(notes).Same(desktop.vector(notes)) || sum(laptop) == nil || sum(desktop) != nil {
		t.Fatalf("%v with %x\n%v with %x", laptop.vector(notes), sum(laptop), desktop.vector(notes), sum(desktop))
	}
	h.offline(tablet, false)
	h.until("all have one sum", func() bool {
		a, b, c := sum(laptop), sum(desktop), sum(tablet)
		return a != nil && b != nil && c != nil && *a == *b && *b == *c
	})
	if h.wait(120_000); !h.differ(false)() {
		t.Errorf("they differ: %+v, %+v", laptop.status.Devices, desktop.status.Devices)
	}
}
