package peer

import "testing"

// The joiner's data is all the inviter's: nothing of it is left to be sent, and the status must come to say so.
func TestStatusComesToRest(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	a.put("k", "1")
	h.pair(a, b)
	h.wait(5_000)
	for _, n := range h.nodes {
		d := n.status.Devices[0]
		if d.ToSend != 0 || d.ToReceive || !d.Online {
			t.Errorf("%s: %+v", n.name, d)
		}
	}
	a.put("k", "2")
	h.wait(5_000)
	if d := b.status.Devices[0]; d.ToSend != 0 {
		t.Errorf("after a live update: %+v", d)
	}
}
