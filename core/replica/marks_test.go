package replica

import (
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// starts has a replica start so many times, write a key at each, and give it to another.
func (g *harness) starts(n int, key string, other *harness) {
	g.t.Helper()
	for i := range n {
		g.reopen()
		g.put(uint64(i+1), fmt.Sprint(key, i), key)
		g.give(other, 1)
		other.commit()
	}
}

// putBack is a replica on what another's storage was.
func putBack(g *harness, rand byte) *harness {
	return &harness{t: g.t, seed: g.seed, store: copyOf(g.t, g.store), rand: newHarness(g.t, rand, false).rand}
}

// writersOf is how many of the keys' versions each writer has.
func (g *harness) writersOf(keys ...string) map[uint64]int {
	g.t.Helper()
	n := map[uint64]int{}
	for _, key := range keys {
		g.do(func() error {
			vs, err := g.lookup(key)
			for _, v := range vs {
				n[v.dot.Writer]++
			}
			return err
		})
	}
	return n
}

// A replica that was put back finds where its past and another's part, however many starts either has had since. It issues anew what it has written
// behind that, and nothing before; what the others deleted since stays deleted.
func TestPutBack(t *testing.T) {
	for _, c := range []struct{ before, lost, since int }{
		{1, 1, 1}, {1, 5, 1}, {1, 1, 5}, {5, 3, 3}, {5, 3, 0}, {20, 60, 20}, {60, 20, 60}, {3, 150, 3}, {150, 3, 3},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			a, other := newHarness(t, 1, false), newHarness(t, 3, false)
			a.starts(c.before, "before", other)
			back := putBack(a, 7)
			a.starts(c.lost, "lost", other)
			other.del(9, "before0")
			other.commit()
			for i := range c.since {
				back.reopen()
				back.put(uint64(i+1), fmt.Sprint("since", i), "since")
				back.commit()
			}
			back.reopen()
			proof := other.Writer(a.writer.id)
			if !back.Foreign(proof) {
				t.Fatal("does not take itself for put back")
			}
			back.fork(other.theirs(back), proof)
			for range 2 {
				back.give(other, 1)
				other.give(back, 2)
			}
			if back.all() != other.all() {
				t.Errorf("the one has\n%s\nthe other\n%s", back.all(), other.all())
			}
			if got := other.get("before0"); got != "-" {
				t.Errorf("what was deleted is back: %s", got)
			}
			lost, since := fmt.Sprint("lost", c.lost-1), fmt.Sprint("since", c.since-1)
			if back.get(lost) != "lost" || c.since > 0 && other.get(since) != "since" {
				t.Errorf("lost: %s %s", back.get(lost), other.get(since))
			}
			if n := back.writersOf("before0", lost); n[back.writer.id] != 0 {
				t.Errorf("issued anew, with what both had: %v", n)
			}
		})
	}
}

// A replica that was put back to within its last run is no copy by what it has announced. That it has less of a block than others shows it.
func TestPutBackWithinARun(t *testing.T) {
	a, other := newHarness(t, 1, false), newHarness(t, 3, false)
	a.put(1, "before", "1")
	a.give(other, 1)
	back := putBack(a, 7)
	a.put(2, "lost", "2")
	a.give(other, 1)
	third := newHarness(t, 4, false)
	for i := range 3 {
		back.reopen()
		back.put(uint64(3+i), fmt.Sprint("since", i), "3")
		back.give(third, 1)
	}
	if got := back.vector.Of(back.writer.id).Settled; got < 2<<wire.BlockBits {
		t.Fatalf("settled %x: the block of the lost record is not", got)
	}
	third.commit()
	third.give(other, 1) // now the other takes for settled what it has, too
	marks := other.theirs(back)
	if !back.Behind(marks) {
		t.Fatal("does not see that it was put back")
	}
	back.fork(marks, nil)
	other.give(back, 2)
	back.give(other, 1)
	if back.get("lost") != "2" || other.get("since2") != "3" || back.all() != other.all() {
		t.Errorf("the one has %s, the other %s", back.all(), other.all())
	}
}

// Marks are bounded, and get rarer with age.
func TestMarksAreBounded(t *testing.T) {
	a, other := newHarness(t, 1, false), newHarness(t, 3, false)
	a.starts(300, "k", other)
	a.save()
	a.reopen()
	for _, g := range []*harness{a, other} {
		marks := g.marks[a.writer.id]
		if len(marks) != maxMarks {
			t.Errorf("%d marks", len(marks))
		}
		if first := marks[0].Seq >> wire.BlockBits; first > 64 {
			t.Errorf("none is of a block before %d", first)
		}
	}
	if a.common(other.Marks(a.writer.id)) != a.vector.Of(a.writer.id).Last() {
		t.Error("they do not say that all is the same")
	}
}

// What was written before a record waited for storage is settled once all devices have been heard, also after another start.
func TestOldBlocks(t *testing.T) {
	g := newHarness(t, 1, false)
	old := g.writer.id
	g.put(1, "a", "1")
	g.commit()
	g.reopen()
	g.vector = wire.Vector{{Writer: old, Tails: []wire.Tail{{Seq: 1<<wire.BlockBits + 5}, {Seq: 2<<wire.BlockBits + 7}}}}
	g.writer.nonce = 0
	g.newWriter()
	g.logWriter()
	g.save()
	g.reopen()
	if !g.HasOld() || len(g.vector.Of(old).Tails) != 2 {
		t.Fatalf("%v, old: %v", g.vector, g.HasOld())
	}
	g.SettleOld()
	if e := g.vector.Of(old); g.HasOld() || e.Settled != 2<<wire.BlockBits+7 || len(e.Tails) != 0 {
		t.Errorf("%+v", e)
	}
	g.commit()
	g.reopen()
	if e := g.vector.Of(old); e.Settled != 2<<wire.BlockBits+7 {
		t.Errorf("opened again: %+v", e)
	}
}
