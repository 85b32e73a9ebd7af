package peer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// metered is storage that counts what it is given.
type metered struct {
	storage.Store
	n           *node
	commits     int
	checkpoints int
	log, all    int  // bytes of log records, and of all blocks
	busy        bool // a checkpoint came while the engine had something to do
}

// meter has a node's storage count from now on.
func (n *node) meter() *metered {
	if c, ok := n.store.(*metered); ok {
		*c = metered{Store: c.Store, n: n}
		return c
	}
	c := &metered{Store: n.store, n: n}
	n.store = c
	return c
}

func (c *metered) Commit(g storage.Commit, d storage.Durability) error {
	c.commits++
	for _, b := range append(g.Adds[:len(g.Adds):len(g.Adds)], g.Puts...) {
		c.all += len(b.Data)
		switch b.ID.Class() {
		case storage.Log:
			c.log += len(b.Data)
		case storage.Manifest:
			c.checkpoints++
			c.busy = c.busy || c.n.e.transferring() || c.n.e.waiting()
		}
	}
	return c.Store.Commit(g, d)
}

// putNumbered writes notes of a size, so many in each batch.
func (n *node) putNumbered(first, count, batch, size int) {
	n.m.t.Helper()
	for i := first; i < first+count; i += batch {
		var writes []Write
		for j := range min(batch, first+count-i) {
			writes = append(writes, Write{Key: fmt.Sprintf("note/%06d", i+j), Kind: wire.Bytes, Value: make([]byte, size)})
		}
		n.must(Op{Do: Batch{Writes: writes}})
	}
}

// TestIdle: when there is nothing to do, a checkpoint is taken, once, if the log is long.
func TestIdle(t *testing.T) {
	for _, c := range []struct {
		name               string
		count, batch, size int
		want               int
	}{
		{"nothing", 0, 1, 100, 0},
		{"few records", idleTail - 10, 1, 100, 0},
		{"many log records", idleTail, 1, 100, 1},
		{"many records, but not enough", idleRecords - 1, idleRecords, 10, 0},
		{"many records", idleRecords, idleRecords, 10, 1},
		{"few bytes", 10, 10, idleBytes/10 - 200, 0},
		{"many bytes", 10, 10, idleBytes / 10, 1},
		{"very many", 3700, 100, 100, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, "Laptop")
			n := h.nodes[0]
			n.meter()
			h.wait(2 * idleMost) // what a start has to do
			s := n.meter()
			n.putNumbered(0, c.count, c.batch, c.size)
			h.wait(idleAfter - 1)
			if s.checkpoints != 0 {
				t.Fatal("a checkpoint before the time")
			}
			h.wait(1)
			if h.run(); s.checkpoints != c.want {
				t.Fatalf("%d checkpoints, want %d", s.checkpoints, c.want)
			}
			before, all := s.commits, n.all()
			h.wait(4 * 3600_000)
			if s.checkpoints != c.want || s.commits != before {
				t.Errorf("%d checkpoints and %d commits more of the same", s.checkpoints-c.want, s.commits-before)
			}
			n.crash()
			if got := n.e.namespaces[0].rep.Arrived(); (got == 0) != (c.want > 0 || c.count == 0) || n.e.led.Tail() > idleTail {
				t.Errorf("the next start reads %d records of %d log records", got, n.e.led.Tail())
			}
			if n.all() != all {
				t.Error("something else is there")
			}
		})
	}
}

// TestIdleAfterAStart: who starts on a long log takes a checkpoint, so that the next start does not read it again.
func TestIdleAfterAStart(t *testing.T) {
	h := newHarness(t, "Laptop")
	n := h.nodes[0]
	n.putNumbered(0, 300, 10, 100)
	n.crash()
	if got := n.e.namespaces[0].rep.Arrived(); got != 300 {
		t.Fatalf("%d records", got)
	}
	s := n.meter()
	h.wait(2 * idleAfter)
	n.crash()
	if got := n.e.namespaces[0].rep.Arrived(); got != 0 || s.checkpoints != 1 {
		t.Errorf("%d records, %d checkpoints", got, s.checkpoints)
	}
}

// TestIdleAfterEachBurst: each burst of writes is followed by a checkpoint, and none waits for the next one.
func TestIdleAfterEachBurst(t *testing.T) {
	n := newHarness(t, "Laptop").nodes[0]
	s := n.meter()
	for i := range 4 {
		n.putNumbered(i*1000, 1000, 1000, 100)
		n.m.wait(100_000)
		n.put("zz", fmt.Sprint(i))
		n.m.wait(100_000)
		if s.checkpoints != i+1 {
			t.Fatalf("%d checkpoints after %d bursts", s.checkpoints, i+1)
		}
	}
}

