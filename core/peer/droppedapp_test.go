package peer

import (
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// level reports whether devices have equal vectors of an application in storage for good.
func level(app string, nodes ...*node) bool {
	of := func(n *node) wire.Vector { return n.e.namespaceOf(app).rep.DurableVector() }
	for _, n := range nodes {
		if !of(n).Same(of(nodes[0])) {
			return false
		}
	}
	return true
}

// A store drops an application when another device has just got its last records, or some of them, or not what it says behind them. What the others
// have then they have alike once they have met.
func TestOthersAreLevelAfterADrop(t *testing.T) {
	for _, again := range []bool{false, true} {
		for frames := range 12 {
			t.Run(fmt.Sprintf("added again %v, behind %d frames", again, frames), func(t *testing.T) {
				h := newStores(t, "Writer")
				a := h.nodes[0]
				a.addApp(notes, "Notes")
				b, c := h.add("Desk", ""), h.add("Attic", "")
				b.addApp(notes, "Notes")
				h.pair(a, b)
				c.addApp(notes, "Notes")
				h.pair(a, c)
				a.putIn(notes, "k", "1")
				h.untilIn(b, notes, "k=1")
				h.untilIn(c, notes, "k=1")
				h.wait(60_000)
				h.cutOff(c, true)
				left := frames
				h.tap = func(from *node, data []byte) []byte {
					if f, err := wire.ParseRelay(data); from == a && err == nil && f.Type == wire.RelayData {
						if left--; left < 0 {
							return nil
						}
					}
					return data
				}
				for i := range 10 {
					a.putIn(notes, fmt.Sprint("l", i), "2")
				}
				a.must(Op{App: notes, Do: DropApp{}})
				h.silence(a)
				h.tap = nil
				h.cutOff(c, false)
				h.wait(120_000)
				x, y := b.in(notes), c.in(notes)
				if x != y {
					t.Errorf("before it is added again: %q against %q", x, y)
				}
				who := []*node{b, c}
				if again {
					a.addApp(notes, "Notes")
					h.wait(10_000)
					a.putIn(notes, "back", "1")
					x, who = "back=1 "+x, h.nodes
					h.wait(10_000)
				}
				for range 30 {
					h.wait(20_000)
					for _, n := range who {
						if got := n.in(notes); got != x && h.now > 0 {
							t.Errorf("%s has %q, not %q", n.name, got, x)
						}
					}
				}
				if !level(notes, who...) {
					for _, n := range who {
						t.Errorf("%s: %+v", n.name, n.e.namespaceOf(notes).rep.DurableVector())
					}
				}
			})
		}
	}
}

// An application that is added again while it is still being dropped, for what there is of it is not loaded, comes back from the others.
func TestAddedWhileItIsDropped(t *testing.T) {
	h := newStores(t, "Laptop", "Desk")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	h.pair(a, b)
	for i := range 20 {
		a.putIn(notes, fmt.Sprint(i), "1")
	}
	h.until("both have it", func() bool { return a.in(notes) == b.in(notes) })
	h.wait(10_000)
	want := a.in(notes)
	b.e.namespaces[0].rep.Tidy()
	b.putIn(notes, "19", "1")
	h.wait(10_000)
	b.crash()
	b.slowLoads = true
	h.wait(10_000)
	b.back(b.life, &Op{ID: 1000, App: notes, Do: DropApp{}})
	b.back(b.life, &Op{ID: 1001, App: notes, Do: AddApp{Name: "Notes"}})
	h.wait(10_000)
	if len(b.unloaded) == 0 {
		t.Fatal("it does not wait for anything")
	}
	b.slowLoads = false
	for _, finish := range b.unloaded {
		finish()
	}
	h.wait(60_000)
	if x, y := a.in(notes), b.in(notes); x != want || y != want {
		t.Errorf("%q and %q, not %q", x, y, want)
	}
}

// withDesk is withPhone with a second store, which has the first application, too.
func withDesk(t *testing.T) (h *harness, laptop, desk, phone *node) {
	h, laptop, phone = withPhone(t)
	desk = h.add("Desk", "")
	h.pair(laptop, desk)
	desk.addApp(notes, "Notes")
	h.untilIn(desk, notes, "k=1")
	h.wait(120_000)
	return h, laptop, desk, phone
}

// A store writes, an application peer alone gets that, and the store drops the application. No other store takes the peer's word that this is all there
// was of it. The peer shows nothing to send all the same, when they have its records.
func TestPeerOfAStoreThatDroppedHasNothingToSend(t *testing.T) {
	h, laptop, desk, phone := withDesk(t)
	h.cutOff(laptop, true)
	desk.putIn(notes, "last", "2")
	h.until("the phone has it", func() bool { return phone.get("last") == "2" })
	h.silence(desk)
	desk.must(Op{App: notes, Do: DropApp{}})
	h.cutOff(laptop, false)
	h.untilIn(laptop, notes, "k=1 last=2")
	laptop.putIn(notes, "k", "3")
	h.until("a change", func() bool { return phone.get("k") == "3" })
	h.wait(60_000)
	for _, d := range phone.status.Devices {
		if d.Name == "Laptop" && d.ToSend != 0 {
			t.Errorf("%d to send to %s", d.ToSend, d.Name)
		}
	}
}

// A store that has dropped an application, or does not sync it, is sent nothing of it, and the others do not show it as one that lacks something. An
// application peer does not hear of that: the store meets it no more.
func TestNothingToSendToWhoDropped(t *testing.T) {
	for name, stop := range map[string]func(desk *node){
		"dropped":      func(desk *node) { desk.must(Op{App: notes, Do: DropApp{}}) },
		"switched off": func(desk *node) { desk.must(Op{App: notes, Do: Prefer{}}) },
	} {
		t.Run(name, func(t *testing.T) {
			h, laptop, desk, phone := withDesk(t)
			stop(desk)
			h.wait(10_000)
			laptop.putIn(notes, "l", "2")
			h.until("a change", func() bool { return phone.get("l") == "2" })
			check := func(when string) {
				t.Helper()
				h.wait(60_000)
				for _, d := range laptop.status.Devices {
					if d.ToSend != 0 || d.ToReceive {
						t.Errorf("%s: %d to send to %s", when, d.ToSend, d.Name)
					}
				}
			}
			check("then")
			laptop.crash()
			phone.crash()
			check("after a start")
			h.cutOff(desk, true)
			laptop.crash()
			phone.crash()
			laptop.putIn(notes, "m", "3")
			h.until("a change", func() bool { return phone.get("m") == "3" })
			check("after a start without it")
		})
	}
}
