package peer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

// reunited is two devices that have some data, in the moment in which they begin a session again; both have written meanwhile.
func reunited(t *testing.T) (h *harness, a, b *node) {
	h = newHarness(t, "Laptop", "Phone")
	a, b = h.nodes[0], h.nodes[1]
	h.pair(a, b)
	h.until("first copy", h.converged)
	h.outage()
	a.put("a", "1")
	b.put("b", "1")
	h.up = true
	return h, a, b
}

// between counts what a node sends to the other, and loses what lose says.
func (h *harness) between(lose func(from *node, n int) bool) {
	sent := map[*node]int{}
	h.tap = func(from *node, data []byte) []byte {
		if wire.RelayType(data[0]) != wire.RelayData {
			return data
		}
		if sent[from]++; lose(from, sent[from]) {
			return nil
		}
		return data
	}
}

// A frame that is lost while a session begins, whichever, delays the two by no more than they take to notice.
func TestLostFrameHeals(t *testing.T) {
	const within = 60_000 + 30_000 // to hear nothing, and to dial again
	for who := range 2 {
		for n := 1; n <= 12; n++ {
			h, a, b := reunited(t)
			lost := false
			h.between(func(from *node, k int) bool {
				if from == h.nodes[who] && k == n && !lost {
					lost = true
					return true
				}
				return false
			})
			healed := Millis(0)
			for start := h.now; h.now < start+5*60_000; h.wait(1000) {
				if h.converged() && healed == 0 {
					healed = h.now - start
				}
			}
			if healed == 0 || healed > within || a.status.Sync != SyncOnline || b.status.Sync != SyncOnline {
				t.Errorf("frame %d of %s lost: the same after %d ms; online: %d, %d", n, h.nodes[who].name, healed, a.status.Sync, b.status.Sync)
			}
		}
	}
}

// A Sync Server that says something else of the other device than is so, once, keeps a pair apart for no longer than it takes to notice.
func TestToldThatNobodyIsThere(t *testing.T) {
	for who := range 2 {
		for k := range 8 { // who is there first differs
			h, a, b := reunited(t)
			n := 0
			h.told = func(to *node, data []byte) []byte {
				f, err := wire.ParseRelay(data)
				if err != nil || to != h.nodes[who] || f.Type != wire.RelayJoined && f.Type != wire.RelayPeer {
					return data
				}
				if n++; n == k%2+1 {
					f.Present = false
				}
				return wire.AppendRelay(nil, &f)
			}
			h.wait(2 * 60_000)
			if !h.converged() || a.status.Sync != SyncOnline || b.status.Sync != SyncOnline {
				t.Errorf("%s was told at the %d. time that nobody is there: online: %d, %d", h.nodes[who].name, k%2+1, a.status.Sync, b.status.Sync)
			}
		}
	}
}

// Whichever frames are lost, two stores are the same soon after the last one was, and every session between them has begun or ended.
func TestFramesLostAtRandom(t *testing.T) {
	for seed := range uint64(30) {
		random := rand.New(rand.NewPCG(seed, 0))
		h := newStores(t, "Laptop", "Desktop")
		a, b := h.nodes[0], h.nodes[1]
		a.addApp(notes, "Notes")
		a.addApp(todo, "Todo")
		h.pair(a, b)
		h.until("the applications are on both", func() bool { return b.e.namespaceOf(todo) != nil && b.e.namespaceOf(notes) != nil })
		h.between(func(*node, int) bool { return random.IntN(5) == 0 })
		for n := range 4 {
			h.outage()
			h.up = true
			a.putIn(notes, "a", fmt.Sprint(n))
			b.putIn(todo, "b", fmt.Sprint(n))
			h.wait(Millis(random.IntN(60_000)))
		}
		h.tap = nil
		h.wait(90_000)
		if got, want := b.in(notes)+" "+a.in(todo), "a=3 b=3"; got != want {
			t.Errorf("seed %d: %q", seed, got)
		}
		for _, n := range h.nodes {
			if r := n.e.devices[0].repl; r == nil || r.beginning() {
				t.Errorf("seed %d: %s is in no session, or in one that has not begun", seed, n.name)
			}
		}
	}
}

// No device is shown online of which nothing was heard for a minute, whatever the Sync Server says.
func TestOnlineIsHeard(t *testing.T) {
	for name, lose := range map[string]func(h *harness, from *node) bool{
		"nothing is lost": func(*harness, *node) bool { return false },
		"what it says":    func(h *harness, from *node) bool { return from == h.nodes[1] },
		"all":             func(*harness, *node) bool { return true },
	} {
		h, a, _ := reunited(t)
		h.until(name, h.converged)
		h.wait(30 * 60_000)
		d := a.status.Devices[0]
		if !d.Online {
			t.Errorf("%s: not online", name)
		}
		start := h.now
		h.between(func(from *node, _ int) bool { return lose(h, from) })
		h.wait(Millis(61_000))
		if d := a.status.Devices[0]; d.Online != (name == "nothing is lost") || !d.Online && d.LastHeard > start {
			t.Errorf("%s, after a minute: online: %v, last heard %d ms after that", name, d.Online, int64(d.LastHeard)-int64(start))
		}
		h.tap = nil
		h.wait(2 * 60_000)
		if d := a.status.Devices[0]; !d.Online {
			t.Errorf("%s: not online when all is well again", name)
		}
	}
}

// A session in which the other side keeps silent about something that every session begins with ends, also if that side lives.
func TestSessionMustBegin(t *testing.T) {
	heads := func(b *node) []byte {
		return wire.AppendRosterHeads(nil, &wire.RosterHeads{Heads: b.e.circle.roster.Heads(), Version: wire.SessionVersion})
	}
	done := func(*node) []byte { return wire.AppendRosterDone(nil) }
	list := func(b *node) []byte {
		n := b.e.namespaces[0]
		return wire.AppendNamespaces(nil, []wire.Namespace{{Number: n.num, NS: n.ns(), On: true, App: n.app}})
	}
	vector := func(b *node) []byte { return wire.AppendVectorMsg(nil, &wire.VectorMsg{Number: b.e.namespaces[0].num}) }
	for what, c := range map[string]struct {
		says []func(*node) []byte
		ends bool
	}{
		"nothing":            {nil, true},
		"its heads":          {[]func(*node) []byte{heads}, true},
		"no namespaces":      {[]func(*node) []byte{heads, done}, true},
		"no vector":          {[]func(*node) []byte{heads, done, list}, true},
		"all that it has to": {[]func(*node) []byte{heads, done, list, vector}, false},
	} {
		h, a, b := reunited(t)
		h.cutOff(b, true)
		before := a.e.lastReplication
		imp := h.impersonate(b, c.says...)
		for range 8 {
			h.wait(10_000)
			imp.tick()
		}
		if n := a.e.lastReplication - before; n < 1 || n > 1 != c.ends || !c.ends && !a.status.Devices[0].Online {
			t.Errorf("says %s: %d sessions, online: %v", what, n, a.status.Devices[0].Online)
		}
	}
}
