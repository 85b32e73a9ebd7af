package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// mend has a device take a fresh copy.
func (n *node) mend() {
	n.m.t.Helper()
	n.must(Op{Do: Mend{}})
}

// finish lets a slow commit through.
func (n *node) finish() {
	if f := n.unfinished; f != nil {
		n.unfinished = nil
		f()
		n.m.run()
	}
}

func (n *node) namespace() *namespace { return n.e.namespaces[0] }

func (n *node) mended() bool { return n.namespace().copy == nil && n.namespace().retired == nil }

// A device that holds something else than the others takes a fresh copy, and all hold the same: that of the others.
func TestFreshCopyMendsADifference(t *testing.T) {
	h, a, b := restored(t)
	h.wait(50_000)
	h.until("both say that they differ", h.differ(true))
	b.mend()
	h.until("it is mended", b.mended)
	h.until("both hold the same", h.differ(false))
	h.wait(70_000)
	if !h.differ(false)() || a.get("k") != "" || b.get("k") != "" || !h.converged() {
		t.Errorf("Laptop has\n%sPhone\n%s", a.all(), b.all())
	}
}

// Reads, writes and other sessions go on in the old replica while a copy is taken. Nothing is lost, whoever wrote it, and what was deleted stays deleted.
func TestFreshCopyBesideWrites(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone", "Tablet")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	h.pair(a, b)
	h.pair(a, c)
	for i := range 20 {
		a.put(fmt.Sprint("key", i), `"a"`)
	}
	h.until("all have it", h.converged)
	h.wait(5000)
	h.cutOff(a, true)
	h.wait(1000)
	b.slow = true
	b.do(Op{Do: Mend{}})
	for i := range 3 { // of its commits
		if b.mended() {
			t.Fatalf("%d commits, and all is over", i)
		}
		if b.get("key1") != `"a"` {
			t.Error("reads do not go on")
		}
		b.do(Op{Do: Batch{Writes: []Write{{Key: fmt.Sprint("by Phone", i), Kind: wire.JSON, Value: []byte("1")}, {Key: fmt.Sprint("key", 2+i)}}}})
		c.put(fmt.Sprint("by Tablet", i), `1`)
		c.del(fmt.Sprint("key", 10+i))
		b.finish()
	}
	b.slow = false
	b.finish()
	h.until("it is mended", b.mended)
	h.cutOff(a, false)
	h.until("all have the same", h.converged)
	h.wait(70_000)
	if !h.differ(false)() {
		t.Error("they differ")
	}
	for i := range 3 {
		for key, want := range map[string]string{"by Phone": "1", "by Tablet": "1"} {
			if got := a.get(fmt.Sprint(key, i)); got != want {
				t.Errorf("%s%d: %q", key, i, got)
			}
		}
	}
	if got := a.must(Op{Do: List{Prefix: "key"}}).Entries; len(got) != 14 {
		t.Errorf("what was deleted is back: %v", got)
	}
}

// A crash before any commit of a fresh copy leaves the old replica, or has made the new one the namespace. The copy goes on, or begins again.
func TestFreshCopyCrashes(t *testing.T) {
	for at := 0; ; at++ {
		h, a, b := restored(t)
		b.put("only b", `1`)
		h.wait(1000)
		b.slow = true
		b.do(Op{Do: Mend{}})
		over := false
		for i := 0; i < at && !over; i++ {
			h.wait(1000)
			over = b.unfinished == nil
			b.finish()
		}
		b.slow, b.unfinished = false, nil
		b.crash()
		if k := b.get("k"); k != `1` && b.namespace().copy != nil {
			t.Errorf("crash at commit %d: the old one is not there: %q", at, k)
		}
		if at == 0 { // nobody was told that it would be
			b.mend()
		}
		h.until("it is mended", b.mended)
		h.until("both have the same", func() bool { return h.converged() && a.get("k") == "" && a.get("only b") == "1" })
		if over || t.Failed() {
			if at < 3 {
				t.Errorf("after %d commits all was over", at)
			}
			return
		}
	}
}

