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

// harness is a ledger on a store in memory.
type harness struct {
	*Ledger
	t     testing.TB
	store *mem.Store
	opt   Options
}

func newHarness(t testing.TB, opt Options) *harness {
	h := &harness{t: t, store: mem.New(), opt: opt}
	h.reopen()
	return h
}

func testVault() *vault.Vault { return vault.New([32]byte{1, 2, 3}, zeros{}) }

// zeros are nonces that may repeat: nothing here is secret.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// reopen is a crash: what was not committed is gone.
func (h *harness) reopen() {
	h.t.Helper()
	if err := h.tryReopen(); err != nil {
		h.t.Fatalf("open: %v", err)
	}
}

func (h *harness) tryReopen() error {
	ids, err := h.store.List()
	if err != nil {
		h.t.Fatal(err)
	}
	h.Ledger = New(testVault(), ids, h.opt)
	return h.wait(h.Ledger.Open)
}

// wait does f until it needs no more blocks.
func (h *harness) wait(f func() error) error {
	for {
		err := f()
		if !errors.Is(err, ErrWait) {
			return err
		}
		wanted := h.Wanted()
		if len(wanted) == 0 {
			h.t.Fatal("ErrWait, and nothing is wanted")
		}
		blocks, err := h.store.Load(wanted)
		if err != nil {
			h.t.Fatal(err)
		}
		if err := h.Loaded(blocks); err != nil {
			return err
		}
	}
}

// commit writes one commit.
func (h *harness) commit() {
	h.t.Helper()
	if err := h.store.Commit(h.Begin(), storage.Strict); err != nil {
		h.t.Fatal(err)
	}
	h.Committed()
}

func (h *harness) block(id storage.ID) []byte {
	h.t.Helper()
	var b *Block
	if err := h.wait(func() (err error) { b, err = h.Block(id); return err }); err != nil {
		h.t.Fatal(err)
	}
	return b.Data
}

// blocks are the numbers in the store, of a class.
func (h *harness) blocks(class storage.ID) []uint64 {
	ids, err := h.store.List()
	if err != nil {
		h.t.Fatal(err)
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
func (h *harness) raw() map[storage.ID]string {
	ids, err := h.store.List()
	if err != nil {
		h.t.Fatal(err)
	}
	blocks, err := h.store.Load(ids)
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[storage.ID]string{}
	for _, b := range blocks {
		out[b.ID] = string(b.Data)
	}
	return out
}

// overwrite puts plain sealed in the place of a block.
func (h *harness) overwrite(id storage.ID, plain []byte) {
	h.put(id, testVault().Seal(id, plain))
}

func (h *harness) put(id storage.ID, data []byte) {
	if err := h.store.Commit(storage.Commit{Puts: []storage.Block{{ID: id, Data: data}}}, storage.Strict); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) del(id storage.ID) {
	if err := h.store.Commit(storage.Commit{Dels: []storage.ID{id}}, storage.Strict); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) wantMeta(want map[string]string) {
	h.t.Helper()
	got := map[string]string{}
	for k, v := range h.meta {
		got[k] = string(v)
	}
	if !maps.Equal(got, want) {
		h.t.Errorf("settings %q, want %q", got, want)
	}
}

func (h *harness) wantPart(ns uint16, part string, items ...string) {
	h.t.Helper()
	p, list := h.Part(ns)
	var got []string
	for _, it := range list {
		got = append(got, string(it))
	}
	if string(p) != part || !slices.Equal(got, items) {
		h.t.Errorf("namespace %d: part %q, items %q; want %q, %q", ns, p, got, part, items)
	}
}
