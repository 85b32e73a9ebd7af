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
	s := n.e.currentStatus()
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
	for _, name := range stored.Names {
		h := emptyHarness(t)
		h.now, h.up = stored.Now, false
		n := h.addStored(stored.Read(t, name))
		for _, when := range []string{"opened", "opened again"} {
			stored.Compare(t, name+" "+when, n.listing(), stored.Expected(t, name))
			n.crash()
		}
		if n.app != "" {
			n.put("written", `"by this engine"`)
			n.crash()
			if got := n.get("written"); got != `"by this engine"` {
				t.Errorf("%s: what was written is %s", name, got)
			}
		}
	}
}

// The browsers' circle goes on where it stopped: what each lacks comes, and what waited for the other to be deleted goes.
func TestStoredBrowsersSync(t *testing.T) {
	h := emptyHarness(t)
	h.now = stored.Now
	a, b := h.addStored(stored.Read(t, "chromium")), h.addStored(stored.Read(t, "firefox"))
	h.until("they have the same", h.converged)
	for key, want := range map[string]string{
		"many/001": `"of Chromium"`, "from/firefox": `"not sent yet"`, "start/4": "4", "counter": "599", "gone/late": "", "gone/back": "", "many/000": "",
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
	for _, n := range h.nodes {
		n.crash()
	}
	h.until("and after a start", h.converged)
}
