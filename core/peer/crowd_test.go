package peer

import (
	"fmt"
	"testing"
)

// newMet is so many devices of one circle that have met, early in a turn. With more devices than places, each meets some of the others.
func newMet(t testing.TB, count int) *harness {
	h := newHarness(t, "D0")
	for i := 1; i < count; i++ {
		h.pair(h.nodes[0], h.add(fmt.Sprint("D", i), testApp))
	}
	h.wait(turnMillis - h.now%turnMillis + 10_000)
	for _, n := range h.nodes[:min(count, placesMost)] {
		n.put("mine/"+n.name, "1")
	}
	h.nodes[1].put("k", "0")
	h.wait(250_000) // until sessions are renewed
	return h
}

// What one put costs among many devices, beyond what they say when nothing happens. In a full mesh each device gets the write, says that it has it,
// and is told once of all others. Nobody else has to say anything, so only the writer's sessions are renewed for it.
func TestFramesOfAPut(t *testing.T) {
	for _, devices := range []int{3, 10, 17} {
		h := newMet(t, devices)
		idle := h.during(func() { h.wait(30_000) })
		put := h.during(func() { h.nodes[1].put("k", "1") })
		h.wait(5_000)
		for _, n := range h.nodes {
			n.knowsThatAllHave(t, "1")
		}
		h.wait(25_000)
		later := h.during(func() { h.wait(150_000) })
		if most := 3 * (devices - 1); put.frames > most {
			t.Errorf("%d devices: a put costs %+v, more than %d frames", devices, put, most)
		}
		if most := 5*idle.frames + 12*(devices-1); later.frames > most {
			t.Errorf("%d devices: then %+v, more than %d frames", devices, later, most)
		}
	}
}

// knowsThatAllHave fails unless the device has the value, and knows that all others do.
func (n *node) knowsThatAllHave(t *testing.T, value string) {
	t.Helper()
	ns := n.e.namespaces[0]
	if got := n.get("k"); got != value {
		t.Errorf("%s has %q", n.name, got)
	}
	for _, d := range n.e.devices {
		if p := d.in(ns); p.acked != ns.rep.Position() || !p.have.CoversAll(ns.rep.DurableVector()) {
			t.Errorf("%s does not know that %s has it", n.name, d.name)
		}
	}
}
