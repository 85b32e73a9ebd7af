package replica

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

func TestWriteAndRead(t *testing.T) {
	g := newHarness(t, 1, true)
	for _, c := range []struct {
		name string
		do   func() []Change
		want string // all that there is
		told string // the change
	}{
		{"put", func() []Change { return g.put(1, "a", "1") }, "a=1", "a: 0 '' to 1 '1'"},
		{"put another", func() []Change { return g.put(1, "b", "2") }, "a=1 b=2", "b: 0 '' to 1 '2'"},
		{"replace", func() []Change { return g.put(1, "a", "3") }, "a=3 b=2", "a: 1 '1' to 1 '3'"},
		{"replace after a checkpoint", func() []Change { g.save(); return g.put(1, "b", "4") }, "a=3 b=4", "b: 1 '2' to 1 '4'"},
		{"delete", func() []Change { return g.del(1, "a") }, "b=4", "a: 1 '3' to 0 ''"},
		{"delete again", func() []Change { return g.del(1, "a") }, "b=4", ""},
		{"delete what never was", func() []Change { return g.del(1, "zz") }, "b=4", ""},
		{"put what was deleted", func() []Change { g.save(); return g.put(1, "a", "5") }, "a=5 b=4", "a: 0 '' to 1 '5'"},
		{"a batch", func() []Change { return g.write(1, set("c", "6"), Write{Key: "b"}, set("d", "")) }, "a=5 c=6 d=",
			"c: 0 '' to 1 '6'; b: 1 '4' to 0 ''; d: 0 '' to 1 ''"},
	} {
		var told []string
		for _, x := range c.do() {
			told = append(told, fmt.Sprintf("%s: %d '%s' to %d '%s'", x.Key, x.PrevKind, x.Previous, x.Kind, x.Value))
		}
		if got := strings.Join(told, "; "); got != c.told {
			t.Errorf("%s: told %q, want %q", c.name, got, c.told)
		}
		if got := g.all(); got != c.want {
			t.Errorf("%s: there is %q, want %q", c.name, got, c.want)
		}
	}
	before := g.all()
	g.commit()
	g.reopen()
	if got := g.all(); got != before {
		t.Errorf("opened again: %q, want %q", got, before)
	}
}

// The version with the highest (time, writer) that is no deletion is the one that get returns.
func TestWinner(t *testing.T) {
	rec := func(writer, time uint64, value string) wire.Record {
		r := wire.Record{Dot: wire.Dot{Writer: writer, Seq: 4096}, Time: time, Key: "k", Kind: wire.JSON, Value: []byte(value)}
		if value == "" {
			r.Kind, r.Value = wire.Deleted, nil
		}
		return r
	}
	for _, c := range []struct {
		name string
		recs []wire.Record
		want []string
	}{
		{"the latest", []wire.Record{rec(1, 10, "a"), rec(2, 12, "b"), rec(3, 11, "c")}, []string{"b", "c", "a"}},
		{"of one time, the highest writer", []wire.Record{rec(1, 10, "a"), rec(3, 10, "c"), rec(2, 10, "b")}, []string{"c", "b", "a"}},
		{"a deletion never", []wire.Record{rec(1, 10, "a"), rec(2, 99, "")}, []string{"a"}},
		{"deletions alone", []wire.Record{rec(1, 10, ""), rec(2, 99, "")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, saved := range []bool{false, true} {
				g := newHarness(t, 1, true)
				for _, r := range c.recs {
					g.apply(1, r)
					if saved {
						g.save()
					}
				}
				if got := g.versions("k"); !slices.Equal(got, c.want) {
					t.Errorf("%q, want %q", got, c.want)
				}
				if got, want := g.Count(), uint64(min(1, len(c.want))); got != want {
					t.Errorf("counted %d, want %d", got, want)
				}
				g.put(1000, "k", "new")
				if got := g.versions("k"); !slices.Equal(got, []string{"new"}) {
					t.Errorf("after a write that has seen all: %q", got)
				}
			}
		})
	}
}

// A write's time is the clock's, or just behind what it replaces, unless that is far ahead.
func TestTimes(t *testing.T) {
	const now = 1 << 40
	for _, c := range []struct{ replaced, want uint64 }{
		{now - 5, now},
		{now, now + 1},
		{now + aheadTolerance, now + aheadTolerance + 1},
		{now + aheadTolerance + 1, now},
		{1<<64 - 1, now},
	} {
		g := newHarness(t, 1, true)
		g.apply(1, wire.Record{Dot: wire.Dot{Writer: 9, Seq: 4096}, Time: c.replaced, Key: "k", Kind: wire.JSON, Value: []byte("old")})
		g.write(now, set("other", "1"), set("k", "new"))
		for _, v := range g.arrivals[1:] {
			if v.time != c.want {
				t.Errorf("over a time of %d: %d, want %d", c.replaced, v.time, c.want)
			}
		}
		if got := g.versions("k"); !slices.Equal(got, []string{"new"}) {
			t.Errorf("over a time of %d: %q", c.replaced, got)
		}
	}
}

