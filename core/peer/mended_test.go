package peer

import (
	"fmt"
	"testing"
)

// TestDamageIsMended: what cannot be read comes back from another device by itself, and what only the damaged one has stays.
func TestDamageIsMended(t *testing.T) {
	for _, gone := range []bool{false, true} {
		for _, online := range []bool{true, false} {
			t.Run(fmt.Sprintf("gone %v, online %v", gone, online), func(t *testing.T) {
				h := newHarness(t, "Laptop", "Desktop")
				a, b := h.nodes[0], h.nodes[1]
				h.pair(a, b)
				a.fillMany()
				h.until("both have all", h.converged)
				h.wait(30_000)
				h.cutOff(b, !online)
				lost := a.harm(gone)
				if !online {
					a.put("mine", `1`)
					if r := a.replies[a.do(Op{Do: Get{Key: lost[0]}})]; r.Err != EDamaged {
						t.Errorf("%s: %+v", lost[0], r)
					}
					h.cutOff(b, false)
				}
				h.until("mended", func() bool { return len(a.listed(List{}).Damaged) == 0 })
				h.until("the same everywhere", func() bool { return h.converged() && (online || b.get("mine") == `1`) })
				h.wait(90_000)
				if d := a.status.Damaged; d.Keys != 0 || len(a.listed(List{}).Entries) < manyKeys {
					t.Errorf("not mended: %+v", d)
				}
				a.crash()
				h.wait(10_000)
				if r := a.listed(List{}); len(r.Damaged) > 0 || len(r.Entries) < manyKeys {
					t.Errorf("after a start %d keys, %q cannot be read", len(r.Entries), r.Damaged)
				}
			})
		}
	}
}
