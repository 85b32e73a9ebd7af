package peer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

// uncleared is storage that finds no room for so many of the checkpoints that come.
type uncleared struct {
	storage.Store
	failing int
	failed  int
	written int // checkpoints
}

func (u *uncleared) Commit(g storage.Commit, d storage.Durability) error {
	if slices.ContainsFunc(g.Puts, func(b storage.Block) bool { return b.ID.Class() == storage.Manifest }) {
		if u.failing > 0 {
			u.failing--
			u.failed++
			return storage.ErrQuota
		}
		u.written++
	}
	return u.Store.Commit(g, d)
}

// fillApps adds applications and writes to each so many values of 30 KiB, which stay in memory.
func (n *node) fillApps(apps, values int) {
	for i := range apps {
		n.addApp(appOf(i), "App")
	}
	for i := range apps {
		for j := range values {
			n.do(Op{App: appOf(i), Do: putOf(fmt.Sprint("k", j), kib(30))})
		}
	}
}

func appOf(i int) string { return fmt.Sprintf("https://app%d.example", i) }

// Deletions that would need more than the reserve with what is in memory wait for the checkpoint that clears that away, also when none was to be taken
// because one had failed. They are refused if there is no room for it.
func TestDeletionsHaveACheckpoint(t *testing.T) {
	const always = 1 << 20
	for name, c := range map[string]struct {
		apps   int // so many
		values int // have so many in memory
		before int // so many checkpoints fail before the disk is full
		then   int // and then
		want   Code
		fails  int // checkpoints for one deletion
	}{
		"little in memory":                   {apps: 1, values: 3},
		"much in memory":                     {apps: 1, values: 30},
		"behind a checkpoint that failed":    {apps: 1, values: 40, before: 1},
		"the same in two applications":       {apps: 2, values: 40, before: 1},
		"little in memory of each of many":   {apps: 10, values: 3},
		"a checkpoint fails":                 {apps: 10, values: 3, then: 1, fails: 1},
		"no room for a checkpoint":           {apps: 10, values: 3, then: always, fails: 2, want: EQuota},
		"no room for one, and never any":     {apps: 1, values: 40, before: 1, then: always, fails: 2, want: EQuota},
		"no room, but no need for one, yet":  {apps: 1, values: 3, then: always},
		"a checkpoint fails behind that one": {apps: 1, values: 40, before: 1, then: 1, fails: 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := newStores(t, "Laptop").nodes[0]
			u := &uncleared{Store: n.store, failing: c.before}
			n.store = u
			n.fillApps(c.apps, c.values)
			n.m.wait(2 * troubleFirst)
			if u.failed != c.before || u.written > 0 || n.status.Err != OK {
				t.Fatalf("%d checkpoints have failed and %d have not, and the status says %q", u.failed, u.written, n.status.Err)
			}
			u.failing, u.failed = c.then, 0
			n.fill(true)
			del := delOf("k0", "none")
			want := "ok"
			if c.want != OK {
				want = string(c.want)
			}
			for i := range c.apps {
				if got := n.together(true, Op{App: appOf(i), Do: del}, Op{App: appOf(i), Do: delOf("k1")}); got != want+" "+want {
					t.Errorf("in application %d: %s", i, got)
				}
				if i == 0 && u.failed != c.fails {
					t.Errorf("%d checkpoints have failed, want %d", u.failed, c.fails)
				}
			}
			u.failing = 0
			if got := n.together(true, Op{App: appOf(0), Do: del}, Op{App: appOf(0), Do: putOf("k", `1`)}); got != "ok E_QUOTA" {
				t.Errorf("with room for checkpoints: %s", got)
			}
		})
	}
}

// Many deletions at once wait for one checkpoint, and what is asked for behind them is done behind them.
func TestDeletionsShareACheckpoint(t *testing.T) {
	for _, fails := range []int{0, 1, 2} {
		n := newStores(t, "Laptop").nodes[0]
		u := &uncleared{Store: n.store, failing: fails}
		n.store = u
		n.fillApps(10, 3)
		n.fill(true)
		var all []Op
		want := ""
		for i := range 10 {
			all = append(all, Op{App: appOf(i), Do: delOf("k0")}, Op{App: appOf(i), Do: delOf("k1")}, Op{App: appOf(i), Do: Count{}})
			if fails < 2 {
				want += "ok ok 1 "
			} else {
				want += "E_QUOTA E_QUOTA 3 "
			}
		}
		if got := n.together(true, all...); got+" " != want {
			t.Errorf("where %d fail: %s", fails, got)
		}
		if u.failed != fails || u.written > 1 {
			t.Errorf("%d checkpoints have failed, %d are written, where %d fail", u.failed, u.written, fails)
		}
	}
}

