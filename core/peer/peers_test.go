package peer

import (
	"slices"
	"testing"
)

// withPhone is a store with two applications, and the first one's application peer on a phone.
func withPhone(t *testing.T) (m *mesh, laptop, phone *node) {
	m = newStores(t, "Laptop")
	laptop = m.nodes[0]
	laptop.addApp(notes, "Notes")
	laptop.addApp(todo, "Todo")
	laptop.putIn(notes, "k", "1")
	laptop.putIn(todo, "secret", "1")
	phone = m.add("Phone", notes)
	m.pairFor(laptop, phone, forPhone)
	m.until("first copy", func() bool { return phone.get("k") == "1" })
	return m, laptop, phone
}

var forPhone = Op{Verb: Invite, App: notes, Key: notes + "/"}

func (n *node) peerNames(app string) (out []string) {
	for _, d := range n.appStatus(app).Peers {
		out = append(out, d.Name)
	}
	slices.Sort(out)
	return out
}

func TestApplicationPeerSyncsItsApplicationAlone(t *testing.T) {
	m, laptop, phone := withPhone(t)
	phone.put("l", "2")
	m.untilIn(laptop, notes, "k=1 l=2")
	laptop.putIn(notes, "k", "3")
	m.until("a change", func() bool { return phone.get("k") == "3" })
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
	m.untilIn(laptop, notes, "k=3 l=2 m=4")
}

// A user's other stores meet the phone by themselves, and it does not learn their names.
func TestApplicationPeerMeetsEveryStore(t *testing.T) {
	for _, storeFirst := range []bool{true, false} {
		m := newStores(t, "Laptop", "Desktop")
		a, b := m.nodes[0], m.nodes[1]
		a.addApp(notes, "Notes")
		phone := m.add("Phone", notes)
		if storeFirst {
			m.pair(a, b)
			m.pairFor(a, phone, forPhone)
		} else {
			m.pairFor(a, phone, forPhone)
			m.pair(a, b)
		}
		m.until("phone knows both", func() bool { return len(phone.names()) == 2 })
		m.until("desktop knows the phone", func() bool { return slices.Equal(b.peerNames(notes), []string{"Phone"}) })
		a.life++ // the laptop is switched off
		for _, id := range a.conns {
			m.drop(id)
		}
		a.wakeAt = 0
		phone.must(Op{Verb: Watch})
		b.putIn(notes, "k", "1")
		m.until("from the other store", func() bool { return phone.get("k") == "1" })
		if c := phone.changes; len(c) != 1 || c[0].Device != "device" {
			t.Errorf("phone is told of %+v", c)
		}
		got := phone.names()
		slices.Sort(got)
		if !slices.Equal(got, []string{"", "Laptop"}) {
			t.Errorf("phone knows %q", got)
		}
		b.must(Op{Verb: Revoke, Key: phone.id()})
		b.putIn(notes, "k", "2")
		m.until("phone is out", func() bool { return phone.status.Err == ERevoked })
		a.open()
		m.untilIn(a, notes, "k=2")
		m.until("the other store has heard", func() bool { return len(a.peerNames(notes)) == 0 })
		if got := phone.get("k"); got != "1" {
			t.Errorf("phone has %q", got)
		}
	}
}

// Two stores each let a phone in before they hear of each other's; then all four know each other.
func TestPeersOfStoresApart(t *testing.T) {
	m := newStores(t, "Laptop", "Desktop")
	a, b := m.nodes[0], m.nodes[1]
	a.addApp(notes, "Notes")
	m.pair(a, b)
	m.until("the application is on both", func() bool { return b.in(notes) == "" })
	p, q := m.add("Phone", notes), m.add("Tablet", notes)
	m.offline(b, true)
	m.pairFor(a, p, forPhone)
	m.offline(b, false)
	m.offline(a, true)
	m.pairFor(b, q, forPhone)
	m.offline(a, false)
	m.until("all know each other", func() bool {
		return len(p.names()) == 3 && len(q.names()) == 3 && len(a.peerNames(notes)) == 2 && len(b.peerNames(notes)) == 2
	})
	q.put("k", "1")
	m.until("from one to the other", func() bool { return p.get("k") == "1" })
}

// A store hears of another one from a phone first, and of its being in the circle later. Then they meet as stores.
func TestStoreKnownFromAPeerFirst(t *testing.T) {
	m := newStores(t, "Laptop", "Desktop", "Server")
	a, b, c := m.nodes[0], m.nodes[1], m.nodes[2]
	a.addApp(notes, "Notes")
	a.addApp(todo, "Todo")
	m.pair(a, b)
	phone := m.add("Phone", notes)
	m.pairFor(a, phone, forPhone)
	m.until("phone knows both", func() bool { return len(phone.names()) == 2 })
	m.offline(b, true)
	m.pair(a, c)
	m.until("phone knows all", func() bool { return len(phone.names()) == 3 })
	m.offline(a, true)
	m.offline(b, false)
	m.until("desktop hears of the server", func() bool { return len(b.peerNames(notes)) == 2 })
	m.offline(a, false)
	m.until("the stores know each other", func() bool { return len(b.names()) == 2 && len(c.names()) == 2 })
	m.offline(a, true)
	b.putIn(todo, "k", "1")
	m.untilIn(c, todo, "k=1")
	if got := b.peerNames(notes); !slices.Equal(got, []string{"Phone"}) {
		t.Errorf("desktop has %q for application peers", got)
	}
}

