package peer

import "testing"

// TestDeliveredIsDurable: a device is said to have everything only when it has said so itself of its storage. That it asks for nothing more, in a session
// that begins anew, is not that: it may lose again what it has in memory.
func TestDeliveredIsDurable(t *testing.T) {
	for _, c := range []struct {
		name   string
		stores bool
		again  func(h *harness)
	}{
		{"in one session", false, func(*harness) {}},
		{"in the next session", false, (*harness).cut},
		{"in the session behind that", false, func(h *harness) { h.cut(); h.wait(10_000); h.cut() }},
		{"in the next session of stores", true, (*harness).cut},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h *harness
			if c.stores {
				h = newStores(t, "Laptop", "Desk")
				for _, n := range h.nodes {
					n.addApp(testApp, "Notes")
				}
			} else {
				h = newHarness(t, "Laptop", "Phone")
			}
			a, b := h.nodes[0], h.nodes[1]
			h.pair(a, b)
			h.until("the first session has nothing left to do", func() bool { return a.status.Devices[0].ToSend == 0 })
			h.wait(30_000)
			b.slow = true
			a.putIn(testApp, "k", "1")
			h.until("it is told", func() bool { return b.unfinished != nil })
			c.again(h)
			h.wait(20_000)
			if a.status.Devices[0].ToSend == 0 {
				t.Error("delivered before it is stored")
			}
			b.slow = false
			b.unfinished()
			h.until("it is delivered", func() bool { return a.status.Devices[0].ToSend == 0 })
		})
	}
}
