package peer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// failing is storage whose commits fail: with err, and for landed after the fact.
type failing struct {
	storage.Store
	err    error
	landed bool
	failed int
	small  int // those with no more bytes than this do not; 0: all do
}

func (f *failing) Commit(g storage.Commit, d storage.Durability) error {
	size := 0
	for _, b := range append(g.Adds[:len(g.Adds):len(g.Adds)], g.Puts...) {
		size += len(b.Data)
	}
	if f.err == nil || size <= f.small {
		return f.Store.Commit(g, d)
	}
	f.failed++
	if f.landed {
		if err := f.Store.Commit(g, d); err != nil {
			return err
		}
	}
	return f.err
}

var errTorn = errors.New("the disk failed")

// watching follows what a node's watch tells.
type watching struct {
	n      *node
	op     uint64
	prefix string
	read   int // of what it was told
	mirror map[string]string
	pos    uint64
	life   int // of the engine that told it
	resets int
}

func (n *node) watch(prefix string, since uint64) *watching {
	n.m.t.Helper()
	w := &watching{n: n, prefix: prefix, mirror: map[string]string{}}
	w.op = n.lastOp + 1
	w.pos = n.must(Op{Do: Watch{Prefix: prefix, Since: since}}).Number
	if since == 0 {
		for k, v := range n.list(prefix) {
			w.mirror[k] = v
		}
		w.read = len(n.told)
	}
	n.watchings = append(n.watchings, w)
	return w
}

// again watches on after the engine has begun anew, from where it was.
func (w *watching) again() {
	w.n.m.t.Helper()
	w.read, w.op = 0, w.n.lastOp+1
	w.n.must(Op{Do: Watch{Prefix: w.prefix, Since: w.pos}})
}

func (n *node) list(prefix string) map[string]string {
	n.m.t.Helper()
	out := map[string]string{}
	q := List{Prefix: prefix}
	for {
		r := n.must(Op{Do: q})
		for _, e := range r.Entries {
			out[e.Key] = string(e.Value)
		}
		if !r.More {
			return out
		}
		q.After = r.Entries[len(r.Entries)-1].Key
	}
}

func (w *watching) follow() {
	w.n.m.t.Helper()
	for ; w.read < len(w.n.told); w.read++ {
		a := w.n.told[w.read]
		if a.Watch != w.op {
			continue
		}
		if a.Reset {
			w.mirror = map[string]string{}
			w.resets++
		}
		for _, c := range a.Changes {
			if before, had := w.mirror[c.Key]; c.HadValue && (!had || before != string(c.Previous)) && !a.Reset {
				w.n.m.t.Errorf("%s: told that %q was %q, it was %q before", w.n.name, c.Key, c.Previous, before)
			}
			if c.Kind == wire.Deleted {
				delete(w.mirror, c.Key)
			} else {
				w.mirror[c.Key] = string(c.Value)
			}
		}
		if a.Position < w.pos && !a.Reset && w.life == w.n.life {
			w.n.m.t.Errorf("%s: position %d, then %d", w.n.name, w.pos, a.Position)
		}
		w.pos, w.life = a.Position, w.n.life
	}
}

// check has the mirror be what list shows.
func (w *watching) check(when string) {
	w.n.m.t.Helper()
	w.follow()
	if want := w.n.list(w.prefix); fmt.Sprint(w.mirror) != fmt.Sprint(want) {
		w.n.m.t.Errorf("%s: %s: the watch of %q has %s, list %s", when, w.n.name, w.prefix, brief(w.mirror), brief(want))
	}
}

func brief(m map[string]string) string {
	if s := fmt.Sprint(m); len(s) < 300 {
		return s
	}
	return fmt.Sprintf("%d keys", len(m))
}

func big(n int) string { return `"` + strings.Repeat("x", n) + `"` }

func writes(n int, key func(i int) string, value string) Batch {
	var b Batch
	for i := range n {
		b.Writes = append(b.Writes, Write{Key: key(i), Kind: wire.JSON, Value: []byte(value)})
	}
	return b
}