// What other devices delete waits for a checkpoint, too, unless one has just failed. Then it comes when the disk has room.
func TestDeletionsByOthersHaveACheckpoint(t *testing.T) {
	for _, fails := range []int{0, 1} {
		h := newStores(t, "Laptop", "Phone")
		a, b := h.nodes[0], h.nodes[1]
		h.pair(a, b)
		u := &uncleared{Store: a.store}
		a.store = u
		b.fillApps(10, 3)
		a.fillApps(10, 0)
		h.until("first copy", func() bool { return a.in(appOf(9)) == b.in(appOf(9)) })
		u.failing = fails
		u.written = 0
		a.fill(true)
		b.must(Op{App: appOf(3), Do: delOf("k0")})
		h.wait(30_000)
		count := func() int { return int(a.must(Op{App: appOf(3), Do: Count{}}).Number) }
		if got := count(); got != 2+fails || u.failed != fails || u.written > 1 {
			t.Errorf("%d keys are left, %d checkpoints have failed and %d not, where %d fail", got, u.failed, u.written, fails)
		}
		a.full = false
		h.until("all have the same", func() bool { return count() == 2 })
	}
}

// weighed is storage that notes how many bytes the longest commit with a checkpoint brings.
type weighed struct {
	storage.Store
	most, checkpoints int
}

func (w *weighed) Commit(g storage.Commit, d storage.Durability) error {
	if slices.ContainsFunc(g.Puts, func(b storage.Block) bool { return b.ID.Class() == storage.Manifest }) {
		n := 0
		for _, b := range slices.Concat(g.Adds, g.Puts) {
			n += len(b.Data)
		}
		w.most = max(w.most, n)
		w.checkpoints++
	}
	return w.Store.Commit(g, d)
}

// On a full disk checkpoints keep within the reserve, however many applications have segments of which much is deleted. Each has its turn, so that all
// give their room back in the end.
func TestCheckpointsOfManyAppsKeepToTheReserve(t *testing.T) {
	const apps, values = 12, 40
	n := newStores(t, "Laptop").nodes[0]
	w := &weighed{Store: n.store}
	n.store = w
	for i := range apps {
		n.addApp(appOf(i), "App")
		for j := range values {
			n.must(Op{App: appOf(i), Do: putOf(fmt.Sprintf("k%02d", j), kib(12))})
		}
	}
	n.m.wait(60_000)
	used := func() (sum uint64) {
		for _, s := range n.e.namespaces {
			sum += s.rep.Bytes()
		}
		return sum
	}
	before := used()
	n.fill(true)
	w.most, w.checkpoints = 0, 0
	for j := range values {
		if j%4 != 0 {
			for i := range apps {
				n.must(Op{App: appOf(i), Do: delOf(fmt.Sprintf("k%02d", j))})
			}
		}
	}
	for i := range (apps + 2) * longTail { // each makes the log a record longer
		n.must(Op{App: appOf(i % apps), Do: delOf("k00")})
	}
	if w.most > 1<<20 {
		t.Errorf("a checkpoint brings %d bytes", w.most)
	}
	if after := used(); after > before/2 {
		t.Errorf("%d bytes are left of %d after %d checkpoints", after, before, w.checkpoints)
	}
}

// A checkpoint that nobody waits for any more is not taken: the disk has room again, or what waited is refused for another reason.
func TestCheckpointIsNotDueAnyMore(t *testing.T) {
	for name, c := range map[string]struct {
		room bool  // there is some
		err  error // the commit in flight fails with it
		want Code
	}{
		"there is room":  {room: true, want: OK},
		"a commit fails": {err: errTorn, want: EStorage},
	} {
		n := newStores(t, "Laptop").nodes[0]
		u := &uncleared{Store: n.store}
		n.store = u
		n.fillApps(10, 3)
		n.fill(true)
		n.slow = true
		n.do(Op{Do: Rename{Name: "Other"}})
		del := n.do(Op{App: appOf(0), Do: delOf("k0")})
		if r, ok := n.replies[del]; ok {
			t.Fatalf("%s: a deletion does not wait for a checkpoint: %q", name, r.Err)
		}
		n.fill(!c.room)
		n.slow, n.store = false, &failing{Store: u, err: c.err}
		n.unfinished()
		n.store = u
		n.m.wait(2 * troubleFirst)
		if r, ok := n.replies[del]; !ok || r.Err != c.want || u.written > 0 || n.status.Err == EStorage {
			t.Errorf("%s: answered %v with %q, and %d checkpoints", name, ok, r.Err, u.written)
		}
	}
}
