//go:build !js

package peer

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/testdata/stored"
	"github.com/masqdev/masq/core/wire"
)

// readStore is what a store's database has.
func readStore(t *testing.T, set stored.Set, name string) stored.Device {
	t.Helper()
	dir := t.TempDir()
	set.WriteStore(t, name, dir)
	db, err := bolt.Open(filepath.Join(dir, "masq.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ids, err := db.List()
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := db.Load(ids)
	if err != nil {
		t.Fatal(err)
	}
	key := set.StoreKey(t, name)
	d := stored.Device{Name: name, Key: key[:], Blocks: map[string][]byte{}}
	for _, b := range blocks {
		d.Blocks[strconv.FormatUint(uint64(b.ID), 10)] = b.Data
	}
	return d
}

func TestStoredStoresOpen(t *testing.T) {
	for _, set := range stored.Sets {
		for _, name := range set.Stores {
			h := emptyHarness(t)
			h.now, h.up = set.Now, false
			h.addStored(readStore(t, set, name)).checkStored(set, name)
		}
	}
}

// The stores' circle goes on where it stopped.
func TestStoredStoresSync(t *testing.T) {
	for _, set := range stored.Sets {
		t.Run(set.Commit, func(t *testing.T) { checkStoredStores(t, set) })
	}
}

// A store that was killed while it wrote lets a device in, which gets all that it has.
func TestStoredTornSyncs(t *testing.T) {
	set := stored.At311a148
	h := emptyHarness(t)
	h.now = set.Now
	n := h.addStored(readStore(t, set, "torn"))
	n.name = set.Expected(t, "torn").Self
	had := len(n.listedEntries(notes))
	n.must(Op{App: notes, Do: Batch{Writes: []Write{{Key: "new", Kind: wire.JSON, Value: []byte("1")}}}})
	joined := h.add("Joined", "")
	h.pair(n, joined)
	h.until("the new device has it all", func() bool {
		got := joined.listedEntries(notes)
		return len(got) == had+1 && fmt.Sprint(got) == fmt.Sprint(n.listedEntries(notes))
	})
}

// What a version to come has stored is E_VERSION, and stays as it is.
func TestStoredLater(t *testing.T) {
	for _, set := range stored.Sets {
		all := []stored.Device{}
		for _, name := range set.Devices {
			all = append(all, set.Read(t, name))
		}
		for _, name := range set.Stores {
			all = append(all, readStore(t, set, name))
		}
		for _, later := range stored.Laters {
			some := false
			for _, d := range all {
				some = checkLater(t, later, d) || some
			}
			if !some {
				t.Errorf("no device of %s has %s", set.Commit, later.What)
			}
		}
	}
}

// checkLater reports whether the device has what is to be changed.
func checkLater(t *testing.T, later stored.Later, d stored.Device) bool {
	h := emptyHarness(t)
	n := &node{m: h, name: d.Name, app: d.App, key: [32]byte(d.Key), store: mem.New()}
	d.FillTo(t, n.store)
	if !later.Write(t, n.key, n.store) {
		return false
	}
	before := n.blocks()
	h.nodes = append(h.nodes, n)
	for range 2 {
		n.crash()
		op := n.do(Op{App: notes, Do: Batch{Writes: []Write{{Key: "k", Kind: wire.JSON, Value: []byte("1")}}}})
		h.wait(60_000)
		if r := n.replies[op]; n.failed != EVersion || r.Err != EVersion || n.commits != 0 || n.dials != 0 {
			t.Errorf("%s has %s: it has stopped with %q and answers %q; %d commits, %d dials", d.Name, later.What, n.failed, r.Err, n.commits, n.dials)
		}
	}
	if !reflect.DeepEqual(n.blocks(), before) {
		t.Errorf("%s has %s, and has changed it", d.Name, later.What)
	}
	return true
}

func (n *node) blocks() []storage.Block {
	n.m.t.Helper()
	ids, err := n.store.List()
	if err != nil {
		n.m.t.Fatal(err)
	}
	blocks, err := n.store.Load(ids)
	if err != nil {
		n.m.t.Fatal(err)
	}
	return blocks
}

// checkStoredStores has the stores' circle, with its application peer, go on where it stopped.
func checkStoredStores(t *testing.T, set stored.Set) {
	h := emptyHarness(t)
	h.now = set.Now
	d, l, p := h.addStored(readStore(t, set, "desk")), h.addStored(set.Read(t, "laptop")), h.addStored(set.Read(t, "phone"))
	lost := h.addStored(set.Read(t, "lost"))
	const photos = "org.example.photos"
	same := func(a, b []stored.Entry) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
	h.until("notes are the same everywhere", func() bool {
		want := d.listedEntries(notes)
		return same(l.listedEntries(notes), want) && same(p.listedEntries(""), want)
	})
	for key, want := range map[string]string{
		"gone/late": "", "gone/back": "", "many/000": "", "from/laptop": `"not sent yet"`, "many/003": `"after the checkpoint"`, "start/3": "3",
	} {
		if got := p.get(key); got != want {
			t.Errorf("the phone's %s is %s", key, got)
		}
	}
	p.put("new", "1")
	h.until("a new value arrives", func() bool { return len(l.must(Op{App: notes, Do: Get{Key: "new"}}).Entries) == 1 })
	if before := set.Expected(t, "laptop").Apps[2]; before.App != photos || !same(l.listedEntries(photos), before.Entries) {
		t.Errorf("%s is off between Desk and Laptop, and came there: %.200s", photos, l.in(photos))
	}
	if lost.status.Err != ERevoked || len(lost.status.Devices) != 0 || slices.Contains(d.names(), "Lost") {
		t.Errorf("the revoked store: %+v", lost.status)
	}
	d.must(Op{App: photos, Do: Prefer{Device: l.id(), On: true}})
	h.until("switched on, it comes", func() bool { return same(l.listedEntries(photos), d.listedEntries(photos)) })

	late := h.addStored(set.Read(t, "late"))
	h.until("Late is added, and has all", func() bool {
		return slices.Contains(l.names(), "Late") && same(late.listedEntries(notes), d.listedEntries(notes)) && same(late.listedEntries(photos), d.listedEntries(photos))
	})
}
