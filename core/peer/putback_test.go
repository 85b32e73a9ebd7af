package peer

import (
	"fmt"
	"testing"
)

// A laptop replaces what a phone has written, and is put back to before that. It goes on writing before the two meet again. Nothing that the phone has of
// it is lost on the way: what it had replaced would be gone with it. A simulated run with backups once lost six writes so.
func TestPutBackGetsBackWhatItWrote(t *testing.T) {
	for starts := range 3 {
		for _, blind := range []bool{false, true} {
			for _, burst := range []int{0, 1, 20} {
				t.Run(fmt.Sprintf("%d starts, %d writes, the same key %v", starts, burst, blind), func(t *testing.T) {
					h := newHarness(t, "Laptop", "Phone")
					a, b := h.nodes[0], h.nodes[1]
					h.pair(a, b)
					a.put("x", "1")
					h.until("both have it", func() bool { return h.converged() && b.get("x") == "1" })
					h.wait(5000)
					before := copyOf(t, a.store)
					b.put("k", "1")
					h.until("the laptop has it", func() bool { return a.get("k") == "1" })
					a.put("k", "2")
					h.until("the phone has that", func() bool { return b.get("k") == "2" })
					h.wait(5000)
					h.cutOff(b, true)
					a.store = before
					a.crash()
					for i := range burst {
						a.put(fmt.Sprint("w", i), "3")
					}
					if blind {
						a.put("k", "4")
					}
					for range starts {
						a.crash()
						a.put("y", "5")
					}
					h.cutOff(b, false)
					h.until("in sync again", func() bool { return h.converged() && b.get("y") == a.get("y") })
					for _, n := range h.nodes {
						values := map[string]bool{n.get("k"): true}
						for _, e := range n.must(Op{Do: Conflicts{Key: "k"}}).Entries {
							values[string(e.Value)] = true
						}
						if !values["2"] || values["4"] != blind || values["1"] {
							t.Errorf("%s has %v of k", n.name, values)
						}
					}
				})
			}
		}
	}
}
