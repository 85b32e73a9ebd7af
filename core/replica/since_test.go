package replica

import (
	"fmt"
	"testing"
)

// Who comes back with a position that it was told follows from there, whatever became of the runs since, if and only if nothing of what it
// had been told is lost.
func TestFollows(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(g *harness) (told uint64)
		want bool
	}{
		{"nothing", func(*harness) uint64 { return 1 }, false},
		{"before all", func(*harness) uint64 { return 7 }, false},
		{"where nothing is", func(g *harness) uint64 { return g.Mark() + 1<<16 }, false},
		{"of no stretch", func(g *harness) uint64 { return g.Mark() ^ 1 }, false},
		{"a position, as it was told before there were marks", func(g *harness) uint64 { return g.Position() }, false},
		{"here", func(g *harness) uint64 { return g.Mark() }, true},
		{"stored", func(g *harness) uint64 { g.put(1, "a", "1"); p := g.Mark(); g.commit(); return p }, true},
		{"not yet stored", func(g *harness) uint64 { g.put(1, "a", "1"); return g.Mark() }, true},
		{"lost", func(g *harness) uint64 { g.put(1, "a", "1"); p := g.Mark(); g.reopen(); return p }, false},
		{"the last of several is lost", func(g *harness) uint64 {
			g.put(1, "a", "1")
			g.commit()
			g.put(1, "b", "1")
			p := g.Mark()
			g.reopen()
			return p
		}, false},
		{"all but the last", func(g *harness) uint64 {
			g.put(1, "a", "1")
			g.commit()
			p := g.Mark()
			g.put(1, "b", "1")
			g.reopen()
			return p
		}, true},
		{"lost, and others got positions", func(g *harness) uint64 {
			g.put(1, "a", "1")
			p := g.Mark()
			for i := range 3 {
				g.reopen()
				g.put(1, fmt.Sprint(i), "1")
				g.commit()
			}
			return p
		}, false},
		{"stored, and written down", func(g *harness) uint64 { g.put(1, "a", "1"); p := g.Mark(); g.save(); g.reopen(); return p }, true},
		{"lost, and then written down", func(g *harness) uint64 {
			g.put(1, "a", "1")
			g.commit()
			g.put(1, "b", "1")
			p := g.Mark()
			g.reopen()
			g.put(1, "c", "1")
			g.save()
			g.reopen()
			return p
		}, false},
		{"lost behind what was written down", func(g *harness) uint64 {
			g.put(1, "a", "1")
			g.save()
			g.put(1, "b", "1")
			p := g.Mark()
			g.reopen()
			return p
		}, false},
		{"moved by a checkpoint that is lost", func(g *harness) uint64 {
			for i := range 10 {
				g.put(1, fmt.Sprint(i%3), "1")
				g.save()
			}
			g.put(1, "b", "1")
			p := g.Mark()
			g.commit()
			g.checkpoint()
			g.reopen()
			return p
		}, true},
		{"before all was dropped", func(g *harness) uint64 {
			g.put(1, "a", "1")
			g.commit()
			p := g.Mark()
			g.do(func() error { _, err := g.Drop(); return err })
			g.save()
			return p
		}, false},
		{"after it", func(g *harness) uint64 {
			g.put(1, "a", "1")
			g.commit()
			g.do(func() error { _, err := g.Drop(); return err })
			g.save()
			p := g.Mark()
			g.reopen()
			return p
		}, true},
		{"all was issued anew", func(g *harness) uint64 {
			g.put(1, "a", "1")
			g.commit()
			p := g.Mark()
			g.do(g.Reissue)
			g.save()
			return p
		}, false},
		{"64 runs ago", func(g *harness) uint64 { return runsAgo(g, maxStretches-1) }, true},
		{"65 runs ago", func(g *harness) uint64 { return runsAgo(g, maxStretches) }, false},
		{"runs that wrote nothing", func(g *harness) uint64 {
			p := g.Mark()
			for range 100 {
				g.reopen()
				g.commit()
			}
			return p
		}, true},
	} {
		for _, cold := range []bool{false, true} {
			g := newHarness(t, 1, cold)
			g.put(0, "first", "1")
			g.save()
			if got := g.Follows(c.do(g)); got != c.want {
				t.Errorf("%s: follows %v, want %v", c.name, got, c.want)
			}
		}
	}
}

func runsAgo(g *harness, n int) uint64 {
	g.put(1, "a", "1")
	g.commit()
	p := g.Mark()
	for i := range n {
		g.reopen()
		g.put(1, fmt.Sprint(i), "1")
		if g.commit(); i%10 == 0 {
			g.save()
		}
	}
	return p
}

// Marks ascend, also when a commit fails and the namespace is opened again in the same run: no position and no number is given a second time.
func TestMarkAscends(t *testing.T) {
	g := newHarness(t, 1, false)
	g.put(0, "first", "1")
	g.commit()
	g.reopen()
	last, dots := uint64(0), map[uint64]bool{}
	for round := range 20 {
		for i := range 3 {
			g.put(1, fmt.Sprint(i), fmt.Sprint(round))
			if m := g.Mark(); m <= last || m >= 1<<53 {
				t.Errorf("mark %d behind %d", m, last)
			}
			last = g.Mark()
			for _, v := range g.mem[fmt.Sprint(i)] {
				if dots[v.dot.Seq] {
					t.Errorf("number %d is given twice", v.dot.Seq)
				}
				dots[v.dot.Seq] = true
			}
		}
		if round%3 == 0 {
			g.commit()
		}
		lost := g.Mark()
		g.again()
		if g.Follows(lost) != (round%3 == 0) {
			t.Errorf("round %d: follows %v from what is there or not", round, g.Follows(lost))
		}
		if round%4 == 0 { // nothing is written before it is written down
			g.commit()
			g.HandIn()
			g.led.Checkpoint()
			g.commit()
			if m := g.Mark(); true {
				g.reopen()
				if !g.Follows(m) {
					t.Errorf("round %d: does not follow from where nothing came", round)
				}
			}
		}
	}
}

// What is stored by a version that does not know stretches is followed from no position that it has told.
func TestFollowsOldPart(t *testing.T) {
	g := newHarness(t, 1, false)
	g.put(1, "a", "1")
	told := g.Mark()
	g.save()
	g.stretches = nil
	g.HandIn()
	g.led.Checkpoint()
	g.commit()
	g.reopen()
	if g.Follows(told) {
		t.Error("follows from what nobody knows the end of")
	}
}

// Who was told of a key before its deletion, and comes back when the tombstone is collected, is told by a reset.
func TestFollowsCollected(t *testing.T) {
	g := newHarness(t, 1, false)
	g.put(1, "k", "1")
	g.commit()
	before := g.Mark()
	g.del(2, "k")
	g.commit()
	after := g.Mark()
	g.Collect(g.DurableVector())
	g.save()
	g.reopen()
	if g.Follows(before) || !g.Follows(after) {
		t.Errorf("follows from before the deletion %v, from behind it %v", g.Follows(before), g.Follows(after))
	}
}
