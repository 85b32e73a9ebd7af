package replica

import (
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

const block = 1 << wire.BlockBits

func (g *harness) element() wire.Element { return g.Vector().Of(g.writer.id) }

// TestBlocks: a run goes from block to block and settles those that it leaves; the next run opens a new one.
func TestBlocks(t *testing.T) {
	a, b := newHarness(t, 1, false), newHarness(t, 2, false)
	write := func(n int) {
		t.Helper()
		for i := range n {
			a.put(1, fmt.Sprintf("k%04d", i), fmt.Sprint(a.writer.next))
			if i%500 == 0 {
				a.commit()
			}
			if a.NeedsCheckpoint() {
				a.checkpoint()
			}
		}
		a.commit()
		a.commit() // what the first had settled
	}
	check := func(when string, settled uint64, tails ...uint64) {
		t.Helper()
		e := a.element()
		var got []uint64
		for _, x := range e.Tails {
			got = append(got, x.Seq)
		}
		if e.Settled != settled || fmt.Sprint(got) != fmt.Sprint(tails) {
			t.Errorf("%s: settled %d, tails %d; want %d, %d", when, e.Settled, got, settled, tails)
		}
		sync(a, b)
		if a.all() != b.all() {
			t.Errorf("%s: the other device has something else", when)
		}
	}
	write(5000)
	check("more than a block in a run", 2*block-1, block+4999)
	a.reopen()
	check("opened again", block+4999)
	write(10)
	check("written in the second run", block+4999, 3*block+9)
	a.reopen()
	check("opened once more", 3*block+9)
	write(10_000)
	check("two blocks more", 6*block-1, 4*block+9_999)
	if n := a.give(b, 1) + b.give(a, 2); n != 0 {
		t.Errorf("%d records went once more", n)
	}
}

// TestNeverTwice crashes at every point: no number and no position that may have been given out is used again.
func TestNeverTwice(t *testing.T) {
	type given struct {
		dot wire.Dot
		key string
	}
	byDot, byPos := map[wire.Dot]string{}, map[uint64]given{}
	a := newHarness(t, 1, true)
	n := 0
	look := func() {
		recs, next, _ := a.next(nil, 0, 0, 1<<20)
		for _, r := range recs {
			if k, ok := byDot[r.Dot]; ok && k != r.Key {
				t.Fatalf("%v was %s and is %s", r.Dot, k, r.Key)
			}
			byDot[r.Dot] = r.Key
		}
		for _, v := range a.arrivals {
			if x, ok := byPos[v.pos]; ok && v.pos < next && x != (given{v.dot, v.key}) {
				t.Fatalf("position %d was %v and is %v", v.pos, x, v.dot)
			}
			if v.pos < next {
				byPos[v.pos] = given{v.dot, v.key}
			}
		}
	}
	put := func() { n++; a.put(1, fmt.Sprint("k", n), "v") }
	steps := []func(){put, look, a.begin, look, put, look, func() { a.end() }, look, put, look, func() { a.checkpoint() }, look, put, a.begin, look,
		func() { a.end() }, look, put, look}
	for range 3 {
		for cut := range len(steps) + 1 {
			for _, written := range []bool{false, true} {
				for _, s := range steps[:cut] {
					s()
				}
				if a.flight != nil && written {
					a.end()
				}
				a.reopen()
			}
		}
	}
}

// What starts have settled of a writer's blocks stays so when another writer takes its place, also in later starts.
func TestSettledOutlivesTheWriter(t *testing.T) {
	for name, replace := range map[string]func(g *harness){
		"another takes its place": func(g *harness) { g.Renew() },
		"it was copied":           func(g *harness) { g.fork(elsewhere(g.Replica), byAnother(g.Replica)) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newHarness(t, 1, true)
			old := g.writer.id
			for i := range 8 {
				g.put(1, fmt.Sprint(i), "1")
				g.commit()
				g.reopen()
			}
			g.put(2, "k", "2")
			g.commit()
			g.Announce(g.Own())
			replace(g)
			g.commit()
			settled := g.Vector().Of(old).Settled
			for range 2 {
				g.reopen()
				if e := g.Vector().Of(old); e.Settled != settled || len(e.Tails) > 1 {
					t.Errorf("%x is settled, not %x, and %d tails are left", e.Settled, settled, len(e.Tails))
				}
			}
		})
	}
}

