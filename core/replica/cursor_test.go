package replica

import (
	"fmt"
	"github.com/masqdev/masq/core/storage"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// A cursor is behind nothing that its device may still need: what replaced a record may be lost in a crash of the sender, and the
// record count again.
func TestCursorOverACrash(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(a *harness) // before the other device takes anything
	}{
		{"in memory", func(a *harness) { a.put(2, "k", "new") }},
		{"in a segment", func(a *harness) { a.save(); a.put(2, "k", "new") }},
		{"a checkpoint on its way", func(a *harness) { a.put(2, "k", "new"); a.checkpoint(); a.begin() }},
		{"deleted", func(a *harness) { a.save(); a.del(2, "k") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := newHarness(t, 1, true), newHarness(t, 2, true)
			a.put(1, "k", "old")
			a.put(1, "x", "1")
			a.put(1, "y", "2")
			a.commit()
			c.do(a)
			var cursor uint64
			for range 2 { // up to x
				recs, next, _ := a.next(nil, 0, cursor, 1)
				b.apply(1, recs...)
				if cursor = next; slices.ContainsFunc(recs, func(r wire.Record) bool { return r.Key == "x" }) {
					break
				}
			}
			a.reopen() // what replaced k is gone
			a.commit()
			for end := false; !end; {
				var recs []wire.Record
				recs, cursor, end = a.next(nil, 0, cursor, 1<<20)
				b.apply(1, recs...)
			}
			b.join(a.Vector())
			if got, want := b.all(), a.all(); got != want {
				t.Errorf("the other device has %q, want %q", got, want)
			}
		})
	}
}

// Nothing of a device's own is given out before a crash cannot take it, whatever was read at the start, and nothing of another's before
// its position is reserved in storage.
func TestDurableFirst(t *testing.T) {
	a := newHarness(t, 1, false)
	given := func(when string, want int) {
		t.Helper()
		recs, next, _ := a.next(nil, 0, 0, 64<<20)
		if len(recs) != want {
			t.Errorf("%s: %d records are given out, want %d", when, len(recs), want)
		}
		if next > a.seen.now.reservedPos {
			t.Errorf("%s: position %d is given out, reserved is up to %d", when, next, a.seen.now.reservedPos)
		}
		if told := a.Told().Of(a.writer.id); a.seen.now.vector.Of(a.writer.id).Last() != told.Last() {
			t.Errorf("%s: says that it has %v", when, told)
		}
	}
	a.put(1, "first", "1")
	given("before anything is in storage", 0)
	a.begin()
	given("while it is being written", 0)
	a.end()
	given("written", 1)
	a.put(1, "second", "2")
	given("the next", 1)
	a.durability = storage.Relaxed
	a.commit()
	given("committed so that a power cut may take it", 1)
	a.reopen()
	given("opened again", 0)
	a.durability = storage.Strict
	a.commit()
	given("the run's first commit", 2)
	foreign := func() {
		a.apply(1, wire.Record{Dot: wire.Dot{Writer: 5, Seq: a.nextPos}, Time: 1, Key: fmt.Sprint(a.nextPos), Kind: wire.JSON, Value: []byte("1")})
	}
	foreign()
	given("another's, whose position is not reserved", 2)
	a.commit()
	foreign()
	given("two of another's", 4)
	a.put(1, "third", "3")
	foreign()
	given("another's behind an own one", 4)
	a.commit()
	given("both in storage", 6)
	a.nextPos = a.seen.now.reservedPos - 1
	foreign()
	foreign()
	given("another's, across the end of what is reserved", 7)
}
