//go:build !js

package peer

import (
	"path/filepath"
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