// TestCopied: a replica whose storage was copied, or put back, takes a new writer, and nothing of either is lost.
func TestCopied(t *testing.T) {
	for _, c := range []struct {
		name         string
		mine, theirs func(g *harness)
		want         bool
	}{
		{"nothing written", func(g *harness) {}, func(g *harness) {}, false},
		{"only the other wrote", func(g *harness) {}, func(g *harness) { g.put(3, "b", "theirs") }, true},
		{"both wrote", func(g *harness) { g.put(3, "a", "mine") }, func(g *harness) { g.put(3, "b", "theirs") }, true},
		{"the same key", func(g *harness) { g.put(3, "a", "mine") }, func(g *harness) { g.put(3, "a", "theirs") }, true},
		{"this wrote more", func(g *harness) { g.put(3, "a", "1"); g.put(3, "b", "2") }, func(g *harness) { g.put(3, "a", "theirs") }, true},
		{"the other wrote more", func(g *harness) { g.put(3, "a", "1") }, func(g *harness) { g.put(3, "b", "t"); g.put(3, "c", "t") }, true},
		{"the other in two runs", func(g *harness) { g.put(3, "a", "1") },
			func(g *harness) { g.put(3, "b", "t"); g.commit(); g.reopen(); g.put(3, "c", "t") }, true},
		{"this in two runs", func(g *harness) { g.put(3, "a", "1"); g.put(3, "b", "1"); g.commit(); g.reopen(); g.put(3, "c", "1") },
			func(g *harness) { g.put(3, "b", "t") }, true},
		{"this in two runs, written down", func(g *harness) { g.put(3, "a", "1"); g.save(); g.reopen(); g.put(3, "c", "1"); g.save() },
			func(g *harness) { g.put(3, "b", "t"); g.put(3, "d", "t") }, true},
		{"more than a block", func(g *harness) {
			for i := range block + 10 {
				g.put(3, fmt.Sprint("k", i%7), "1")
			}
		}, func(g *harness) { g.put(3, "b", "t") }, true},
		{"deleted and put back", func(g *harness) { g.del(3, "old") }, func(g *harness) { g.put(4, "old", "t") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newHarness(t, 1, false)
			a.put(1, "old", "0")
			a.put(1, "older", "0")
			a.save()
			copied := &harness{t: t, seed: 1, store: copyOf(t, a.store), rand: newHarness(t, 7, false).rand, strict: true}
			copied.reopen()
			a.reopen()
			other := newHarness(t, 3, true)
			c.theirs(copied)
			copied.commit()
			copied.give(other, 1)
			c.mine(a)
			a.commit()
			before, inc := a.all(), a.Incarnation()
			writer := a.writer.id
			if got := a.Heard(other.Vector()); got != c.want {
				t.Fatalf("takes itself for a copy: %v, want %v", got, c.want)
			}
			if !c.want {
				return
			}
			a.fork(other.theirs(a), other.Writer(a.writer.id))
			if a.Heard(other.Vector()) || a.writer.id == writer || a.Incarnation() == inc {
				t.Error("is no other than before")
			}
			if got := a.all(); got != before {
				t.Errorf("renewed: %q, want %q", got, before)
			}
			for i, do := range []func(){func() {}, a.commit, a.reopen, a.save, a.reopen} {
				if do(); a.all() != before {
					t.Errorf("renewed, %d: %q, want %q", i, a.all(), before)
				}
			}
			a.give(other, 1)
			if other.Heard(a.Vector()) {
				t.Error("the third device takes itself for a copy")
			}
			other.give(a, 2)
			copied.give(other, 1)
			other.give(a, 2)
			if got, want := a.all(), other.all(); got != want {
				t.Errorf("the one has  %q\nthe other %q", got, want)
			}
			for _, k := range []string{"a", "b", "c", "d", "k1"} {
				if a.get(k) == "-" && copied.get(k) != "-" {
					t.Errorf("%s is lost", k)
				}
			}
			a.save()
			if len(a.voids) != 0 {
				t.Error("a void is left after a checkpoint")
			}
		})
	}
}

// TestCopiedWhileRunning: the copy settles what it was copied with, while this replica writes on in the same block.
func TestCopiedWhileRunning(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(a *harness)
	}{
		{"still running", func(a *harness) {}},
		{"restarted", func(a *harness) { a.reopen() }},
		{"restarted, and wrote", func(a *harness) { a.reopen(); a.put(4, "mine too", "3"); a.commit() }},
	} {
		for runs := range 3 {
			t.Run(fmt.Sprintf("%s, the copy ran %d times more", c.name, runs), func(t *testing.T) {
				a := newHarness(t, 1, false)
				a.put(1, "old", "0")
				a.save()
				copied := &harness{t: t, seed: 1, store: copyOf(t, a.store), rand: newHarness(t, 7, false).rand}
				a.put(2, "mine", "1")
				a.put(2, "more", "2")
				a.commit()
				other := newHarness(t, 3, true)
				for range runs + 1 {
					copied.reopen()
					sync(copied, other)
					copied.put(3, fmt.Sprint("theirs", runs), "4")
					sync(copied, other)
				}
				c.do(a)
				if !a.Heard(other.Vector()) {
					t.Fatal("does not take itself for a copy")
				}
				want := a.all()
				a.fork(other.theirs(a), other.Writer(a.writer.id))
				if a.all() != want {
					t.Errorf("renewed: %q, want %q", a.all(), want)
				}
				sync(a, other)
				sync(a, copied)
				sync(a, other)
				if a.all() != other.all() {
					t.Errorf("the one has  %q\nthe other %q", a.all(), other.all())
				}
				for _, k := range []string{"old", "mine", "more", fmt.Sprint("theirs", runs)} {
					if a.get(k) == "-" {
						t.Errorf("%s is lost", k)
					}
				}
			})
		}
	}
}

