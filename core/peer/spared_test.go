package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

func delOf(keys ...string) Batch {
	var b Batch
	for _, k := range keys {
		b.Writes = append(b.Writes, Write{Key: k})
	}
	return b
}

// together asks for several things at once, or while the first is being committed, and returns what each is answered with.
func (n *node) together(atOnce bool, ops ...Op) string {
	n.m.t.Helper()
	var all Events
	first := n.lastOp + 1
	for _, op := range ops {
		n.lastOp++
		op.ID, op.Client = n.lastOp, 1
		all = append(all, &op)
	}
	if atOnce {
		n.step(all)
	} else {
		for _, op := range all {
			n.step(op)
		}
	}
	n.m.wait(3 * troubleShort)
	var out []string
	for id := first; id <= n.lastOp; id++ {
		r, ok := n.replies[id]
		switch {
		case !ok:
			out = append(out, "nothing")
		case r.Err != OK:
			out = append(out, string(r.Err))
		case r.Number != 0:
			out = append(out, fmt.Sprint(r.Number))
		default:
			out = append(out, "ok")
		}
	}
	return strings.Join(out, " ")
}

// What deletes is not refused because it stands in one commit with what there is no room for, or waits behind it. It keeps its place.
func TestDeletionsBesideWrites(t *testing.T) {
	in := func(do Verb) Op { return Op{App: notes, Do: do} }
	large := func(key string) Op { return in(putOf(key, kib(64))) }
	get := in(Get{Key: "k01"})
	for name, c := range map[string]struct {
		do   []Op
		want string // with which it is answered
		left int    // of 20 keys
	}{
		"behind a write":         {[]Op{large("k00"), in(delOf("k02")), get}, "E_QUOTA ok ok", 19},
		"before a write":         {[]Op{in(delOf("k02")), large("k00"), get}, "ok E_QUOTA ok", 19},
		"of what is not written": {[]Op{large("new"), in(delOf("new")), large("k00")}, "E_QUOTA ok E_QUOTA", 20},
		"many": {
			[]Op{in(delOf("k01")), large("k00"), in(delOf("k02", "k03")), get, large("new"), in(delOf("k04")), large("k04"), in(delOf("k05"))},
			"ok E_QUOTA ok ok E_QUOTA ok E_QUOTA ok", 15,
		},
		"with an import": {[]Op{in(Import{Writes: putOf("new", kib(64)).Writes}), in(delOf("k02"))}, "E_QUOTA ok", 19},
		"and writes, too": {
			[]Op{in(Batch{Writes: append(delOf("k01").Writes, putOf("k02", kib(64)).Writes...)}), in(delOf("k03"))}, "E_QUOTA ok", 19,
		},
		"a name":                     {[]Op{large("k00"), in(Rename{Name: "Other"})}, "E_QUOTA ok", 20},
		"a quota":                    {[]Op{large("k00"), in(SetQuota{Bytes: 1 << 30})}, "E_QUOTA ok", 20},
		"the application":            {[]Op{large("k00"), in(DropApp{}), in(delOf("k02")), get}, "E_QUOTA ok E_APP E_APP", 0},
		"the application, and again": {[]Op{large("k00"), in(DropApp{}), in(AddApp{}), in(Count{})}, "E_QUOTA ok ok ok", 0},
		"another application":        {[]Op{large("k00"), {App: todo, Do: DropApp{}}, {App: todo, Do: Count{}}}, "E_QUOTA ok E_APP", 20},
		"a new application, and a key of it": {
			[]Op{large("k00"), {App: "org.example.new", Do: AddApp{}}, {App: "org.example.new", Do: delOf("k")}}, "E_QUOTA ok ok", 20,
		},
		"a deletion that is followed by more": {[]Op{large("k00"), in(delOf("k02")), in(putOf("k02", `1`))}, "E_QUOTA ok E_QUOTA", 19},
	} {
		for way := range 4 {
			cold, atOnce := way&1 != 0, way&2 != 0
			if _, drops := c.do[1].Do.(DropApp); drops && atOnce {
				continue // one commit that deletes so much that there is room for the write
			}
			t.Run(fmt.Sprint(name, ", cold: ", cold, ", at once: ", atOnce), func(t *testing.T) {
				n := nodeOnDisk(t, cold)
				n.store = &nearlyFull{Store: n.store, small: 20_000}
				if got := n.together(atOnce, c.do...); got != c.want {
					t.Errorf("answered with %s, want %s", got, c.want)
				}
				n.m.wait(statusEvery + troubleMost)
				if n.status.Err != OK || n.failed != OK {
					t.Errorf("in the end the status is %q, and it has failed with %q", n.status.Err, n.failed)
				}
				n.crash()
				if got := n.replies[n.do(Op{App: notes, Do: Count{}})].Number; int(got) != c.left {
					t.Errorf("%d keys are left, want %d", got, c.left)
				}
			})
		}
	}
}

