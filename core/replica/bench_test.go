package replica

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// Values are of 100 bytes.
var benchValue = []byte(strings.Repeat("v", 100))

func benchKey(i int) string { return fmt.Sprintf("note/%06d", i) }

// filled is a replica of n keys, written in key order, all in segments and pages.
func filled(b *testing.B, n int) *harness {
	b.Helper()
	g := newHarness(b, 1, false)
	for i := range n {
		g.put(1, benchKey(i), string(benchValue))
		if g.NeedsCheckpoint() {
			g.do(g.Checkpoint)
			g.led.Checkpoint()
			g.commit()
			g.led.Trim()
		}
	}
	g.do(g.Checkpoint)
	g.led.Checkpoint()
	g.commit()
	return g
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("into %d", n), func(b *testing.B) {
			g := filled(b, n)
			rng := rand.New(rand.NewPCG(1, 1))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if g.NeedsCheckpoint() {
					b.StopTimer()
					g.do(g.Checkpoint)
					g.led.Checkpoint()
					g.commit()
					g.led.Trim()
					b.StartTimer()
				}
				g.put(uint64(i), benchKey(rng.IntN(n+10_000)), string(benchValue))
			}
		})
	}
}

// BenchmarkCheckpoint takes one after 4,000 writes.
func BenchmarkCheckpoint(b *testing.B) {
	for _, order := range []string{"in order", "random"} {
		b.Run(order, func(b *testing.B) {
			g := filled(b, 100_000)
			rng := rand.New(rand.NewPCG(1, 1))
			at := 0
			for b.Loop() {
				b.StopTimer()
				for range 4000 {
					at = (at + 1) % 100_000
					if order == "random" {
						at = rng.IntN(100_000)
					}
					g.put(2, benchKey(at), string(benchValue))
				}
				b.StartTimer()
				g.do(g.Checkpoint)
				g.led.Checkpoint()
				g.commit()
				g.led.Trim()
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	g := newHarness(b, 1, false)
	var recs []wire.Record
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		if g.NeedsCheckpoint() {
			b.StopTimer()
			g.do(g.Checkpoint)
			g.led.Checkpoint()
			g.commit()
			g.led.Trim()
			b.StartTimer()
		}
		recs = append(recs, wire.Record{
			Dot: wire.Dot{Writer: 7, Seq: block + i}, Time: i, Key: benchKey(int(i % 100_000)), Kind: wire.Bytes, Value: benchValue,
		})
		if len(recs) == 100 {
			g.apply(1, recs...)
			recs = recs[:0]
		}
	}
}

func BenchmarkGet(b *testing.B) {
	g := filled(b, 100_000)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, hot := range []bool{true, false} {
		b.Run(map[bool]string{true: "hot", false: "cold"}[hot], func(b *testing.B) {
			g.reopen()
			b.ReportAllocs()
			g.loads = 0
			for b.Loop() {
				i := rng.IntN(100)
				if !hot {
					i = rng.IntN(100_000)
				}
				if g.get(benchKey(i)) == "-" {
					b.Fatal("not there")
				}
				if !hot {
					b.StopTimer()
					g.reopen()
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkRange1000(b *testing.B) {
	g := filled(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		if recs, _ := g.find(Query{Gte: benchKey(50_000), Limit: 1000}); len(recs) != 1000 {
			b.Fatal(len(recs))
		}
	}
}

// BenchmarkNext walks 100,000 records for a device that lacks the last or a random hundredth, or all of them.
func BenchmarkNext(b *testing.B) {
	g := filled(b, 100_000)
	full := g.Vector()
	own := g.writer.id
	for _, c := range []struct {
		name string
		peer wire.Vector
		want int
	}{
		{"lacks all", nil, 100_000},
		{"lacks the last hundredth", wire.Vector{{Writer: own, Settled: block + 99_000 - 1}}, 1000},
		{"lacks nothing", full, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			g.led.Trim()
			g.loads = 0
			for b.Loop() {
				n := 0
				for pos, end := uint64(0), false; !end; {
					var recs []wire.Record
					recs, pos, end = g.next(c.peer, 0, pos, 32<<10)
					n += len(recs)
					g.led.Trim()
				}
				if n != c.want {
					b.Fatalf("%d records, want %d", n, c.want)
				}
			}
			b.ReportMetric(float64(g.loads)/float64(b.N), "loaded-B/op")
		})
	}
}

// BenchmarkOpen opens 100,000 keys and reads one.
func BenchmarkOpen(b *testing.B) {
	g := filled(b, 100_000)
	g.put(2, "tail", "1")
	g.commit()
	var before, after runtime.MemStats
	g.Replica = nil
	runtime.GC()
	runtime.ReadMemStats(&before)
	for b.Loop() {
		g.loads = 0
		g.reopen()
		g.get(benchKey(77_777))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(g.loads), "loaded-B")
	b.ReportMetric(float64(after.HeapAlloc)-float64(before.HeapAlloc), "heap-B")
}

// BenchmarkReplay opens 3,700 keys that are all in the log, written one by one or in batches, in so many log records.
func BenchmarkReplay(b *testing.B) {
	const keys = 3700
	for _, c := range []struct {
		name            string
		batch, inCommit int // writes of a batch, batches in a log record
	}{
		{"3700 commits", 1, 1},
		{"370 commits", 1, 10},
		{"4 commits of single writes", 1, keys / 4},
		{"37 commits of batches", 100, 1},
		{"4 commits of batches", keys / 4, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := newHarness(b, 1, false)
			for i := 0; i < keys; {
				for range c.inCommit {
					var writes []Write
					for range c.batch {
						writes = append(writes, Write{Key: benchKey(i), Kind: wire.Bytes, Value: benchValue})
						i++
					}
					g.write(1, writes...)
				}
				g.commit()
			}
			b.ReportAllocs()
			for b.Loop() {
				g.reopen()
			}
			if g.Count() != keys {
				b.Fatalf("%d keys", g.Count())
			}
		})
	}
}
