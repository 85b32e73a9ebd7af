package localstore

import (
	"maps"
	"slices"

	"github.com/masqdev/masq/core/bug"
	"github.com/masqdev/masq/core/peer"
)

// A panic in the engine is a bug that somebody may have found on purpose. It ends what caused it and not the store: another engine goes on
// from what is stored, and does not meet the device again that the last one was listening to.

// maxPanics is how many panics a store outlives; after another one it stops, as with a broken disk.
const maxPanics = 8

// step has the engine do what is to be done.
func (s *Store) step(todo peer.Events) {
	if s.engine == nil { // until another one begins
		for _, ev := range todo {
			if op, ok := ev.(*peer.Op); ok {
				s.act(peer.Reply{Op: op.ID, Err: peer.EInternal})
			}
		}
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.panicked(p)
		}
	}()
	s.engine.Step(s.clock.Wall(), todo, &s.acts)
}

func (s *Store) panicked(p any) {
	if nk, known := s.engine.Suspect(); known {
		s.cfg.Peer.Shun = append(s.cfg.Peer.Shun, nk)
	}
	s.engine = nil
	s.out.add(Bug{Where: bug.Describe(p)})
	s.acts.Reset()
	s.todo, s.then = nil, nil
	for _, conn := range slices.Sorted(maps.Keys(s.dialled)) {
		s.out.add(peer.Hangup{Conn: conn})
	}
	clear(s.dialled)
	ops := s.ops
	s.ops = map[uint64]func(peer.Reply){}
	s.broken, s.pairing, s.dirty = peer.EInternal, nil, true
	for _, id := range slices.Sorted(maps.Keys(ops)) {
		ops[id](peer.Reply{Op: id, Err: peer.EInternal})
	}
	s.todo = nil
	if s.panics++; s.panics > maxPanics || s.stopped {
		s.out.add(peer.Failed{Err: peer.EInternal})
		return
	}
	s.tryAgain()
}
