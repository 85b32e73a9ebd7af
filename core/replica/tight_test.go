package replica

import (
	"fmt"
	"strings"
	"testing"
)

// longKey is of 8,000 that take many pages: i and i+1 are neighbours.
func longKey(i int) string { return fmt.Sprintf("%s/%05d", strings.Repeat("k", 100), i%8000) }

// large is a replica with so many keys, of which every tenth is deleted.
func large(t *testing.T) *harness {
	g := newHarness(t, 1, false)
	value := strings.Repeat("v", 300)
	for i := 0; i < 8000; i += 1000 {
		var all []Write
		for j := range 1000 {
			all = append(all, set(longKey(i+j), value))
		}
		g.write(1, all...)
		g.save()
	}
	for i := 0; i < 8000; i += 10 {
		g.del(2, longKey(i))
	}
	g.save()
	return g
}

// A checkpoint where there is little room writes little, however far apart the keys lie that are deleted, and whatever else it could do on the way. What
// it needs is known before.
func TestTightCheckpoints(t *testing.T) {
	const spread = 7919 // to a key that is far away, and so on to each
	for _, c := range []struct {
		name  string
		each  int // keys in a batch
		step  int
		alone bool // the tombstones that there are may go
		most  int  // bytes of a commit
	}{
		{"neighbours", 1, 1, false, 500 << 10},
		{"far apart", 1, spread, false, 500 << 10},
		{"far apart, with tombstones to go", 1, spread, true, 640 << 10},
		{"a few at once, far apart", 5, spread, false, 700 << 10},
		{"many at once", 1000, 1, true, 1 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := large(t)
			if c.alone {
				g.CollectAll()
				g.Sweep()
			}
			g.Tight(true)
			checkpoints, next := 0, 1
			for range max(600/c.each, 3) {
				var all []Write
				var keys []string
				for range c.each {
					keys = append(keys, longKey(next))
					all = append(all, Write{Key: longKey(next)})
					next += c.step
				}
				foreseen := g.Strain(keys...)
				g.write(3, all...)
				if got := g.Strain(); got > foreseen+32*c.each || foreseen > got+2*c.each*versionBytes {
					t.Fatalf("%d bytes are foreseen, then it is %d", foreseen, got)
				}
				if foreseen > 768<<10 {
					t.Fatalf("more than the reserve: %d", foreseen)
				}
				g.commit()
				if !g.NeedsCheckpoint() {
					continue
				}
				checkpoints++
				foreseen = g.Strain()
				g.Spare(max(0, TightAll-foreseen))
				g.checkpoint()
				g.begin()
				written := 0
				for _, b := range append(g.flight.Adds, g.flight.Puts...) {
					written += len(b.Data)
				}
				if written > c.most || written > foreseen+2*tightRest+3*pageBytes {
					t.Fatalf("checkpoint %d writes %d bytes, where %d were foreseen", checkpoints, written, foreseen)
				}
				g.end()
			}
			if checkpoints == 0 || g.Strain() > 2*tightBytes {
				t.Errorf("%d checkpoints, and it needs room for %d", checkpoints, g.Strain())
			}
			g.reopen()
			if left, _ := g.find(Query{KeysOnly: true, Limit: 8000}); len(left) > 8000-800-500 {
				t.Errorf("%d keys are left", len(left))
			}
		})
	}
}
