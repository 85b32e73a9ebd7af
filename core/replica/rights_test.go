package replica

import (
	"errors"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// TestWhatCannotBe: a record, or what a vector says of a writer, that cannot be is left out, whoever brings it, and changes nothing. The
// store W has opened twice: block is one of its earlier run, and what it writes is in a later one.
func TestWhatCannotBe(t *testing.T) {
	p := liarsWriter(1)
	peer, store := Source{Session: 3, NK: p.NK}, Source{Session: 4, NK: [32]byte{2}, Full: true}
	own := func(w *harness) uint64 { return w.writer.id }
	for name, c := range map[string]struct {
		src  Source
		rec  func(w *harness) wire.Record
		vec  func(w *harness) wire.Vector
		want bool // it is taken
	}{
		"a peer's record":                     {src: peer, rec: func(*harness) wire.Record { return record(p.ID, block, "k", "1") }, want: true},
		"an old record of W, by a store":      {src: store, rec: func(w *harness) wire.Record { return record(own(w), block+5, "k", "1") }, want: true},
		"an old record of W, by a peer":       {src: peer, rec: func(w *harness) wire.Record { return record(own(w), block+5, "k", "1") }},
		"what W has yet to write":             {src: store, rec: func(w *harness) wire.Record { return record(own(w), w.writer.next, "k", "1") }},
		"a record that has seen itself":       {src: store, rec: func(*harness) wire.Record { return record(p.ID, block, "k", "1", wire.Dot{Writer: p.ID, Seq: block}) }},
		"a number that is not reserved":       {src: store, rec: func(*harness) wire.Record { return record(p.ID, p.Reserved*block, "k", "1") }},
		"its own number that is not reserved": {src: peer, rec: func(*harness) wire.Record { return record(p.ID, p.Reserved*block, "k", "1") }},

		"a vector of a peer's writer":         {src: store, vec: func(*harness) wire.Vector { return wire.Vector{{Writer: p.ID, Settled: 2 * block}} }, want: true},
		"a vector of what is not reserved":    {src: store, vec: func(*harness) wire.Vector { return wire.Vector{{Writer: p.ID, Settled: p.Reserved * block}} }},
		"a vector of W's writing of old":      {src: store, vec: func(w *harness) wire.Vector { return wire.Vector{{Writer: own(w), Settled: block + 5}} }, want: true},
		"a vector of what W has yet to write": {src: store, vec: func(w *harness) wire.Vector { return wire.Vector{{Writer: own(w), Settled: w.writer.next + 5}} }},
	} {
		w := newHarness(t, 1, true)
		w.Announce(p)
		w.put(1, "a", "0")
		w.commit()
		w.reopen()
		w.commit()
		w.put(2, "b", "0")
		w.commit()
		all := false
		w.do(func() (err error) {
			if c.rec != nil {
				if _, all, err = w.Apply([]wire.Record{c.rec(w)}, c.src); errors.Is(err, ErrLie) {
					err = nil
				}
				return err
			}
			_, all, err = w.Join(c.vec(w), c.src)
			return err
		})
		taken := w.get("k") == "1" || c.vec != nil && w.Vector().CoversAll(c.vec(w))
		if all != c.want || taken != c.want {
			t.Errorf("%s: said to be taken: %v, taken: %v; there is %q", name, all, taken, w.all())
		}
	}
}
