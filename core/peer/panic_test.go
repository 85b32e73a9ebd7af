package peer

import (
	"slices"
	"testing"
)

// An engine that panics on what a device sent says which, and the next one does not meet that device: all else goes on.
func TestSuspect(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop", "Server")
	laptop, desktop, server := h.nodes[0], h.nodes[1], h.nodes[2]
	laptop.addApp(notes, "Notes")
	h.pair(laptop, desktop)
	h.pair(laptop, server)
	h.until("all have it", func() bool { return desktop.e.namespaceOf(notes) != nil && server.e.namespaceOf(notes) != nil })
	h.wait(5000)
	suspect, known := [32]byte{}, false
	h.tap = func(from *node, data []byte) []byte {
		n := laptop.e.namespaceOf(notes)
		n.rep = nil // what is sent now is the first that needs it
		for _, d := range laptop.e.devices {
			d.flow(n).rep = nil
		}
		return data
	}
	func() {
		defer func() {
			if recover() != nil {
				suspect, known = laptop.e.Suspect()
			}
		}()
		desktop.putIn(notes, "k", "1")
	}()
	if !known || suspect != desktop.e.publicNK() {
		t.Fatalf("suspect: %v, known %v", suspect, known)
	}
	h.tap, h.queue = nil, nil
	laptop.shun = append(laptop.shun, suspect)
	laptop.crash()
	laptop.putIn(notes, "l", "2")
	h.until("the other one has it", func() bool { return server.in(notes) == "k=1 l=2" || server.in(notes) == "l=2" })
	h.wait(120_000)
	if slices.ContainsFunc(laptop.e.devices, func(d *device) bool { return d.nk == suspect && len(d.channels) > 0 }) {
		t.Error("it is met again")
	}
}
