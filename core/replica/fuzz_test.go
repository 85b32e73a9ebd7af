package replica

import (
	"bytes"
	"errors"
	"testing"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// sample is a replica with something of everything in it.
func sample(t testing.TB) *harness {
	g := newHarness(t, 1, false)
	g.write(1, set("a", "1"), set("b", "2"))
	g.del(2, "a")
	g.apply(1, wire.Record{Dot: wire.Dot{Writer: 9, Seq: block}, Key: "b", Kind: wire.Bytes, Value: []byte{0}})
	g.join(wire.Vector{{Writer: 9, Settled: block, Tails: []wire.Tail{{Seq: 3 * block}}}})
	return g
}

func bare(t testing.TB) *Replica {
	led := ledger.New(vault.New([32]byte{1}, zeros{}), nil, ledger.Options{})
	if err := led.Open(); err != nil {
		t.Fatal(err)
	}
	r, err := Open(led, 1, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sane(t *testing.T, err error) bool {
	if err != nil && !errors.Is(err, ledger.ErrDamaged) && !errors.Is(err, ledger.ErrVersion) {
		t.Errorf("%v", err)
	}
	return err == nil
}

func FuzzPart(f *testing.F) {
	g := sample(f)
	f.Add(g.appendPart(nil))
	g.save()
	f.Add(g.appendPart(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bare(t)
		if sane(t, r.readPart(b)) && !bytes.Equal(r.appendPart(nil), b) {
			t.Error("what was read is written differently")
		}
	})
}

func FuzzItem(f *testing.F) {
	g := sample(f)
	g.fork(elsewhere(g.Replica), byAnother(g.Replica))
	g.commit()
	ids, _ := g.store.List()
	led := ledger.New(vault.New([32]byte{1}, zeros{}), ids, ledger.Options{})
	g.led = led
	g.strict = false
	if err := g.wait(led.Open); err != nil {
		f.Fatal(err)
	}
	_, items := led.Part(1)
	for _, it := range items {
		f.Add(it)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bare(t)
		if sane(t, r.replay([][]byte{b})) {
			for _, k := range r.memKeys() {
				_, _, err := r.Get(k)
				sane(t, err)
			}
			r.Heard(r.vector)
			_, _, _, err := r.Next(nil, 0, 0, 100)
			sane(t, err)
		}
	})
}

func FuzzPage(f *testing.F) {
	g := sample(f)
	g.save()
	b, err := g.led.Block(g.pages[0].id)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Data)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePage(b)
		if !sane(t, err) {
			return
		}
		out := wire.AppendU32([]byte{pageFormat}, uint32(len(p.keys)))
		for i, k := range p.keys {
			out = appendVersions(out, k, p.versions[i])
		}
		if !bytes.Equal(out, b) {
			t.Error("what was read is written differently")
		}
	})
}

func FuzzSegment(f *testing.F) {
	g := sample(f)
	g.save()
	b, err := g.led.Block(g.segs[0].id)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b.Data)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseSegment(b, 100)
		if sane(t, err) && len(p.pos) != len(p.recs) {
			t.Error("positions and records differ in number")
		}
	})
}

// FuzzApply: whatever another device sends, nothing breaks, and it is all there after a restart.
func FuzzApply(f *testing.F) {
	g := sample(f)
	g.commit()
	recs, _, _, err := g.Next(nil, 0, 0, 1<<20)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(recs, wire.AppendVector(nil, g.Vector()))
	f.Fuzz(func(t *testing.T, records, vector []byte) {
		recs, err := wire.ParseRecords(records)
		if err != nil {
			return
		}
		v, err := wire.ParseVector(vector)
		if err != nil {
			return
		}
		g := newHarness(t, 1, true)
		g.put(1, "a", "own")
		g.commit()
		g.apply(1, recs...)
		g.Heard(v)
		g.join(v)
		want := g.all()
		g.commit()
		g.reopen()
		if got := g.all(); got != want {
			t.Errorf("opened again: %q, want %q", got, want)
		}
		g.save()
		if got := g.all(); got != want {
			t.Errorf("after a checkpoint: %q, want %q", got, want)
		}
	})
}
