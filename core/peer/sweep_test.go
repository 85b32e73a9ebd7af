package peer

import (
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

const hour = 3600_000

// fills writes n keys, or deletes them.
func (n *node) fills(app string, count int, kind wire.Kind) {
	n.m.t.Helper()
	for i := 0; i < count; i += 100 {
		var b Batch
		for j := i; j < min(i+100, count); j++ {
			w := Write{Key: fmt.Sprintf("k/%05d", j), Kind: kind}
			if kind != wire.Deleted {
				w.Value = []byte("1")
			}
			b.Writes = append(b.Writes, w)
		}
		n.must(Op{App: app, Do: b})
	}
}

func (n *node) tombstones() (sum int) {
	for _, x := range n.e.Tombstones() {
		sum += x
	}
	return sum
}

// TestTombstonesGo: at once from a device by itself, and else soon after the last one has them, whatever happens in between.
func TestTombstonesGo(t *testing.T) {
	nothing := func(*harness) {}
	for _, c := range []struct {
		name    string
		devices int
		stores  bool
		count   int
		before  func(h *harness) // the deletion
		then    func(h *harness)
		within  Millis
		left    int
	}{
		{"many, alone", 1, false, 600, nothing, nothing, 15_000, 0},
		{"few, alone", 1, false, 3, nothing, nothing, hour + 15_000, 0},
		{"alone, and it is started again", 1, false, 600, nothing, func(h *harness) { h.nodes[0].crash() }, 15_000, 0},
		{"many, with two more", 3, false, 600, nothing, nothing, 30_000, 0},
		{"few, with two more", 3, false, 3, nothing, nothing, hour + 30_000, 0},
		{"in stores", 2, true, 600, nothing, nothing, 30_000, 0},
		{"all are started again", 3, false, 600, nothing, func(h *harness) {
			for _, n := range h.nodes {
				n.crash()
			}
		}, 30_000, 0},
		{"one is away", 3, false, 600, func(h *harness) { h.cutOff(h.nodes[2], true) }, nothing, hour + 30_000, 600},
		{"it comes back", 3, false, 600, func(h *harness) { h.cutOff(h.nodes[2], true) }, func(h *harness) {
			h.wait(hour)
			h.cutOff(h.nodes[2], false)
		}, 120_000, 0},
		{"it is removed", 3, false, 600, func(h *harness) { h.cutOff(h.nodes[2], true) }, func(h *harness) {
			h.wait(60_000)
			h.nodes[0].must(Op{Do: Revoke{Device: h.nodes[2].id()}})
		}, 60_000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			names := []string{"Laptop", "Phone", "Tablet"}[:c.devices]
			h, app := newHarness(t, names...), ""
			if c.stores {
				h, app = newStores(t, names...), "app"
				for _, n := range h.nodes {
					n.addApp(app, "App")
				}
			}
			a := h.nodes[0]
			for _, n := range h.nodes[1:] {
				h.pair(a, n)
			}
			a.fills(app, c.count, wire.JSON)
			h.wait(60_000)
			c.before(h)
			a.fills(app, c.count, wire.Deleted)
			h.wait(5_000)
			c.then(h)
			h.wait(c.within)
			for _, n := range h.nodes[:min(2, c.devices)] { // the third may be away
				if got := n.tombstones(); got != c.left {
					t.Errorf("%s: %d tombstones, want %d", n.name, got, c.left)
				}
			}
		})
	}
}

// TestSinceTellsOfDeletions: who comes back after a deletion whose tombstone is gone has in the end what list shows.
func TestSinceTellsOfDeletions(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(h *harness)
		resets int
		told   int // without a reset
	}{
		{"a deletion, not collected", func(h *harness) { h.nodes[0].del("gone") }, 0, 1},
		{"a deletion, collected", func(h *harness) { h.nodes[0].del("gone"); h.wait(hour + 60_000) }, 1, 0},
		{"of the other device", func(h *harness) { h.nodes[1].del("gone"); h.wait(hour + 60_000) }, 1, 0},
		{"and more changed", func(h *harness) {
			h.nodes[0].del("gone")
			h.nodes[0].put("stays", `2`)
			h.wait(hour + 60_000)
			h.nodes[0].put("new", `1`)
		}, 1, 0},
		{"and it was started again", func(h *harness) { h.nodes[0].del("gone"); h.wait(hour + 60_000); h.nodes[0].crash() }, 1, 0},
		{"only values changed", func(h *harness) { h.nodes[0].fills("", 600, wire.JSON); h.wait(hour + 60_000) }, 0, 600},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, "Laptop", "Phone")
			a, b := h.nodes[0], h.nodes[1]
			h.pair(a, b)
			a.put("gone", `1`)
			a.put("stays", `1`)
			h.until("copy", h.converged)
			w := a.watch("", 0)
			w.follow()
			a.must(Op{Do: Unwatch{Target: w.op}})
			c.do(h)
			h.until("the same", h.converged)
			w.resets = 0
			w.again()
			w.check("back")
			if w.resets != c.resets {
				t.Errorf("%d resets, want %d", w.resets, c.resets)
			}
			told := 0
			for _, x := range a.told {
				if x.Watch == w.op {
					told += len(x.Changes)
				}
			}
			if c.resets == 0 && told > c.told {
				t.Errorf("told of %d keys, want %d", told, c.told)
			}
		})
	}
}

// TestApplicationPeerHearsWhatAStoreHas: the store has told what it has, though an END of the peer said the same meanwhile: the peer does not take
// an ACK of that for the store's word.
func TestApplicationPeerHearsWhatAStoreHas(t *testing.T) {
	h, laptop, phone := withPhone(t)
	h.wait(60_000)
	for i := range 10 {
		laptop.putIn(notes, "x", "1")
		laptop.must(Op{App: notes, Do: Batch{Writes: []Write{{Key: "x"}}}})
		phone.put("y", fmt.Sprint(i))
	}
	h.wait(hour + 60_000)
	for _, n := range h.nodes {
		if got := n.tombstones(); got != 0 {
			t.Errorf("%s: %d tombstones", n.name, got)
		}
	}
}
