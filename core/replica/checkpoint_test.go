package replica

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// Pages are split and merged so that none is large and few are small, whatever is written where.
func TestPagesStayBalanced(t *testing.T) {
	small(t, 2000)
	g, h := newHarness(t, 1, false), newHarness(t, 2, false)
	rng := rand.New(rand.NewPCG(3, 4))
	have := map[string]bool{}
	check := func(when string) {
		t.Helper()
		total, few := 0, 0
		for _, p := range g.pages {
			if int(p.bytes) > pageBytes+200 {
				t.Errorf("%s: a page of %d bytes", when, p.bytes)
			}
			if int(p.bytes) < pageBytes/4 {
				few++
			}
			total += int(p.bytes)
		}
		if most := 3*total/pageBytes + 2; len(g.pages) > most || few > len(g.pages)/3+1 {
			t.Errorf("%s: %d pages for %d bytes, %d of them small", when, len(g.pages), total, few)
		}
		if got := g.Count(); got != uint64(len(have)) {
			t.Errorf("%s: counted %d, want %d", when, got, len(have))
		}
	}
	for round := range 12 {
		for range 60 {
			k := fmt.Sprintf("k%04d", rng.IntN(2000))
			g.put(1, k, "v")
			have[k] = true
		}
		g.save()
		check(fmt.Sprint("random, ", round))
	}
	for i := range 300 {
		k := fmt.Sprintf("m%04d", i)
		g.put(1, k, "v")
		have[k] = true
	}
	g.save()
	check("in order")
	keys := slices.Sorted(maps.Keys(have))
	rng.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for i, k := range keys {
		if i%10 == 0 {
			continue
		}
		g.del(2, k)
		delete(have, k)
		if i%40 == 39 {
			sync(g, h)
			g.Collect(h.DurableVector())
			g.save()
		}
	}
	for range 60 { // one page each
		sync(g, h)
		g.Collect(h.DurableVector())
		g.save()
	}
	check("mostly deleted")
	if n := len(g.pages); n > 25 {
		t.Errorf("%d pages are left for %d keys", n, len(have))
	}
}

// What is replaced again and again takes no more room than what counts, about.
func TestCompaction(t *testing.T) {
	small(t, 1000)
	g := newHarness(t, 1, true)
	for i := range 900 {
		g.put(1, fmt.Sprintf("k%02d", i%30), fmt.Sprint(i))
		if i%100 < 3 {
			g.put(1, fmt.Sprintf("kept%03d", i), "1")
		}
		if i%20 == 0 {
			g.save()
		}
	}
	g.save()
	g.save()
	var live, all int
	for _, s := range g.segs {
		live, all = live+int(s.live), all+int(s.bytes)
	}
	if all > 3*live {
		t.Errorf("%d bytes in segments, of which %d count", all, live)
	}
	ids, _ := g.store.List()
	if want := len(g.segs) + len(g.pages) + 2; len(ids) > want {
		t.Errorf("%d blocks in storage, want %d", len(ids), want)
	}
	before := g.all()
	g.reopen()
	if got := g.all(); got != before || g.Count() != 57 {
		t.Errorf("%d keys: %q, want %q", g.Count(), got, before)
	}
}

// A cursor goes on where it was, whatever became of the log behind and before it.
func TestCursorOverCompaction(t *testing.T) {
	small(t, 500)
	for cut := range 12 {
		for _, again := range []func(a *harness){
			func(a *harness) {},
			func(a *harness) { a.save() },
			func(a *harness) {
				for i := range 100 {
					if i%3 > 0 {
						a.put(2, fmt.Sprintf("k%02d", i), "new")
					}
				}
				a.save()
				a.save()
			},
			func(a *harness) {
				for i := range 60 {
					a.del(2, fmt.Sprintf("k%02d", i))
				}
				a.save()
				a.reopen()
				a.save()
			},
		} {
			a, b := newHarness(t, 1, false), newHarness(t, 2, false)
			for i := range 100 {
				a.put(1, fmt.Sprintf("k%02d", i), "old")
				if i == 70 {
					a.save()
				}
			}
			a.commit()
			peer, pos := b.Vector(), uint64(0)
			for range cut {
				recs, next, _ := a.next(peer, 0, pos, 500)
				b.apply(1, recs...)
				pos = next
			}
			again(a)
			for end := false; !end; {
				var recs []wire.Record
				recs, pos, end = a.next(peer, 0, pos, 500)
				b.apply(1, recs...)
			}
			b.join(a.Vector())
			if got, want := b.all(), a.all(); got != want {
				t.Fatalf("cut after %d: %q, want %q", cut, got, want)
			}
		}
	}
}

// A tombstone goes when everybody has it, and brings nothing back.
func TestTombstones(t *testing.T) {
	tombs := func(g *harness) (n int) {
		for _, p := range g.pages {
			n += int(p.tombs)
		}
		return n
	}
	a, b, away := newHarness(t, 1, true), newHarness(t, 2, true), newHarness(t, 3, true)
	everyone := func() wire.Vector { return a.DurableVector().Meet(b.DurableVector()).Meet(away.DurableVector()) }
	a.put(1, "k", "old")
	a.put(1, "x", "1")
	sync(a, b)
	sync(a, away)
	a.del(2, "k")
	sync(a, b)
	for _, g := range []*harness{a, b} {
		g.Collect(everyone())
		g.save()
		if tombs(g) != 1 {
			t.Error("the tombstone is gone before everybody has it")
		}
	}
	sync(b, away) // on its return
	for _, g := range []*harness{a, b, away} {
		g.Collect(everyone())
		g.save()
		g.save()
		if tombs(g) != 0 || g.all() != "x=1" {
			t.Errorf("%d tombstones, %q", tombs(g), g.all())
		}
	}
	if n := a.give(newHarness(t, 4, true), 1); n != 1 {
		t.Errorf("a new device gets %d records, want 1", n)
	}
	a.put(3, "k", "new")
	sync(a, b)
	sync(a, away)
	for _, g := range []*harness{a, b, away} {
		if g.all() != "k=new x=1" {
			t.Errorf("%q", g.all())
		}
	}
}

