package peer

import "testing"

// Relays, as devices are told them.
var (
	away       = []string{"wss://sync.example.org"}
	loop       = []string{"ws://localhost:6280"}
	forMinutes = Millis(5 * 60_000)
)

// What the network does behind what a device is told of it.
type networkEnd uint8

const (
	told   networkEnd = iota // it comes back, and the device is told
	untold                   // it comes back, and nobody says so
)

func TestOfflineDialsLessOften(t *testing.T) {
	for name, c := range map[string]struct {
		urls   []string
		end    networkEnd
		within Millis // after the end of the network's absence
		most   int    // dials while it is away
	}{
		"told that it is back":             {away, told, 0, 9},
		"not told that it is back":         {away, untold, 61_000, 9},
		"a name that begins as a loopback": {[]string{"wss://localhost.example.org"}, untold, 61_000, 9},
		"an address that looks like one":   {[]string{"wss://127.0.0.1.example.org"}, untold, 61_000, 9},
		"on this computer, not told":       {loop, untold, 80_000, 30},
	} {
		h := harnessAt(t, c.urls, "Laptop", "Phone")
		a, b := h.nodes[0], h.nodes[1]
		h.pair(a, b)
		h.cutOff(a, true)
		a.crash() // a page that is opened offline
		a.step(Offline{})
		a.put("k", "1")
		before := a.dials
		h.wait(forMinutes)
		if n := a.dials - before; n == 0 || n > c.most {
			t.Errorf("%s: %d dials in %d ms", name, n, forMinutes)
		}
		if h.cutOff(a, false); c.end == told {
			a.step(Online{})
		}
		h.wait(c.within)
		if a.status.Sync != SyncOnline || b.get("k") != "1" {
			t.Errorf("%s: sync is %d, the other has %q", name, a.status.Sync, b.get("k"))
		}
	}
}

// A browser may say that it is offline while the network works.
func TestOfflineIsNotBelieved(t *testing.T) {
	for name, urls := range map[string][]string{"away": away, "on this computer": loop} {
		h := harnessAt(t, urls, "Laptop", "Phone")
		a, b := h.nodes[0], h.nodes[1]
		a.step(Offline{})
		h.pair(a, b)
		a.crash()
		a.step(Offline{})
		h.wait(dialAfter)
		if a.status.Sync != SyncOnline {
			t.Errorf("%s: sync is %d", name, a.status.Sync)
		}
		h.outage()
		h.up = true
		h.wait(3_000) // it was there a moment ago: a socket that falls is not a network that is away
		if a.status.Sync != SyncOnline {
			t.Errorf("%s: sync is %d after its socket fell", name, a.status.Sync)
		}
	}
}

// Being told again and again that it is offline does not put the next dial off.
func TestOfflineSaidAgain(t *testing.T) {
	h := harnessAt(t, away, "Laptop", "Phone")
	a := h.nodes[0]
	h.pair(a, h.nodes[1])
	h.offline(a, true)
	h.wait(forMinutes)
	h.cutOff(a, false)
	for range 61 {
		a.step(Offline{})
		h.wait(1_000)
	}
	if a.status.Sync != SyncOnline {
		t.Errorf("sync is %d", a.status.Sync)
	}
}

func TestStatusSaysOffline(t *testing.T) {
	both := []string{away[0], loop[0]}
	for name, c := range map[string]struct {
		urls []string
		what func(h *harness, a *node)
		want Sync
	}{
		"no network":                       {away, func(h *harness, a *node) { h.offline(a, true) }, SyncOffline},
		"no network, for minutes":          {away, func(h *harness, a *node) { h.offline(a, true); h.wait(forMinutes) }, SyncOffline},
		"no network, not told":             {away, func(h *harness, a *node) { h.cutOff(a, true) }, SyncConnecting},
		"and back":                         {away, func(h *harness, a *node) { h.offline(a, true); h.offline(a, false) }, SyncOnline},
		"back, but no Sync Server":         {away, func(h *harness, a *node) { h.offline(a, true); h.up = false; h.offline(a, false) }, SyncConnecting},
		"said, but not so":                 {away, func(h *harness, a *node) { a.step(Offline{}) }, SyncOnline},
		"said, but alone there":            {away, func(h *harness, a *node) { a.step(Offline{}); h.cutOff(h.nodes[1], true) }, SyncWaiting},
		"on this computer, and not there":  {loop, func(h *harness, a *node) { h.offline(a, true) }, SyncConnecting},
		"the second one on this computer":  {both, func(h *harness, a *node) { h.offline(a, true) }, SyncConnecting},
		"in IPv6 on this computer":         {[]string{"ws://[::1]:6280"}, func(h *harness, a *node) { h.offline(a, true) }, SyncConnecting},
		"127.0.0.0/8":                      {[]string{"ws://127.1.2.3"}, func(h *harness, a *node) { h.offline(a, true) }, SyncConnecting},
		"a name below localhost":           {[]string{"ws://masq.localhost"}, func(h *harness, a *node) { h.offline(a, true) }, SyncConnecting},
		"a name that begins as a loopback": {[]string{"wss://localhost.example.org"}, func(h *harness, a *node) { h.offline(a, true) }, SyncOffline},
		"a name that ends nearly as one":   {[]string{"wss://notlocalhost"}, func(h *harness, a *node) { h.offline(a, true) }, SyncOffline},
	} {
		h := harnessAt(t, c.urls, "Laptop", "Phone")
		a := h.nodes[0]
		h.pair(a, h.nodes[1])
		c.what(h, a)
		if h.wait(10); a.status.Sync != c.want {
			t.Errorf("%s: sync is %d, want %d", name, a.status.Sync, c.want)
		}
	}
}

