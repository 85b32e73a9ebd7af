package sim

import (
	"maps"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/storagetest"
)

func TestDiskKeepsTheContract(t *testing.T) {
	open := func(*testing.T) storage.Store { return new(Disk) }
	reopen := func(t *testing.T, s storage.Store) storage.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return s.(*Disk).Reopen()
	}
	storagetest.Run(t, open, reopen)
}

// A power cut loses the end of what was relaxed, and nothing that was strict.
func TestPowerCut(t *testing.T) {
	const strict, relaxed = storage.Strict, storage.Relaxed
	for _, c := range []struct {
		name    string
		commits []storage.Durability
		lose    int
		want    int // commits that are left
	}{
		{"nothing written", nil, 3, 0},
		{"all strict", []storage.Durability{strict, strict}, 2, 2},
		{"the last relaxed", []storage.Durability{strict, relaxed, relaxed, relaxed}, 2, 2},
		{"all relaxed", []storage.Durability{relaxed, relaxed}, 5, 0},
		{"strict behind relaxed", []storage.Durability{relaxed, relaxed, strict, relaxed}, 5, 3},
		{"none lost", []storage.Durability{relaxed, relaxed}, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d Disk
			var want []storage.ID
			for n, durability := range c.commits {
				id := storage.Log | storage.ID(n)
				if err := d.Commit(storage.Commit{Adds: []storage.Block{{ID: id, Data: []byte{1}}}}, durability); err != nil {
					t.Fatal(err)
				}
				if n < c.want {
					want = append(want, id)
				}
			}
			d.PowerCut(c.lose)
			if got, err := d.List(); err != nil || !slices.Equal(got, want) {
				t.Errorf("left: %x, want %x (%v)", got, want, err)
			}
			d.PowerCut(5)
			if got, _ := d.List(); !slices.Equal(got, want) {
				t.Errorf("a second power cut left %x", got)
			}
		})
	}
}

func TestDiskFull(t *testing.T) {
	d := Disk{Room: 10}
	block := func(n storage.ID, size int) storage.Commit {
		return storage.Commit{Puts: []storage.Block{{ID: n, Data: make([]byte, size)}}}
	}
	for _, c := range []struct {
		commit storage.Commit
		want   error
	}{
		{block(1, 6), nil}, {block(2, 5), storage.ErrQuota}, {block(2, 4), nil}, {block(1, 7), storage.ErrQuota},
		{block(1, 1), nil}, {block(3, 5), nil},
	} {
		if err := d.Commit(c.commit, storage.Strict); err != c.want {
			t.Errorf("%v: %v", c.commit, err)
		}
	}
}

func TestSnapshot(t *testing.T) {
	var d Disk
	add := func(n storage.ID) {
		if err := d.Commit(storage.Commit{Adds: []storage.Block{{ID: n}}}, storage.Relaxed); err != nil {
			t.Fatal(err)
		}
	}
	add(1)
	s := d.Snapshot()
	add(2)
	if d.Same(s) {
		t.Error("the same after a commit")
	}
	d.Restore(s)
	if !d.Same(s) {
		t.Error("not the same after Restore")
	}
	add(2) // again
	if d.Same(s) {
		t.Error("a commit after Restore changed the snapshot")
	}
}

// What is lost of strict commits is their end, whatever they added, replaced and deleted.
func TestLoseStrict(t *testing.T) {
	var d Disk
	var states []Snapshot
	for n := range byte(20) {
		g := storage.Commit{Adds: []storage.Block{{ID: storage.Log | storage.ID(n), Data: []byte{n}}}, Puts: []storage.Block{{ID: storage.Page, Data: []byte{n}}}}
		if n > 1 {
			g.Dels = []storage.ID{storage.Log | storage.ID(n-2)}
		}
		states = append(states, d.Snapshot())
		if err := d.Commit(g, storage.Strict); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{1, 3, undone} {
		left := 20 - n
		d := d
		d.stable = maps.Clone(d.stable)
		if got := d.LoseStrict(n); got != n || !d.Same(states[left]) {
			t.Errorf("%d lost: not what was before them, or %d", n, got)
		}
	}
	if got := d.LoseStrict(undone + 1); got != undone {
		t.Errorf("%d lost, more than it keeps in mind", got)
	}
}
