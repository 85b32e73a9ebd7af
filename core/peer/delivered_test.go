package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

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

// A device that passes a record on may have it in memory alone. No vector tells when it is stored, if none covers it.
func TestPassedOnIsNoDelivery(t *testing.T) {
	h, a, b, phone := storesAndPhone(t)
	toSend := func() uint64 { return b.status.Apps[0].Devices[0].ToSend }
	h.until("desktop has nothing to send", func() bool { return toSend() == 0 })
	own := phone.e.namespaceOf(notes).rep.Own()
	for _, covered := range []bool{true, false} {
		a.slow = true
		if covered {
			phone.putIn(notes, "more", "2")
		} else {
			rec := wire.Record{Dot: wire.Dot{Writer: own.ID, Seq: own.Reserved<<wire.BlockBits - 1}, Time: 1, Key: "far", Kind: wire.Bytes}
			phone.says(a, wire.AppendData(nil, &wire.Data{Number: 1, Position: 1 << 40, Records: wire.AppendRecord(nil, &rec)}))
		}
		h.until("desktop has it", func() bool { return b.status.Apps[0].Entries == map[bool]uint64{true: 2, false: 3}[covered] })
		h.wait(20_000)
		if toSend() == 0 {
			t.Errorf("covered %v: delivered before it is stored", covered)
		}
		a.slow = false
		a.unfinished()
		h.until("it is delivered", func() bool { return toSend() == 0 })
	}
}

// ACK says of a message what is stored. A commit that takes DATA alone says nothing of the END that came behind it, nor does one that takes an END
// say anything of a second one.
func TestAckIsOfStoredMessages(t *testing.T) {
	h := newMet(t, 3)
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	h.wait(30_000)
	b.slow = true
	for i := range 60 {
		from := h.nodes[2*(i%2)]
		from.put(many(i), fmt.Sprintf("%q", strings.Repeat("v", 60_300+20*i))) // of some END stands in a frame of its own
		for range 40 {
			h.wait(100)
			durable := b.e.namespaces[0].rep.DurableVector()
			for _, x := range []*node{a, c} {
				if have := x.e.deviceOf(b.e.publicNK()).in(x.e.namespaces[0]).have; !durable.CoversAll(have) {
					t.Fatalf("write %d: %s takes %v to be stored, of which %v is", i, x.name, have, durable)
				}
			}
			if f := b.unfinished; f != nil {
				b.unfinished = nil
				f()
				h.run()
			}
		}
	}
}
