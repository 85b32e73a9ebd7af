package peer

import (
	"slices"
	"testing"
)

// withPhone is a store with two applications, and the first one's application peer on a phone.
func withPhone(t *testing.T) (h *harness, laptop, phone *node) {
	h = newStores(t, "Laptop")
	laptop = h.nodes[0]
	laptop.addApp(notes, "Notes")
	laptop.addApp(todo, "Todo")
	laptop.putIn(notes, "k", "1")
	laptop.putIn(todo, "secret", "1")
	phone = h.add("Phone", notes)
	h.pairFor(laptop, phone, forPhone)
	h.until("first copy", func() bool { return phone.get("k") == "1" })
	return h, laptop, phone
}

var forPhone = Op{App: notes, Do: Invite{URL: notes + "/"}}

func (n *node) peerNames(app string) (out []string) {
	for _, d := range n.appStatus(app).Peers {
		out = append(out, d.Name)
	}
	slices.Sort(out)
	return out
}

func TestApplicationPeerSyncsItsApplicationAlone(t *testing.T) {
	h, laptop, phone := withPhone(t)
	phone.put("l", "2")
	h.untilIn(laptop, notes, "k=1 l=2")
	laptop.putIn(notes, "k", "3")
	h.until("a change", func() bool { return phone.get("k") == "3" })
	if got := phone.all(); got != "k=3\nl=2\n" {
		t.Errorf("phone has %q", got)
	}
	if got := phone.names(); !slices.Equal(got, []string{"Laptop"}) {
		t.Errorf("phone knows %q", got)
	}
	if got := laptop.peerNames(notes); !slices.Equal(got, []string{"Phone"}) {
		t.Errorf("laptop knows %q", got)
	}
	if got := laptop.peerNames(todo); got != nil {
		t.Errorf("laptop has %q for the other application", got)
	}
	phone.crash()
	laptop.crash()
	phone.put("m", "4")
	h.untilIn(laptop, notes, "k=3 l=2 m=4")
}

// A user's other stores meet the phone by themselves, and it does not learn their names.
func TestApplicationPeerMeetsEveryStore(t *testing.T) {
	for _, storeFirst := range []bool{true, false} {
		h := newStores(t, "Laptop", "Desktop")
		a, b := h.nodes[0], h.nodes[1]
		a.addApp(notes, "Notes")
		phone := h.add("Phone", notes)
		if storeFirst {
			h.pair(a, b)
			h.pairFor(a, phone, forPhone)
		} else {
			h.pairFor(a, phone, forPhone)
			h.pair(a, b)
		}
		h.until("phone knows both", func() bool { return len(phone.names()) == 2 })
		h.until("desktop knows the phone", func() bool { return slices.Equal(b.peerNames(notes), []string{"Phone"}) })
		a.life++ // the laptop is switched off
		for _, id := range a.conns {
			h.drop(id)
		}
		a.wakeAt = 0
		phone.must(Op{Do: Watch{}})
		b.putIn(notes, "k", "1")
		h.until("from the other store", func() bool { return phone.get("k") == "1" })
		if c := phone.changes; len(c) != 1 || c[0].Device != "device" {
			t.Errorf("phone is told of %+v", c)
		}
		got := phone.names()
		slices.Sort(got)
		if !slices.Equal(got, []string{"", "Laptop"}) {
			t.Errorf("phone knows %q", got)
		}
		b.must(Op{Do: Revoke{Device: phone.id()}})
		b.putIn(notes, "k", "2")
		h.until("phone is out", func() bool { return phone.status.Err == ERevoked })
		a.open()
		h.untilIn(a, notes, "k=2")
		h.until("the other store has heard", func() bool { return len(a.peerNames(notes)) == 0 })
		if got := phone.get("k"); got != "1" {
			t.Errorf("phone has %q", got)
		}
	}
}

// Two stores each let a phone in before they hear of each other's; then all four know each other.
func TestPeersOfStoresApart(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	h.pair(a, b)
	h.until("the application is on both", func() bool { return b.in(notes) == "" })
	p, q := h.add("Phone", notes), h.add("Tablet", notes)
	h.offline(b, true)
	h.pairFor(a, p, forPhone)
	h.offline(b, false)
	h.offline(a, true)
	h.pairFor(b, q, forPhone)
	h.offline(a, false)
	h.until("all know each other", func() bool {
		return len(p.names()) == 3 && len(q.names()) == 3 && len(a.peerNames(notes)) == 2 && len(b.peerNames(notes)) == 2
	})
	q.put("k", "1")
	h.until("from one to the other", func() bool { return p.get("k") == "1" })
}

