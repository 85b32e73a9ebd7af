package replica

import (
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// A replica that was put back does not issue anew what others have of the same run: what they deleted of it since stays deleted. Proof is an
// announcement of the run that it was put back into, with numbers that were reserved since.
func TestPutBackKeepsDeletions(t *testing.T) {
	for _, c := range []struct {
		name    string
		started int  // how often it starts before it is told
		marks   bool // who tells it knows where its blocks ended
	}{
		{"at once", 1, true}, {"after some starts", 3, true}, {"by who knows of no block", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, other := newHarness(t, 1, false), newHarness(t, 3, false)
			a.put(1, "run before", "1")
			a.commit()
			a.reopen()
			a.put(1, "deleted", "1")
			a.put(1, "kept", "1")
			a.give(other, 1)
			back := putBack(a, 7)
			for range c.started<<wire.BlockBits + 1<<(wire.BlockBits-1) { // for which it reserves more numbers than the one put back will
				a.put(2, "lost", "2")
			}
			a.give(other, 1)
			other.del(3, "deleted")
			other.collectAll()
			for range c.started {
				back.reopen()
				back.put(4, "since", "4")
				back.commit()
			}
			proof, marks := other.Writer(a.writer.id), other.theirs(back)
			if !back.Foreign(proof) || proof.Block != back.runs[1].block {
				t.Fatalf("no proof of that run: %+v", proof)
			}
			if !c.marks {
				marks.Tails = nil
			}
			back.fork(marks, proof)
			before := back.writersOf("kept")
			for range 2 {
				back.give(other, 1)
				other.give(back, 2)
			}
			if c.marks && before[back.writer.id] != 0 {
				t.Errorf("issued anew, with what others have: %v", before)
			}
			if got := other.all(); c.marks && got != "kept=1 lost=2 run before=1 since=4" {
				t.Errorf("the other has %s", got)
			}
			if back.get("lost") != "2" || back.get("since") != "4" || back.writersOf("run before")[back.writer.id] != 0 {
				t.Errorf("it has %s", back.all())
			}
		})
	}
}
