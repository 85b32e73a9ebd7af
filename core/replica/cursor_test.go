package replica

import (
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
			for end := false; !end; {
				var recs []wire.Record
				recs, cursor, end = a.next(nil, 0, cursor, 1<<20)
				b.apply(1, recs...)
			}
			b.Join(a.Vector())
			if got, want := b.all(), a.all(); got != want {
				t.Errorf("the other device has %q, want %q", got, want)
			}
		})
	}
}

// Nothing is given out before its numbers are reserved in storage.
func TestNothingUnreservedIsGivenOut(t *testing.T) {
	a := newHarness(t, 1, false)
	given := func() int {
		recs, _, _ := a.next(nil, 0, 0, 64<<20)
		return len(recs)
	}
	a.put(1, "first", "1")
	if n := given(); n != 0 {
		t.Errorf("%d records are given out before anything is in storage", n)
	}
	a.begin()
	if n := given(); n != 0 {
		t.Errorf("%d records are given out while they are being written", n)
	}
	a.end()
	a.put(1, "second", "2")
	if n := given(); n != 2 {
		t.Errorf("%d records are given out, want the one in storage and the one whose numbers are reserved", n)
	}
	seq, pos := a.seen.now.reservedSeq, a.seen.now.reservedPos
	a.nextPos = pos - 3
	a.write(1, set("a", "1"), set("b", "1"), set("c", "1"), set("d", "1"), set("e", "1"))
	if a.nextPos != pos+2 {
		t.Fatalf("position %d: the batch is not half in what is reserved", a.nextPos)
	}
	for range 3 << (wire.BlockBits - 1) {
		a.put(1, "k", "2")
	}
	recs, next, end := a.next(nil, 0, 0, 64<<20)
	for _, r := range recs {
		if r.Dot.Seq >= seq {
			t.Fatalf("number %d is given out, %d is not reserved", r.Dot.Seq, seq)
		}
	}
	if end || next > pos {
		t.Errorf("position %d is given out, reserved is up to %d", next, pos)
	}
}
