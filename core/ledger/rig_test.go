package ledger

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/vault"
)

// rig is a ledger on a store in memory.
type rig struct {
	*Ledger
	t     testing.TB
	store *mem.Store
	opt   Options
}

func newRig(t testing.TB, opt Options) *rig {
	g := &rig{t: t, store: mem.New(), opt: opt}
	g.reopen()
	return g
}

func testVault() *vault.Vault { return vault.New([32]byte{1, 2, 3}, zeros{}) }

// zeros are nonces that may repeat: nothing here is secret.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// reopen is a crash: what was not committed is gone.
func (g *rig) reopen() {
	g.t.Helper()
	if err := g.tryReopen(); err != nil {
		g.t.Fatalf("open: %v", err)
	}
}

func (g *rig) tryReopen() error {
	ids, err := g.store.List()
	if err != nil {
		g.t.Fatal(err)
	}
	g.Ledger = New(testVault(), ids, g.opt)
	return g.wait(g.Ledger.Open)
}

// wait does f until it needs no more blocks.
func (g *rig) wait(f func() error) error {
	for {
		err := f()
		if !errors.Is(err, ErrWait) {
			return err
		}
		wanted := g.Wanted()
		if len(wanted) == 0 {
			g.t.Fatal("ErrWait, and nothing is wanted")
		}
		blocks, err := g.store.Load(wanted)
		if err != nil {
			g.t.Fatal(err)
		}
		if err := g.Loaded(blocks); err != nil {
			return err
		}
	}
}

// commit writes one commit.
func (g *rig) commit() {
	g.t.Helper()
	if err := g.store.Commit(g.Begin(), storage.Strict); err != nil {
		g.t.Fatal(err)
	}
	g.Committed()
}

func (g *rig) block(id storage.ID) []byte {
	g.t.Helper()
	var b *Block
	if err := g.wait(func() (err error) { b, err = g.Block(id); return err }); err != nil {
		g.t.Fatal(err)
	}
	return b.Data
}

// blocks are the numbers in the store, of a class.
func (g *rig) blocks(class storage.ID) []uint64 {
	ids, err := g.store.List()
	if err != nil {
		g.t.Fatal(err)
	}
	var out []uint64
	for _, id := range ids {
		if id.Class() == class {
			out = append(out, id.N())
		}
	}
	return out
}

// raw is all that the store has.
func (g *rig) raw() map[storage.ID]string {
	ids, err := g.store.List()
	if err != nil {
		g.t.Fatal(err)
	}
	blocks, err := g.store.Load(ids)
	if err != nil {
		g.t.Fatal(err)
	}
	out := map[storage.ID]string{}
	for _, b := range blocks {
		out[b.ID] = string(b.Data)
	}
	return out
}

// overwrite puts plain sealed in the place of a block.
func (g *rig) overwrite(id storage.ID, plain []byte) {
	g.put(id, testVault().Seal(id, plain))
}

func (g *rig) put(id storage.ID, data []byte) {
	if err := g.store.Commit(storage.Commit{Puts: []storage.Block{{ID: id, Data: data}}}, storage.Strict); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) del(id storage.ID) {
	if err := g.store.Commit(storage.Commit{Dels: []storage.ID{id}}, storage.Strict); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) wantMeta(want map[string]string) {
	g.t.Helper()
	got := map[string]string{}
	for k, v := range g.meta {
		got[k] = string(v)
	}
	if !maps.Equal(got, want) {
		g.t.Errorf("settings %q, want %q", got, want)
	}
}

func (g *rig) wantPart(ns uint16, part string, items ...string) {
	g.t.Helper()
	p, list := g.Part(ns)
	var got []string
	for _, it := range list {
		got = append(got, string(it))
	}
	if string(p) != part || !slices.Equal(got, items) {
		g.t.Errorf("namespace %d: part %q, items %q; want %q, %q", ns, p, got, part, items)
	}
}