// What was on its way while everybody else agreed that it is deleted does not come back.
func TestLateAfterTombstone(t *testing.T) {
	a, b, c := newHarness(t, 1, true), newHarness(t, 2, true), newHarness(t, 3, true)
	c.put(1, "k", "old")
	c.commit()
	late, _, _ := c.next(nil, 0, 0, 1<<20)
	b.apply(1, late...) // and no END yet
	b.del(2, "k")
	b.commit()
	for _, g := range []*harness{a, c} {
		b.give(g, 1)
		g.commit()
	}
	b.commit()
	a.Collect(b.DurableVector().Meet(c.DurableVector()))
	a.save()
	a.save()
	a.apply(2, late...)
	if got := a.all(); got != "" {
		t.Errorf("back again: %q", got)
	}
	c.give(a, 2)
	c.give(b, 2)
	for _, g := range []*harness{a, b, c} {
		g.commit()
	}
	for _, g := range []*harness{a, b, c} {
		g.Collect(a.DurableVector().Meet(b.DurableVector()).Meet(c.DurableVector()))
		g.save()
		g.save()
		if len(g.pages) != 0 || g.all() != "" {
			t.Errorf("%d pages are left, %q", len(g.pages), g.all())
		}
	}
}

// A crash between taking a checkpoint and having it in storage leaves everything as it was.
func TestCrashInCheckpoint(t *testing.T) {
	small(t, 300)
	for _, written := range []bool{false, true} {
		for _, flying := range []bool{false, true} {
			g := newHarness(t, 1, true)
			for i := range 40 {
				g.put(1, fmt.Sprintf("k%02d", i%25), fmt.Sprint(i))
				if i%10 == 0 {
					g.save()
				}
			}
			g.commit()
			want := g.all()
			g.put(2, "k03", "flying")
			if flying {
				g.begin()
				flight := g.flight
				g.del(2, "k04")
				g.checkpoint()
				if err := g.store.Commit(*flight, storage.Strict); err != nil {
					t.Fatal(err)
				}
				g.led.Committed()
				g.Committed()
				want = strings.Replace(want, "k03=28", "k03=flying", 1)
			} else {
				g.checkpoint()
			}
			if written {
				want = g.all()
				g.begin()
				g.end()
			}
			g.reopen()
			if got := g.all(); got != want {
				t.Errorf("flying %v, written %v: %q, want %q", flying, written, got, want)
			}
			g.save()
			g.reopen()
			if got := g.all(); got != want {
				t.Errorf("flying %v, written %v, after another: %q, want %q", flying, written, got, want)
			}
		}
	}
}

// A checkpoint asks for all that it needs at once.
func TestCheckpointAsksOnce(t *testing.T) {
	small(t, 300)
	g := newHarness(t, 1, true)
	for i := range 60 {
		g.put(1, fmt.Sprintf("k%02d", i), "1")
	}
	g.save()
	for i := range 60 {
		g.put(2, fmt.Sprintf("k%02d", i), "2")
	}
	g.led.Trim()
	if err := g.Checkpoint(); !errors.Is(err, ledger.ErrWait) {
		t.Fatalf("%v, want ErrWait", err)
	}
	if n := len(g.led.Wanted()); n != len(g.pages) || n < 5 {
		t.Errorf("asks for %d pages of %d", n, len(g.pages))
	}
}

// TestWrites: what a checkpoint writes is about what was said before.
func TestWrites(t *testing.T) {
	numbered := func(g *harness, first, n, size int) {
		for i := range n {
			g.put(1, benchKey(first+i), strings.Repeat("v", size))
		}
	}
	for _, c := range []struct {
		name string
		do   func(g *harness)
		want int // records
	}{
		{"nothing", func(*harness) {}, 0},
		{"new keys", func(g *harness) { numbered(g, 1000, 300, 100) }, 300},
		{"small values", func(g *harness) { numbered(g, 1000, 300, 1) }, 300},
		{"large values", func(g *harness) { numbered(g, 1000, 300, 2000) }, 300},
		{"one key, over and over", func(g *harness) {
			for range 300 {
				numbered(g, 7, 1, 100)
			}
		}, 300},
		{"each key once more", func(g *harness) { numbered(g, 0, 500, 100) }, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newHarness(t, 1, false)
			numbered(g, 0, 500, 100)
			g.save()
			c.do(g)
			g.commit()
			want, arrived := g.Writes(), g.Arrived()
			g.checkpoint()
			g.begin()
			got := 0
			for _, b := range g.flight.Adds {
				if b.ID.Class() != storage.Log {
					got += len(b.Data)
				}
			}
			if g.end(); arrived != c.want || got < want*2/3 || got > want*5/4 { // of a key that is in a page, less
				t.Errorf("%d bytes, %d were expected; %d records", got, want, arrived)
			}
			if g.Writes() != 0 || g.Arrived() != 0 {
				t.Errorf("then %d bytes and %d records", g.Writes(), g.Arrived())
			}
		})
	}
}
