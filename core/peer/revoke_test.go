package peer

import (
	"testing"
)

func (n *node) id() string { return n.e.currentStatus().Self.ID }

func (n *node) names() (out []string) {
	for _, d := range n.e.currentStatus().Devices {
		out = append(out, d.Name)
	}
	return out
}

// A device that is shut out hears of it, gets nothing more from any that has heard, and keeps what it has.
func TestRevokedDeviceGetsNothingMore(t *testing.T) {
	for _, away := range []bool{false, true} {
		h := newHarness(t, "Laptop", "Desktop", "Lost")
		a, b, lost := h.nodes[0], h.nodes[1], h.nodes[2]
		h.pair(a, b)
		h.pair(a, lost)
		a.put("k", `1`)
		h.until("first copy", func() bool { return b.get("k") == `1` && lost.get("k") == `1` })
		if away { // it is not there when it is shut out
			lost.life++
			for _, id := range lost.conns {
				h.drop(id)
			}
			lost.wakeAt = 0
		}
		a.must(Op{Do: Revoke{Device: lost.id()}})
		a.put("k", `2`)
		h.until("the others go on", func() bool { return b.get("k") == `2` && len(b.names()) == 1 && len(a.names()) == 1 })
		if away {
			lost.open()
			h.run()
		}
		h.until("it hears of it", func() bool { return lost.status.Err == ERevoked })
		h.wait(30_000)
		if got := lost.get("k"); got != `1` {
			t.Errorf("away %v: it has %s", away, got)
		}
		lost.put("l", `3`)
		lost.crash()
		h.wait(30_000)
		if got := a.get("l"); got != "" {
			t.Errorf("away %v: its write came through: %s", away, got)
		}
		if lost.status.Err != ERevoked || lost.status.Sync != SyncOff || len(lost.status.Devices) != 0 {
			t.Errorf("away %v: status after a restart: %+v", away, lost.status)
		}
		h.pair(b, lost) // as a new device, with its user's yes
		h.until("it is back", func() bool { return a.get("l") == `3` && lost.get("k") == `2` })
	}
}

func TestRevokeRefuses(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	for name, id := range map[string]string{"nobody": "x", "nothing": "", "itself": a.id()} {
		if r := a.replies[a.do(Op{Do: Revoke{Device: id}})]; r.Err != EValue {
			t.Errorf("%s: %q", name, r.Err)
		}
	}
	h.pair(a, b)
	a.must(Op{Do: Revoke{Device: b.id()}})
	if r := a.replies[a.do(Op{Do: Revoke{Device: b.id()}})]; r.Err != EValue {
		t.Errorf("again: %q", r.Err)
	}
}

// Of two that shut each other out at once, the one that the third hears of first is out there. It does not hear what that one has to
// say; if others did, and they tell each other, both are out.
func TestTwoRevokeEachOther(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone", "Tablet", "Server")
	a, b, c, d := h.nodes[0], h.nodes[1], h.nodes[2], h.nodes[3]
	h.pair(a, b)
	h.pair(a, c)
	h.pair(a, d)
	h.until("all connected", func() bool { return len(b.names()) == 3 && len(c.names()) == 3 && len(d.names()) == 3 })
	cut := h.offline
	cut(b, true)
	cut(d, true)
	a.must(Op{Do: Revoke{Device: b.id()}})
	h.until("c has heard a", func() bool { return len(c.names()) == 2 })
	cut(a, true)
	cut(c, true)
	cut(b, false)
	cut(d, false)
	b.must(Op{Do: Revoke{Device: a.id()}})
	h.until("d has heard b", func() bool { return len(d.names()) == 2 })
	cut(b, true)
	cut(c, false)
	h.until("both are out", func() bool { return len(c.names()) == 1 && len(d.names()) == 1 })
	cut(a, false)
	cut(b, false)
	h.until("they hear of it", func() bool { return a.status.Err == ERevoked && b.status.Err == ERevoked })
}
