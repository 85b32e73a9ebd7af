package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// fill has the disk have no room but the reserve, or again some.
func (n *node) fill(full bool) {
	n.full = full
	n.step(Disk{Full: full})
	n.m.run()
}

// A disk without room but the reserve: what is there is read and deleted, nothing new is written, and all goes on by itself when there is room.
func TestNoRoomButTheReserve(t *testing.T) {
	one := func(key string) Write { return Write{Key: key, Kind: wire.JSON, Value: []byte(`"new"`)} }
	for name, c := range map[string]struct {
		do   Verb
		want Code
	}{
		"a value":                      {Batch{Writes: []Write{one("new")}}, EQuota},
		"in the place of another":      {Batch{Writes: []Write{one("k/1")}}, EQuota},
		"relaxed":                      {Batch{Writes: []Write{one("new")}, Relaxed: true}, EQuota},
		"an import":                    {Import{Writes: []Write{one("new")}}, EQuota},
		"a deletion":                   {Batch{Writes: []Write{{Key: "k/1"}}}, OK},
		"deletions":                    {Batch{Writes: []Write{{Key: "k/1"}, {Key: "k/2"}, {Key: "none"}}}, OK},
		"a deletion with a value":      {Batch{Writes: []Write{{Key: "k/1"}, one("k/2")}}, EQuota},
		"nothing":                      {Batch{}, OK},
		"a name":                       {Rename{Name: "Other"}, OK},
		"what is there":                {Get{Key: "k/1"}, OK},
		"all that is there":            {List{}, OK},
		"the number of what is there":  {Count{}, OK},
		"what comes":                   {Watch{}, OK},
		"what is not for an embedded ": {DropApp{}, EValue},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "Laptop")
			n := h.nodes[0]
			for i := range 4 {
				n.put(fmt.Sprintf("k/%d", i), `"old"`)
			}
			w := n.watch("", 0)
			n.fill(true)
			if n.status.Err != EQuota || n.status.Entries != 4 {
				t.Errorf("it says %q, and that there are %d entries", n.status.Err, n.status.Entries)
			}
			for range 3 { // whatever there is to write is asked for each time
				if got := n.tryIn("", c.do); got != c.want {
					t.Errorf("while the disk is full: %q, want %q", got, c.want)
				}
				h.wait(statusEvery)
			}
			w.check("while the disk is full")
			life := n.life
			n.full = false
			if got := n.tryIn("", c.do); got != c.want && got != OK {
				t.Errorf("at once when there is room: %q", got)
			}
			h.wait(fullAgain)
			if n.status.Err != OK || n.life != life || n.failed != OK {
				t.Errorf("with room again it says %q, and has failed with %q", n.status.Err, n.failed)
			}
			w.check("when there is room")
		})
	}
}

// Operations keep their order while one waits to hear whether there is room.
func TestNoRoomKeepsOrder(t *testing.T) {
	n := newHarness(t, "Laptop").nodes[0]
	n.put("k", `1`)
	for _, full := range []bool{true, false} {
		n.fill(true)
		n.full = full
		var all Events
		for _, do := range []Verb{putOf("k", `2`), Get{Key: "k"}, Batch{Writes: []Write{{Key: "k"}}}, Get{Key: "k"}, putOf("k", `1`), Get{Key: "k"}} {
			n.lastOp++
			all = append(all, &Op{ID: n.lastOp, Do: do})
		}
		n.step(all)
		n.m.run()
		got := ""
		for id := n.lastOp - 5; id <= n.lastOp; id++ {
			r := n.replies[id]
			got += string(r.Err)
			for _, e := range r.Entries {
				got += string(e.Value)
			}
			got += " "
		}
		want := " 2    1 "
		if full {
			want = "E_QUOTA 1   E_QUOTA  "
		}
		if got != want {
			t.Errorf("full %v: %q, want %q", full, got, want)
		}
	}
}

// What other devices write waits there, and what they delete is deleted here, too.
func TestNoRoomForOthers(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	for i := range 4 {
		a.put(fmt.Sprintf("k/%d", i), `"old"`)
	}
	h.until("first copy", h.converged)
	a.fill(true)
	a.del("k/0")
	b.del("k/1")
	h.until("deletions go both ways", func() bool { return len(a.list("")) == 2 && len(b.list("")) == 2 })
	b.put("k/2", `"theirs"`)
	b.put("more", `1`)
	h.wait(60_000)
	if got := a.list(""); fmt.Sprint(got) != `map[k/2:"old" k/3:"old"]` {
		t.Errorf("with no room: %v", got)
	}
	if d := b.status.Devices[0]; !d.Full || d.ToSend == 0 || !d.Online {
		t.Errorf("the other shows %+v", d)
	}
	a.crash() // the disk says so once more behind the start
	a.fill(true)
	h.wait(30_000)
	if got := a.list(""); len(got) != 2 {
		t.Errorf("after a restart: %v", got)
	}
	a.full = false
	h.until("all have the same", h.converged)
	if got := a.get("k/2"); got != `"theirs"` {
		t.Errorf("get: %s", got)
	}
}

