package peer

import (
	"math"
	"testing"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

// restart has the Sync Server tell everybody that it restarts, and be away for so long.
func (h *harness) restart(drain relay.Drain, away Millis) {
	h.relayStep(drain)
	h.run()
	h.up = away == 0
	h.relay = h.newRelay()
	h.wait(away)
	h.up = true
}

// An invite that is not spent outlives whatever becomes of the Sync Server and of sockets, on both sides.
func TestUnspentInviteOutlives(t *testing.T) {
	const second = Millis(1000)
	polite := relay.Drain{ReconnectIn: 1000, TryFor: 60_000}
	for name, c := range map[string]struct {
		what   func(p *pairingOf)
		within Millis // after that, until it goes on
	}{
		"a restart at once":               {func(p *pairingOf) { p.m.restart(polite, 0) }, 3 * second},
		"a restart of ten seconds":        {func(p *pairingOf) { p.m.restart(polite, 10*second) }, 3 * second},
		"a restart of a minute":           {func(p *pairingOf) { p.m.restart(polite, 60*second) }, 6 * second},
		"a restart beyond what was said":  {func(p *pairingOf) { p.m.restart(relay.Drain{ReconnectIn: 1, TryFor: 1}, 60*second) }, 7 * second},
		"a restart with a long wait":      {func(p *pairingOf) { p.m.restart(relay.Drain{ReconnectIn: 20_000, TryFor: 1}, 0) }, 41 * second},
		"three restarts":                  {func(p *pairingOf) { p.m.restart(polite, 0); p.m.restart(polite, 0); p.m.restart(polite, 0) }, 3 * second},
		"an outage":                       {func(p *pairingOf) { p.m.outage(); p.m.wait(60 * second); p.m.up = true }, 7 * second},
		"a socket that died silently":     {func(p *pairingOf) { p.m.silence(p.a) }, pingEvery + pongTimeout + 2*second},
		"a restart that cannot be waited": {func(p *pairingOf) { p.m.restart(relay.Drain{ReconnectIn: math.MaxUint32, TryFor: math.MaxUint32}, 0) }, 61 * second},
	} {
		h := newHarness(t, "Laptop", "Phone")
		p := &pairingOf{m: h, a: h.nodes[0], b: h.nodes[1]}
		p.inviteNow()
		h.wait(2 * second)
		c.what(p)
		if !p.goOn(c.within) {
			t.Errorf("%s: the invite is gone", name)
		}
	}
}

// A joiner that waits for its host goes on behind a restart.
func TestJoinerOutlivesARestart(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	p := &pairingOf{m: h, a: h.nodes[0], b: h.nodes[1]}
	p.inviteNow()
	h.cutOff(p.a, true)
	p.joinNow()
	h.restart(relay.Drain{ReconnectIn: 1000, TryFor: 60_000}, 0)
	h.wait(2_000)
	h.cutOff(p.a, false)
	if !p.goOn(6_000) {
		t.Error("it does not go on")
	}
}

// What RESTARTING says is heeded: when to dial again, and for how long a server that is not there yet is no reason to wait longer.
func TestRestarting(t *testing.T) {
	for name, c := range map[string]struct {
		said     relay.Drain
		away     Millis
		not      Millis // nobody dials before that
		within   Millis // all are back by then
		atLeast  int    // dials of each while it is away
		atMost   int
		afterEnd Millis // behind away, all are back
	}{
		"at once":                  {said: relay.Drain{ReconnectIn: 1000, TryFor: 60_000}, not: 1000, within: 2001, atLeast: 1, atMost: 1},
		"in twenty seconds":        {said: relay.Drain{ReconnectIn: 20_000, TryFor: 60_000}, not: 20_000, within: 40_001, atLeast: 1, atMost: 1},
		"never, says the server":   {said: relay.Drain{ReconnectIn: math.MaxUint32, TryFor: math.MaxUint32}, not: 59_000, within: 60_001, atLeast: 1, atMost: 1},
		"away within what it said": {said: relay.Drain{ReconnectIn: 1000, TryFor: 60_000}, away: 30_000, atLeast: 20, atMost: 45, afterEnd: 1301},
		"away beyond it":           {said: relay.Drain{ReconnectIn: 1000, TryFor: 1000}, away: 60_000, atLeast: 3, atMost: 15, afterEnd: 60_000},
	} {
		h := newHarness(t, "Laptop", "Phone")
		a, b := h.nodes[0], h.nodes[1]
		h.pair(a, b)
		h.until("first copy", h.converged)
		before := [2]int{a.dials, b.dials}
		h.relayStep(c.said)
		h.run()
		h.relay, h.up = h.newRelay(), c.away == 0
		if h.wait(max(c.not, 1) - 1); c.not > 0 && (a.dials != before[0] || b.dials != before[1]) {
			t.Errorf("%s: dialled too early", name)
		}
		h.wait(max(c.away, c.within) - max(c.not, 1) + 1)
		for i, n := range h.nodes {
			if d := n.dials - before[i]; d < c.atLeast || d > c.atMost {
				t.Errorf("%s: %s dialled %d times", name, n.name, d)
			}
		}
		h.up = true
		h.wait(c.afterEnd)
		if a.status.Sync != SyncOnline || b.status.Sync != SyncOnline {
			t.Errorf("%s: sync is %d and %d", name, a.status.Sync, b.status.Sync)
		}
	}
}

// A Sync Server that says that it restarts, again and again, is dialled ever less often.
func TestRestartingForEver(t *testing.T) {
	h := newHarness(t, "Laptop", "Phone")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	h.until("first copy", h.converged)
	h.hello = func(_ string, f *wire.RelayFrame) {
		*f = wire.RelayFrame{Type: wire.RelayRestarting, ReconnectIn: 1, TryFor: 1}
		h.later(h.cut)
	}
	before := a.dials
	h.outage()
	h.up = true
	h.wait(10 * 60_000)
	if n := a.dials - before; n > 30 {
		t.Errorf("%d dials in ten minutes", n)
	}
	h.hello = nil
	h.wait(90_000)
	if a.status.Sync != SyncOnline {
		t.Error("not online when it has restarted")
	}
}
