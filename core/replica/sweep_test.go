package replica

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// effort is what a range has cost.
type effort struct{ rounds, blocks int }

// findCold is find with nothing loaded, and what it costs.
func (g *harness) findCold(q Query) (recs []wire.Record, e effort) {
	g.t.Helper()
	g.reopen()
	before := g.fetched
	g.do(func() (err error) {
		e.rounds++
		recs, _, err = g.Range(q)
		return err
	})
	e.blocks = g.fetched - before
	return recs, e
}

// TestRangeOverDeleted: a range reads no page that has no value, and as many at once as it needs, whether the tombstones are gone or not.
func TestRangeOverDeleted(t *testing.T) {
	small(t, 2000)
	const n = 4000
	for _, c := range []struct {
		name string
		keep func(i int) bool // of the keys, which are not deleted
		last int              // so many deletions are in memory
		gone bool             // tombstones are collected
		q    Query
		most effort
	}{
		{"none is left", func(int) bool { return false }, 0, true, Query{}, effort{1, 0}},
		{"others lack the tombstones", func(int) bool { return false }, 0, false, Query{}, effort{1, 0}},
		{"a limit", func(int) bool { return false }, 0, false, Query{Limit: 10}, effort{1, 0}},
		{"the last deletions are in memory", func(int) bool { return false }, 300, false, Query{}, effort{2, 15}},
		{"and there is a limit", func(int) bool { return false }, 300, false, Query{Limit: 10}, effort{2, 15}},
		{"a few are left, far apart", func(i int) bool { return i%500 == 7 }, 0, false, Query{Limit: 5}, effort{3, 12}},
		{"the same, from the end", func(i int) bool { return i%500 == 7 }, 0, false, Query{Limit: 5, Reverse: true}, effort{3, 12}},
		{"the same, one behind a key", func(i int) bool { return i%500 == 7 }, 0, false, Query{Limit: 1, After: benchKey(1007)}, effort{3, 4}},
		{"a prefix in which none is left", func(i int) bool { return i < 1000 }, 0, false, Query{Prefix: "note/002"}, effort{1, 0}},
		{"the end is left", func(i int) bool { return i >= n-20 }, 0, false, Query{Limit: 10}, effort{3, 4}},
		{"the beginning is left, from the end", func(i int) bool { return i < 20 }, 0, false, Query{Limit: 10, Reverse: true}, effort{3, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newHarness(t, 1, false)
			g.cache = 1
			for i := range n {
				if g.put(1, benchKey(i), "v"); i%1000 == 999 {
					g.save()
				}
			}
			if c.gone {
				g.CollectAll()
			}
			var want []string
			for i := range n {
				if i == n-c.last {
					g.save()
				}
				if c.keep(i) {
					want = append(want, benchKey(i))
					continue
				}
				g.del(2, benchKey(i))
			}
			if c.last == 0 {
				g.save()
			}
			g.commit()
			recs, cost := g.findCold(c.q)
			if got := keysOf(recs); !slices.Equal(got, selected(want, &c.q)) {
				t.Errorf("%q, want %q", got, selected(want, &c.q))
			}
			if cost.rounds > c.most.rounds || cost.blocks > c.most.blocks {
				t.Errorf("%d rounds and %d blocks, want at most %d and %d", cost.rounds, cost.blocks, c.most.rounds, c.most.blocks)
			}
			if n := len(g.pages); c.gone && n != 0 {
				t.Errorf("%d pages are left", n)
			}
		})
	}
}

func keysOf(recs []wire.Record) (out []string) {
	for i := range recs {
		out = append(out, recs[i].Key)
	}
	return out
}

// selected are the keys, ascending, that q selects.
func selected(keys []string, q *Query) (out []string) {
	for _, k := range keys {
		if strings.HasPrefix(k, q.Prefix) && (q.After == "" || !q.Reverse && k > q.After || q.Reverse && k < q.After) {
			out = append(out, k)
		}
	}
	if q.Reverse {
		slices.Reverse(out)
	}
	if q.Limit > 0 {
		out = out[:min(len(out), q.Limit)]
	}
	return out
}

