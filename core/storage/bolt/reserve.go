package bolt

import (
	"encoding/binary"
	"os"

	"go.etcd.io/bbolt"

	"github.com/masqdev/masq/core/storage"
)

// Room for deletions is held before it is needed, because another program may fill the disk: behind the pages that bbolt uses the file has others that
// the system has given it already. bbolt takes them as they are. It never makes a file shorter, nor longer than it has to be. On a file system
// that writes no block twice in the same place (btrfs, ZFS) even that can run out.
//
// A deletion writes a log record, and some time a checkpoint, which writes what the log has once more before the log goes. bbolt copies each leaf that
// changes, in one piece, with up to four blocks however long they are: those where the classes of block meet. So the reserve is held, and as much
// besides as all these have.
const (
	reserve = 1 << 20
	ahead   = 256 << 10 // so much more is taken at once, where there is room for it
	small   = 128 << 10 // what brings no more than this may use the reserve, and so may what deletes
)

// room is what a Store knows of the room that it has.
type room struct {
	begun bool  // there was a commit
	end   int64 // below it the system has given the file all that it is long
	log   int64 // bytes of log records
	owed  int64 // that a checkpoint writes besides
	full  bool  // less is held than should be
	want  int64 // bytes of the last commit that was refused for that, until there is room for it
}

// Full reports whether storage has no room but the reserve, which is for what deletes or is small. If it had none it looks whether there is some now.
// Before the first commit it does not know.
func (s *Store) Full() bool {
	if s.room.full {
		_ = s.do(func() error { // what is wrong shows at the next commit
			err := s.catchUp()
			s.hold(0)
			return err
		})
	}
	return s.room.full
}

// makeRoom sees to it that a commit leaves the reserve as it is, unless the reserve is for such a commit.
func (s *Store) makeRoom(g storage.Commit) error {
	if !s.room.begun {
		s.room.begun = true
		s.hold(0)
	}
	size := int64(0)
	for _, puts := range [][]storage.Block{g.Adds, g.Puts} {
		for _, b := range puts {
			size += int64(len(b.Data))
		}
	}
	if g.Frees || size <= small || len(g.Dels) > 0 {
		return nil
	}
	if s.hold(size); s.room.full {
		s.room.want = size
		return storage.ErrQuota
	}
	return nil
}

// hold has the file be so long that the reserve is there, and so much besides, and notes whether it is. Of the pages inside of it that are free a
// quarter counts: not every run of them is long enough for what comes. Where the system does not hold anything for another reason, there is no reserve.
func (s *Store) hold(besides int64) {
	used, free, edges := s.pages()
	need := reserve + s.room.log + s.room.owed + edges + max(besides, s.room.want)
	err := s.lengthen(used, used+need)
	s.room.full = err != nil && noRoom(err) && max(0, s.room.end-used)+free/4 < need
	if !s.room.full {
		s.room.want = 0
	}
}

// lengthen has the system give the file all up to end, and if it can some more.
func (s *Store) lengthen(used, end int64) error {
	from := max(used, s.room.end)
	if end <= from {
		return nil
	}
	for _, to := range []int64{end + ahead, end} {
		err := allocate(s.file, from, to-from)
		if err == nil {
			s.room.end = to
			return nil
		}
		if !noRoom(err) || to == end {
			return err
		}
	}
	return nil
}

// pages is how many bytes bbolt's pages take, how many of these are free, and how many the blocks have where classes meet.
func (s *Store) pages() (used, free, edges int64) {
	_ = s.db.View(func(tx *bbolt.Tx) error {
		used = tx.Size()
		edges = countEdges(tx.Bucket(blocksBucket).Cursor())
		return nil
	})
	stats := s.db.Stats()
	return used, int64(stats.FreePageN+stats.PendingPageN) * int64(s.db.Info().PageSize), edges
}

// countEdges is how many bytes the blocks have that may be in one leaf with the manifest or with a new block: the first and the last of each class.
func countEdges(c *bbolt.Cursor) (n int64) {
	for _, edge := range []storage.ID{storage.Manifest, storage.Segment, storage.Page} {
		n += countFrom(c, edge, c.Next)
	}
	for _, edge := range []storage.ID{storage.Segment, storage.Page, storage.Page + 1<<48} {
		n += countFrom(c, edge, c.Prev)
	}
	return n
}

func countFrom(c *bbolt.Cursor, edge storage.ID, step func() (k, v []byte)) (n int64) {
	const beside = 3 // with a fourth it is a leaf that bbolt does not split
	k, v := c.Seek(keyOf(edge))
	if k == nil {
		k, v = c.Last()
	}
	for range beside + 1 { // the first may be beyond the edge
		if k == nil {
			break
		}
		n += int64(len(v))
		k, v = step()
	}
	return n
}

// zeros makes a part of a file that the system has given it, where it cannot be asked for that otherwise.
func zeros(f *os.File, from, size int64) error {
	chunk := make([]byte, min(size, 64<<10))
	for size > 0 {
		n, err := f.WriteAt(chunk[:min(size, int64(len(chunk)))], from)
		if err != nil {
			return err
		}
		from, size = from+int64(n), size-int64(n)
	}
	return nil
}

// countLog is how many bytes the log records have.
func countLog(blocks *bbolt.Bucket) (n int64) {
	c := blocks.Cursor()
	for k, v := c.Seek(keyOf(storage.Log)); k != nil && isLog(storage.ID(binary.BigEndian.Uint64(k))); k, v = c.Next() {
		n += int64(len(v))
	}
	return n
}

// logGrowth is how many bytes of log records a commit adds to what there is.
func logGrowth(blocks *bbolt.Bucket, g storage.Commit) (n int64) {
	for _, b := range g.Adds {
		if isLog(b.ID) {
			n += int64(len(b.Data))
		}
	}
	for _, b := range g.Puts {
		if isLog(b.ID) {
			n += int64(len(b.Data) - len(blocks.Get(keyOf(b.ID))))
		}
	}
	for _, id := range g.Dels {
		if isLog(id) {
			n -= int64(len(blocks.Get(keyOf(id))))
		}
	}
	return n
}

func isLog(id storage.ID) bool { return id.Class() == storage.Log }
