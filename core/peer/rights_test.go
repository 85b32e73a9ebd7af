package peer

import (
	"bytes"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

const (
	photos = "org.example.photos"
	tasks  = "https://tasks.example"
)

// circleOfTwo is two stores with an application, and one of them to be removed.
func circleOfTwo(t *testing.T) (h *harness, laptop, lost *node, remove Op) {
	h = newStores(t, "Laptop", "Lost")
	laptop, lost = h.nodes[0], h.nodes[1]
	laptop.addApp(notes, "Notes")
	laptop.putIn(notes, "k", "1")
	h.pair(laptop, lost)
	h.untilIn(lost, notes, "k=1")
	return h, laptop, lost, Op{Do: Revoke{Device: lost.id()}}
}

// applicationOfTwo is a store and its application peer, which is to be removed.
func applicationOfTwo(t *testing.T) (h *harness, laptop, phone *node, remove Op) {
	h, laptop, phone = withPhone(t)
	return h, laptop, phone, Op{App: notes, Do: RevokeOf{}}
}

var domainsOfTwo = []struct {
	name string
	make func(*testing.T) (*harness, *node, *node, Op)
}{{"a store", circleOfTwo}, {"an application peer", applicationOfTwo}}

// speeches are what a device may say that does not care whether it is in.
var speeches = []struct {
	name string
	say  func(i *speaker, n *namespace)
}{
	{"nothing", func(i *speaker, _ *namespace) { i.say() }},
	{"its heads", func(i *speaker, _ *namespace) { i.heads() }},
	{"no heads", func(i *speaker, _ *namespace) {
		i.say(wire.AppendRosterHeads(nil, &wire.RosterHeads{Version: wire.SessionVersion}))
	}},
	{"what an older Masq says", func(i *speaker, _ *namespace) { i.say(wire.AppendRosterHeads(nil, &wire.RosterHeads{})) }},
	{"that it is done", func(i *speaker, _ *namespace) { i.say(wire.AppendRosterDone(nil)) }},
	{"all that a member says", func(i *speaker, n *namespace) { i.enter(n); i.talk(1) }},
	{"all but its heads", func(i *speaker, n *namespace) {
		i.say(wire.AppendNamespaces(nil, []wire.Namespace{{Number: 1, NS: n.ns(), On: true, App: n.app}}))
		i.talk(1)
	}},
}

// talk sends a vector, a value and HAVE for the namespace of that number.
func (i *speaker) talk(number uint16) {
	i.say(wire.AppendVectorMsg(nil, &wire.VectorMsg{Number: number}))
	rec := wire.Record{Key: "forged", Kind: wire.JSON, Value: []byte("1"), Dot: wire.Dot{Writer: 99, Seq: 1 << wire.BlockBits}, Time: 1}
	i.say(wire.AppendData(nil, &wire.Data{Number: number, Position: 1, Records: wire.AppendRecord(nil, &rec)}))
	i.say(wire.AppendHave(nil, &wire.Have{Number: number, NK: i.n.e.publicNK()}))
}

// What a removed device says changes nothing, and it is told that it is out, by what it was removed with, and no more: no heads, no
// device that came later, no namespace, no data.
func TestRemovedDeviceIsOutWhateverItSays(t *testing.T) {
	for _, dom := range domainsOfTwo {
		for _, speech := range speeches {
			for _, during := range []bool{false, true} { // a session
				h, laptop, lost, remove := dom.make(t)
				other := h.add("Other", lost.app)
				n := laptop.e.namespaceOf(notes)
				var i *speaker
				if during {
					i = lost.speaker(laptop)
					i.enter(n)
					i.got = nil
				} else {
					h.cutOff(lost, true)
				}
				laptop.must(remove)
				if !during {
					h.pairFor(laptop, other, inviteTo(lost.app)) // who is out does not learn of it
					laptop.putIn(notes, "later", "2")
					i = lost.speaker(laptop)
				}
				before := laptop.in(notes)
				speech.say(i, n)
				what := dom.name + ", " + speech.name
				checkTold(t, what, i, laptop.e.deviceOf(lost.e.publicNK()))
				if got := laptop.in(notes); got != before {
					t.Errorf("%s: the store has %q, not %q", what, got, before)
				}
			}
		}
	}
}

// inviteTo lets a device into an application, or, without one, into the circle.
func inviteTo(app string) Op {
	if app == "" {
		return Op{Do: Invite{URL: managerURL}}
	}
	return forPhone
}

// checkTold checks that a removed device was told why it is out and nothing else. d is what the other side has of it.
func checkTold(t *testing.T, what string, i *speaker, d *device) {
	t.Helper()
	notice := d.domain.roster.Notice(d.ik, nil)
	for _, m := range i.got {
		switch m.typ {
		case wire.MsgRosterHeads:
			if heads, err := wire.ParseRosterHeads(m.fields); err != nil || len(heads.Heads) > 0 || heads.Name != "" {
				t.Errorf("%s: it hears %d heads and the name %q", what, len(heads.Heads), heads.Name)
			}
		case wire.MsgRosterEntries:
			entries, err := wire.ParseRosterEntries(m.fields)
			for _, e := range entries {
				if err != nil || !slices.ContainsFunc(notice, func(n []byte) bool { return bytes.Equal(n, e) }) {
					t.Errorf("%s: it gets an entry that is not of the notice", what)
				}
			}
		case wire.MsgBye:
		default:
			t.Errorf("%s: it gets a message of type %d", what, m.typ)
		}
	}
}

// quietly puts a device out of a domain without having anybody go by that yet: what stands in its way then is one check alone.
func (n *node) quietly(dom *domain, ik [32]byte) {
	n.m.t.Helper()
	if _, err := dom.roster.SignRevoke(n.e.self.ik, ik); err != nil {
		n.m.t.Fatal(err)
	}
}

// Who stops being a member in the middle of a session gets no list of namespaces, and who is out itself gives none.
func TestNamespacesAreForMembers(t *testing.T) {
	for _, dom := range domainsOfTwo {
		for _, self := range []bool{false, true} {
			_, laptop, lost, _ := dom.make(t)
			i := lost.speaker(laptop)
			i.heads()
			out := lost
			if self {
				out = laptop
			}
			laptop.quietly(laptop.e.deviceOf(lost.e.publicNK()).domain, out.e.publicIK())
			i.say(wire.AppendRosterDone(nil))
			if n := len(i.of(wire.MsgNamespaces)); n > 0 || !i.over {
				t.Errorf("%s, with %s out: %d lists of namespaces", dom.name, out.name, n)
			}
		}
	}
}

// News of the roster that wait for the disk do not reach a device that is out when they go.
func TestNewsAreForMembers(t *testing.T) {
	h, laptop, lost, _ := circleOfTwo(t)
	i := lost.speaker(laptop)
	i.enter(laptop.e.namespaceOf(notes))
	i.got = nil
	laptop.lastOp++
	laptop.step(&Op{ID: laptop.lastOp, Do: SetRelays{URLs: []string{testRelay, "wss://sync.example.org"}}})
	laptop.quietly(laptop.e.circle, lost.e.publicIK())
	h.run()
	h.wait(1000)
	if entries := i.of(wire.MsgRosterEntries); len(entries) > 0 {
		t.Errorf("it gets %d messages with entries", len(entries))
	}
}

// A device that is out speaks to nobody, and lets nobody in. Those that remain meet it for 30 days to tell it, and then forget it.
func TestOutIsOut(t *testing.T) {
	for _, dom := range domainsOfTwo {
		h, laptop, lost, remove := dom.make(t)
		laptop.must(remove)
		h.until("it hears of it", func() bool { return lost.status.Err == ERevoked })
		dials := lost.dials
		h.wait(600_000)
		if lost.dials != dials {
			t.Errorf("%s: it dialled %d times", dom.name, lost.dials-dials)
		}
		if r := lost.replies[lost.do(Op{Do: Invite{URL: managerURL}})]; r.Err != ERevoked {
			t.Errorf("%s: an invite: %q", dom.name, r.Err)
		}
		met := func() bool { return laptop.e.deviceOf(lost.e.publicNK()) != nil }
		if !met() {
			t.Errorf("%s: it is forgotten at once", dom.name)
		}
		h.now += 31 * aDay
		h.pairFor(laptop, h.add("Other", lost.app), inviteTo(lost.app)) // the roster changes
		if met() {
			t.Errorf("%s: after 31 days it is still met", dom.name)
		}
		if laptop.crash(); met() {
			t.Errorf("%s: after a start it is met again", dom.name)
		}
	}
}

// An application peer that asks for another application, the circle's devices or their rosters gets nothing of it, and changes nothing.
func TestApplicationPeerAsksForMore(t *testing.T) {
	for name, c := range map[string]struct {
		first bool // before the rosters are equal
		say   func(i *speaker, laptop *node)
		ends  bool
	}{
		"nothing": {say: func(i *speaker, _ *node) { i.say() }},
		"a new application": {say: func(i *speaker, _ *node) {
			i.say(wire.AppendNamespaces(nil, []wire.Namespace{{Number: 2, NS: [32]byte{1}, On: true, App: "org.example.planted", Name: "Planted"}}))
		}},
		"another application, whose name it knows": {ends: true, say: func(i *speaker, laptop *node) {
			ns := laptop.e.namespaceOf(todo).ns()
			i.say(wire.AppendNamespaces(nil, []wire.Namespace{{Number: 2, NS: ns, On: true, App: todo}}))
			i.talk(2)
		}},
		"namespaces before rosters": {first: true, ends: true, say: func(i *speaker, laptop *node) {
			i.say(wire.AppendNamespaces(nil, []wire.Namespace{{Number: 1, NS: laptop.e.namespaceOf(notes).ns(), On: true, App: notes}}))
		}},
		"heads of a namespace's roster": {ends: true, say: func(i *speaker, _ *node) {
			i.say(wire.AppendNamespaceHeads(nil, &wire.NamespaceRoster{Number: 1}))
		}},
		"entries of a namespace's roster": {ends: true, say: func(i *speaker, _ *node) {
			i.say(wire.AppendNamespaceEntries(nil, &wire.NamespaceRoster{Number: 1}))
		}},
		"what a stranger has": {say: func(i *speaker, laptop *node) {
			i.say(wire.AppendHave(nil, &wire.Have{Number: 1, NK: laptop.m.nodes[2].e.publicNK()}))
		}},
		"nothing, while an application is new": {say: func(i *speaker, laptop *node) {
			laptop.addApp(photos, "Photos")
			i.say()
		}},
	} {
		h, laptop, phone := withPhone(t)
		laptop.addApp(tasks, "Tasks")
		tablet := h.add("Tablet", tasks)
		h.pairFor(laptop, tablet, Op{App: tasks, Do: Invite{URL: tasks + "/"}})
		h.wait(5000)
		before := laptop.in(todo)
		i := phone.speaker(laptop)
		if !c.first {
			i.enter(laptop.e.namespaceOf(notes))
		}
		c.say(i, laptop)
		checkOwnApplication(t, name, i, laptop)
		if i.over != c.ends {
			t.Errorf("%s: the session ended: %v", name, i.over)
		}
		if got := laptop.in(todo); got != before || laptop.in("org.example.planted") != "E_APP" {
			t.Errorf("%s: the other application has %q", name, got)
		}
		for _, p := range laptop.e.deviceOf(tablet.e.publicNK()).progress {
			if p.namespace.app != tasks {
				t.Errorf("%s: the tablet is said to have %s", name, p.namespace.app)
			}
		}
	}
}

// HAVE counts for devices that share the application and are in, whoever says it.
func TestHaveIsAboutThoseThatShare(t *testing.T) {
	h, laptop, desk, _ := circleOfTwo(t)
	laptop.addApp(tasks, "Tasks")
	tablet := h.add("Tablet", tasks)
	h.pairFor(laptop, tablet, Op{App: tasks, Do: Invite{URL: tasks + "/"}})
	phone := h.add("Phone", notes)
	h.pairFor(laptop, phone, forPhone)
	h.until("both know the phone", func() bool { return len(desk.peerNames(notes)) == 1 })
	n := laptop.e.namespaceOf(notes)
	n.peers.roster.SignRevoke(laptop.e.self.ik, phone.e.publicIK()) // nobody goes by that yet
	has := func(of *node) int { return len(laptop.e.deviceOf(of.e.publicNK()).in(n).have) }
	before := has(phone)
	i := desk.speaker(laptop)
	i.enter(n)
	for _, of := range []*node{tablet, phone} {
		v := wire.Vector{{Writer: n.rep.Vector()[0].Writer, Settled: 1 << wire.BlockBits}}
		i.say(wire.AppendHave(nil, &wire.Have{Number: 1, Vector: v, NK: of.e.publicNK()}))
	}
	if i.over || has(tablet) != 0 || has(phone) != before {
		t.Errorf("the tablet is said to have %d writers, the phone %d and before %d; the session ended: %v", has(tablet), has(phone), before, i.over)
	}
}

// checkOwnApplication checks that an application peer was told of its own application and nothing else.
func checkOwnApplication(t *testing.T, what string, i *speaker, laptop *node) {
	t.Helper()
	for _, fields := range i.of(wire.MsgNamespaces) {
		list, err := wire.ParseNamespaces(fields)
		for _, n := range list {
			if err != nil || n.App != notes {
				t.Errorf("%s: it is told of %s", what, n.App)
			}
		}
	}
	num := laptop.e.namespaceOf(notes).num
	for _, fields := range i.of(wire.MsgVector) {
		if m, err := wire.ParseVectorMsg(fields); err != nil || m.Number != num {
			t.Errorf("%s: it gets the vector of number %d", what, m.Number)
		}
	}
	if n := len(i.of(wire.MsgNamespaceHeads)) + len(i.of(wire.MsgNamespaceEntries)); n > 0 {
		t.Errorf("%s: it gets %d messages of namespaces' rosters", what, n)
	}
	for _, fields := range i.of(wire.MsgRosterHeads) {
		if m, err := wire.ParseRosterHeads(fields); err != nil || m.Name != "" {
			t.Errorf("%s: it learns the name %q", what, m.Name)
		}
	}
}