// TestRangeReadsUnderHearsay: deletions by hearsay may hide what is in memory, so a page of these is read.
func TestRangeReadsUnderHearsay(t *testing.T) {
	c := newTrio(t)
	c.w.del(1, "a")
	sync(c.w, c.x)
	c.w.put(1, "k", "honest")
	c.w.commit()
	recs, _, _ := c.w.next(c.x.Vector(), 0, 0, 1<<20)
	gone := record(c.w.writer.id, c.last(), "k", "", wire.Dot{Writer: recs[0].Dot.Writer, Seq: recs[0].Dot.Seq})
	gone.Kind, gone.Value = wire.Deleted, nil
	c.w.announceTo(c.x)
	c.say(c.x, gone)
	c.x.save()
	c.x.apply(1, recs...)
	recs, _ = c.x.find(Query{Prefix: "k"})
	if got := c.x.get("k"); got != "-" || len(recs) != 0 {
		t.Errorf("get says %q, and list has %d", got, len(recs))
	}
}

// TestCollected: tombstones go with the checkpoint behind the last device's word, wherever they lie; what is not theirs is neither
// read nor written again.
func TestCollected(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(g, h *harness)
		left int
	}{
		{"alone", func(g, _ *harness) { g.CollectAll(); g.save() }, 0},
		{"alone, and they lie in memory", func(g, _ *harness) { g.del(3, "more"); g.CollectAll(); g.save() }, 0},
		{"nobody has said what it has", func(g, _ *harness) { g.save() }, 500},
		{"the other one lacks them", func(g, h *harness) { g.Collect(h.DurableVector()); g.save() }, 500},
		{"the other one has them", func(g, h *harness) { sync(g, h); g.Collect(h.DurableVector()); g.save() }, 0},
		{"it has had them, and there is a third", func(g, h *harness) {
			sync(g, h)
			g.Collect(h.DurableVector())
			g.Collect(h.DurableVector().Meet(newHarness(g.t, 3, false).DurableVector()))
			g.save()
		}, 500},
		{"alone, and then not", func(g, h *harness) { g.CollectAll(); g.Collect(h.DurableVector()); g.save() }, 500},
	} {
		for _, reopen := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", opened again ", reopen), func(t *testing.T) {
				small(t, 2000)
				g, h := newHarness(t, 1, false), newHarness(t, 2, false)
				for i := range 1000 {
					g.put(1, benchKey(i), "v")
				}
				sync(g, h)
				for i := range 500 {
					g.del(2, benchKey(2*i))
				}
				if g.save(); reopen {
					g.reopen()
				}
				before := g.all()
				c.do(g, h)
				if n := g.Tombstones(); n != c.left {
					t.Errorf("%d tombstones, want %d", n, c.left)
				}
				if got := g.all(); got != before {
					t.Error("something else has changed")
				}
				if n := g.Collectable(); n != 0 {
					t.Errorf("%d are yet to be looked at", n)
				}
			})
		}
	}
}

// TestSweepIsBounded: a checkpoint looks through so much, the next ones through the rest, and none again through what cannot go.
func TestSweepIsBounded(t *testing.T) {
	small(t, 1000)
	was := sweepBytes
	sweepBytes = 5000
	t.Cleanup(func() { sweepBytes = was })
	g, h := newHarness(t, 1, false), newHarness(t, 2, false)
	g.cache = 1
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 2000 {
		g.put(1, benchKey(i), "v")
	}
	for i := range 2000 {
		if rng.IntN(2) == 0 {
			g.del(2, benchKey(i))
		}
	}
	g.save()
	sync(g, h)
	g.reopen()
	rounds := 0
	for g.Collect(h.DurableVector()); g.Collectable() > 0 && rounds < 1000; rounds++ {
		before := g.loads
		g.Sweep()
		if g.Quiet() || !g.NeedsCheckpoint() {
			t.Fatal("no checkpoint is due")
		}
		g.do(g.Checkpoint)
		if n := g.loads - before; n > 40_000 {
			t.Errorf("%d bytes were loaded for a checkpoint", n)
		}
		g.led.Checkpoint()
		g.commit()
		g.led.Trim()
	}
	if g.Tombstones() != 0 || rounds < 5 {
		t.Errorf("%d tombstones are left after %d checkpoints", g.Tombstones(), rounds)
	}
	for i := range 1000 { // that the other one lacks
		g.del(3, benchKey(i))
	}
	g.save()
	g.reopen()
	for g.Collect(h.DurableVector()); g.Collectable() > 0 && rounds < 1000; rounds++ {
		g.Sweep()
		g.save()
		g.led.Trim()
	}
	before, pages := g.loads, slices.Clone(g.pages)
	g.Collect(h.DurableVector())
	g.Sweep()
	g.do(g.Checkpoint)
	if g.loads != before || !slices.Equal(pages, g.pages) {
		t.Errorf("%d bytes were loaded again for tombstones that stay", g.loads-before)
	}
}