// An application is removed from a full disk, a few blocks at a time, and what a crash leaves of it goes later.
func TestNoRoomForRemoval(t *testing.T) {
	for _, crash := range []bool{false, true} {
		n := newStores(t, "Laptop").nodes[0]
		n.addApp(notes, "Notes")
		n.addApp(todo, "Todo")
		for i := range 60 {
			n.putIn(notes, fmt.Sprint("k", i), kib(40))
			n.putIn(todo, fmt.Sprint("k", i), kib(40))
		}
		c := &counting{Store: n.store}
		n.store = c
		n.fill(true)
		if got := n.tryIn(notes, DropApp{}); got != OK {
			t.Fatalf("removed: %q", got)
		}
		if crash {
			n.crash()
			n.fill(false)
			for i := range 20 { // which makes a checkpoint due
				n.putIn(todo, fmt.Sprint("more", i), kib(64))
			}
		}
		n.m.wait(1000)
		if c.most > 4 && !crash {
			t.Errorf("a commit deletes %d blocks", c.most)
		}
		size := 0
		ids, _ := c.List()
		blocks, _ := c.Load(ids)
		for _, b := range blocks {
			size += len(b.Data)
		}
		if most := 4<<20 + 200<<10; size > most {
			t.Errorf("crash %v: %d bytes are left, of at most %d", crash, size, most)
		}
		if got := n.tryIn(todo, Get{Key: "k7"}); got != OK {
			t.Errorf("the other application: %q", got)
		}
	}
}

// counting is storage that counts what a commit deletes of segments and pages.
type counting struct {
	storage.Store
	most int
}

func (c *counting) Commit(g storage.Commit, d storage.Durability) error {
	n := 0
	for _, id := range g.Dels {
		if id.Class() != storage.Log {
			n++
		}
	}
	c.most = max(c.most, n)
	return c.Store.Commit(g, d)
}

// Who reads is never told that there is no room, not even by an engine whose last commit finds none.
func TestReadsNeedNoRoom(t *testing.T) {
	n := newHarness(t, "Laptop").nodes[0]
	for i := range 40 {
		n.put(fmt.Sprint("k", i), kib(64))
	}
	n.crash()
	n.get("k1")
	n.store = &failing{Store: n.store, err: storage.ErrQuota}
	n.lastOp += 4
	put, get, list, end := n.lastOp-3, n.lastOp-2, n.lastOp-1, n.lastOp
	n.step(&Op{ID: put, Do: putOf("k1", `1`)})
	n.step(Events{&Op{ID: get, Do: Get{Key: "k2"}}, &Op{ID: list, Do: List{}}, &Op{ID: end, Do: Shutdown{}}})
	n.m.run()
	for id, want := range map[uint64]Code{put: EQuota, get: EClosed, list: EClosed, end: EQuota} {
		if r, ok := n.replies[id]; !ok || r.Err != want {
			t.Errorf("%d of %d: answered %v with %q, want %q", id, end, ok, r.Err, want)
		}
	}
}

// wide is a key of 1,000 bytes: few of them are in one page.
func wide(i int) string { return fmt.Sprintf("%04d/%s", i, strings.Repeat("k", 995)) }

// fillWide writes 2,000 of them.
func (n *node) fillWide() {
	for i := 0; i < 2000; i += 500 {
		n.must(Op{Do: writes(500, func(j int) string { return wide(i + j) }, `"old"`)})
	}
}

// sizing is storage that notes what is the most that a commit writes, and whether one that deletes values is not said to free.
type sizing struct {
	storage.Store
	most int
	adds bool
	owes int
}

func (s *sizing) Commit(g storage.Commit, d storage.Durability) error {
	size := 0
	for _, b := range append(g.Adds[:len(g.Adds):len(g.Adds)], g.Puts...) {
		size += len(b.Data)
	}
	s.most, s.adds, s.owes = max(s.most, size), s.adds || !g.Frees, max(s.owes, g.Owes)
	return s.Store.Commit(g, d)
}

// Deletions far apart, each of which has a whole page written anew, need little room at a time. What needs more than the reserve is refused, and what
// comes behind it is not.
func TestDeletionsFarApart(t *testing.T) {
	n := newHarness(t, "Laptop").nodes[0]
	n.fillWide()
	s := &sizing{Store: n.store}
	n.store = s
	n.fill(true)
	n.m.wait(1000)
	s.most = 0
	var all []Op
	want := ""
	for i := range 300 {
		all = append(all, Op{Do: delOf(wide(i * 7 % 2000))})
		want += "ok "
	}
	if got := n.together(true, all...); got != strings.TrimSpace(want) {
		t.Errorf("answered with %s", got)
	}
	if s.most > 700<<10 || s.adds {
		t.Errorf("a commit wrote %d bytes, and one was not said to free: %v", s.most, s.adds)
	}
	var spread, near []string
	for i := range 100 {
		spread, near = append(spread, wide(i*20+1)), append(near, wide(i+500))
	}
	if got := n.together(true, Op{Do: delOf(spread...)}, Op{Do: delOf(near...)}, Op{Do: delOf(wide(1))}); got != "E_QUOTA ok ok" {
		t.Errorf("many at once: %s", got)
	}
	n.fill(false)
	if got := n.together(true, Op{Do: delOf(spread...)}, Op{Do: putOf("k", `1`)}); got != "ok ok" {
		t.Errorf("with room: %s", got)
	}
	if !s.adds || s.owes < 1<<20 {
		t.Errorf("it said that commits free, or that a checkpoint owes %d bytes", s.owes)
	}
}

// Deletions by another device wait there, if they need more than the reserve.
func TestDeletionsByOthersFarApart(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.fillWide()
	h.until("first copy", h.converged)
	s := &sizing{Store: a.store}
	a.store = s
	a.fill(true)
	h.wait(1000)
	s.most = 0
	var spread []string
	for i := range 100 {
		spread = append(spread, wide(i*20))
	}
	b.must(Op{Do: delOf(spread...)})
	h.wait(30_000)
	if got := a.must(Op{Do: Count{}}).Number; got != 2000 {
		t.Errorf("%d keys are left", got)
	}
	a.del(wide(7))
	if s.most > 700<<10 {
		t.Errorf("a commit wrote %d bytes", s.most)
	}
	a.full = false
	h.until("all have the same", h.converged)
}
