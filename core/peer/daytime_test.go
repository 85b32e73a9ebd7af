package peer

import (
	"testing"

	"github.com/masqdev/masq/core/wire"
)

const aDay = 86_400_000

// A Sync Server that says another time in each HELLO, or whose nodes differ, neither makes a device dial without end nor show more than
// a few days' channels; and the devices meet as soon as it says one time.
func TestHelloTime(t *testing.T) {
	const minute = 60_000
	for name, c := range map[string]struct {
		says  func(n int, now Millis) Millis // what the n-th HELLO says
		dials int                            // at most, in an hour
		days  int                            // whose channels are shown, at most
		ends  bool                           // the Sync Server ends each connection behind HELLO
		hours Millis
	}{
		"another day each time":   {func(n int, now Millis) Millis { return now + Millis(1+n%365)*aDay }, 5, 3, false, 1},
		"the same, and ends each": {func(n int, now Millis) Millis { return now + Millis(1+n%365)*aDay }, 100, 3, true, 1},
		"the same, for a day":     {func(n int, now Millis) Millis { return now + Millis(1+n%365)*aDay }, 100, 4, true, 23},
		"the past, each earlier":  {func(n int, now Millis) Millis { return now - Millis(1+n%365)*aDay }, 5, 3, false, 1},
		"the past, each later":    {func(n int, now Millis) Millis { return now - 400*aDay + Millis(n)*aDay }, 5, 3, false, 1},
		"further by minutes":      {func(n int, now Millis) Millis { return now + Millis(n)*6*minute }, 100, 2, true, 1},
		"one time for good":       {func(int, Millis) Millis { return 1_800_000_000_000 }, 100, 2, true, 1},
		"two nodes, six minutes":  {func(n int, now Millis) Millis { return now + Millis(n%2)*6*minute }, 5, 2, false, 1},
		"two nodes, six hours":    {func(n int, now Millis) Millis { return now + Millis(n%2)*360*minute }, 5, 2, false, 1},
		"nothing but zero":        {func(int, Millis) Millis { return 0 }, 5, 2, false, 1},
		"the end of time":         {func(int, Millis) Millis { return 1<<63 - 1 }, 5, 1, false, 1},
	} {
		h := newHarness(t, "Laptop", "Phone")
		a, b := h.nodes[0], h.nodes[1]
		h.pair(a, b)
		h.until("first copy", h.converged)
		h.cutOff(b, true) // what it is told does not count for the other
		names, hellos := map[string]bool{}, 0
		h.hello = func(url string, f *wire.RelayFrame) {
			names[url] = true
			hellos++
			f.Time = c.says(hellos, h.now)
			if c.ends {
				h.later(h.cut)
			}
		}
		before := a.dials
		h.cut()
		h.wait(c.hours * 60 * minute)
		if n := a.dials - before; n > c.dials*int(c.hours) || len(names) > c.days {
			t.Errorf("%s: %d dials, the names of %d channels", name, n, len(names))
		}
		h.hello = nil
		h.outage()
		h.up = true
		h.cutOff(b, false)
		h.wait(24 * 60 * minute)
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

// However often a clock is set, forward or back, the device meets others.
func TestClockIsSetEachHour(t *testing.T) {
	const hour = 3_600_000
	for name, by := range map[string]func(n int64) int64{
		"forward":            func(n int64) int64 { return 5 * hour },
		"back":               func(n int64) int64 { return -5 * hour },
		"forward and back":   func(n int64) int64 { return (n%2*2 - 1) * 7 * hour },
		"forward by minutes": func(n int64) int64 { return hour / 5 },
	} {
		h := newHarness(t, "Laptop", "Phone")
		a, b := h.nodes[0], h.nodes[1]
		h.pair(a, b)
		for n := range int64(26) {
			b.ahead += by(n)
			b.wakeAt = h.now
			h.wait(hour - 60_000)
			h.outage()
			h.up = true
			a.put("k", string(rune('0'+n%10)))
			h.until(name, func() bool { return b.get("k") == string(rune('0'+n%10)) })
		}
	}
}