// TestCompactionTellsNothing: what changed since a position is told once each, whatever was written again meanwhile to make room.
func TestCompactionTellsNothing(t *testing.T) {
	small(t, 1000)
	for _, cold := range []bool{false, true} {
		g := newHarness(t, 1, cold)
		rng := rand.New(rand.NewPCG(3, 4))
		var marks []uint64
		var changed []map[string]bool // since each mark
		for round := range 40 {
			marks, changed = append(marks, g.Mark()), append(changed, map[string]bool{})
			for range 30 {
				k := fmt.Sprint("k", rng.IntN(200))
				g.put(1, k, fmt.Sprint(round))
				for _, c := range changed {
					c[k] = true
				}
			}
			g.save()
			for i, m := range marks {
				var got []string
				if !g.Follows(m) {
					t.Fatalf("round %d: does not follow from round %d", round, i)
				}
				g.do(func() error {
					list, err := g.Missed(m)
					got = nil
					for _, c := range list {
						got = append(got, c.Key)
					}
					return err
				})
				if want := ascending(changed[i]); !slices.Equal(got, want) {
					t.Fatalf("round %d, since round %d: told of %d keys, want %d", round, i, len(got), len(want))
				}
			}
		}
		if small := slices.IndexFunc(g.segs, func(s *segment) bool { return s.live*2 < s.bytes }); small >= 0 && len(g.segs) > 60 {
			t.Errorf("%d segments are left", len(g.segs))
		}
		before := g.all()
		g.reopen()
		if got := g.all(); got != before {
			t.Errorf("opened again: %q, want %q", got, before)
		}
	}
}

func ascending(set map[string]bool) (out []string) {
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestForgotten: who comes back with a position below which a key may answer something else without a record is told by a reset; from behind
// it all follow.
func TestForgotten(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(g *harness)
	}{
		{"a tombstone is collected", func(g *harness) { g.del(2, "k"); g.CollectAll(); g.save() }},
		{"one of a page", func(g *harness) { g.del(2, "k"); g.save(); g.CollectAll(); g.save() }},
		{"numbers are given up", func(g *harness) { g.fork(elsewhere(g.Replica), byAnother(g.Replica)); g.commit() }},
		{"hearsay is denied", func(g *harness) {
			w := newHarness(g.t, 8, false)
			w.put(1, "other", "1")
			w.commit()
			w.announceTo(g)
			g.applyFrom(Source{Session: 3, NK: [32]byte{liar}}, record(w.writer.id, w.writer.next+3, "k", "lie"))
			g.commit()
			w.give(g, 1)
			g.commit()
		}},
	} {
		for _, then := range []string{"", "opened again", "written down", "written down and opened again"} {
			t.Run(c.name+", "+then, func(t *testing.T) {
				g := newHarness(t, 1, false)
				g.put(1, "k", "1")
				g.put(1, "stays", "1")
				g.save()
				before := g.Mark()
				c.do(g)
				after := g.Mark()
				if strings.Contains(then, "written down") {
					g.must = true
					g.save()
				}
				if strings.Contains(then, "opened again") {
					g.reopen()
				}
				if g.Follows(before) || !g.Follows(after) {
					t.Errorf("follows from before %v, from behind it %v", g.Follows(before), g.Follows(after))
				}
				g.put(4, "next", "1")
				g.save()
				if !g.Follows(after) {
					t.Error("does not follow when there is more")
				}
			})
		}
	}
}

// TestPartBeforeValues: a part of a version that did not count the keys with a value is read, and a look through the pages makes up for it.
func TestPartBeforeValues(t *testing.T) {
	g := newHarness(t, 1, false)
	g.put(1, "k", "1")
	g.put(1, "gone", "1")
	g.save()
	g.del(2, "gone")
	g.save()
	for i := range g.pages {
		g.pages[i].values = g.pages[i].keys // as such a part is read
	}
	g.looks()
	if n := g.pages[0].values; n != 1 {
		t.Errorf("%d keys with a value", n)
	}
}

// looks has the next checkpoint look through the pages.
func (g *harness) looks() {
	g.lookAgain()
	g.Collect(wire.Vector{{Writer: 1, Settled: 1}}.Meet(nil))
	g.Sweep()
	g.save()
}
