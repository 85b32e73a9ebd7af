package peer

import (
	"fmt"
	"testing"
)

// onePut is what a put costs on the wire, from a device to another one, in the middle of a session.
func (h *harness) onePut(a, b *node) traffic {
	h.until("both are online", func() bool { return a.to(b) != nil && b.to(a) != nil })
	a.put("first", "1") // behind it each tells the other its whole vector, once in a session
	h.wait(20_000)
	return h.during(func() {
		a.put("counter", `"x"`)
		h.until("the other has it", func() bool { return b.get("counter") == `"x"` })
		h.wait(5_000)
	})
}

// afterStarts is a put after so many starts of its device, each of which wrote its key, while another of the circle is never heard.
func afterStarts(t testing.TB, starts int) traffic {
	h := newHarness(t, "Laptop", "Phone", "Drawer")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	h.pair(a, b)
	h.pair(a, c)
	a.put("counter", `"0"`)
	h.until("all have it", h.converged)
	h.offline(c, true)
	h.offline(a, true)
	for i := range starts {
		a.crash()
		a.put("counter", fmt.Sprint(i))
	}
	h.offline(a, false)
	return h.onePut(a, b)
}

// besideLost is a put in a circle in which so many others wrote a key, the same or one of their own, and were not heard for a week.
func besideLost(t testing.TB, lost int, same bool) traffic {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.put("counter", `"0"`)
	for i := range lost {
		c, key := h.add(fmt.Sprint("Lost ", i), testApp), "counter"
		if !same {
			key = fmt.Sprint("lost/", i)
		}
		h.pair(a, c)
		c.put(key, fmt.Sprint(i))
		h.until("the laptop has it", func() bool { return a.get(key) == fmt.Sprint(i) })
		h.offline(c, true)
		h.nodes = h.nodes[:2]
	}
	h.now += 8 * 24 * 3600_000
	h.wait(1_200_000) // until those that were heard lately have the places
	return h.onePut(a, b)
}

// A wireGrowth is how many bytes a put costs more on the wire for each of so many of something.
type wireGrowth struct {
	what       string
	unit, each int // how many of it are one
	of         func(t testing.TB, n int) traffic
}

// wireGrowths are as the package's comment has them.
var wireGrowths = []wireGrowth{
	{"start", 20, 0, afterStarts},
	{"lost", 1, 0, func(t testing.TB, n int) traffic { return besideLost(t, n, false) }},
	{"lost-writer", 1, 16, func(t testing.TB, n int) traffic { return besideLost(t, n, true) }},
}

// check returns how many bytes n times as many add, and fails if they are too many, or frames.
func (x wireGrowth) check(t testing.TB, none traffic, n int) int {
	t.Helper()
	const step = 16 // to which a frame is padded
	got, n := x.of(t, n*x.unit), n*x.unit
	if got.frames > none.frames || got.bytes > none.bytes+n*x.each+min(n*x.each, step) {
		t.Errorf("%d times %s: a put costs %+v, before %+v", n, x.what, got, none)
	}
	return got.bytes - none.bytes
}

// What a put costs on the wire grows as the package's comment says.
func TestPutOnTheWire(t *testing.T) {
	for _, x := range wireGrowths {
		none := x.of(t, 0)
		for _, n := range []int{1, 10} { // and 100 in the benchmark, which takes its time
			x.check(t, none, n)
		}
	}
}

func BenchmarkPutOnTheWire(b *testing.B) {
	for _, x := range wireGrowths {
		none := x.of(b, 0)
		for _, n := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("%s/%d", x.what, n), func(b *testing.B) {
				for b.Loop() {
					b.ReportMetric(float64(x.check(b, none, n))/float64(n*x.unit), "each-B")
				}
			})
		}
	}
}
