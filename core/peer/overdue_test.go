package peer

import (
	"testing"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// goAway ends a device for good, unless it is opened again.
func (n *node) goAway() {
	n.life++
	for _, id := range n.conns {
		n.m.drop(id)
	}
	n.conns, n.wakeAt = map[uint32]uint64{}, 0
	n.play = func(Event) {}
	n.m.run()
}

func (n *node) comeBack() {
	n.play = nil
	n.open()
	n.m.run()
}

// daily opens a page for a short time, each time after a day and some minutes.
func (n *node) daily(days int) {
	for range days {
		n.m.now += day + 5*60_000
		n.crash()
		n.m.wait(3000)
	}
}

// overdue returns the names of the devices that the status says are overdue.
func (n *node) overdue() (out string) {
	all := n.status.Devices
	for _, a := range n.status.Apps {
		all = append(all[:len(all):len(all)], a.Peers...)
	}
	for _, d := range all {
		if d.Overdue {
			out += d.Name + " "
		}
	}
	return out
}

func (n *node) isOverdue(when, want string) {
	n.m.t.Helper()
	if got := n.overdue(); got != want {
		n.m.t.Errorf("%s it says %q are overdue, not %q", when, got, want)
	}
}

// lonely has two devices, of which the second has gone.
func lonely(t *testing.T) (h *harness, a, b *node) {
	h = newHarness(t, "Laptop", "Phone")
	a, b = h.nodes[0], h.nodes[1]
	h.pair(a, b)
	h.wait(5000)
	b.goAway()
	h.wait(5000)
	return h, a, b
}

// A page that is opened for some seconds each day says after 30 days that the other device was not heard, and no longer once it is.
func TestOverdueAfterThirtyDays(t *testing.T) {
	h, a, b := lonely(t)
	a.daily(29)
	a.isOverdue("after 29 days", "")
	a.daily(1)
	a.isOverdue("after 30 days", "Phone ")
	a.put("k", `1`)
	b.comeBack()
	h.until("both have it", func() bool { return b.get("k") == `1` })
	a.isOverdue("when it is back", "")
	b.isOverdue("who was away itself", "")
	b.goAway()
	a.daily(29)
	a.isOverdue("gone again for 29 days", "")
	a.daily(1)
	a.isOverdue("gone again for 30 days", "Phone ")
	a.must(Op{Do: Revoke{Device: a.status.Devices[0].ID}})
	h.wait(5000)
	if len(a.status.Devices) != 0 {
		t.Errorf("it is removed, and still shown: %+v", a.status.Devices)
	}
}

// A device that runs on and on says so, too, without being asked or opened.
func TestOverdueWhileRunning(t *testing.T) {
	h, a, _ := lonely(t)
	h.up = false
	h.cut()
	pass := func(days int) {
		for range 24 * days {
			h.now += 3600_000
			a.step(Tick{})
			h.run()
		}
	}
	pass(29)
	a.isOverdue("after 29 days", "")
	pass(1)
	a.isOverdue("after 30 days", "Phone ")
}

// Time in which this device does not run says nothing of others, nor does a clock that jumps.
func TestOverdueCountsRunningDays(t *testing.T) {
	for _, c := range []struct {
		name string
		pass func(h *harness, a *node)
		want string
	}{
		{"away itself for 60 days", func(h *harness, a *node) { h.now += 60 * day; a.crash(); h.wait(5000) }, ""},
		{"asleep for 60 days", func(h *harness, a *node) { h.now += 60 * day; h.wait(5000) }, ""},
		{"away for 60 days, then 5", func(h *harness, a *node) { h.now += 60 * day; a.daily(6) }, ""},
		{"away for 60 days, then 6", func(h *harness, a *node) { h.now += 60 * day; a.daily(7) }, "Phone "},
		{"opened each ten days", func(h *harness, a *node) {
			for range 6 {
				h.now += 9 * day
				a.daily(1)
			}
		}, ""},
		{"opened once more", func(h *harness, a *node) {
			for range 7 {
				h.now += 9 * day
				a.daily(1)
			}
		}, "Phone "},
		{"opened often on two days", func(h *harness, a *node) {
			h.now += 40 * day
			for range 40 {
				h.now += 3600_000
				a.crash()
				h.wait(3000)
			}
		}, ""},
		{"a clock that is set forward and back each day", func(h *harness, a *node) {
			for range 5 {
				a.ahead = 40 * day
				h.wait(1000)
				a.ahead = 0
				h.wait(day / 10)
			}
		}, ""},
		{"a clock that was years ahead when the other was heard", func(h *harness, a *node) {
			a.ahead = 5 * 365 * day
			b := h.nodes[1]
			b.comeBack()
			a.crash()
			h.until("they meet", func() bool { return a.status.Sync == SyncOnline })
			b.goAway()
			a.ahead = 0
			a.daily(29)
			a.isOverdue("29 days after the clock was set right", "")
			a.daily(2)
		}, "Phone "},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, a, _ := lonely(t)
			c.pass(h, a)
			a.isOverdue("in the end", c.want)
		})
	}
}

// A device that was never heard is overdue as well, 30 days after it got known.
func TestOverdueThoughNeverHeard(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone", "Tablet")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	h.pair(a, b)
	h.wait(5000)
	a.goAway()
	h.pair(b, c)
	h.wait(5000)
	c.goAway()
	a.comeBack()
	h.until("it knows of both", func() bool { return len(a.status.Devices) == 2 })
	b.goAway()
	a.daily(29)
	a.isOverdue("after 29 days", "")
	a.daily(2)
	a.isOverdue("after 31 days", "Phone Tablet ")
}

// An application's peers can be overdue for its user's store, and the store for them.
func TestOverduePeers(t *testing.T) {
	h := newStores(t, "Desk")
	desk := h.nodes[0]
	desk.must(Op{App: testApp, Do: AddApp{Name: "App"}})
	phone := h.add("Phone", testApp)
	h.pairFor(desk, phone, Op{App: testApp, Do: Invite{URL: testURL}})
	h.wait(5000)
	phone.goAway()
	desk.daily(31)
	desk.isOverdue("after 31 days", "Phone ")
	phone.comeBack()
	h.wait(5000)
	desk.isOverdue("when it is back", "")
	desk.goAway()
	phone.daily(31)
	phone.isOverdue("after 31 days", "Desk ")
}

// What an earlier version has stored of a device, and reads of it, is as it was; the days begin to count with this one.
func TestOverdueFromStored(t *testing.T) {
	h, a, b := lonely(t)
	nk := string(b.e.self.nk.PublicKey().Bytes())
	a.daily(1)
	for _, key := range append(a.e.led.MetaKeys(metaUnheard), metaDays) {
		a.e.led.SetMeta(key, nil)
	}
	h.now += 300 * day
	a.put("k", `1`)
	a.daily(6)
	a.isOverdue("with 6 days", "")
	a.daily(2)
	a.isOverdue("with 7 days", "Phone ")
	r := wire.NewReader(a.e.led.Meta(metaPeer + nk))
	if name, last := roster.ShownName(string(r.LV8(255))), r.U64(); r.Done() != nil || name != "Phone" || last == 0 || len(a.e.led.Meta(metaUnheard+nk)) != 16 {
		t.Errorf("an earlier version does not read what is known: %q, %d, %v", name, last, r.Done())
	}
}
