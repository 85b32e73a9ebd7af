package peer

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/roster"
)

// away ends a node's connections, and lets it open none.
func (n *node) away() {
	n.life++
	for _, id := range n.conns {
		n.m.drop(id)
	}
	n.wakeAt = 0
}

// signAdds has a node sign ADDs of the made-up devices from the first to the last, as far as it can.
func (n *node) signAdds(dom *domain, first, last int) {
	for i := first; i < last; i++ {
		ik := ed25519.NewKeyFromSeed(append(bytes.Repeat([]byte{9}, 30), byte(i>>8), byte(i)))
		m := roster.Member{IK: [32]byte(ik.Public().(ed25519.PublicKey)), NK: [32]byte{1, byte(i >> 8), byte(i)}, Kind: roster.Store, Name: "Made up"}
		_, _ = dom.roster.SignAdd(n.e.self.ik, m, roster.Accept(ik, dom.roster.ID(), m))
	}
}

// A device that changes the relays without end is shut out all the same, and the others hear of it.
func TestRevokesWhoFillsTheRoster(t *testing.T) {
	h := newHarness(t, "Laptop", "Desktop", "Thief")
	a, b, x := h.nodes[0], h.nodes[1], h.nodes[2]
	h.pair(a, b)
	h.pair(a, x)
	h.until("all connected", func() bool { return len(b.names()) == 2 && len(x.names()) == 2 })
	for range 300 {
		_, _ = x.e.circle.roster.SignRelays(x.e.self.ik, h.urls)
	}
	x.e.circle.changed(nil)
	x.put("k", `1`)
	h.until("it has come", func() bool { return a.get("k") == `1` && b.get("k") == `1` })
	a.must(Op{Do: Revoke{Device: x.id()}})
	h.until("the others know", func() bool { return slices.Equal(b.names(), []string{"Laptop"}) })
	h.until("it hears of it", func() bool { return x.status.Err == ERevoked })
	y := h.add("Tablet", testApp)
	h.pair(b, y)
	h.until("another comes in", func() bool { return len(a.names()) == 2 && len(y.names()) == 2 })
}

// A device that is out cannot rename itself before it is told.
func TestRevokedDeviceKeepsItsName(t *testing.T) {
	h := newHarness(t, "Laptop", "Lost")
	a, lost := h.nodes[0], h.nodes[1]
	h.pair(a, lost)
	lost.away()
	a.must(Op{Do: Revoke{Device: lost.id()}})
	h.wait(1_000)
	lost.open()
	lost.do(Op{Do: Rename{Name: "Boss"}})
	h.until("it hears of it", func() bool { return lost.status.Err == ERevoked })
	for _, d := range a.e.devices {
		if d.name != "Lost" {
			t.Errorf("its name is %s", d.name)
		}
	}
}

// A name that an older device gave itself is shown without what hides in it.
func TestNamesAreShownClean(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	for name, want := range map[string]string{"Lap\u200btop": "Laptop", "\u3164": "Device", "Léa's 📱": "Léa's 📱"} {
		h.until("connected", func() bool { return b.status.Sync == SyncOnline && a.status.Sync == SyncOnline })
		b.e.self.name = name
		b.e.saveName()
		for _, d := range b.e.devices {
			d.repl.sendHeads()
		}
		b.put("k", `1`)
		h.until(name, func() bool { return slices.Equal(a.names(), []string{want}) })
		a.crash()
		b.crash()
		h.until("again", func() bool { return slices.Equal(a.names(), []string{want}) && b.e.LookAnew().Self.Name == want })
	}
	if r := a.replies[a.do(Op{Do: Rename{Name: "\u2060"}})]; r.Err != EValue {
		t.Errorf("%q", r.Err)
	}
}

// A device that nears its quota says so. Without a place left, what it would have to sign is refused with a reason; it still revokes.
func TestRosterQuota(t *testing.T) {
	h := newStores(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	if a.status.Left != EnoughLeft {
		t.Errorf("alone: %d left", a.status.Left)
	}
	h.pair(a, b)
	h.until("connected", func() bool { return len(b.names()) == 1 })
	b.signAdds(b.e.circle, 0, 240)
	if left := b.e.LookAnew().Left; left != 256-3-240 {
		t.Errorf("%d left", left)
	}
	b.signAdds(b.e.circle, 240, 256)
	if left := b.e.LookAnew().Left; left != 0 {
		t.Errorf("%d left", left)
	}
	if r := b.replies[b.do(Op{Do: SetRelays{URLs: h.urls}})]; r.Err != EQuota {
		t.Errorf("relays: %q", r.Err)
	}
	if r := b.replies[b.do(Op{Do: Invite{URL: managerURL}})]; r.Err != EQuota {
		t.Errorf("invite: %q", r.Err)
	}
	b.must(Op{Do: Revoke{Device: a.id()}})
}

// A full device is made known to application peers by those that have met it. A member can name any number of devices that do not exist.
func TestFullsOfThoseThatWereMet(t *testing.T) {
	h, laptop, desktop, tablet := apart(t)
	had := laptop.e.namespaces[0].peers.roster.Len()
	desktop.signAdds(desktop.e.circle, 0, 100)
	desktop.e.circle.changed(nil)
	desktop.e.tend()
	desktop.step(Tick{})
	h.wait(60_000)
	if n := len(laptop.names()); n < 100 {
		t.Fatalf("only %d devices have come", n)
	}
	if n := laptop.e.namespaces[0].peers.roster.Len(); n != had {
		t.Errorf("%d entries, and %d before", n, had)
	}
	newer := h.add("Newer", "")
	h.pair(desktop, newer)
	h.until("the peer knows the new one", func() bool { return tablet.e.home().roster.Has(newer.e.publicIK()) })
}

// A member that brings a crowd into the circle keeps no application peer from being let in, also if full devices sign FULLs of it apart.
func TestCrowdKeepsNobodyOut(t *testing.T) {
	for _, apartFor := range []int{8, 1000} { // FULLs that each has signed before it hears of the others'
		h, laptop, desktop, _ := apart(t)
		desktop.signAdds(desktop.e.circle, 0, 250)
		for _, n := range []*node{desktop, laptop} {
			for _, raw := range desktop.e.circle.roster.Behind(nil) {
				_ = n.e.circle.roster.Add(raw)
			}
			n.e.circle.changed(nil)
			for i, m := range n.e.circle.roster.Members() {
				if i < apartFor {
					_, _ = n.e.namespaces[0].peers.roster.SignFull(n.e.self.ik, m)
				}
			}
			n.e.namespaces[0].peers.changed(nil)
			n.e.tend()
			n.step(Tick{})
		}
		h.until("the crowd has come", func() bool { return len(laptop.names()) > 200 })
		h.wait(60_000)
		for _, n := range []*node{laptop, desktop} {
			tablet := h.add("Tablet of "+n.name, notes)
			h.pairFor(n, tablet, forPhone)
			h.until("it is in", func() bool { return len(tablet.names()) > 0 })
		}
	}
}
