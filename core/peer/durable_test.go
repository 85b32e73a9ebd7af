package peer

import (
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
)

// forgetful is storage that loses in a power cut all that it can: what was committed relaxed since the last strict commit.
type forgetful struct {
	storage.Store
	stable storage.Store
	loose  []storage.Commit
	lose   bool // it takes nothing
}

func newForgetful() *forgetful { return &forgetful{Store: mem.New(), stable: mem.New()} }

func (f *forgetful) Commit(g storage.Commit, d storage.Durability) error {
	if f.lose {
		return errTorn
	}
	if err := f.Store.Commit(g, d); err != nil {
		return err
	}
	if f.loose = append(f.loose, g); d == storage.Relaxed {
		return nil
	}
	for _, g := range f.loose {
		if err := f.stable.Commit(g, d); err != nil {
			return err
		}
	}
	f.loose = nil
	return nil
}

func copyOf(t testing.TB, s storage.Store) storage.Store {
	t.Helper()
	ids, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := s.Load(ids)
	if err != nil {
		t.Fatal(err)
	}
	out := mem.New()
	if err := out.Commit(storage.Commit{Adds: blocks}, storage.Strict); err != nil {
		t.Fatal(err)
	}
	return out
}

// powerCut leaves what was strict, and opens the device on it.
func (n *node) powerCut() {
	f := n.store.(*forgetful)
	f.Store, f.loose, f.lose = copyOf(n.m.t, f.stable), nil, false
	n.crash()
}

// Who has seen the other as paired is paired after a power cut too, whichever side it hits, and so is the third device.
func TestPairedOutlastsAPowerCut(t *testing.T) {
	for _, hit := range []int{0, 1} {
		h := newHarness(t, "Laptop", "Phone", "Tablet")
		for _, n := range h.nodes {
			n.store = newForgetful()
			n.crash()
		}
		h.pair(h.nodes[0], h.nodes[1])
		h.nodes[hit].powerCut()
		h.pair(h.nodes[1], h.nodes[2])
		h.nodes[hit+1].powerCut()
		h.nodes[0].put("k", `1`)
		h.until("all have it", func() bool { return h.converged() && h.nodes[2].get("k") == `1` })
		for _, n := range h.nodes {
			if len(n.status.Devices) != 2 {
				t.Errorf("hit %d: %s knows %d others", hit, n.name, len(n.status.Devices))
			}
		}
	}
}

// A device whose disk went back to before it joined may join again.
func TestJoinAgainAfterARestore(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	b.put("k", `"old"`)
	before := copyOf(t, b.store)
	h.pair(a, b)
	h.until("first copy", h.converged)
	a.put("k", `"new"`)
	b.store = before
	b.crash()
	h.pair(a, b)
	h.until("the same again", h.converged)
	if len(b.status.Devices) != 1 || len(a.status.Devices) != 1 {
		t.Errorf("status: %+v, %+v", a.status, b.status)
	}
}

// A device that was granted a circle, and whose host forgot it before it was added, is not bound to that.
func TestJoinAgainWhenNeverAdded(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	b.e.circle = nil
	if err := b.e.foundCircle(); err != nil {
		t.Fatal(err)
	}
	if err := a.e.foundCircle(); err != nil { // as a GRANT leaves it
		t.Fatal(err)
	}
	granted := *a.e.circle
	granted.e = b.e
	b.e.circle = &granted
	b.e.refreshDevices(b.e.circle)
	if b.e.LookAnew().Devices != nil {
		t.Error("the status shows devices, although this one was not added")
	}
	if r := b.replies[b.do(Op{Do: Join{Link: "no link"}})]; r.Err != ELink {
		t.Errorf("join: %+v", r)
	}
	b.crash()
	h.pair(a, b)
	h.until("first copy", h.converged)
}