// A store hears of another one from a phone first, and of its being in the circle later. Then they meet as stores.
func TestStoreKnownFromAPeerFirst(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop", "Server")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	a.addApp(notes, "Notes")
	a.addApp(todo, "Todo")
	h.pair(a, b)
	phone := h.add("Phone", notes)
	h.pairFor(a, phone, forPhone)
	h.until("phone knows both", func() bool { return len(phone.names()) == 2 })
	h.offline(b, true)
	h.pair(a, c)
	h.until("phone knows all", func() bool { return len(phone.names()) == 3 })
	h.offline(a, true)
	h.offline(b, false)
	h.until("desktop hears of the server", func() bool { return len(b.peerNames(notes)) == 2 })
	h.offline(a, false)
	h.until("the stores know each other", func() bool { return len(b.names()) == 2 && len(c.names()) == 2 })
	h.offline(a, true)
	b.putIn(todo, "k", "1")
	h.untilIn(c, todo, "k=1")
	if got := b.peerNames(notes); !slices.Equal(got, []string{"Phone"}) {
		t.Errorf("desktop has %q for application peers", got)
	}
}

// An application peer lets others into its own namespace, and they go with it.
func TestApplicationPeerInvites(t *testing.T) {
	h, laptop, phone := withPhone(t)
	tablet := h.add("Tablet", notes)
	h.pair(phone, tablet)
	h.until("first copy", func() bool { return tablet.get("k") == "1" })
	tablet.put("l", "2")
	h.untilIn(laptop, notes, "k=1 l=2")
	h.until("laptop knows both", func() bool { return slices.Equal(laptop.peerNames(notes), []string{"Phone", "Tablet"}) })
	if r := tablet.replies[tablet.do(Op{Do: Revoke{Device: phone.id()}})]; r.Err != EDenied {
		t.Errorf("a guest shuts out its host: %q", r.Err)
	}
	if r := tablet.replies[tablet.do(Op{Do: Revoke{Device: laptop.id()}})]; r.Err != EDenied {
		t.Errorf("a guest shuts out a store: %q", r.Err)
	}
	laptop.must(Op{Do: Revoke{Device: phone.id()}})
	h.until("both are out", func() bool { return phone.status.Err == ERevoked && tablet.status.Err == ERevoked })
	if got := laptop.peerNames(notes); got != nil {
		t.Errorf("laptop has %q", got)
	}
}

func TestAccessTakenAwayTakesThePeers(t *testing.T) {
	h, laptop, phone := withPhone(t)
	laptop.must(Op{App: notes, Do: RevokeOf{}})
	h.until("phone is out", func() bool { return phone.status.Err == ERevoked })
	laptop.putIn(notes, "k", "2")
	h.wait(10_000)
	if got := phone.get("k"); got != "1" {
		t.Errorf("phone has %q", got)
	}
}

func TestApplicationPeerIsSwitchedOff(t *testing.T) {
	h, laptop, phone := withPhone(t)
	laptop.must(Op{App: notes, Do: Prefer{}})
	laptop.putIn(notes, "k", "2")
	h.wait(10_000)
	if got := phone.get("k"); got != "1" {
		t.Errorf("switched off, the phone has %q", got)
	}
	laptop.must(Op{App: notes, Do: Prefer{On: true}})
	h.until("it catches up", func() bool { return phone.get("k") == "2" })
}

// A revoked store is shown out by the phones too.
func TestRevokedStoreIsOutForApplicationPeers(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	phone := h.add("Phone", notes)
	h.pair(a, b)
	h.pairFor(a, phone, forPhone)
	h.until("phone knows both", func() bool { return len(phone.names()) == 2 })
	a.must(Op{Do: Revoke{Device: b.id()}})
	h.until("phone has heard", func() bool { return len(phone.names()) == 1 })
	b.putIn(notes, "k", "1")
	h.wait(10_000)
	if got := phone.get("k"); got != "" {
		t.Errorf("phone has %q", got)
	}
}

func TestWhoMayJoinWhat(t *testing.T) {
	h, laptop, phone := withPhone(t)
	link := func(n *node, op Op) string {
		id := n.do(op)
		r := n.replies[id]
		if r.Err != OK {
			t.Fatal(r.Err)
		}
		n.lastInvite = id
		return r.Text
	}
	other, store := h.add("Other", todo2), h.add("Desktop", "")
	for _, c := range []struct {
		name string
		op   Op
		who  *node
		want Code
	}{
		{"another application", forPhone, other, ELink},
		{"a store for one application", forPhone, store, ELink},
		{"an application for everything", Op{Do: Invite{URL: managerURL}}, other, ELink},
		{"an application that is paired", forPhone, phone, ECircle},
	} {
		text := link(laptop, c.op)
		if r := c.who.replies[c.who.do(Op{Do: Join{Link: text}})]; r.Err != c.want {
			t.Errorf("%s: %q, want %q", c.name, r.Err, c.want)
		}
		laptop.must(Op{Do: Cancel{Target: laptop.lastInvite}})
	}
	for name, op := range map[string]Op{
		"no such application": {App: "https://x.example", Do: Invite{URL: notes + "/"}},
		"no address":          {App: notes, Do: Invite{}},
	} {
		if r := laptop.replies[laptop.do(op)]; r.Err != map[string]Code{"no such application": EApp, "no address": ELink}[name] {
			t.Errorf("%s: %q", name, r.Err)
		}
	}
}

const todo2 = "https://todo.example"
