package replica

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/masqdev/masq/core/wire"
)

// inMemory is everything that replaying the log makes.
func (g *harness) inMemory() string {
	r := g.Replica
	r.closeOpen()
	var b strings.Builder
	for _, v := range r.arrivals {
		fmt.Fprintf(&b, "%d %v %d %v %d %q %q %v %v %v dead at %d\n", v.pos, v.dot, v.time, v.ctx, v.kind, v.key, v.value, v.more, v.hearsay, v.abridged, v.dead)
	}
	for _, key := range r.memKeys() {
		b.WriteString(key + ":")
		for _, v := range r.mem[key] {
			fmt.Fprintf(&b, " %v", v.dot)
			for _, o := range v.took {
				fmt.Fprintf(&b, "<%v", o.dot)
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d keys, %d alive, %d bytes, %d doubts, owes %d, marks %v, open %v", r.count, r.alive, r.memBytes, r.doubts, r.owes.bytes,
		r.Marks(r.writer.id), r.sum.open)
	if s := r.Summed(); s != nil {
		fmt.Fprintf(&b, ", sum %x", *s)
	}
	return b.String()
}

// TestReplay: the log makes what was in memory before, whatever it consists of.
func TestReplay(t *testing.T) {
	other := func(seq uint64, key string, ctx ...wire.Dot) wire.Record {
		return wire.Record{Dot: wire.Dot{Writer: 9, Seq: block + seq}, Time: 5, Context: ctx, Key: key, Kind: wire.JSON, Value: []byte("theirs")}
	}
	unsure := func(r wire.Record) wire.Record { r.Hearsay = true; return r }
	for _, c := range []struct {
		name string
		do   func(g *harness)
	}{
		{"nothing", func(*harness) {}},
		{"one by one", func(g *harness) { g.put(1, "a", "1"); g.put(2, "b", "2"); g.put(3, "c", "3") }},
		{"one by one, each stored", func(g *harness) { g.put(1, "a", "1"); g.commit(); g.put(2, "b", "2"); g.commit() }},
		{"batches", func(g *harness) { g.write(1, set("a", "1"), set("b", "2")); g.write(2, set("b", "3"), set("c", "4")) }},
		{"over and over", func(g *harness) {
			for i := range uint64(20) {
				g.put(i, "a", fmt.Sprint(i))
			}
		}},
		{"over what is in pages", func(g *harness) { g.put(1, "a", "1"); g.put(1, "b", "1"); g.save(); g.put(2, "a", "2"); g.del(3, "b") }},
		{"in several runs", func(g *harness) {
			for i := range uint64(4) {
				g.put(i, "a", fmt.Sprint(i))
				g.put(i, fmt.Sprint(i), "")
				g.commit()
				g.reopen()
			}
			g.put(5, "z", "")
		}},
		{"another's", func(g *harness) { g.apply(1, other(0, "a"), other(1, "b"), other(2, "c")) }},
		{"another's, and own between", func(g *harness) {
			g.apply(1, other(0, "a"))
			g.put(6, "a", "mine")
			g.apply(1, other(1, "a"), other(2, "b"))
			g.put(7, "b", "mine")
			g.join(wire.Vector{{Writer: 9, Tails: []wire.Tail{{Seq: block + 2}}}})
			g.put(8, "c", "mine")
		}},
		{"another's, not in their order", func(g *harness) {
			g.apply(1, other(5, "a"), other(3, "b"))
			g.join(wire.Vector{{Writer: 9, Tails: []wire.Tail{{Seq: block + 3}}}})
			if g.Summed() != nil {
				t.Error("a number that is not covered yet is forgotten")
			}
		}},
		{"side by side", func(g *harness) {
			g.apply(1, other(0, "a"), other(1, "a"), other(2, "a"))
			g.put(6, "a", "all seen")
			g.apply(1, other(3, "a"))
		}},
		{"hearsay", func(g *harness) {
			g.put(1, "a", "1")
			g.apply(1, unsure(other(0, "a")), other(1, "b"), unsure(other(2, "b")))
		}},
		{"a new writer", func(g *harness) { g.put(1, "a", "1"); g.Renew(); g.put(2, "a", "2"); g.put(2, "b", "2") }},
		{"a fork", func(g *harness) {
			g.put(1, "a", "1")
			g.commit()
			g.fork(elsewhere(g.Replica), byAnother(g.Replica))
			g.put(2, "b", "2")
		}},
		{"everything dropped", func(g *harness) {
			g.put(1, "a", "1")
			g.do(func() error { _, err := g.Drop(); return err })
			g.checkpoint()
			g.commit()
			g.put(2, "b", "2")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newHarness(t, 1, false)
			c.do(g)
			g.commit()
			want, has := g.inMemory(), g.all()
			vector := wire.AppendVector(nil, g.Vector().Join(g.finished(g.writer.reserved))) // a start settles what was written before
			for range 2 {
				g.reopen()
				if got := g.inMemory(); got != want {
					t.Fatalf("opened again:\n%s\nwant:\n%s", got, want)
				}
				if got := wire.AppendVector(nil, g.Vector()); !bytes.Equal(got, vector) {
					t.Fatalf("opened again: vector %x, want %x", got, vector)
				}
				if g.all() != has {
					t.Fatalf("opened again: %s, was %s", g.all(), has)
				}
			}
			g.put(9, "later", "")
			g.save()
			if g.del(9, "later"); g.all() != has {
				t.Fatalf("written anew: %s, was %s", g.all(), has)
			}
		})
	}
}

// TestReplayTail: of two own records the vector has the one with the higher number, wherever it stands.
func TestReplayTail(t *testing.T) {
	item := func(pos, writer, seq uint64) []byte {
		b := wire.AppendU64(wire.AppendU64([]byte{itemRecords}, pos), 1)
		b = append(append(b, 1), make([]byte, 8)...)
		return wire.AppendRecord(b, &wire.Record{Dot: wire.Dot{Writer: writer, Seq: seq}, Key: "k"})
	}
	for _, seqs := range [][]uint64{{block, block + 1}, {block + 1, block}, {block, block + 2, block + 1}, {block, 2 * block}, {2 * block, block + 1, 2*block + 1}} {
		r := bare(t)
		var items [][]byte
		want := wire.Vector{}
		for i, seq := range seqs {
			items = append(items, item(block+uint64(i), 7, seq))
			want = want.WithTail(7, wire.Tail{Seq: seq})
		}
		if err := r.replay(items); err != nil || !r.vector.Same(want) {
			t.Errorf("%v: %v, %v", seqs, r.vector, err)
		}
	}
}

// TestReplayAllocates: what a start allocates depends on the log's records, not on how much is in each.
func TestReplayAllocates(t *testing.T) {
	open := func(keys, batch, updates int) float64 {
		g := newHarness(t, 1, false)
		for range updates {
			for i := 0; i < keys; i += batch {
				var writes []Write
				for j := range batch {
					writes = append(writes, set(benchKey(i+j), "value"))
				}
				g.write(1, writes...)
			}
		}
		g.commit()
		return testing.AllocsPerRun(5, g.reopen)
	}
	for _, c := range []struct{ batch, updates int }{{1, 1}, {1, 2}, {100, 1}, {100, 3}} {
		less, more := open(100, c.batch, c.updates), open(1100, c.batch, c.updates)
		if got := (more - less) / float64(1000*c.updates); got > 0.05 {
			t.Errorf("batches of %d, %d times: %.2f allocations a record", c.batch, c.updates, got)
		}
	}
}

// TestCheckpointLetsGo: a checkpoint leaves nothing of the opened log in memory.
func TestCheckpointLetsGo(t *testing.T) {
	g := newHarness(t, 1, false)
	for i := range 200 {
		g.put(1, fmt.Sprintf("%06d%s", i, strings.Repeat("k", 500)), strings.Repeat("v", 500))
	}
	g.commit()
	g.reopen()
	gone := make(chan string, 3)
	v := g.arrivals[100]
	runtime.AddCleanup(v, func(what string) { gone <- what }, "versions")
	runtime.AddCleanup(&v.value[0], func(what string) { gone <- what }, "values")
	runtime.AddCleanup(unsafe.StringData(v.key), func(what string) { gone <- what }, "keys")
	v = nil
	g.save()
	g.led.Trim()
	var got []string
	for range 20 {
		runtime.GC()
		for len(gone) > 0 {
			got = append(got, <-gone)
		}
	}
	if slices.Sort(got); !slices.Equal(got, []string{"keys", "values", "versions"}) {
		t.Errorf("let go: %v", got)
	}
	runtime.KeepAlive(g)
}