// pairingOf is a pairing of two devices, step by step.
type pairingOf struct {
	m            *harness
	a, b         *node // a invites
	link         string
	invite, join uint64
}

func (p *pairingOf) inviteNow() {
	p.invite = p.a.do(Op{Do: Invite{}})
	p.link = p.a.replies[p.invite].Text
}

func (p *pairingOf) joinNow() { p.join = p.b.do(Op{Do: Join{Link: p.link}}) }

// goOn pairs the two after the network has come back, and reports whether that works within ms.
func (p *pairingOf) goOn(within Millis) bool {
	h, a, b := p.m, p.a, p.b
	if h.wait(within); p.join == 0 {
		p.joinNow()
	}
	x, y := a.pairing[p.invite], b.pairing[p.join]
	if x.Step != Compare || y.Step != Compare || x.Offline || y.Offline {
		h.t.Logf("invite %+v, join %+v", x, y)
		return false
	}
	a.must(Op{Do: Confirm{Target: p.invite}})
	b.must(Op{Do: Confirm{Target: p.join, Bring: true}})
	h.until("paired", func() bool { return a.pairing[p.invite].Step == Done && b.pairing[p.join].Step == Done })
	return true
}

// A device without a network invites or joins: it says so, and goes on by itself when the network is back, told or not.
func TestPairingWaitsForTheNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		before func(p *pairingOf)
		joiner bool // it is the one without a network; else the inviter
	}{
		"invited offline": {before: func(p *pairingOf) {
			p.m.offline(p.a, true)
			p.inviteNow()
		}},
		"invited, then offline": {before: func(p *pairingOf) {
			p.inviteNow()
			p.m.offline(p.a, true)
		}},
		"invited, and offline before that is answered": {before: func(p *pairingOf) {
			p.m.cutOff(p.a, true)
			p.a.lastOp++
			p.invite = p.a.lastOp
			p.a.step(&Op{ID: p.invite, Client: 1, Do: Invite{}})
			p.m.offline(p.a, true)
			p.link = p.a.replies[p.invite].Text
		}},
		"joined offline": {joiner: true, before: func(p *pairingOf) {
			p.inviteNow()
			p.m.offline(p.b, true)
			p.joinNow()
		}},
		"joined, and offline while it waits for the inviter": {joiner: true, before: func(p *pairingOf) {
			p.inviteNow()
			p.m.cutOff(p.a, true)
			p.joinNow()
			p.m.offline(p.b, true)
			p.m.cutOff(p.a, false)
		}},
		"the same, and the socket falls before that is said": {joiner: true, before: func(p *pairingOf) {
			p.inviteNow()
			p.m.cutOff(p.a, true)
			p.joinNow()
			p.m.cutOff(p.b, true)
			p.m.wait(3_000)
			p.b.step(Offline{})
			p.m.cutOff(p.a, false)
		}},
		"both offline": {joiner: true, before: func(p *pairingOf) {
			p.m.offline(p.a, true)
			p.inviteNow()
			p.m.offline(p.b, true)
			p.joinNow()
			p.m.offline(p.a, false)
		}},
	} {
		for end, within := range map[networkEnd]Millis{told: 0, untold: mailboxMost} {
			h := harnessAt(t, away, "Laptop", "Phone")
			p := &pairingOf{m: h, a: h.nodes[0], b: h.nodes[1]}
			c.before(p)
			n, op := p.a, p.invite
			if c.joiner {
				n, op = p.b, p.join
			}
			for range 3 {
				if r, got := n.replies[op], n.pairing[op]; r.Err != OK || p.link == "" || got.Step != Waiting || !got.Offline || got.Expires == 0 {
					t.Errorf("%s: reply %+v, then %+v", name, r, got)
				}
				h.wait(60_000)
			}
			if h.cutOff(n, false); end == told {
				n.step(Online{})
			}
			if !p.goOn(within) {
				t.Errorf("%s, end %d: it does not go on", name, end)
			}
		}
	}
}