// nearlyFull is storage that has no room but for what is small or deletes blocks.
type nearlyFull struct {
	storage.Store
	small int
	full  int // how often it had none
}

func (f *nearlyFull) Commit(g storage.Commit, d storage.Durability) error {
	size := 0
	for _, b := range append(g.Adds[:len(g.Adds):len(g.Adds)], g.Puts...) {
		size += len(b.Data)
	}
	if size > f.small && len(g.Dels) == 0 {
		f.full++
		return storage.ErrQuota
	}
	return f.Store.Commit(g, d)
}

// nodeOnDisk is a store with two applications, of which most lies in segments. Where it is cold one key's is in memory.
func nodeOnDisk(t *testing.T, cold bool) *node {
	n := newStores(t, "Laptop").nodes[0]
	n.addApp(notes, "Notes")
	n.addApp(todo, "Todo")
	for i := range 20 {
		n.putIn(notes, fmt.Sprintf("k%02d", i), kib(64))
		n.putIn(todo, fmt.Sprintf("k%02d", i), kib(64))
	}
	if cold {
		n.crash()
		n.must(Op{App: notes, Do: Get{Key: "k00"}})
	}
	return n
}

// What is not a want of room spares nothing, and what finds no room by itself either is refused, once.
func TestNothingSpared(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		small int
		want  string
	}{
		"the disk fails":       {errTorn, 0, "E_STORAGE E_STORAGE ok"},
		"there is no room":     {storage.ErrQuota, 0, "E_QUOTA E_QUOTA ok"},
		"none for that either": {storage.ErrQuota, 200, "E_QUOTA E_QUOTA ok"},
	} {
		for _, cold := range []bool{false, true} {
			n := nodeOnDisk(t, cold)
			f := &failing{Store: n.store, err: c.err, small: c.small}
			n.store = f
			if got := n.together(true,
				Op{App: notes, Do: putOf("k00", kib(64))},
				Op{App: notes, Do: delOf(strings.Repeat("k", 600))},
				Op{App: notes, Do: Get{Key: "k01"}}); got != c.want {
				t.Errorf("%s: answered with %s, want %s", name, got, c.want)
			}
			if f.failed > 3 {
				t.Errorf("%s: %d commits failed", name, f.failed)
			}
			f.err = nil
			n.m.wait(troubleMost)
			n.putIn(notes, "k00", `1`)
		}
	}
}

// A removal that is spared, and an addition behind it, are done once more in their order.
func TestRemovedAndAddedInTrouble(t *testing.T) {
	n := newStores(t, "Laptop").nodes[0]
	n.addApp(notes, "Notes")
	n.putIn(notes, "k", "1")
	n.m.wait(20_000)
	f := &failing{Store: n.store, err: storage.ErrQuota}
	n.store = f
	n.step(Events{&Op{App: notes, Do: DropApp{}, ID: 1000, Client: 1}, &Op{App: notes, Do: AddApp{Name: "N"}, ID: 1001, Client: 1}})
	for f.failed == 0 && len(n.m.queue) > 0 {
		next := n.m.queue[0]
		n.m.queue = n.m.queue[1:]
		next()
	}
	f.err = nil
	n.m.wait(20_000)
	for id := uint64(1000); id <= 1001; id++ {
		if r, ok := n.replies[id]; !ok || r.Err != OK {
			t.Errorf("%d: %v %q", id, ok, r.Err)
		}
	}
	if r := n.replies[n.do(Op{App: notes, Do: Get{Key: "k"}})]; r.Err != OK {
		t.Errorf("then: %q", r.Err)
	}
}
