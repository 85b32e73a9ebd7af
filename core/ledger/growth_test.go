package ledger

import (
	"fmt"
	"testing"
)

const growthUnit = 20 // starts

// fenced returns how many bytes so many starts leave, each of which put up a fence and ended in a checkpoint. It fails if they are more than
// the last maxFences may take.
func fenced(t testing.TB, starts int) int {
	t.Helper()
	h := newHarness(t, Options{})
	size := func() (n int) {
		for _, data := range h.raw() {
			n += len(data)
		}
		return n
	}
	before := size()
	for range starts {
		h.Fence()
		h.commit()
		h.Checkpoint()
		h.commit()
		h.reopen()
	}
	const once, each = 120, 60 // an emptied record, and its number in the manifest
	got := size() - before
	if got > once+each*min(starts, maxFences) {
		t.Errorf("%d starts leave %d bytes", starts, got)
	}
	return got
}

// What starts leave does not grow any more when there are as many as the package's comment says.
func TestGrowth(t *testing.T) {
	for _, n := range []int{1, 10, 100} {
		fenced(t, n*growthUnit)
	}
}

func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("fence/%d", n), func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(fenced(b, n*growthUnit))/float64(n*growthUnit), "each-B")
			}
		})
	}
}