// Records may come twice, in any order, and behind what has superseded them.
func TestApply(t *testing.T) {
	a, b := newHarness(t, 1, true), newHarness(t, 2, true)
	a.put(1, "k", "1")
	a.commit() // before that its numbers are not reserved, and it is not given out
	first, _, _ := a.next(nil, 0, 0, 1)
	a.put(2, "k", "2")
	a.commit()
	second, _, _ := a.next(nil, 0, 0, 1<<20)
	for i, c := range []struct {
		recs []wire.Record
		want string
		told int
	}{
		{second, "k=2", 1}, {first, "k=2", 0}, {second, "k=2", 0}, {append(slices.Clone(first), second...), "k=2", 0}, {nil, "k=2", 0},
	} {
		if got := len(b.apply(1, c.recs...)); got != c.told {
			t.Errorf("%d: told %d changes, want %d", i, got, c.told)
		}
		if got := b.all(); got != c.want {
			t.Errorf("%d: %q, want %q", i, got, c.want)
		}
		b.save()
	}
	if len(second) != 1 || len(b.arrivals) != 0 {
		t.Errorf("%d records, %d arrivals", len(second), len(b.arrivals))
	}
}

func TestLimits(t *testing.T) {
	g, h := newHarness(t, 1, false), newHarness(t, 2, false)
	big := bytes.Repeat([]byte("v"), wire.MaxValue)
	batch := func(n, size int) (out []Write) {
		for i := range n {
			out = append(out, Write{Key: fmt.Sprintf("%d/%03d", n, i), Kind: wire.Bytes, Value: big[:size]})
		}
		return out
	}
	for _, w := range [][]Write{
		batch(1, wire.MaxValue),
		batch(wire.MaxBatchOps, 10),
		batch(4, wire.MaxValue-200),
		batch(wire.MaxBatchOps, wire.MaxBatch/wire.MaxBatchOps-60),
		{{Key: strings.Repeat("k", wire.MaxKey), Kind: wire.Bytes, Value: big}},
	} {
		g.write(1, w...)
		g.commit()
	}
	if n := g.give(h, 1); n != 2006-1000 {
		t.Errorf("%d records came across", n)
	}
	for range 2 {
		if g.all() != h.all() {
			t.Error("not the same came across")
		}
		g.save()
		g.reopen()
		h.save()
		h.reopen()
	}
	before := g.dump()
	err := g.wait(func() error { _, err := g.Write(1, batch(5, wire.MaxValue)); return err })
	if !errors.Is(err, ErrTooBig) || g.dump() != before {
		t.Errorf("more than fits into a batch: %v", err)
	}
}

// What waits for a checkpoint is bounded, so that a log record is.
func TestMustCheckpoint(t *testing.T) {
	g := newHarness(t, 1, false)
	big := string(bytes.Repeat([]byte("v"), wire.MaxValue))
	for i := range 9 {
		if g.MustCheckpoint() != (i == 8) {
			t.Errorf("%d MiB in memory: must be checkpointed %v", i, i != 8)
		}
		g.put(1, fmt.Sprint(i), big)
	}
	g.checkpoint()
	if g.MustCheckpoint() {
		t.Error("after the checkpoint")
	}
}

// Batches stay together over segments, checkpoints and compaction.
func TestBatches(t *testing.T) {
	small(t, 300)
	a := newHarness(t, 1, true)
	for i := range 40 {
		a.write(1, set(fmt.Sprintf("a%02d", i), "1"), set(fmt.Sprintf("b%02d", i), "2"), set(fmt.Sprintf("c%02d", i%7), "3"))
	}
	check := func(when string) {
		t.Helper()
		b := newHarness(t, 2, false)
		for pos, end := uint64(0), false; !end; {
			var raw []byte
			a.do(func() (err error) { raw, pos, end, err = a.Next(nil, 0, pos, 1); return err })
			recs, err := wire.ParseRecords(raw)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if len(recs) == 0 {
				continue
			}
			dot, i := recs[0].Dot, len(recs)
			if slices.ContainsFunc(recs, func(r wire.Record) bool { return r.Dot != dot }) || i > 3 || i < 2 && recs[0].Key[0] != 'c' {
				t.Errorf("%s: %d records of %v at once", when, i, dot)
			}
			b.apply(1, recs...)
		}
		if got, want := b.all(), a.all(); got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	a.commit()
	check("in memory")
	a.save()
	check("in segments")
	for i := range 40 {
		if i%3 > 0 {
			a.write(1, set(fmt.Sprintf("a%02d", i), "4"), set(fmt.Sprintf("b%02d", i), "5"))
		}
	}
	a.save()
	a.save()
	check("compacted")
}
