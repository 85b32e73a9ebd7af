package peer

import (
	"testing"

	"github.com/masqdev/masq/core/wire"
)

const aDay = 86_400_000

// A Sync Server that says another time in each HELLO, or whose nodes differ, neither makes a device dial without end nor show more
// than a few days' channels; and the devices meet as soon as the server says one time.
func TestHelloTime(t *testing.T) {
	for name, c := range map[string]struct {
		says  func(n int, now Millis) Millis // what the n-th HELLO says
		dials int                            // at most, in an hour
		names int                            // of channels, at most
	}{
		"another day each time":  {func(n int, now Millis) Millis { return now + Millis(1+n%365)*aDay }, 80, 6},
		"the past, each earlier": {func(n int, now Millis) Millis { return now - Millis(1+n%365)*aDay }, 80, 6},
		"two nodes, six minutes": {func(n int, now Millis) Millis { return now + Millis(n%2)*6*60_000 }, 80, 4},
		"nothing but zero":       {func(int, Millis) Millis { return 0 }, 80, 6},
		"the end of time":        {func(int, Millis) Millis { return 1<<63 - 1 }, 80, 6},
	} {
		h := newHarness(t, "Laptop", "Phone")
		a, b := h.nodes[0], h.nodes[1]
		h.pair(a, b)
		h.until("first copy", h.converged)
		names, hellos := map[string]bool{}, 0
		h.hello = func(url string, f *wire.RelayFrame) {
			names[url] = true
			hellos++
			f.Time = c.says(hellos, h.now)
		}
		before := a.dials + b.dials
		h.outage()
		h.up = true
		h.wait(60 * 60_000)
		if n := a.dials + b.dials - before; n > c.dials || len(names) > c.names {
			t.Errorf("%s: %d dials, the names of %d channels", name, n, len(names))
		}
		h.hello = nil
		h.outage()
		h.up = true
		h.wait(25 * 60 * 60_000)
		a.put("k", "1")
		h.until(name+": in session", func() bool { return b.get("k") == "1" })
	}
}

// A device whose clock is dead goes by the Sync Server's time, also while the clock does what it wants.
func TestDeadClock(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	for _, ahead := range []int64{-int64(h.now) + 1, -365 * aDay, 400 * aDay} {
		b.ahead = ahead
		b.crash()
		b.wakeAt = h.now
		a.put("k", "1")
		h.until("in session", func() bool { return b.status.Sync == SyncOnline && b.get("k") == "1" })
		h.wait(3 * aDay)
		b.put("back", "1")
		h.until("in session three days later", func() bool { return a.get("back") == "1" })
		a.del("k")
		b.del("back")
	}
}