// TestIdleBurstOverACheckpoint: what came before a checkpoint that was due anyway does not count against what the burst brings behind it.
func TestIdleBurstOverACheckpoint(t *testing.T) {
	n := newHarness(t, "Laptop").nodes[0]
	s := n.meter()
	for i := range 40 {
		n.putNumbered(i, 1, 1, 5000)
		n.m.wait(2 * idleAfter)
	}
	n.putNumbered(100, 4200, 300, 10)
	if s.checkpoints != 1 {
		t.Fatalf("%d checkpoints in the burst", s.checkpoints)
	}
	n.putNumbered(5000, idleRecords, idleRecords, 500)
	if n.m.wait(2 * idleAfter); s.checkpoints != 2 {
		t.Errorf("%d checkpoints", s.checkpoints)
	}
}

// TestIdleFails: a checkpoint that storage does not take is not tried again soon, as long as nothing needs it.
func TestIdleFails(t *testing.T) {
	n := newHarness(t, "Laptop").nodes[0]
	n.putNumbered(0, 300, 10, 100)
	f := &failing{Store: n.store, err: storage.ErrQuota, small: 10_000}
	n.store = f
	n.m.wait(idleRest / 2)
	if f.failed != 1 {
		t.Errorf("%d have failed", f.failed)
	}
	f.err = nil
	s := n.meter()
	n.put("little", "1")
	if n.m.wait(2 * idleAfter); s.checkpoints != 0 {
		t.Error("it is tried again by each write")
	}
	if n.m.wait(idleRest); s.checkpoints != 1 {
		t.Errorf("%d checkpoints when there is room again", s.checkpoints)
	}
}

// TestIdleNotMeanwhile: no checkpoint is taken for that while there is something to do, and one when there is not.
func TestIdleNotMeanwhile(t *testing.T) {
	every := func(h *harness, ms, each Millis, do func(i int)) {
		for i := range int(ms / each) {
			do(i)
			h.wait(each)
		}
	}
	for _, c := range []struct {
		name      string
		do        func(h *harness, n *node)
		meanwhile int // checkpoints
	}{
		{"writes that follow each other", func(h *harness, n *node) {
			every(h, 300_000, idleAfter-500, func(i int) { n.putNumbered(i, 1, 1, 2000) })
		}, 0},
		{"reads for a while", func(h *harness, n *node) {
			n.putNumbered(0, 300, 10, 100)
			every(h, idleMost-idleAfter, 1000, func(i int) { n.get("note/000000") })
		}, 0},
		{"reads all the time", func(h *harness, n *node) {
			n.putNumbered(0, 300, 10, 100)
			every(h, 2*idleMost, 1000, func(i int) { n.get("note/000000") })
		}, 1},
		{"a commit in flight", func(h *harness, n *node) {
			n.putNumbered(0, 300, 10, 100)
			n.slow = true
			n.do(Op{Do: Batch{Writes: []Write{{Key: "slow", Kind: wire.JSON, Value: []byte("1")}}}})
			h.wait(60_000)
			n.slow = false
			n.unfinished()
			h.run()
		}, 0},
		{"a disk with no room", func(h *harness, n *node) {
			n.putNumbered(0, 300, 10, 100)
			n.full = true
			n.step(Disk{Full: true})
			h.wait(60_000)
			n.full = false
			n.step(Disk{})
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, "Laptop")
			n := h.nodes[0]
			s := n.meter()
			c.do(h, n)
			if s.checkpoints != c.meanwhile {
				t.Errorf("%d checkpoints meanwhile, want %d", s.checkpoints, c.meanwhile)
			}
			h.wait(2 * idleAfter)
			if s.checkpoints != 1 {
				t.Errorf("%d checkpoints then", s.checkpoints)
			}
		})
	}
}

// TestIdleNotInATransfer: a device takes no checkpoint for that while data is on its way to it or from it, and one when that is over.
func TestIdleNotInATransfer(t *testing.T) {
	for _, who := range []string{"sender", "receiver"} {
		t.Run(who, func(t *testing.T) {
			h := newHarness(t, "Laptop")
			laptop, phone := h.nodes[0], h.add("Phone", testApp)
			h.pair(laptop, phone)
			laptop.put("first", "1")
			h.until("in sync", func() bool { return phone.get("first") == "1" })
			h.wait(10_000)
			waits, loses := laptop, phone // the acknowledgement
			if who == "receiver" {
				waits, loses = phone, laptop // the end
			}
			s, began := waits.meter(), false
			h.tap = func(from *node, data []byte) []byte {
				if began = began || len(data) > 10_000; began && from == loses && len(data) < 1000 {
					return nil
				}
				return data
			}
			laptop.putNumbered(0, 1000, 1000, 100)
			h.wait(ackTimeout - 1000)
			if s.checkpoints != 0 || !waits.e.transferring() {
				t.Errorf("%d checkpoints while it is on its way", s.checkpoints)
			}
			h.tap = nil
			h.cut()
			h.until("in sync again", func() bool { return phone.get("note/000999") != "" && !waits.e.transferring() })
			h.wait(10 * idleAfter)
			if s.checkpoints != 1 || s.busy {
				t.Errorf("%d checkpoints then; in a transfer: %v", s.checkpoints, s.busy)
			}
		})
	}
}

