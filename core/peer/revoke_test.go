package peer

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"github.com/masqdev/masq/core/roster"
)

func (n *node) id() string { return n.e.LookAnew().Self.ID }

func (n *node) names() (out []string) {
	for _, d := range n.e.LookAnew().Devices {
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

// introduce has a node add full devices to a namespace's roster that there are not.
func (n *node) introduce(count int) {
	dom := n.e.namespaces[0].peers
	for range count {
		public, _, _ := ed25519.GenerateKey(rand.Reader)
		m := roster.Member{IK: [32]byte(public), NK: [32]byte(public), Kind: roster.Store}
		_, _ = dom.roster.SignFull(n.e.self.ik, m)
	}
	dom.changed(nil)
	n.step(Tick{})
	n.m.run()
}

// stepped has a node take a step, and returns how many bytes it writes.
func (n *node) stepped(ev Event) (written int) {
	var out Actions
	n.e.Step(n.m.now, ev, &out)
	for _, a := range out.List {
		if c, ok := a.(Commit); ok {
			for _, b := range c.Changes.Adds {
				written += len(b.Data)
			}
		}
		n.act(n.life, a)
	}
	return written
}

// apart are two local stores of a circle and an application peer; the first store is not the one with the smallest ik.
func apart(t *testing.T) (h *harness, laptop, desktop, phone *node) {
	h = newStores(t, "Laptop", "Desktop")
	laptop, desktop = h.nodes[0], h.nodes[1]
	if a, b := laptop.e.publicIK(), desktop.e.publicIK(); bytes.Compare(a[:], b[:]) < 0 {
		laptop, desktop = desktop, laptop
	}
	laptop.addApp(notes, "Notes")
	h.pair(laptop, desktop)
	phone = h.add("Phone", notes)
	h.pairFor(laptop, phone, forPhone)
	h.until("all know each other", func() bool { return len(phone.names()) == 2 })
	return h, laptop, desktop, phone
}

// revokes is how many REVOKEs the namespace's roster has.
func (n *node) revokes() (count int) {
	for _, raw := range n.e.namespaces[0].peers.roster.Behind(nil) {
		if raw[0] == 4 {
			count++
		}
	}
	return count
}

// Who shuts out a whole crowd at once is not held up: rosters are saved once, and what follows from them for others is worked out once. No device
// is revoked twice, or the places for REVOKEs would not do.
func TestCrowdRevokedAtOnce(t *testing.T) {
	h, laptop, desktop, phone := apart(t)
	desktop.signAdds(desktop.e.circle, 0, 100)
	desktop.e.circle.changed(nil)
	desktop.introduce(120)
	h.wait(20_000)
	var ops Events
	for _, d := range laptop.e.devices {
		if d.name != desktop.name && d.name != phone.name {
			laptop.lastOp++
			ops = append(ops, &Op{ID: laptop.lastOp, Client: 1, Do: Revoke{Device: d.id()}})
		}
	}
	if len(ops) < 200 {
		t.Fatalf("only %d have come", len(ops))
	}
	began, resolved := time.Now(), laptop.e.Work().Resolved
	written := laptop.stepped(ops)
	resolved = laptop.e.Work().Resolved - resolved
	t.Logf("%d shut out: %d bytes written, %d entries resolved, %v", len(ops), written, resolved, time.Since(began))
	if whole := len(laptop.e.circle.roster.Encode()) + len(laptop.e.namespaces[0].peers.roster.Encode()); written > 2*whole {
		t.Errorf("%d bytes are written, of rosters of %d", written, whole)
	}
	if resolved > uint64(len(ops)*2000) {
		t.Errorf("verdicts on %d entries are worked out", resolved)
	}
	h.until("nobody else is left", func() bool { return len(laptop.names()) == 1 && len(desktop.names()) == 1 && len(phone.names()) == 2 })
	h.wait(30_000)
	if n := phone.revokes(); n > len(ops) {
		t.Errorf("%d REVOKEs of %d devices", n, len(ops))
	}
}

// What the device that revoked another left unsigned, because it ended, it signs when it is there again, or the one with the smallest ik does.
func TestRevokesLeftUnsigned(t *testing.T) {
	for _, again := range []bool{true, false} {
		h, laptop, desktop, phone := apart(t)
		lost := h.add("Lost", "")
		h.pair(laptop, lost)
		h.until("the phone knows it", func() bool { return len(phone.names()) == 3 })
		lost.away()
		h.wait(5_000)
		if _, err := laptop.e.circle.roster.SignRevoke(laptop.e.self.ik, lost.e.publicIK()); err != nil {
			t.Fatal(err)
		}
		laptop.e.circle.changed(nil)
		if again {
			desktop.away()
			laptop.step(Tick{})
			h.run()
			laptop.crash()
		} else {
			laptop.step(Tick{})
			h.until("the other hears of it", func() bool { return len(desktop.names()) == 1 })
			laptop.away()
		}
		h.until("it is out everywhere", func() bool { return len(phone.names()) == 2 })
	}
}

// A device that application peers do not know as full revokes one of them. It is out for the circle's devices, and so it must be for the peers.
func TestRevokeThatPeersDoNotCount(t *testing.T) {
	h, laptop, desktop, phone := apart(t)
	laptop.invent(1)
	h.until("the phone knows it", func() bool { return len(phone.names()) == 3 })
	_, gone, _ := ed25519.GenerateKey(rand.Reader) // was in the circle, and went before it was introduced to peers
	for _, n := range []*node{laptop, desktop} {
		r := n.e.namespaces[0].peers.roster
		r.Trust([32]byte(gone.Public().(ed25519.PublicKey)))
		for _, m := range r.Members() {
			if m.Name == "x0" && n == laptop {
				if _, err := r.SignRevoke(gone, m.IK); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	laptop.e.namespaces[0].peers.changed(nil)
	laptop.e.tend()
	laptop.step(Tick{})
	h.until("it is out for the phone", func() bool { return len(phone.names()) == 2 })
}
