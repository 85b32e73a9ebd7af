//go:build !js

package peer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/testdata/stored"
)

// readDesk is what Desk's database has.
func readDesk(t *testing.T) stored.Device {
	t.Helper()
	dir := t.TempDir()
	stored.WriteDesk(t, dir)
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
	key := stored.DeskKey(t)
	d := stored.Device{Name: "Desk", Key: key[:], Blocks: map[string][]byte{}}
	for _, b := range blocks {
		d.Blocks[strconv.FormatUint(uint64(b.ID), 10)] = b.Data
	}
	return d
}

func TestStoredDeskOpens(t *testing.T) {
	h := emptyHarness(t)
	h.now, h.up = stored.Now, false
	n := h.addStored(readDesk(t))
	for range 2 {
		stored.Compare(t, "desk", n.listing(), stored.Expected(t, "desk"))
		n.crash()
	}
}

// The stores' circle goes on where it stopped.
func TestStoredStoresSync(t *testing.T) { checkStoredStores(t, readDesk(t)) }

// checkStoredStores has the stores' circle, with its application peer, go on where it stopped. desk is what Desk has.
func checkStoredStores(t *testing.T, desk stored.Device) {
	h := emptyHarness(t)
	h.now = stored.Now
	d, l, p := h.addStored(desk), h.addStored(stored.Read(t, "laptop")), h.addStored(stored.Read(t, "phone"))
	lost := h.addStored(stored.Read(t, "lost"))
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
	if before := stored.Expected(t, "laptop").Apps[2]; before.App != photos || !same(l.listedEntries(photos), before.Entries) {
		t.Errorf("%s is off between Desk and Laptop, and came there: %.200s", photos, l.in(photos))
	}
	if lost.status.Err != ERevoked || len(lost.status.Devices) != 0 || slices.Contains(d.names(), "Lost") {
		t.Errorf("the revoked store: %+v", lost.status)
	}
	d.must(Op{App: photos, Do: Prefer{Device: l.id(), On: true}})
	h.until("switched on, it comes", func() bool { return same(l.listedEntries(photos), d.listedEntries(photos)) })

	late := h.addStored(stored.Read(t, "late"))
	h.until("Late is added, and has all", func() bool {
		return slices.Contains(l.names(), "Late") && same(late.listedEntries(notes), d.listedEntries(notes)) && same(late.listedEntries(photos), d.listedEntries(photos))
	})
}
