// Package mem keeps blocks in memory: for tests, the simulator, and data that need not outlive its program.
//
//	s := mem.New()
//	...
//	s.Close()
//	s = s.Reopen() // what was committed is still there
package mem

import (
	"slices"
	"sync"

	"github.com/masqdev/masq/core/storage"
)

// Store is a storage.Store in memory. New and Reopen make one.
type Store struct {
	disk   *disk
	closed bool
}

// disk is what outlives a Store that is closed, and what several Stores share.
type disk struct {
	mu     sync.Mutex // guards blocks
	blocks map[storage.ID][]byte
}

var _ storage.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{disk: &disk{blocks: map[storage.ID][]byte{}}} }

// Reopen returns another Store on the same data: what a program that is started again gets, or, while s is still open, a
// second engine. Each may be used by a goroutine of its own.
func (s *Store) Reopen() *Store { return &Store{disk: s.disk} }

// Commit implements storage.Store. What it commits is there at once, whatever the durability.
func (s *Store) Commit(g storage.Commit, _ storage.Durability) error {
	if s.closed {
		return storage.ErrClosed
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if _, ok := s.disk.blocks[g.After]; g.After != 0 && !ok {
		return storage.ErrExists
	}
	for _, b := range g.Adds {
		if _, ok := s.disk.blocks[b.ID]; ok {
			return storage.ErrExists
		}
	}
	for _, b := range g.Adds {
		s.disk.blocks[b.ID] = clone(b.Data)
	}
	for _, b := range g.Puts {
		s.disk.blocks[b.ID] = clone(b.Data)
	}
	for _, id := range g.Dels {
		delete(s.disk.blocks, id)
	}
	return nil
}

// Load implements storage.Store. What it returns is the caller's.
func (s *Store) Load(ids []storage.ID) ([]storage.Block, error) {
	if s.closed {
		return nil, storage.ErrClosed
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	out := make([]storage.Block, len(ids))
	for i, id := range ids {
		out[i].ID = id
		if b, ok := s.disk.blocks[id]; ok {
			out[i].Data = clone(b)
		}
	}
	return out, nil
}

// List implements storage.Store.
func (s *Store) List() ([]storage.ID, error) {
	if s.closed {
		return nil, storage.ErrClosed
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	out := make([]storage.ID, 0, len(s.disk.blocks))
	for id := range s.disk.blocks {
		out = append(out, id)
	}
	slices.Sort(out)
	return out, nil
}

// Close implements storage.Store. The data stays for Reopen.
func (s *Store) Close() error {
	if s.closed {
		return storage.ErrClosed
	}
	s.closed = true
	return nil
}

// clone copies b. An empty block stays one: nil means that there is none.
func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
