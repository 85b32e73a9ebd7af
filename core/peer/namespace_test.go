package peer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/wire"
)

const (
	notes = "https://notes.example"
	todo  = "org.example.todo"
)

func (n *node) addApp(app, name string) {
	n.m.t.Helper()
	n.must(Op{App: app, Do: AddApp{Name: name}})
}

func (n *node) putIn(app, key, value string) {
	n.m.t.Helper()
	n.must(Op{App: app, Do: Batch{Writes: []Write{{Key: key, Kind: wire.JSON, Value: []byte(value)}}}})
}

// in is all that an application has, conflicts included; "E_APP" if there is no such application.
func (n *node) in(app string) string {
	n.m.t.Helper()
	r := n.replies[n.do(Op{App: app, Do: List{}})]
	if r.Err != OK {
		return string(r.Err)
	}
	var out []string
	for _, e := range r.Entries {
		text := e.Key + "=" + string(e.Value)
		for _, c := range n.must(Op{App: app, Do: Conflicts{Key: e.Key}}).Entries {
			text += "/" + string(c.Value)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func (h *harness) untilIn(n *node, app, want string) {
	h.t.Helper()
	h.until(fmt.Sprintf("%s has %q in %s", n.name, want, app), func() bool { return n.in(app) == want })
}

// app is what the status says of an application.
func (n *node) appStatus(app string) AppStatus {
	for _, a := range n.e.LookAnew().Apps {
		if a.App == app {
			return a
		}
	}
	return AppStatus{}
}

func TestApplicationsAreApart(t *testing.T) {
	h := newStores(t, "Laptop")
	n := h.nodes[0]
	for _, step := range []struct {
		name        string
		do          func()
		notes, todo string
	}{
		{"nothing", func() {}, "E_APP", "E_APP"},
		{"one", func() { n.addApp(notes, "Notes") }, "", "E_APP"},
		{"the same key in both", func() { n.addApp(todo, "Todo"); n.putIn(notes, "k", "1"); n.putIn(todo, "k", "2") }, "k=1", "k=2"},
		{"added again", func() { n.addApp(notes, "Notes") }, "k=1", "k=2"},
		{"opened again", func() { n.crash() }, "k=1", "k=2"},
		{"dropped", func() { n.must(Op{App: notes, Do: DropApp{}}) }, "E_APP", "k=2"},
		{"opened again without it", func() { n.crash() }, "E_APP", "k=2"},
		{"back, empty", func() { n.addApp(notes, "Notes"); n.putIn(notes, "l", "3") }, "l=3", "k=2"},
		{"after checkpoints", func() {
			for i := range 700 {
				n.putIn(todo, "n", fmt.Sprint(i))
			}
			n.crash()
		}, "l=3", "k=2 n=699"},
	} {
		step.do()
		if a, b := n.in(notes), n.in(todo); a != step.notes || b != step.todo {
			t.Errorf("%s: %q and %q, want %q and %q", step.name, a, b, step.notes, step.todo)
		}
	}
	if a := n.appStatus(todo); a.Name != "Todo" || !a.On || a.Entries != 2 || a.Bytes == 0 {
		t.Errorf("status: %+v", a)
	}
}

func TestWatchHearsItsApplicationAlone(t *testing.T) {
	h := newStores(t, "Laptop")
	n := h.nodes[0]
	n.addApp(notes, "Notes")
	n.addApp(todo, "Todo")
	n.must(Op{App: notes, Do: Watch{}})
	n.putIn(todo, "secret", "1")
	n.putIn(notes, "k", "2")
	if len(n.changes) != 1 || n.changes[0].Key != "k" {
		t.Errorf("told %+v", n.changes)
	}
}

func TestImportReplacesNothing(t *testing.T) {
	h := newStores(t, "Laptop")
	n := h.nodes[0]
	n.addApp(notes, "Notes")
	n.putIn(notes, "a", "1")
	n.putIn(notes, "b", "2")
	var brought []Write
	for _, kv := range []string{"a3", "b2", "c4"} {
		brought = append(brought, Write{Key: kv[:1], Kind: wire.JSON, Value: []byte(kv[1:])})
	}
	for range 2 { // the second time changes nothing
		h.wait(10)
		n.must(Op{App: notes, Do: Import{Writes: brought}})
		if got := n.in(notes); got != "a=3/1 b=2 c=4" {
			t.Errorf("there is %q", got)
		}
	}
	n.putIn(notes, "a", "5")
	if got := n.in(notes); got != "a=5 b=2 c=4" {
		t.Errorf("after a put there is %q", got)
	}
}

func TestSettingsAreKept(t *testing.T) {
	h := newStores(t, "Laptop")
	n := h.nodes[0]
	n.must(Op{Do: Keep{Key: "token/1", Value: []byte("x")}})
	n.must(Op{Do: Keep{Key: "token/2", Value: []byte("y")}})
	n.must(Op{Do: Keep{Key: "other", Value: []byte("z")}})
	n.must(Op{Do: Keep{Key: "token/1"}})
	n.crash()
	r := n.must(Op{Do: Kept{Prefix: "token/"}})
	if len(r.Entries) != 1 || r.Entries[0].Key != "token/2" || string(r.Entries[0].Value) != "y" {
		t.Errorf("kept %+v", r.Entries)
	}
	if r := n.replies[n.do(Op{Do: Keep{Key: "big", Value: make([]byte, maxKept+1)}})]; r.Err != ETooBig {
		t.Errorf("a big setting: %q", r.Err)
	}
	var last Reply
	for i := range maxKeptAll/maxKept + 1 {
		last = n.replies[n.do(Op{Do: Keep{Key: fmt.Sprint(i), Value: make([]byte, maxKept)}})]
	}
	if last.Err != ETooBig {
		t.Errorf("more settings than there is room for: %q", last.Err)
	}
	n.must(Op{Do: Keep{Key: "0"}})
	n.crash()
}

// What only a local store has, an embedded one refuses.
func TestEmbeddedHasOneApplication(t *testing.T) {
	h := newHarness(t, "Phone")
	for _, v := range []Verb{AddApp{}, DropApp{}, Prefer{}, SetRelays{}, Keep{Key: "x"}, Kept{}, RevokeOf{}, unknown{}} {
		if r := h.nodes[0].replies[h.nodes[0].do(Op{App: notes, Do: v})]; r.Err != EValue {
			t.Errorf("%T: %q", v, r.Err)
		}
	}
}

func TestStoresSyncEveryApplication(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	a.putIn(notes, "k", "1")
	h.pair(a, b)
	h.untilIn(b, notes, "k=1") // although nobody there has asked for it
	b.putIn(notes, "l", "2")
	h.untilIn(a, notes, "k=1 l=2")
	b.addApp(todo, "Todo") // new while they are connected
	b.putIn(todo, "t", "3")
	h.untilIn(a, todo, "t=3")
	a.putIn(todo, "u", "4")
	h.untilIn(b, todo, "t=3 u=4")
	if s := a.appStatus(todo); s.Name != "Todo" || len(s.Devices) != 1 || !s.Devices[0].On || !s.Devices[0].Theirs {
		t.Errorf("status: %+v", s)
	}
	h.until("all is durable everywhere", func() bool {
		for _, s := range []AppStatus{a.appStatus(notes), a.appStatus(todo), b.appStatus(notes), b.appStatus(todo)} {
			if s.Devices[0].ToSend != 0 || s.Devices[0].ToReceive {
				return false
			}
		}
		return true
	})
	c := h.add("Server", "")
	h.pair(b, c)
	h.untilIn(c, notes, "k=1 l=2")
	h.untilIn(c, todo, "t=3 u=4")
	c.putIn(notes, "m", "5")
	h.untilIn(a, notes, "k=1 l=2 m=5") // directly: they have never been paired
	h.until("they are all connected", func() bool {
		return len(a.status.Devices) == 2 && a.status.Devices[0].Online && a.status.Devices[1].Online
	})
}

// A store that joins before it has any application has nothing to bring along or to discard, then or later.
func TestStoreThatJoinedEmptyStartsAgain(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	h.pair(a, b)
	a.addApp(notes, "Notes")
	a.putIn(notes, "k", "1")
	h.untilIn(b, notes, "k=1")
	b.crash()
	b.putIn(notes, "l", "2")
	h.untilIn(a, notes, "k=1 l=2")
	for _, n := range h.nodes {
		if got := n.in(notes); got != "k=1 l=2" {
			t.Errorf("%s has %q", n.name, got)
		}
	}
}

// An application that comes while a joiner's data is being moved is not moved with it, also when that is cut off.
func TestApplicationThatComesWhileDataIsMoved(t *testing.T) {
	h := newStores(t, "Laptop")
	n := h.nodes[0]
	n.addApp(notes, "Notes")
	n.putIn(notes, "k", "1")
	n.addApp(todo, "Todo")
	n.putIn(todo, "t", "2")
	n.e.led.SetMeta(metaMoving+n.e.namespaceOf(notes).number(), []byte{moveDiscard}) // as a crash may leave it
	n.must(Op{Do: Keep{Key: "x", Value: []byte("y")}})
	n.crash()
	if a, b := n.in(notes), n.in(todo); a != "" || b != "t=2" {
		t.Errorf("there is %q and %q", a, b)
	}
	n.putIn(notes, "k", "3")
	n.crash()
	if got := n.in(notes); got != "k=3" {
		t.Errorf("moved again: there is %q", got)
	}
}

func TestSyncIsSwitchedOffAndOn(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop", "Server")
	a, b, c := h.nodes[0], h.nodes[1], h.nodes[2]
	a.addApp(notes, "Notes")
	a.addApp(todo, "Todo")
	h.pair(a, b)
	h.pair(a, c)
	a.putIn(notes, "k", "1")
	h.untilIn(b, notes, "k=1")
	h.untilIn(c, notes, "k=1")
	id := func(n *node) string { return n.e.LookAnew().Self.ID }

	a.must(Op{App: notes, Do: Prefer{Device: id(b)}})
	c.must(Op{App: notes, Do: Prefer{Device: id(b)}})
	a.putIn(notes, "k", "2")
	b.putIn(notes, "l", "3")
	a.putIn(todo, "t", "1")
	h.untilIn(c, notes, "k=2")
	h.untilIn(b, todo, "t=1") // the other application goes on
	h.wait(10_000)
	if got := b.in(notes); got != "k=1 l=3" {
		t.Errorf("switched off, Desktop has %q", got)
	}
	if got := a.in(notes); got != "k=2" {
		t.Errorf("switched off, Laptop has %q", got)
	}
	if s := a.appStatus(notes).Devices; s[0].ID == id(b) && s[0].On || s[1].ID == id(b) && s[1].On {
		t.Errorf("status: %+v", s)
	}
	a.crash() // it is remembered
	h.wait(5000)
	if got := b.in(notes); got != "k=1 l=3" {
		t.Errorf("after a restart, Desktop has %q", got)
	}
	a.must(Op{App: notes, Do: Prefer{Device: id(b), On: true}})
	h.untilIn(b, notes, "k=2 l=3")
	h.untilIn(a, notes, "k=2 l=3")
	h.untilIn(c, notes, "k=2 l=3") // by way of Laptop

	a.must(Op{App: notes, Do: Prefer{}}) // at all
	a.putIn(notes, "k", "4")
	h.wait(10_000)
	if x, y := b.in(notes), c.in(notes); x != "k=2 l=3" || y != x {
		t.Errorf("switched off at all: %q, %q", x, y)
	}
	a.must(Op{App: notes, Do: Prefer{On: true}})
	h.untilIn(b, notes, "k=4 l=3")
	h.untilIn(c, notes, "k=4 l=3")
}

// A store that drops an application is sent nothing of it, and gets all of it again when it is added again.
func TestDroppedApplicationComesBack(t *testing.T) {
	h := newStores(t, "Laptop", "Desktop")
	a, b := h.nodes[0], h.nodes[1]
	a.addApp(notes, "Notes")
	a.putIn(notes, "k", "1")
	a.putIn(notes, "l", "2")
	h.pair(a, b)
	h.untilIn(b, notes, "k=1 l=2")
	b.must(Op{App: notes, Do: DropApp{}})
	a.putIn(notes, "k", "3")
	a.must(Op{App: notes, Do: Batch{Writes: []Write{{Key: "l"}}}})
	h.wait(10_000)
	if got := b.in(notes); got != "E_APP" {
		t.Errorf("dropped: %q", got)
	}
	if s := a.appStatus(notes).Devices[0]; s.Theirs {
		t.Errorf("status: %+v", s)
	}
	b.crash()
	h.wait(5000)
	if got := b.in(notes); got != "E_APP" {
		t.Errorf("dropped and opened again: %q", got)
	}
	b.addApp(notes, "Notes")
	h.untilIn(b, notes, "k=3")
	b.putIn(notes, "m", "4")
	h.untilIn(a, notes, "k=3 m=4")
}