// elsewhere is a vector that has more of r's writer than r ever wrote.
func elsewhere(r *Replica) wire.Marks {
	return wire.Marks{Writer: r.writer.id, Tails: []wire.Tail{{Seq: (r.writer.reserved + 9) * block}}}
}

// byAnother is what a copy of r announces.
func byAnother(r *Replica) *wire.Writer {
	return &wire.Writer{ID: r.writer.id, NK: r.cfg.Owner, Nonce: r.writer.nonce, Block: r.writer.reserved + 9, Reserved: r.writer.reserved + 10}
}

// Many renewals leave nothing behind.
func TestForkOftenAndReopen(t *testing.T) {
	g := newHarness(t, 1, true)
	for i := range 30 {
		g.put(1, fmt.Sprint("k", i%3), fmt.Sprint(i))
		if i%4 == 0 {
			g.save()
		}
		g.fork(elsewhere(g.Replica), byAnother(g.Replica))
		if i%5 == 0 {
			g.commit()
			g.reopen()
		}
	}
	if got, want := g.all(), "k0=27 k1=28 k2=29"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestMoving: joining another circle takes all of it or nothing, whenever the crash comes.
func TestMoving(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(g *harness)
		after string
	}{
		{"issue anew", func(g *harness) { g.do(g.Reissue) }, "a=1 b=3/2 d=4"},
		{"drop", func(g *harness) { g.do(func() error { _, err := g.Drop(); return err }) }, ""},
	} {
		for _, crash := range []string{"before the checkpoint", "before it is written", "after it is written", "with a commit in flight"} {
			t.Run(c.name+", "+crash, func(t *testing.T) {
				g := newHarness(t, 1, true)
				g.put(1, "a", "1")
				g.put(1, "c", "x")
				g.del(1, "c")
				for w, v := range []string{"2", "3"} {
					g.apply(1, wire.Record{
						Dot: wire.Dot{Writer: uint64(w + 5), Seq: block}, Time: uint64(w), Key: "b", Kind: wire.JSON, Value: []byte(v),
					})
				}
				g.save()
				g.put(1, "d", "4")
				g.commit()
				before, writer := g.all(), g.writer.id
				if crash == "with a commit in flight" {
					g.put(1, "e", "5")
					g.begin()
				}
				c.do(g)
				if !g.MustCheckpoint() || g.writer.id == writer {
					t.Error("nothing must be written")
				}
				if recs, _, _ := g.next(nil, 0, 0, 1<<20); len(recs) != 0 {
					t.Error("something is given out before it is in storage")
				}
				want := before
				switch crash {
				case "before it is written":
					g.checkpoint()
					g.begin()
				case "after it is written":
					g.save()
					want = c.after
				case "with a commit in flight":
					flight := g.flight
					g.checkpoint()
					if err := g.store.Commit(*flight, storage.Strict); err != nil {
						t.Fatal(err)
					}
					g.led.Committed()
					g.Committed()
					want += " e=5"
				}
				g.reopen()
				if got := g.all(); got != want {
					t.Errorf("%q, want %q", got, want)
				}
				g.put(9, "z", "9")
				g.save()
				g.reopen()
				if got := g.get("z"); got != "9" {
					t.Errorf("written afterwards: %q", got)
				}
				if ids, _ := g.store.List(); crash == "after it is written" && len(ids) > 6 {
					t.Errorf("%d blocks are left", len(ids))
				}
			})
		}
	}
}

// What a void took away goes from a context, to the number.
func TestContextBeforeAVoid(t *testing.T) {
	const only = wire.BlockOnly
	pairs := func(seqs ...uint64) (out []wire.Dot) {
		for _, s := range seqs {
			out = append(out, wire.Dot{Writer: 5, Seq: s})
		}
		return out
	}
	for _, c := range []struct {
		name      string
		from      uint64
		ctx, want []wire.Dot
	}{
		{"nothing of it", 3 * block, pairs(2*block + 9), pairs(2*block + 9)},
		{"from a block on", 3 * block, pairs(3*block + 9), pairs(3*block - 1)},
		{"from within a block", 3*block + 5, pairs(3*block + 9), pairs(3*block + 4)},
		{"the first block", block, pairs(block + 9), nil},
		{"within the first block", block + 2, pairs(block + 9), pairs(block + 1)},
		{"a block of its own", 3 * block, pairs(2*block+1, only|(3*block+9)), pairs(2*block + 1)},
		{"within a block of its own", 3*block + 5, pairs(2*block+1, only|(3*block+9)), pairs(2*block+1, only|(3*block+4))},
		{"up to before it", 3*block + 5, pairs(only | (2*block + 9)), pairs(only | (2*block + 9))},
		{"others", block, []wire.Dot{{Writer: 4, Seq: 9 * block}}, []wire.Dot{{Writer: 4, Seq: 9 * block}}},
	} {
		if got := before(c.ctx, void{writer: 5, from: c.from}); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
