package peer

import (
	"fmt"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// TestRenewedWriterIsAnnounced: what a device wrote under numbers that nobody has been told of is taken by the others, also when it goes on as
// another writer before it meets them.
func TestRenewedWriterIsAnnounced(t *testing.T) {
	for name, renew := range map[string]func(*node){
		"a claim": func(n *node) {
			n.e.namespaces[0].rep.Renew()
		},
		"an import": func(n *node) {
			for i := range 5 {
				n.must(Op{Do: Import{Writes: []Write{{Key: "x", Kind: wire.JSON, Value: []byte(fmt.Sprint(i))}}}})
			}
		},
		"twice": func(n *node) {
			n.e.namespaces[0].rep.Renew()
			n.put("m", "2")
			n.e.namespaces[0].rep.Renew()
		},
	} {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarts %v", name, restarts), func(t *testing.T) {
				h, laptop, phone := withPhone(t)
				phone.put("l", "1")
				h.untilIn(laptop, notes, "k=1 l=1")
				h.cutOff(phone, true)
				phone.crash()
				h.wait(5000)
				phone.put("m", "1") // in a block of its own
				renew(phone)
				phone.put("n", "1")
				if restarts {
					phone.crash()
					h.wait(5000)
				}
				h.cutOff(phone, false)
				h.untilIn(laptop, notes, phone.in(""))
			})
		}
	}
}
