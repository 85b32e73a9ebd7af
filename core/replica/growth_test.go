package replica

import (
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// startAndWrite starts a replica anew, and has it write one key. No other device is ever heard.
func (g *harness) startAndWrite(n int) {
	g.t.Helper()
	g.reopen()
	g.put(uint64(1000*n), "counter", fmt.Sprint(n))
	g.commit()
	if g.led.Tail() > 50 {
		g.save()
	}
}

// size is what grows: bytes of the vector and of the part, and pairs of the contexts of a key.
type size struct{ vector, part, pairs, versions int }

func (g *harness) sizeOf(key string) (s size) {
	g.t.Helper()
	s.vector, s.part = wire.VectorSize(g.vector), len(g.appendPart(nil))
	g.do(func() error {
		vs, err := g.lookup(key)
		s.versions, s.pairs = len(vs), 0
		for _, v := range vs {
			s.pairs += len(v.ctx)
		}
		return err
	})
	return s
}

// Thousands of starts cost nothing, though a device of the roster is never heard: each settles what those before it wrote.
func TestManyStarts(t *testing.T) {
	g := newHarness(t, 1, false)
	var after100 size
	for i := 1; i <= 2000; i++ {
		g.startAndWrite(i)
		if i == 100 {
			g.save()
			after100 = g.sizeOf("counter")
		}
	}
	g.save()
	got := g.sizeOf("counter")
	if got.vector != after100.vector || got.part > after100.part || got.pairs != 1 || got.versions != 1 {
		t.Errorf("after 2,000 starts %+v, after 100 %+v", got, after100)
	}
	g.del(3_000_000, "counter")
	if got := g.get("counter"); got != "-" {
		t.Errorf("after the deletion: %s", got)
	}
	if n := len(g.versions("counter")); n != 0 {
		t.Errorf("%d versions are left", n)
	}
}

// Several devices that write the same key at each of their starts: a context has one pair for each writer.
func TestManyStartsOfThree(t *testing.T) {
	all := []*harness{newHarness(t, 1, false), newHarness(t, 2, false), newHarness(t, 3, false)}
	for i := 1; i <= 150; i++ {
		g := all[i%3]
		g.startAndWrite(i)
		for _, o := range all {
			if o != g {
				g.give(o, 1)
				o.commit()
			}
		}
	}
	for _, g := range all {
		s := g.sizeOf("counter")
		if s.versions != 1 || s.pairs > len(all) {
			t.Errorf("%+v", s)
		}
		for _, e := range g.vector {
			if len(e.Tails) > 1 {
				t.Errorf("writer %x has %d tails", e.Writer, len(e.Tails))
			}
		}
	}
}

// A batch of 3 MB is taken after many starts, too, at each of which its keys were written.
func TestBatchAfterManyStarts(t *testing.T) {
	g := newHarness(t, 1, false)
	batch := func(size int) []Write {
		out := make([]Write, wire.MaxBatchOps)
		for i := range out {
			out[i] = Write{Key: fmt.Sprintf("settings/%04d", i), Kind: wire.Bytes, Value: make([]byte, size)}
		}
		return out
	}
	for i := range 80 {
		g.reopen()
		g.write(uint64(i), batch(1)...)
		g.commit()
		if g.NeedsCheckpoint() {
			g.save()
		}
	}
	g.write(80, batch(3000)...)
}