func TestPairingOfflineAndNotSo(t *testing.T) {
	for name, urls := range map[string][]string{"away": away, "on this computer": loop} {
		h := harnessAt(t, urls, "Laptop", "Phone")
		p := &pairingOf{m: h, a: h.nodes[0], b: h.nodes[1]}
		p.a.step(Offline{})
		p.b.step(Offline{})
		p.inviteNow()
		if got := p.a.pairing[p.invite]; got.Offline {
			t.Errorf("%s: %+v", name, got)
		}
		if !p.goOn(0) {
			t.Errorf("%s: it does not go on", name)
		}
	}
}

// A pairing that cannot go on ends, offline or not.
func TestPairingOfflineEnds(t *testing.T) {
	for name, c := range map[string]struct {
		urls []string
		wait Millis
		back bool // the network is back in the end, but there is no Sync Server
		host Code // what an invite ends with
		join Code
	}{
		"for longer than an invite lives":     {away, 5 * 60_000, false, EExpired, EExpired},
		"no Sync Server when it is back":      {away, 60_000, true, OK, ESync}, // the link has been shown: it stays good
		"the Sync Server is on this computer": {loop, 0, false, ESync, ESync},
	} {
		for _, verb := range []Verb{Invite{}, Join{}} {
			h := harnessAt(t, c.urls, "Laptop", "Phone")
			a, b := h.nodes[0], h.nodes[1]
			if verb.ID() == VerbJoin {
				verb = Join{Link: b.must(Op{Do: Invite{}}).Text}
			}
			h.up = false
			a.step(Offline{})
			id := a.do(Op{Do: verb})
			if h.wait(c.wait); c.back {
				a.step(Online{})
				h.wait(pairingPatience + dialTimeout)
			}
			want := c.host
			if verb.ID() == VerbJoin {
				want = c.join
			}
			if got := a.replies[id].Err + a.pairing[id].Err; got != want || a.pairing[id].Offline {
				t.Errorf("%s, %T: %q, %+v", name, verb, got, a.pairing[id])
			}
		}
	}
}

// A mailbox's socket that died without a word is noticed, and another one opened.
func TestInviteNoticesASilentEnd(t *testing.T) {
	h := harnessAt(t, away, "Laptop", "Phone")
	p := &pairingOf{m: h, a: h.nodes[0], b: h.nodes[1]}
	p.inviteNow()
	h.silence(p.a)
	if !p.goOn(pingEvery + pongTimeout + retryFirst) {
		t.Error("it does not go on")
	}
}

// Where the network may have changed, what stands is asked at once whether it still does.
func TestSilentEndIsNoticedSoonerWhenTheNetworkChanges(t *testing.T) {
	for name, ev := range map[string]Event{"offline": Offline{}, "online": Online{}} {
		h := harnessAt(t, away, "Laptop", "Phone")
		a := h.nodes[0]
		h.pair(a, h.nodes[1])
		h.wait(1_000)
		h.silence(a)
		a.cut = true
		for range 12 { // said again and again
			a.step(ev)
			h.wait(1_000)
		}
		if s := a.status.Sync; s == SyncOnline {
			t.Errorf("%s: sync is %d", name, s)
		}
	}
}

// One that has stood for long, and whose browser says so to no purpose, goes on.
func TestOnlineSaidToNoPurpose(t *testing.T) {
	h := harnessAt(t, away, "Laptop", "Phone")
	p := &pairingOf{m: h, a: h.nodes[0], b: h.nodes[1]}
	p.inviteNow()
	for range 10 {
		p.a.step(Online{})
		h.wait(1_000)
	}
	if p.a.dials != 1 || !p.goOn(0) {
		t.Errorf("%d dials", p.a.dials)
	}
}