// When the source is gone the copy begins again from another device. So it does from one that an earlier source had forgotten a deletion before.
func TestFreshCopyLosesItsSource(t *testing.T) {
	for _, crash := range []bool{false, true} {
		h := newHarness(t, "Laptop", "Phone", "Tablet")
		a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
		h.pair(a, b)
		h.pair(a, c)
		big := `"` + strings.Repeat("x", 200_000) + `"`
		for i := range 8 {
			a.put(fmt.Sprint("big", i), big)
		}
		h.until("all have it", h.converged)
		h.wait(5000)
		var source *node
		sent := 0
		h.tap = func(from *node, data []byte) []byte {
			if cp := b.namespace().copy; from != b && cp != nil && cp.source == from.e.publicNK() {
				source = from
				if sent += len(data); sent > 500_000 {
					return nil // what is on its way then is lost
				}
			}
			return data
		}
		b.mend()
		h.until("it is under way", func() bool { return sent > 500_000 })
		if cp := b.namespace().copy; cp.ended || cp.rep.Count() == 0 {
			t.Fatalf("it has %d keys; ended: %v", cp.rep.Count(), cp.ended)
		}
		h.cutOff(source, true)
		h.tap = nil
		if crash {
			b.crash()
		}
		h.wait(sourceAway)
		h.until("it is mended", b.mended)
		h.cutOff(source, false)
		h.until("all have it", func() bool { return h.converged() && b.get("big7") == big })
	}
}

// A watch is told one reset, with all that there is, and goes on from there, also after a crash.
func TestFreshCopyResetsWatches(t *testing.T) {
	h, _, b := restored(t)
	b.must(Op{Do: Watch{}})
	id := b.lastOp
	h.wait(1000)
	before := b.told[len(b.told):]
	b.told = nil
	b.mend()
	h.until("it is mended", b.mended)
	h.wait(5000)
	resets, mirror := 0, map[string]bool{}
	position := uint64(0)
	for _, c := range append(before, b.told...) {
		if c.Watch != id {
			continue
		}
		if c.Reset {
			resets, mirror = resets+1, map[string]bool{}
		}
		for _, x := range c.Changes {
			mirror[x.Key] = x.Kind != wire.Deleted
		}
		position = c.Position
	}
	if resets != 1 || mirror["k"] || !mirror["stays"] {
		t.Errorf("%d resets, then %v", resets, mirror)
	}
	b.put("later", `1`)
	b.crash()
	b.must(Op{Do: Watch{Since: position}})
	h.wait(1000)
	for _, c := range b.told {
		if c.Reset {
			t.Error("it is reset again")
		}
	}
}

// An application peer takes a fresh copy from a member that is there, full or not.
func TestFreshCopyOfAnApplicationPeer(t *testing.T) {
	for _, from := range []string{"store", "peer"} {
		t.Run(from, func(t *testing.T) {
			h := newStores(t, "Desk")
			desk := h.nodes[0]
			desk.must(Op{App: testApp, Do: AddApp{Name: "App"}})
			one, two := h.add("One", testApp), h.add("Two", testApp)
			h.pairFor(desk, one, Op{App: testApp, Do: Invite{URL: testURL}})
			h.pairFor(one, two, Op{Do: Invite{URL: testURL}})
			one.put("one", `1`)
			two.put("two", `2`)
			h.until("all have it", func() bool { return one.all() == two.all() && one.get("two") == "2" })
			h.wait(5000)
			if from == "peer" {
				h.cutOff(desk, true)
			}
			h.wait(1000)
			two.put("more", `3`)
			two.mend()
			h.until("it is mended", two.mended)
			h.cutOff(desk, false)
			h.until("all have the same", func() bool { return one.all() == two.all() && one.get("more") == "3" && two.get("one") == "1" })
			h.wait(5000)
			if got := desk.must(Op{App: testApp, Do: List{}}).Entries; len(got) != 3 {
				t.Errorf("the store has %v", got)
			}
		})
	}
}

// What a third device says of one that was not sent yet what there was does not keep anything from being sent to it: that may be a fresh copy.
func TestAThirdDevicesWordIsNoneOfACopy(t *testing.T) {
	for _, begun := range []bool{false, true} {
		h := newHarness(t, "Laptop", "Phone", "Tablet")
		a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
		h.pair(a, b)
		h.pair(a, c)
		c.put("new", `1`)
		h.until("all have it", func() bool { return b.get("new") == "1" && a.get("new") == "1" })
		h.wait(20_000)
		n := a.namespace()
		to, by := a.e.deviceOf(b.e.publicNK()).flow(n), a.e.deviceOf(c.e.publicNK()).flow(n)
		to.begun, to.base, to.peer = begun, nil, nil // as when its VECTOR has come
		by.hearOf(to, n.rep.Vector())
		if got := to.peer.CoversAll(n.rep.Vector()); got != begun {
			t.Errorf("sent all: %v; taken to have what another says: %v", begun, got)
		}
	}
}