// TestIdleCrash: a crash while the checkpoint is taken loses nothing, and the next start takes it.
func TestIdleCrash(t *testing.T) {
	fill := func(n *node) {
		n.putNumbered(0, 300, 10, 100)
		n.m.wait(2 * idleAfter)
		n.crash()
		n.putNumbered(100, 300, 300, 500) // of what was there before, most goes
		n.m.wait(2 * idleAfter)
		n.crash()
		n.putNumbered(1000, 300, 300, 500) // what is left of that is read, to be written again
		n.put("last", "1")
	}
	twin := newHarness(t, "Laptop").nodes[0]
	fill(twin)
	want := twin.all()
	for _, c := range []struct {
		name  string
		begin func(n *node)
		crash func(n *node) (begun bool)
		left  int // records that the next start reads
	}{
		{"before it is written", func(n *node) { n.slow = true }, func(n *node) bool { return n.unfinished != nil }, 301},
		{"when it is written", func(n *node) { n.slow = true }, func(n *node) bool { n.unfinished(); return true }, 0},
		{"while segments are read for it", func(n *node) { n.slowLoads = true }, func(n *node) bool { return len(n.unloaded) > 0 }, 301},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, "Laptop")
			n := h.nodes[0]
			fill(n)
			c.begin(n)
			h.wait(2 * idleAfter)
			if !c.crash(n) {
				t.Fatal("none is taken")
			}
			n.slow, n.slowLoads, n.unfinished, n.unloaded = false, false, nil, nil
			n.crash()
			if got := n.e.namespaces[0].rep.Arrived(); got != c.left || n.all() != want {
				t.Fatalf("%d records in the log, want %d; there is\n%s\nwant\n%s", got, c.left, n.all(), want)
			}
			h.wait(2 * idleAfter)
			n.crash()
			if got := n.e.namespaces[0].rep.Arrived(); got != 0 || n.all() != want {
				t.Errorf("then %d records are in the log", got)
			}
		})
	}
}

// TestIdleCosts: who writes one note every ten seconds for an hour writes at most twice the bytes that the log has.
func TestIdleCosts(t *testing.T) {
	for _, c := range []struct {
		name string
		have int
		key  func(r *rand.Rand, i int) int
	}{
		{"a first note, over and over", 0, func(*rand.Rand, int) int { return 0 }},
		{"new notes", 0, func(_ *rand.Rand, i int) int { return i }},
		{"new notes beside 100", 100, func(_ *rand.Rand, i int) int { return 100 + i }},
		{"new notes beside 3,700", 3700, func(_ *rand.Rand, i int) int { return 3700 + i }},
		{"one of 100", 100, func(*rand.Rand, int) int { return 50 }},
		{"one of 3,700", 3700, func(*rand.Rand, int) int { return 50 }},
		{"any of 10", 10, func(r *rand.Rand, _ int) int { return r.IntN(10) }},
		{"any of 100", 100, func(r *rand.Rand, _ int) int { return r.IntN(100) }},
		{"any of 3,700", 3700, func(r *rand.Rand, _ int) int { return r.IntN(3700) }},
	} {
		for _, size := range []int{20, 100, 2000} {
			t.Run(fmt.Sprintf("%s, %d bytes", c.name, size), func(t *testing.T) {
				h := newHarness(t, "Laptop")
				n := h.nodes[0]
				n.putNumbered(0, c.have, 100, size)
				h.wait(2 * idleAfter)
				s, r := n.meter(), rand.New(rand.NewPCG(1, 2))
				const puts = 360
				for i := range puts {
					n.putNumbered(c.key(r, i), 1, 1, size)
					h.wait(10_000)
				}
				t.Logf("%d bytes a put, of these %d log; %d checkpoints", s.all/puts, s.log/puts, s.checkpoints)
				if s.all > 2*s.log {
					t.Errorf("%d bytes where the log has %d; %d checkpoints", s.all, s.log, s.checkpoints)
				}
			})
		}
	}
}