// What a commit had that failed is taken back: watches are told what get returns, which is what the next start reads, and the engine goes on.
func TestFailedCommitIsTakenBack(t *testing.T) {
	numbered := func(i int) string { return fmt.Sprintf("n/%04d", i) }
	acts := []struct {
		name string
		do   func(h *harness, n *node) (ops []uint64)
	}{
		{"a new key", func(_ *harness, n *node) []uint64 {
			return []uint64{n.do(Op{Do: Batch{Writes: []Write{{Key: "new", Kind: wire.JSON, Value: []byte(`1`)}}}})}
		}},
		{"another value", func(_ *harness, n *node) []uint64 {
			return []uint64{n.do(Op{Do: Batch{Writes: []Write{{Key: "k/1", Kind: wire.JSON, Value: []byte(`"other"`)}}}})}
		}},
		{"a deletion", func(_ *harness, n *node) []uint64 {
			return []uint64{n.do(Op{Do: Batch{Writes: []Write{{Key: "k/1"}}}})}
		}},
		{"many keys", func(_ *harness, n *node) []uint64 { return []uint64{n.do(Op{Do: writes(900, numbered, `1`)})} }},
		{"a key over and over", func(_ *harness, n *node) (ops []uint64) {
			for i := range 5 {
				ops = append(ops, n.do(Op{Do: Batch{Writes: []Write{{Key: "k/2", Kind: wire.JSON, Value: []byte(fmt.Sprint(i))}}}}))
			}
			return ops
		}},
		{"another value beside it", func(_ *harness, n *node) []uint64 {
			return []uint64{n.do(Op{Do: Import{Writes: []Write{{Key: "k/1", Kind: wire.JSON, Value: []byte(`"beside"`)}}}})}
		}},
		{"so much that a checkpoint is due", func(_ *harness, n *node) (ops []uint64) {
			for i := range 3 {
				key := func(j int) string { return fmt.Sprintf("k/%d-%d", i, j) }
				ops = append(ops, n.do(Op{Do: writes(4, key, big(200_000))}))
			}
			return ops
		}},
		{"what another device wrote", func(h *harness, n *node) []uint64 {
			h.nodes[1].put("theirs", `1`)
			h.nodes[1].del("k/3")
			return nil
		}},
		{"relaxed writes", func(_ *harness, n *node) []uint64 {
			n.do(Op{Do: Batch{Relaxed: true, Writes: []Write{{Key: "loose", Kind: wire.JSON, Value: []byte(`1`)}}}})
			return nil
		}},
		{"a name", func(_ *harness, n *node) []uint64 { return []uint64{n.do(Op{Do: Rename{Name: "Other"}})} }},
	}
	for err, code := range map[error]Code{storage.ErrQuota: EQuota, errTorn: EStorage} {
		for _, landed := range []bool{false, true} {
			for _, act := range acts {
				t.Run(fmt.Sprintf("%s, %s, landed %v", act.name, code, landed), func(t *testing.T) {
					h := newHarness(t, "Laptop", "Phone")
					a, b := h.nodes[0], h.nodes[1]
					h.pair(a, b)
					for i := range 6 {
						a.put(fmt.Sprintf("k/%d", i), `"old"`)
					}
					h.until("first copy", h.converged)
					f := &failing{Store: a.store}
					a.store = f
					all, some, none := a.watch("", 0), a.watch("k/", 0), a.watch("z", 0)
					mine := b.watch("", 0)

					f.err, f.landed = err, landed
					ops := act.do(h, a)
					h.run()
					if f.failed == 0 {
						t.Fatal("no commit failed")
					}
					for _, op := range ops {
						if got := a.replies[op].Err; got != code {
							t.Errorf("answered with %q", got)
						}
					}
					for _, w := range []*watching{all, some, none} {
						w.check("after the failure")
					}
					h.wait(5_000)
					if a.failed != OK || a.status.Err != code {
						t.Errorf("the engine has failed with %q, and says %q", a.failed, a.status.Err)
					}
					if got := a.replies[a.do(Op{Do: Batch{Writes: []Write{{Key: "again", Kind: wire.JSON, Value: []byte(`1`)}}}})].Err; got != code {
						t.Errorf("while storage fails a put is answered with %q", got)
					}
					shown := a.list("")

					f.err = nil
					a.crash()
					if again := a.list(""); fmt.Sprint(again) != fmt.Sprint(shown) {
						t.Errorf("get showed %s, the next start reads %s", brief(shown), brief(again))
					}
					for _, w := range []*watching{all, some, none} {
						w.again()
						w.check("after a restart")
					}
					a.put("last", `1`)
					h.until("all have the same", func() bool { return h.converged() && b.get("last") == `1` })
					all.check("at the end")
					mine.check("at the end")
				})
			}
		}
	}
}

// When storage takes something again all goes on in the same engine: who wants to write is not told a failure that is over, and others are met.
func TestTroublePasses(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	f := &failing{Store: a.store}
	a.store = f
	w := a.watch("", 0)
	f.err = storage.ErrQuota
	a.do(Op{Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`1`)}}}})
	b.put("theirs", `1`)
	h.wait(90_000)
	if n := f.failed; n < 3 || n > 12 {
		t.Errorf("tried %d times in 90 s", n)
	}
	f.err = nil
	life := a.life
	a.put("k", `2`)
	a.do(Op{Do: Batch{Relaxed: true, Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`3`)}}}})
	h.until("they meet again", func() bool { return h.converged() && a.get("theirs") == `1` && b.get("k") == `3` })
	if a.life != life || a.status.Err != OK {
		t.Errorf("it has begun anew, or says %q", a.status.Err)
	}
	w.check("when all is well")
	if w.resets != 0 {
		t.Error("the watch was reset")
	}

	f.err = errTorn
	a.do(Op{Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`4`)}}}})
	f.err = nil
	h.wait(2_000)
	h.until("without anybody writing", func() bool { return len(a.status.Devices) > 0 && a.status.Devices[0].Online })
	w.check("once more")
}