// An application peer lets others into its own namespace, and they go with it.
func TestApplicationPeerInvites(t *testing.T) {
	m, laptop, phone := withPhone(t)
	tablet := m.add("Tablet", notes)
	m.pair(phone, tablet)
	m.until("first copy", func() bool { return tablet.get("k") == "1" })
	tablet.put("l", "2")
	m.untilIn(laptop, notes, "k=1 l=2")
	m.until("laptop knows both", func() bool { return slices.Equal(laptop.peerNames(notes), []string{"Phone", "Tablet"}) })
	if r := tablet.replies[tablet.do(Op{Verb: Revoke, Key: phone.id()})]; r.Err != EDenied {
		t.Errorf("a guest shuts out its host: %q", r.Err)
	}
	if r := tablet.replies[tablet.do(Op{Verb: Revoke, Key: laptop.id()})]; r.Err != EDenied {
		t.Errorf("a guest shuts out a store: %q", r.Err)
	}
	laptop.must(Op{Verb: Revoke, Key: phone.id()})
	m.until("both are out", func() bool { return phone.status.Err == ERevoked && tablet.status.Err == ERevoked })
	if got := laptop.peerNames(notes); got != nil {
		t.Errorf("laptop has %q", got)
	}
}

func TestAccessTakenAwayTakesThePeers(t *testing.T) {
	m, laptop, phone := withPhone(t)
	laptop.must(Op{Verb: RevokeOf, App: notes})
	m.until("phone is out", func() bool { return phone.status.Err == ERevoked })
	laptop.putIn(notes, "k", "2")
	m.wait(10_000)
	if got := phone.get("k"); got != "1" {
		t.Errorf("phone has %q", got)
	}
}

func TestApplicationPeerIsSwitchedOff(t *testing.T) {
	m, laptop, phone := withPhone(t)
	laptop.must(Op{Verb: Prefer, App: notes})
	laptop.putIn(notes, "k", "2")
	m.wait(10_000)
	if got := phone.get("k"); got != "1" {
		t.Errorf("switched off, the phone has %q", got)
	}
	laptop.must(Op{Verb: Prefer, App: notes, On: true})
	m.until("it catches up", func() bool { return phone.get("k") == "2" })
}

// A revoked store is shown out by the phones too.
func TestRevokedStoreIsOutForApplicationPeers(t *testing.T) {
	m := newStores(t, "Laptop", "Desktop")
	a, b := m.nodes[0], m.nodes[1]
	a.addApp(notes, "Notes")
	phone := m.add("Phone", notes)
	m.pair(a, b)
	m.pairFor(a, phone, forPhone)
	m.until("phone knows both", func() bool { return len(phone.names()) == 2 })
	a.must(Op{Verb: Revoke, Key: b.id()})
	m.until("phone has heard", func() bool { return len(phone.names()) == 1 })
	b.putIn(notes, "k", "1")
	m.wait(10_000)
	if got := phone.get("k"); got != "" {
		t.Errorf("phone has %q", got)
	}
}

func TestWhoMayJoinWhat(t *testing.T) {
	m, laptop, phone := withPhone(t)
	link := func(n *node, op Op) string {
		id := n.do(op)
		r := n.replies[id]
		if r.Err != OK {
			t.Fatal(r.Err)
		}
		n.lastInvite = id
		return r.Text
	}
	other, store := m.add("Other", todo2), m.add("Desktop", "")
	for _, c := range []struct {
		name string
		op   Op
		who  *node
		want Code
	}{
		{"another application", forPhone, other, ELink},
		{"a store for one application", forPhone, store, ELink},
		{"an application for everything", Op{Verb: Invite, Key: managerURL}, other, ELink},
		{"an application that is paired", forPhone, phone, ECircle},
	} {
		text := link(laptop, c.op)
		if r := c.who.replies[c.who.do(Op{Verb: Join, Key: text})]; r.Err != c.want {
			t.Errorf("%s: %q, want %q", c.name, r.Err, c.want)
		}
		laptop.must(Op{Verb: Cancel, Target: laptop.lastInvite})
	}
	for name, op := range map[string]Op{
		"no such application": {Verb: Invite, App: "https://x.example", Key: notes + "/"},
		"no address":          {Verb: Invite, App: notes},
	} {
		if r := laptop.replies[laptop.do(op)]; r.Err != map[string]Code{"no such application": EApp, "no address": ELink}[name] {
			t.Errorf("%s: %q", name, r.Err)
		}
	}
}

const todo2 = "https://todo.example"