// The status says what was put back, what is being mended, and no longer when it is done.
func TestStatusTellsOfMending(t *testing.T) {
	h := newStores(t, "Laptop", "Desk")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	h.pair(a, b)
	h.until("both have it", func() bool { return b.e.namespaceOf(notes) != nil })
	b.putIn(notes, "k", "1")
	h.until("both have it", func() bool { return a.in(notes) == "k=1" })
	h.wait(5000)
	before := copyOf(t, b.store)
	for range 2 {
		b.crash()
		b.putIn(notes, "k", "2")
		h.wait(5000)
	}
	b.store = before
	b.crash()
	h.until("it knows that it was put back", func() bool { return b.status.Apps[0].Restored })
	b.crash()
	h.until("it still does", func() bool { return len(b.status.Apps) > 0 && b.status.Apps[0].Restored })
	b.slow = true
	b.do(Op{App: notes, Do: Mend{}})
	if s := b.status.Apps[0]; !s.Mending {
		t.Errorf("%+v", s)
	}
	b.slow = false
	b.finish()
	h.until("it is mended", func() bool { s := b.status.Apps[0]; return !s.Mending && !s.Restored })
	if a.status.Apps[0].Restored || a.status.Apps[0].Mending {
		t.Errorf("the other: %+v", a.status.Apps[0])
	}
}

// Two devices that take a fresh copy at once do not take it from each other's copy.
func TestFreshCopiesFromEachOther(t *testing.T) {
	h, a, b := restored(t)
	a.put("only a", `1`)
	h.wait(5000)
	a.put("later a", `1`)
	a.mend()
	b.mend()
	h.until("both are mended", func() bool { return a.mended() && b.mended() })
	h.wait(100_000)
	if !a.mended() || !b.mended() || !h.converged() || !h.differ(false)() {
		t.Errorf("Laptop has\n%sPhone\n%s", a.all(), b.all())
	}
	if b.get("only a") != "1" || b.get("later a") != "1" || b.get("stays") != "1" {
		t.Errorf("lost: %s", b.all())
	}
}

// Who has nobody to take a copy from takes none, and a copy is given up when there is nobody left.
func TestFreshCopyNeedsADevice(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	if id := a.do(Op{Do: Mend{}}); a.replies[id].Err != EValue || !a.mended() {
		t.Errorf("alone: %+v", a.replies[id])
	}
	h.pair(a, b)
	h.cutOff(b, true)
	h.wait(1000)
	a.mend()
	h.wait(5000)
	if a.mended() {
		t.Error("it does not wait for the other device")
	}
	a.must(Op{Do: Revoke{Device: a.status.Devices[0].ID}})
	h.until("it is given up", a.mended)
}

// A commit of a fresh copy that fails is taken back, also the one that makes it the namespace: watches are told what get returns, and the copy goes on. One
// that failed after the fact counts.
func TestFreshCopyAndFailedCommits(t *testing.T) {
	for _, landed := range []bool{false, true} {
		for at := 0; ; at++ {
			h, a, b := restored(t)
			b.put("only b", `1`)
			h.wait(1000)
			all, some := b.watch("", 0), b.watch("k", 0)
			disk := &failing{Store: b.store}
			b.store, b.slow = disk, true
			b.do(Op{Do: Mend{}})
			over := false
			for i := 0; i < at && !over; i++ {
				h.wait(1000)
				over = b.unfinished == nil
				b.finish()
			}
			h.wait(1000)
			over = over || b.unfinished == nil
			b.slow = false
			disk.err, disk.landed = errTorn, landed
			b.finish()
			h.wait(1000)
			what := fmt.Sprintf("commit %d, landed %v", at, landed)
			all.check(what)
			some.check(what)
			if disk.failed == 0 && !over {
				t.Errorf("%s: it did not fail", what)
			}
			disk.err = nil
			h.wait(30_000)
			if at == 0 && !landed { // nobody was told that it would be
				b.mend()
			}
			h.until("it is mended", b.mended)
			h.until("both have the same", func() bool { return h.converged() && b.get("k") == "" && a.get("only b") == "1" })
			all.check(what + ", later")
			some.check(what + ", later")
			if over || t.Failed() {
				break
			}
		}
	}
}
