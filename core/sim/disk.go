package sim

import (
	"bytes"
	"maps"
	"slices"

	"github.com/masqdev/masq/core/storage"
)

// Disk is a storage.Store in memory that can lose power. A strict commit is there for good once Commit has answered; of the
// relaxed ones behind the last strict one, PowerCut loses the last few. The zero Disk is empty and ready.
type Disk struct {
	// Room is how many bytes of blocks it holds; a commit that would exceed it fails with storage.ErrQuota. 0: no limit.
	Room int
	// Reserve is how many of these are for what deletes and what is small; 0: none. See Full.
	Reserve int

	stable blocks           // what a power cut leaves
	undos  []undo           // of the last commits in it, in order
	loose  []storage.Commit // acknowledged after it, in order, not stable yet
	seen   blocks           // stable with loose
	owed   int              // what the last commit said
	closed bool
}

type blocks map[storage.ID][]byte

// undo is what blocks were before a commit.
type undo map[storage.ID][]byte // nil: there was none

// undoing is what undoes g in b.
func (b blocks) undoing(g storage.Commit) undo {
	u := undo{}
	for _, list := range [][]storage.Block{g.Adds, g.Puts} {
		for _, x := range list {
			u[x.ID] = b[x.ID]
		}
	}
	for _, id := range g.Dels {
		u[id] = b[id]
	}
	return u
}

// apply makes the commit's changes in b. It keeps the commit's memory.
func (b blocks) apply(g storage.Commit) {
	for _, list := range [][]storage.Block{g.Adds, g.Puts} {
		for _, x := range list {
			b[x.ID] = x.Data
		}
	}
	for _, id := range g.Dels {
		delete(b, id)
	}
}

func (b blocks) bytes() (n int) {
	for _, data := range b {
		n += len(data)
	}
	return n
}

// Commit implements storage.Store.
func (d *Disk) Commit(g storage.Commit, durability storage.Durability) error {
	if d.closed {
		return storage.ErrClosed
	}
	if d.seen == nil {
		d.seen, d.stable = blocks{}, blocks{}
	}
	if _, ok := d.seen[g.After]; g.After != 0 && !ok {
		return storage.ErrExists
	}
	for _, b := range g.Adds {
		if _, ok := d.seen[b.ID]; ok {
			return storage.ErrExists
		}
	}
	g = cloneCommit(g)
	if d.Reserve > 0 {
		if d.refuses(g) {
			return storage.ErrQuota
		}
	} else if d.Room > 0 {
		after := maps.Clone(d.seen)
		after.apply(g)
		if after.bytes() > d.Room {
			return storage.ErrQuota
		}
	}
	d.seen.apply(g)
	d.owed = g.Owes
	d.loose = append(d.loose, g)
	if durability == storage.Strict {
		d.Flush()
	}
	return nil
}

func cloneCommit(g storage.Commit) storage.Commit {
	clone := func(list []storage.Block) []storage.Block {
		out := slices.Clone(list)
		for i := range out {
			out[i].Data = append([]byte{}, out[i].Data...)
		}
		return out
	}
	return storage.Commit{Adds: clone(g.Adds), Puts: clone(g.Puts), Dels: slices.Clone(g.Dels), After: g.After, Frees: g.Frees, Owes: g.Owes}
}

// Load implements storage.Store.
func (d *Disk) Load(ids []storage.ID) ([]storage.Block, error) {
	if d.closed {
		return nil, storage.ErrClosed
	}
	out := make([]storage.Block, len(ids))
	for i, id := range ids {
		out[i] = storage.Block{ID: id}
		if data, ok := d.seen[id]; ok {
			out[i].Data = append([]byte{}, data...)
		}
	}
	return out, nil
}

// List implements storage.Store.
func (d *Disk) List() ([]storage.ID, error) {
	if d.closed {
		return nil, storage.ErrClosed
	}
	return slices.Sorted(maps.Keys(d.seen)), nil
}

// Close implements storage.Store.
func (d *Disk) Close() error {
	if d.closed {
		return storage.ErrClosed
	}
	d.closed = true
	return nil
}

// Reopen opens the data of a disk that was closed.
func (d *Disk) Reopen() *Disk {
	again := *d
	again.closed = false
	return &again
}

// Flush makes everything acknowledged stable.
func (d *Disk) Flush() {
	for _, g := range d.loose {
		d.undos = append(d.undos[max(0, len(d.undos)-undone+1):], d.stable.undoing(g))
		d.stable.apply(g)
	}
	d.loose = nil
}

// Loose is how many commits a power cut may lose.
func (d *Disk) Loose() int { return len(d.loose) }

// PowerCut loses the last n commits that are not stable.
func (d *Disk) PowerCut(n int) {
	d.loose = d.loose[:max(0, len(d.loose)-n)]
	d.Flush()
	d.seen = maps.Clone(d.stable)
}

// undone is how many strict commits LoseStrict loses at most.
const undone = 12

// LoseStrict loses what is not stable, and up to n of the commits that are, which no disk may do. It returns how many.
func (d *Disk) LoseStrict(n int) int {
	n = min(n, len(d.undos))
	for _, u := range slices.Backward(d.undos[len(d.undos)-n:]) {
		for id, data := range u {
			if d.stable[id] = data; data == nil {
				delete(d.stable, id)
			}
		}
	}
	d.undos, d.loose = d.undos[:len(d.undos)-n], nil
	d.seen = maps.Clone(d.stable)
	return n
}

// A Snapshot is a copy of a disk's blocks.
type Snapshot struct{ blocks blocks }

// Snapshot copies what is on the disk now.
func (d *Disk) Snapshot() Snapshot { return Snapshot{maps.Clone(d.seen)} }

// Restore brings the disk back to what it was, as a restored backup does.
func (d *Disk) Restore(s Snapshot) {
	d.seen, d.stable, d.loose, d.undos = maps.Clone(s.blocks), maps.Clone(s.blocks), nil, nil
}

// Same reports whether the disk holds exactly what it held at s.
func (d *Disk) Same(s Snapshot) bool { return maps.EqualFunc(d.seen, s.blocks, bytes.Equal) }
