package peer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/testdata/stored"
)

// addStored is a device that opens what an earlier commit stored.
func (h *harness) addStored(d stored.Device) *node {
	n := &node{m: h, name: d.Name, app: d.App, key: [32]byte(d.Key), store: mem.New()}
	d.FillTo(h.t, n.store)
	h.nodes = append(h.nodes, n)
	n.open()
	h.run()
	return n
}

func (n *node) listedEntries(app string) (out []stored.Entry) {
	n.m.t.Helper()
	for after, more := "", true; more; {
		r := n.must(Op{App: app, Do: List{After: after}})
		for _, e := range r.Entries {
			one := stored.Entry{Key: e.Key, Value: stored.Text(e.Kind, e.Value)}
			for _, c := range n.must(Op{App: app, Do: Conflicts{Key: e.Key}}).Entries {
				one.Conflicts = append(one.Conflicts, stored.Text(c.Kind, c.Value))
			}
			out, after = append(out, one), e.Key
		}
		more = r.More
	}
	return out
}

// listing is all that the device shows.
func (n *node) listing() stored.Listing {
	n.m.t.Helper()
	kind := func(d Device) string { return fmt.Sprintf("%s kind %d", d.Name, d.Kind) }
	s := n.e.LookAnew()
	l := stored.Listing{Self: s.Self.Name, Error: string(s.Err), Relays: s.Relays, Devices: []string{}}
	names := map[string]string{}
	for _, d := range s.Devices {
		names[d.ID] = d.Name
		l.Devices = append(l.Devices, kind(d))
	}
	slices.Sort(l.Devices)
	if n.app != "" {
		l.Apps = []stored.App{{App: n.app, On: true, Entries: n.listedEntries("")}}
		return l
	}
	for _, a := range s.Apps {
		app := stored.App{App: a.App, Name: a.Name, On: a.On, Entries: n.listedEntries(a.App)}
		for _, d := range a.Devices {
			app.Devices = append(app.Devices, fmt.Sprintf("%s on %v", names[d.ID], d.On))
		}
		for _, d := range a.Peers {
			app.Peers = append(app.Peers, kind(d))
		}
		slices.Sort(app.Devices)
		slices.Sort(app.Peers)
		l.Apps = append(l.Apps, app)
	}
	for _, e := range n.must(Op{Do: Kept{}}).Entries {
		if l.Settings == nil {
			l.Settings = map[string]string{}
		}
		l.Settings[e.Key] = string(e.Value)
	}
	return l
}

// Data of an earlier commit opens with all its contents, also a second time, and can be written.
func TestStoredOpens(t *testing.T) {
	for _, set := range stored.Sets {
		for _, name := range set.Devices {
			h := emptyHarness(t)
			h.now, h.up = set.Now, false
			n := h.addStored(set.Read(t, name))
			n.checkStored(set, name)
			if n.app != "" {
				n.put("written", `"by this engine"`)
				n.crash()
				if got := n.get("written"); got != `"by this engine"` {
					t.Errorf("%s of %s: what was written is %s", name, set.Commit, got)
				}
			}
		}
	}
}

// checkStored checks that the device shows what it had, and shows it again after a start.
func (n *node) checkStored(set stored.Set, name string) {
	n.m.t.Helper()
	for _, when := range []string{"opened", "opened again"} {
		stored.Compare(n.m.t, fmt.Sprintf("%s of %s, %s", name, set.Commit, when), n.listing(), set.Expected(n.m.t, name))
		n.crash()
	}
}

// The browsers' circle goes on where it stopped: what each lacks comes, and what waited for the other to be deleted goes. A device that
// joins then gets all of it.
func TestStoredBrowsersSync(t *testing.T) {
	for _, set := range stored.Sets {
		t.Run(set.Commit, func(t *testing.T) { checkStoredBrowsers(t, set) })
	}
}

func checkStoredBrowsers(t *testing.T, set stored.Set) {
	h := emptyHarness(t)
	h.now = set.Now
	a, b := h.addStored(set.Read(t, "chromium")), h.addStored(set.Read(t, "firefox"))
	counter := a.get("counter")
	h.until("they have the same", h.converged)
	for key, want := range map[string]string{
		"many/001": `"of Chromium"`, "from/firefox": `"not sent yet"`, "start/4": "4", "counter": counter, "gone/late": "", "gone/back": "", "many/000": "",
	} {
		if got := b.get(key); got != want {
			t.Errorf("%s is %s", key, got)
		}
	}
	if got := b.must(Op{Do: Conflicts{Key: "many/001"}}).Entries; len(got) != 1 || string(got[0].Value) != `"of Firefox"` {
		t.Errorf("beside it: %v", got)
	}
	a.must(Op{Do: Batch{Writes: []Write{{Key: "conflict"}}}})
	b.put("new", "1")
	h.until("and again", func() bool { return h.converged() && a.get("new") == "1" && b.get("conflict") == "" })
	c := h.add("Joined", a.app)
	h.pairFor(b, c, Op{Do: Invite{URL: a.app + "/"}})
	h.until("a new device has it, too", h.converged)
	c.put("joined", "1")
	h.until("and is heard", func() bool { return a.get("joined") == "1" && b.get("joined") == "1" })
	for _, n := range h.nodes {
		n.crash()
	}
	h.until("and after a start", h.converged)
	for i := range 2 * longTail { // a checkpoint follows, by which the sum of what was there before it becomes known
		for _, n := range h.nodes {
			n.put("by "+n.name, fmt.Sprint(i))
		}
	}
	h.until("their sums are known and equal", func() bool {
		one := a.e.namespaces[0].rep.Summed()
		return one != nil && !slices.ContainsFunc(h.nodes, func(n *node) bool {
			sum := n.e.namespaces[0].rep.Summed()
			return sum == nil || *sum != *one
		})
	})
}
