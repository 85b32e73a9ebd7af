package mem_test

import (
	"errors"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Run(t,
		func(*testing.T) storage.Store { return mem.New() },
		func(t *testing.T, s storage.Store) storage.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return s.(*mem.Store).Reopen()
		})
}

// TestSecondEngine: of two that are open on the same data, the one that adds later fails and has changed nothing.
func TestSecondEngine(t *testing.T) {
	first := mem.New()
	second := first.Reopen()
	commit := func(data string) storage.Commit {
		return storage.Commit{
			Adds: []storage.Block{{ID: storage.Log | 1, Data: []byte(data)}},
			Puts: []storage.Block{{ID: storage.Manifest, Data: []byte(data)}},
		}
	}
	if err := first.Commit(commit("first"), storage.Strict); err != nil {
		t.Fatal(err)
	}
	if err := second.Commit(commit("second"), storage.Strict); !errors.Is(err, storage.ErrExists) {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	blocks, err := first.Load([]storage.ID{storage.Log | 1, storage.Manifest})
	if err != nil || string(blocks[0].Data) != "first" || string(blocks[1].Data) != "first" {
		t.Errorf("%v, %v", blocks, err)
	}
}

// TestLoadedIsTheCallers: writing into what Load answered changes nothing that is stored.
func TestLoadedIsTheCallers(t *testing.T) {
	s := mem.New()
	if err := s.Commit(storage.Commit{Adds: []storage.Block{{ID: storage.Log, Data: []byte("data")}}}, storage.Strict); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		blocks, err := s.Load([]storage.ID{storage.Log})
		if err != nil || string(blocks[0].Data) != "data" {
			t.Fatalf("%v, %v", blocks, err)
		}
		clear(blocks[0].Data)
	}
}
