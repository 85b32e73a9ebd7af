package replica

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// What the simulator found, each as small as it gets.

// opened is a replica with its storage.
type opened struct {
	*Replica
	t     *testing.T
	store storage.Store
}

var openedRand = rand.NewChaCha8([32]byte{5})

func openOn(t *testing.T, store storage.Store) *opened {
	t.Helper()
	ids, err := store.List()
	if err != nil {
		t.Fatal(err)
	}
	led := ledger.New(vault.New([32]byte{1}, openedRand), ids, ledger.Options{})
	o := &opened{t: t, store: store, Replica: &Replica{led: led}}
	o.try(led.Open)
	if o.Replica, err = Open(led, 1, Config{Rand: openedRand, Watched: func(string) bool { return true }}); err != nil {
		t.Fatal(err)
	}
	return o
}

// try does f until it waits for nothing.
func (o *opened) try(f func() error) {
	o.t.Helper()
	for range 100 {
		err := f()
		if err == nil {
			return
		}
		if !errors.Is(err, ledger.ErrWait) {
			o.t.Fatal(err)
		}
		blocks, err := o.store.Load(o.led.Wanted())
		if err == nil {
			err = o.led.Loaded(blocks)
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
	o.t.Fatal("waits for ever")
}

func (o *opened) commit() {
	o.t.Helper()
	if o.NeedsCheckpoint() {
		o.checkpoint()
	}
	o.Begin(storage.Strict)
	if err := o.store.Commit(o.led.Begin(), storage.Strict); err != nil {
		o.t.Fatal(err)
	}
	o.led.Committed()
	o.Committed()
}

func (o *opened) checkpoint() {
	o.t.Helper()
	o.try(o.Checkpoint)
	o.led.Checkpoint()
}

func (o *opened) put(now uint64, key, value string) {
	o.t.Helper()
	o.try(func() error {
		_, err := o.Write(now, []Write{{Key: key, Kind: wire.JSON, Value: []byte(value)}})
		return err
	})
}

// news returns what a device with nothing is given.
func (o *opened) news() []wire.Record {
	o.t.Helper()
	var recs []wire.Record
	o.try(func() error {
		b, _, _, err := o.Next(nil, 0, 0, 1<<20)
		if err == nil {
			recs, err = wire.ParseRecords(b)
		}
		return err
	})
	return recs
}

// A new writer's numbers are not given out before storage has them, however many the old writer had.
func TestRenewedIsNotSentBeforeItIsCommitted(t *testing.T) {
	o := openOn(t, mem.New())
	for range 3 {
		o.put(1, "k", `1`)
		o.commit()
		o = openOn(t, o.store)
	}
	o.put(2, "k", `2`)
	o.commit()
	o.try(func() error { _, err := o.RecoverFork(elsewhere(o.Replica), byAnother(o.Replica)); return err })
	if recs := o.news(); len(recs) != 0 {
		t.Errorf("sent before the commit: %+v", recs)
	}
	o.commit()
	if recs := o.news(); len(recs) != 1 || string(recs[0].Value) != `2` {
		t.Errorf("after the commit: %+v", recs)
	}
}

// Whoever watches goes on from the position heard last, also when all was forgotten or issued anew; and what was forgotten is told.
func TestPositionsGoOn(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(o *opened)
	}{
		{"drop", func(o *opened) {
			o.try(func() error {
				changes, err := o.Drop()
				if err == nil && (len(changes) != 20 || string(changes[7].Previous) != `7`) {
					t.Errorf("%d changes, the 8th %+v", len(changes), changes[7])
				}
				return err
			})
		}},
		{"reissue", func(o *opened) { o.try(o.Reissue) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := openOn(t, mem.New())
			for i := range 20 {
				o.put(1, fmt.Sprintf("k%02d", i), fmt.Sprint(i))
			}
			o.checkpoint()
			o.commit()
			o = openOn(t, o.store) // so that its values are to be loaded
			before := o.Position()
			c.do(o)
			if o.Position() < before {
				t.Errorf("position %d, then %d", before, o.Position())
			}
			o.commit()
			o = openOn(t, o.store)
			if o.Position() < before {
				t.Errorf("position %d, opened again %d", before, o.Position())
			}
		})
	}
}

// A value stays replaced when the tombstone that replaced it is superseded by a write that did not see it: where that was
// written, the tombstone had been collected.
func TestReplacedByACollectedTombstone(t *testing.T) {
	a, b := openOn(t, mem.New()), openOn(t, mem.New())
	give := func(from, to *opened) {
		recs := from.news()
		to.try(func() error { _, _, err := to.Apply(recs, full(1)); return err })
		to.try(func() error { _, _, err := to.Join(from.Told(), full(1)); return err })
		to.commit()
	}
	b.put(1, "k", `"old"`)
	b.commit()
	b.checkpoint()
	b.commit() // "old" is in a page now
	give(b, a)
	a.try(func() error { _, err := a.Write(2, []Write{{Key: "k"}}); return err })
	a.commit()
	give(a, b)
	a.Collect(a.Vector())
	a.checkpoint()
	a.commit()
	a.put(3, "k", `"new"`)
	a.put(4, "k", `"newer"`) // its context says that it has seen all of its writer before, the tombstone included
	a.commit()
	give(a, b)
	for _, opened := range []bool{false, true} {
		if opened {
			b = openOn(t, b.store)
			b.commit()
		}
		b.try(func() error {
			recs, err := b.Conflicts("k")
			if err == nil && len(recs) != 0 {
				t.Errorf("opened again %v: %s is back", opened, recs[0].Value)
			}
			return err
		})
		for _, rec := range b.news() { // the tombstone may be among them until it is collected here, too
			if string(rec.Value) == `"old"` {
				t.Errorf("opened again %v: gives what is replaced", opened)
			}
		}
	}
}

// What was written at once is issued anew at once.
func TestReissueKeepsBatches(t *testing.T) {
	o := openOn(t, mem.New())
	batch := func(keys ...string) (out []Write) {
		for _, k := range keys {
			out = append(out, Write{Key: k, Kind: wire.JSON, Value: []byte(`"` + k + `"`)})
		}
		return out
	}
	for _, w := range [][]Write{batch("a", "c", "e", "f"), batch("d"), batch("b", "f")} {
		o.try(func() error { _, err := o.Write(1, w); return err })
	}
	o.commit()
	o.try(o.Reissue)
	o.commit()
	got := ""
	for _, rec := range o.news() {
		if got += rec.Key; !rec.More {
			got += " "
		}
	}
	if want := "ace bf d "; got != want {
		t.Errorf("batches %q, want %q", got, want)
	}
}

func TestMergePairs(t *testing.T) {
	const only = wire.BlockOnly
	block := func(b, n uint64) uint64 { return b<<wire.BlockBits + n }
	for _, c := range []struct {
		name      string
		ctx, want []uint64
		pair      uint64
	}{
		{"first", nil, []uint64{block(1, 5)}, block(1, 5)},
		{"higher", []uint64{5000}, []uint64{9000}, 9000},
		{"lower", []uint64{5000}, []uint64{5000}, 4500},
		{"a block behind", []uint64{5000}, []uint64{5000, only | block(3, 1)}, only | block(3, 1)},
		{"a block between", []uint64{5000, only | block(3, 1)},
			[]uint64{5000, only | block(2, 7), only | block(3, 1)}, only | block(2, 7)},
		{"a block known", []uint64{block(4, 1)}, []uint64{block(4, 1)}, only | block(2, 7)},
		{"more of a block", []uint64{only | block(3, 1)}, []uint64{only | block(3, 9)}, only | block(3, 9)},
		{"less of a block", []uint64{only | block(3, 9)}, []uint64{only | block(3, 9)}, only | block(3, 1)},
		{"all up to blocks", []uint64{only | block(2, 1), only | block(3, 1), only | block(5, 1)},
			[]uint64{block(3, 4), only | block(5, 1)}, block(3, 4)},
		{"all up to within a block", []uint64{only | block(2, 1), only | block(3, 9)},
			[]uint64{block(3, 9)}, block(3, 4)},
		{"more of the last block", []uint64{block(3, 4)}, []uint64{block(3, 9)}, only | block(3, 9)},
	} {
		ctx := []wire.Dot{{Writer: 1, Seq: 4096}, {Writer: 3, Seq: 4096}}
		for _, seq := range c.ctx {
			ctx = slices.Insert(ctx, len(ctx)-1, wire.Dot{Writer: 2, Seq: seq})
		}
		var got []uint64
		for _, d := range mergePairs(append(ctx, wire.Dot{Writer: 2, Seq: c.pair})) {
			if d.Writer == 2 {
				got = append(got, d.Seq)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}
