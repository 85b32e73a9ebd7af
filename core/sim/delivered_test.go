package sim

import (
	"testing"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

// winnersCase is what a key has on a disk, and what the device shows of it, by the numbers of the records whose values these are.
type winnersCase struct {
	name  string
	recs  []wire.Record
	shown []int
	right bool
}

// What a device may show of a key goes by the records on its disk.
func TestChecksWinners(t *testing.T) {
	one, two := stored(1, wire.JSON), stored(2, wire.JSON)
	hides, part := said(3, wire.JSON, one.Dot, two.Dot), said(3, wire.JSON, one.Dot)
	deletes, late := said(3, wire.Deleted, one.Dot, two.Dot), stored(1, wire.JSON, two.Dot)
	for _, c := range []winnersCase{
		{"nothing", nil, nil, true},
		{"two values", []wire.Record{one, two}, []int{1, 0}, true},
		{"the wrong one first", []wire.Record{one, two}, []int{0, 1}, false},
		{"one too few", []wire.Record{one, two}, []int{1}, false},
		{"one twice", []wire.Record{one, two}, []int{1, 1}, false},
		{"a deletion beside it", []wire.Record{one, stored(2, wire.Deleted)}, []int{0}, true},
		{"what is deleted", []wire.Record{stored(1, wire.Deleted)}, []int{0}, false},
		{"what hearsay hides is not there", []wire.Record{one, two, hides}, []int{2}, true},
		{"what hearsay hides is there", []wire.Record{one, two, hides}, []int{2, 1, 0}, false},
		{"hearsay is not there", []wire.Record{one, two, hides}, []int{1, 0}, false},
		{"what hearsay has not seen is there", []wire.Record{one, two, part}, []int{2, 1}, true},
		{"what hearsay has not seen is not there", []wire.Record{one, two, part}, []int{2}, false},
		{"what hearsay deletes is not there", []wire.Record{one, two, deletes}, nil, true},
		{"what hearsay deletes is there", []wire.Record{one, two, deletes}, []int{1, 0}, false},
		{"hearsay has not seen all that a value has", []wire.Record{late, part}, []int{1, 0}, true},
		{"hearsay is taken to have seen nothing", []wire.Record{said(1, wire.JSON, two.Dot), part}, []int{1}, true},
		{"nothing but hearsay hides", []wire.Record{one, stored(2, wire.JSON, one.Dot)}, []int{1, 0}, true},
	} {
		w := newSimulation(10, Options{})
		if w.checkShown(&c); w.res.OK() != c.right {
			t.Errorf("%s: right is %v, failures %q", c.name, !c.right, w.res.Failures)
		}
	}
}

func (w *simulation) checkShown(c *winnersCase) {
	var recs []*wire.Record
	var writes, shown []*write
	for _, rec := range c.recs {
		x := w.book.add(w.devices[0], rec.Key, wire.JSON, 20)
		if rec.Kind != wire.Deleted {
			rec.Value = x.value
		}
		writes, recs = append(writes, x), append(recs, &rec)
	}
	for _, i := range c.shown {
		shown = append(shown, writes[i])
	}
	w.checkWinner(w.devices[0], "k", recs, shown)
}

// stored is a record of a writer, who wrote at its own time.
func stored(writer uint64, kind wire.Kind, saw ...wire.Dot) wire.Record {
	return wire.Record{Dot: wire.Dot{Writer: writer, Seq: 1 << wire.BlockBits}, Time: writer, Context: saw, Key: "k", Kind: kind}
}

// said is one that came by hearsay.
func said(writer uint64, kind wire.Kind, saw ...wire.Dot) wire.Record {
	rec := stored(writer, kind, saw...)
	rec.Hearsay = true
	return rec
}

// What a status says goes by the disk, but for one that still has what the device is deleting.
func TestChecksDelivered(t *testing.T) {
	for _, c := range []struct {
		name  string
		run   proc
		of    []wire.Record
		right bool
	}{
		{"it has it", proc{}, []wire.Record{stored(1, wire.JSON)}, true},
		{"it lacks it", proc{}, nil, false},
		{"the data is being deleted", proc{drops: 1}, nil, true},
	} {
		w := newSimulation(10, Options{})
		a, b := w.devices[0], w.devices[1]
		a.run, b.id = &c.run, "b"
		a.run.d, a.run.status.Devices = a, []peer.Device{{ID: b.id}}
		w.checkDelivered(map[*device]*holding{a: {recs: []wire.Record{stored(1, wire.JSON)}}, b: {recs: c.of}})
		if w.res.OK() != c.right {
			t.Errorf("%s: right is %v, failures %q", c.name, !c.right, w.res.Failures)
		}
	}
}