// Operations keep their order while one waits to see whether storage takes it.
func TestTroubleKeepsOrder(t *testing.T) {
	h := newHarness(t, "Laptop")
	n := h.nodes[0]
	n.put("k", `1`)
	f := &failing{Store: n.store, err: storage.ErrQuota}
	n.store = f
	n.do(Op{Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`2`)}}}})
	for _, fails := range []bool{true, false} { // a read that comes behind a write that is refused reads what is stored
		h.now += 500
		f.err = nil
		if fails {
			f.err = storage.ErrQuota
		}
		var all Events
		for i, do := range []Verb{
			Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`3`)}}}, Get{Key: "k"},
			Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`4`)}}}, Get{Key: "k"},
		} {
			all = append(all, &Op{ID: n.lastOp + uint64(i) + 1, Do: do})
		}
		n.lastOp += 4
		n.step(all)
		h.run()
		got := ""
		for i := range uint64(4) {
			r := n.replies[n.lastOp-3+i]
			got += string(r.Err)
			for _, e := range r.Entries {
				got += string(e.Value)
			}
			got += " "
		}
		want := " 3  4 "
		if fails {
			want = "E_QUOTA 1 E_QUOTA 1 "
		}
		if got != want {
			t.Errorf("storage fails %v: %q, want %q", fails, got, want)
		}
	}
}

// A disk that is almost full: small writes and deletions go through though a checkpoint would not fit.
func TestAlmostFull(t *testing.T) {
	h := newHarness(t, "Laptop")
	n := h.nodes[0]
	f := &failing{Store: n.store}
	n.store = f
	w := n.watch("", 0)
	f.err, f.small = storage.ErrQuota, 300_000
	refused := 0
	for i := range 12 {
		key := fmt.Sprintf("big/%02d", i)
		r := n.replies[n.do(Op{Do: Batch{Writes: []Write{{Key: key, Kind: wire.JSON, Value: []byte(big(250_000))}}}})]
		if r.Err != OK {
			refused++
		}
		h.now += 500
		w.check("on the way")
	}
	if refused == 0 || refused > 2 {
		t.Errorf("%d of 12 writes were refused", refused)
	}
	for i := range 12 {
		h.now += 500
		n.del(fmt.Sprintf("big/%02d", i))
	}
	w.check("after the deletions")
	if got := n.list(""); len(got) != 0 {
		t.Errorf("left: %s", brief(got))
	}
}

// Another engine has taken over, and storage does not say so: this one has failed for good.
func TestTakenOverInTrouble(t *testing.T) {
	h := newHarness(t, "Laptop")
	n := h.nodes[0]
	n.put("k", `1`)
	other := &node{m: h, name: "Other", app: testApp, store: n.store}
	h.nodes = append(h.nodes, other)
	other.open()
	h.run()
	n.store = &failing{Store: n.store, err: errTorn}
	id := n.do(Op{Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`2`)}}}})
	if n.failed != EFenced || n.replies[id].Err != EFenced {
		t.Errorf("failed with %q, answered with %q", n.failed, n.replies[id].Err)
	}
	other.put("k", `3`)
}

// A store whose first commit does not go through is an empty one.
func TestFullFromTheStart(t *testing.T) {
	for _, app := range []string{testApp, ""} {
		h := emptyHarness(t)
		f := &failing{Store: h.add("Seed", testApp).store, err: storage.ErrQuota}
		f.Store = newForgetful().Store
		n := &node{m: h, name: "Laptop", app: app, store: f}
		h.nodes = append(h.nodes, n)
		n.open()
		h.run()
		if app == testApp {
			w := n.watch("", 0)
			if got := n.list(""); len(got) != 0 {
				t.Errorf("%v", got)
			}
			f.err = nil
			h.wait(troubleMost)
			n.put("k", `1`)
			w.check("once there is room")
			if w.pos == nowhere {
				t.Error("there is no position to come back with")
			}
			n.crash()
			if got := n.get("k"); got != `1` {
				t.Errorf("get: %s", got)
			}
			continue
		}
		if id := n.do(Op{App: "org.example", Do: AddApp{Name: "x"}}); n.replies[id].Err != EQuota {
			t.Errorf("added: %+v", n.replies[id])
		}
		f.err = nil
		h.wait(troubleMost)
		n.must(Op{App: "org.example", Do: AddApp{Name: "x"}})
	}
}

// Numbers that a failed commit was to reserve are not given again, and others are told that they are reserved. So that is stored: a device that
// starts anew, and hears of numbers which it has not reserved, would take itself for one that was put back.
func TestReservedByAFailedCommit(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.put("k", `1`)
	h.until("both have it", h.converged)
	a.crash()
	f := &failing{Store: a.store, err: storage.ErrQuota}
	a.store = f
	if r := a.replies[a.do(Op{Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte(`2`)}}}})]; r.Err != EQuota {
		t.Fatalf("the write is answered with %q", r.Err)
	}
	f.err = nil
	h.wait(60_000)
	b.put("other", `1`)
	h.until("they meet again", h.converged)
	told := b.e.namespaces[0].rep.Writer(a.e.namespaces[0].rep.Own().ID)
	a.crash()
	if own := a.e.namespaces[0].rep.Own(); own == nil || own.ID != told.ID || own.Reserved < told.Reserved {
		t.Errorf("after a start it is %+v, others were told %+v", own, told)
	}
}
