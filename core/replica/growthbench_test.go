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

// growths are what a replica takes in storage for so many of something, less what it takes anyway.
var growths = []struct {
	what string
	unit int // how many of it are one
	of   func(t testing.TB, n int) int
}{
	{"overwrite", 100, func(t testing.TB, n int) int {
		g := newHarness(t, 1, false)
		g.put(1, "k", "value")
		before := g.stored()
		for i := range n {
			g.put(uint64(i), "k", "value")
			if g.NeedsCheckpoint() {
				g.save()
			}
		}
		return g.stored() - before
	}},
	{"start", 20, func(t testing.TB, n int) int {
		g := newHarness(t, 1, false)
		for i := range 100 {
			g.startAndWrite(i)
		}
		before := g.stored()
		for i := range n {
			g.startAndWrite(100 + i)
		}
		return g.stored() - before
	}},
	{"device", 1, func(t testing.TB, n int) int {
		g := newHarness(t, 1, false)
		g.put(1, "k", "value")
		before := g.stored()
		for i := range n {
			o := newHarness(t, byte(2+i), false)
			g.give(o, 1)
			o.put(2, "k", "value")
			o.give(g, 1)
		}
		return g.stored() - before
	}},
}

// What grows does so as the package's comment says.
func TestGrowth(t *testing.T) {
	const once = 300 // a segment and a page more than before
	for _, x := range growths {
		each := map[string]int{"device": 250}[x.what]
		for _, n := range []int{1, 10, 100} {
			if got := x.of(t, n*x.unit); got > once+each*n {
				t.Errorf("%d times a %s: %d bytes more in storage", n*x.unit, x.what, got)
			}
		}
	}
}

func BenchmarkGrowth(b *testing.B) {
	for _, x := range growths {
		for _, n := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d", x.what, n), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(float64(x.of(b, n*x.unit))/float64(n*x.unit), "each-B")
				}
			})
		}
	}
}
