package bolt

import (
	"maps"

	"go.etcd.io/bbolt"

	"github.com/masqdev/masq/core/storage"
)

// To delete a block bbolt writes anew those that lie beside it, in one piece, and these can be long. So where there is no room a commit is made without what it
// deletes of segments and pages. These blocks are late: nobody sees them any more, and they go one by one as soon as there is room for that. A crash
// brings them back: then the engine finds that nothing names them.
const lateAtOnce = 4 // as many go with a commit

// commit is one transaction of bbolt's, and without room for that, one that leaves blocks to be late.
func (s *Store) commit(g storage.Commit) error {
	err := s.update(g)
	if err == nil || !noRoom(err) {
		return err
	}
	now, blocks := storage.Commit{Adds: g.Adds, Puts: g.Puts, After: g.After}, []storage.ID(nil)
	for _, id := range g.Dels {
		if isLog(id) {
			now.Dels = append(now.Dels, id)
		} else {
			blocks = append(blocks, id)
		}
	}
	if len(blocks) == 0 {
		return err
	}
	if err := s.update(now); err != nil {
		return err
	}
	for _, id := range blocks {
		s.late[id] = struct{}{}
	}
	return nil
}

func (s *Store) update(g storage.Commit) error {
	grown := int64(0)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		blocks := tx.Bucket(blocksBucket)
		grown = logGrowth(blocks, g)
		return s.write(blocks, g)
	})
	if err != nil {
		return err
	}
	s.room.log += grown
	for _, puts := range [][]storage.Block{g.Adds, g.Puts} {
		for _, b := range puts {
			delete(s.late, b.ID)
		}
	}
	return nil
}

// catchUp deletes what is late, as far as there is room.
func (s *Store) catchUp() error {
	n := 0
	for id := range maps.Clone(s.late) {
		if n++; n > lateAtOnce {
			return nil
		}
		switch err := s.update(storage.Commit{Dels: []storage.ID{id}}); {
		case err == nil:
			delete(s.late, id)
		case !noRoom(err):
			return err
		}
	}
	return nil
}

// there reports whether there is a block that is not late.
func (s *Store) there(blocks *bbolt.Bucket, id storage.ID) bool {
	_, late := s.late[id]
	return !late && blocks.Get(keyOf(id)) != nil
}
