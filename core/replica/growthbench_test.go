package replica

import (
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

// stored is how many bytes of blocks there are.
func (g *harness) stored() (n int) {
	g.t.Helper()
	g.save()
	g.led.Trim()
	ids, err := g.store.List()
	if err != nil {
		g.t.Fatal(err)
	}
	for _, id := range ids {
		if id.Class() == storage.Log { // emptied records of earlier starts: they go 1,024 starts later
			continue
		}
		blocks, err := g.store.Load([]storage.ID{id})
		if err != nil {
			g.t.Fatal(err)
		}
		n += len(blocks[0].Data)
	}
	return n
}

// known is how many bytes the vector and the contexts of a key take, which go over the wire.
func (g *harness) known(key string) int {
	s := g.sizeOf(key)
	return s.vector + onePair*s.pairs
}

// A measure is what of a replica grows.
type measure func(g *harness) int

func inStorage(g *harness) int { return g.stored() }
func asKnown(g *harness) int   { return g.known("counter") }

func overwrites(t testing.TB, n int, of measure) int {
	g := newHarness(t, 1, false)
	g.put(1, "counter", "value")
	before := of(g)
	for i := range n {
		g.put(uint64(i), "counter", "value")
		if g.NeedsCheckpoint() {
			g.save()
		}
	}
	return of(g) - before
}

func starts(t testing.TB, n int, of measure) int {
	g := newHarness(t, 1, false)
	for i := range 100 {
		g.startAndWrite(i)
	}
	before := of(g)
	for i := range n {
		g.startAndWrite(100 + i)
	}
	return of(g) - before
}

func devices(t testing.TB, n int, of measure) int {
	g := newHarness(t, 1, false)
	g.put(1, "counter", "value")
	before := of(g)
	for i := range n {
		o := newHarness(t, byte(2+i), false)
		g.give(o, 1)
		o.put(2, "counter", "value")
		o.give(g, 1)
	}
	return of(g) - before
}

// A growth is what so many of something add to what a replica holds: at most once, and each.
type growth struct {
	what       string
	unit       int // how many of it are one
	once, each int
	of         func(t testing.TB, n int, of measure) int
	measure    measure
}

const (
	newBlocks = 250 // a segment and a page more than before
	onePair   = 16  // of a context
)

// growths are as the package's comment has them.
var growths = []growth{
	{"overwrite", 100, newBlocks, 0, overwrites, inStorage},
	{"start", 20, newBlocks, 0, starts, inStorage},
	{"device", 1, newBlocks, 220, devices, inStorage}, // about 200
	{"overwrite-known", 100, onePair, 0, overwrites, asKnown},
	{"start-known", 20, 0, 0, starts, asKnown},
	{"device-known", 1, 0, 34 + onePair, devices, asKnown},
}

// check returns how many bytes n times as many add, and fails if they are too many.
func (x growth) check(t testing.TB, n int) int {
	t.Helper()
	got := x.of(t, n*x.unit, x.measure)
	if got > x.once+x.each*n*x.unit {
		t.Errorf("%d times %s: %d bytes more", n*x.unit, x.what, got)
	}
	return got
}

// What grows does so as the package's comment says.
func TestGrowth(t *testing.T) {
	for _, x := range growths {
		for _, n := range []int{1, 10, 100} {
			x.check(t, n)
		}
	}
}

func BenchmarkGrowth(b *testing.B) {
	for _, x := range growths {
		for _, n := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d", x.what, n), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(float64(x.check(b, n))/float64(n*x.unit), "each-B")
				}
			})
		}
	}
}
