// Package bolt keeps blocks in one file, with bbolt: for the native store.
//
//	s, err := bolt.Open(filepath.Join(dir, "masq.db"))
//	...
//	s.Close()
//
// A file belongs to one Store at a time; a second one is refused (ErrLocked). A file that is damaged is refused and
// left as it is (ErrDamaged): its structure is gone through before bbolt sees it, because bbolt trusts what it reads. What
// is inside the blocks is sealed, and checked by whoever opens the seal.
//
// A commit returns when it is on stable storage, whatever its durability: bbolt writes the changed pages, syncs, writes one
// of two meta pages that lead to them, and syncs again. Without the syncs the disk may write the meta page first, and after
// a power cut the file leads to pages that were never written. Relaxed allows a commit to be lost, not that. Nor is it
// answered early and written with the next: then a program that is killed would lose what it said the system had, and a
// last commit would wait for one that never comes. The engine returns relaxed puts itself, before it commits, so
// that only few wait for this.
//
// A reserve is held on the disk, so that what deletes goes through when another program has filled it.
package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/masqdev/masq/core/storage"
)

// Errors of Open. A Store returns ErrDamaged, too, once it has met damage.
var (
	ErrLocked  = errors.New("the database is in use by another program: stop that one first")
	ErrDamaged = errors.New("the database is damaged: it was left as it is; restore a backup, or move it away to begin anew")
	ErrVersion = errors.New("the database was written by a newer Masq: update this one")
)

// format is the number of this package's layout: a bucket of blocks, their keys the ids as 8 bytes big-endian, and this
// number beside it.
const format = 1

var (
	metaBucket   = []byte("masq")
	formatKey    = []byte("format")
	blocksBucket = []byte("blocks")
)

// Store is a storage.Store in a file. Open makes one.
type Store struct {
	db     *bbolt.DB
	file   *os.File // db's, to let go of it when db cannot be closed any more
	closed bool
	broken error // what a call failed with that nothing may follow
	room   room
	late   map[storage.ID]struct{} // see commit
}

var _ storage.Store = (*Store)(nil)

// Open opens the database at path, and makes it, with mode 0600 and its directory with 0700, if there is none.
func Open(path string) (*Store, error) {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, explain(err)
		}
	}
	if err := examine(path); err != nil {
		return nil, explain(err)
	}
	s, err := open(path, false)
	if err != nil {
		return nil, explain(err)
	}
	if err := contain(s.begin); err != nil {
		s.db.Close()
		return nil, explain(err)
	}
	return s, nil
}

// begin checks the format. It changes nothing: what is stored may be of a later version.
func (s *Store) begin() error {
	if err := s.checkFormat(); err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error { s.room.log = countLog(tx.Bucket(blocksBucket)); return nil })
}

// create makes a database under another name and gives it its own when it is whole, so that a crash leaves none or one that
// can be opened. One that another program has made meanwhile stays.
func create(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*.db")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	s, err := open(f.Name(), false)
	if err != nil {
		return err
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucket(blocksBucket); err != nil {
			return err
		}
		return meta.Put(formatKey, binary.BigEndian.AppendUint32(nil, format))
	})
	if err := errors.Join(err, s.db.Close()); err != nil {
		return err
	}
	err = os.Link(f.Name(), path)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil
	case err != nil: // a file system without links
		if err := os.Rename(f.Name(), path); err != nil {
			return err
		}
	}
	syncDir(dir)
	syncDir(filepath.Dir(dir)) // it may be new, too
	return nil
}

// syncDir makes the names in a directory durable, where the system can do that.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		d.Sync()
		d.Close()
	}
}

// examine goes through the file's structure while nobody can write it.
func examine(path string) error {
	if info, err := os.Stat(path); err != nil {
		return err
	} else if !info.Mode().IsRegular() || info.Size() == 0 { // bbolt would begin anew in an empty file
		return ErrDamaged
	}
	s, err := open(path, true)
	if err != nil {
		return err
	}
	defer s.db.Close()
	return check(s.file, nil)
}

// lockTimeout is longer than Look has the lock for.
const lockTimeout = 150 * time.Millisecond

// open has bbolt open the file, or fail soon if it is locked.
func open(path string, readOnly bool) (*Store, error) {
	s := &Store{late: map[storage.ID]struct{}{}}
	err := contain(func() (err error) {
		s.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:      lockTimeout,
			ReadOnly:     readOnly,
			FreelistType: bbolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
				f, err := os.OpenFile(name, flag, mode)
				s.file = f
				return f, err
			},
		})
		return err
	})
	if errors.Is(err, ErrDamaged) && s.file != nil {
		letGo(s.file) // bbolt panicked
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Store) checkFormat() error {
	return s.db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(metaBucket)
		if meta == nil {
			return fmt.Errorf("%w (it has no format)", ErrDamaged)
		}
		if err := checkVersion(meta.Get(formatKey)); err != nil {
			return err
		}
		if tx.Bucket(blocksBucket) == nil {
			return fmt.Errorf("%w (it has no blocks)", ErrDamaged)
		}
		return nil
	})
}

func checkVersion(v []byte) error {
	switch {
	case len(v) != 4 || binary.BigEndian.Uint32(v) == 0:
		return fmt.Errorf("%w (its format is no number)", ErrDamaged)
	case binary.BigEndian.Uint32(v) > format:
		return ErrVersion
	}
	return nil
}

// Commit implements storage.Store. It is on stable storage when it returns. After storage.ErrQuota nothing is lost and the
// Store goes on when there is room: what is large and deletes nothing fails when it would need the reserve. After another
// error but storage.ErrExists every later call returns the same, because nobody knows what the disk has.
func (s *Store) Commit(g storage.Commit, _ storage.Durability) error {
	return s.do(func() error {
		if g.Empty() {
			return nil // all earlier ones are durable
		}
		if err := s.makeRoom(g); err != nil {
			return err
		}
		s.room.owed = int64(g.Owes)
		if err := s.commit(g); err != nil {
			return err
		}
		err := s.catchUp()
		s.hold(0)
		return err
	})
}

func (s *Store) write(blocks *bbolt.Bucket, g storage.Commit) error {
	if g.After != 0 && !s.there(blocks, g.After) {
		return storage.ErrExists
	}
	for _, b := range g.Adds {
		if s.there(blocks, b.ID) {
			return storage.ErrExists
		}
	}
	for _, puts := range [][]storage.Block{g.Adds, g.Puts} {
		for _, b := range puts {
			if err := blocks.Put(keyOf(b.ID), b.Data); err != nil {
				return err
			}
		}
	}
	for _, id := range g.Dels {
		if err := blocks.Delete(keyOf(id)); err != nil {
			return err
		}
	}
	return nil
}

func keyOf(id storage.ID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

// Load implements storage.Store. What it returns is the caller's.
func (s *Store) Load(ids []storage.ID) (out []storage.Block, err error) {
	err = s.read(func(blocks *bbolt.Bucket) error {
		out = make([]storage.Block, len(ids))
		for i, id := range ids {
			out[i].ID = id
			if v := blocks.Get(keyOf(id)); s.there(blocks, id) {
				out[i].Data = append(make([]byte, 0, len(v)), v...) // an empty block stays one
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// List implements storage.Store.
func (s *Store) List() (ids []storage.ID, err error) {
	err = s.read(func(blocks *bbolt.Bucket) error {
		return blocks.ForEach(func(k, v []byte) error {
			if len(k) != 8 || v == nil {
				return fmt.Errorf("%w (it has a block without number)", ErrDamaged)
			}
			id := storage.ID(binary.BigEndian.Uint64(k))
			if _, late := s.late[id]; !late {
				ids = append(ids, id)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Bytes returns how much of the file is in use. Space that deletions leave is used again, but the file never shrinks.
func (s *Store) Bytes() (n uint64) {
	s.do(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { n = uint64(tx.Size()); return nil })
	})
	return n
}

// Close implements storage.Store.
func (s *Store) Close() error {
	if s.closed {
		return storage.ErrClosed
	}
	s.closed = true
	if errors.Is(s.broken, ErrDamaged) {
		return letGo(s.file) // bbolt panicked, perhaps with its own locks held
	}
	return s.db.Close()
}

func (s *Store) read(f func(blocks *bbolt.Bucket) error) error {
	return s.do(func() error {
		return s.db.View(func(tx *bbolt.Tx) error { return f(tx.Bucket(blocksBucket)) })
	})
}

// do is a call on an open Store.
func (s *Store) do(f func() error) error {
	switch {
	case s.closed:
		return storage.ErrClosed
	case s.broken != nil:
		return s.broken
	}
	err := explain(contain(f))
	if err != nil && !errors.Is(err, storage.ErrExists) && !errors.Is(err, storage.ErrQuota) {
		s.broken = err
	}
	return err
}

// contain makes an error of bbolt's panics at a damaged file, and of the system's at one that another program has cut short.
func contain(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (%v)", ErrDamaged, p)
		}
	}()
	return f()
}

// explain gives an error of bbolt's or the system's the name that this package and storage have for it.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, berrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum),
		strings.HasPrefix(err.Error(), "file size too small"):
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	case noRoom(err):
		return fmt.Errorf("%w: %w", storage.ErrQuota, err)
	}
	return err
}

// noRoom also looks into the text: where bbolt fails to make its file longer, it keeps that alone of the system's error.
func noRoom(err error) bool {
	for _, e := range full {
		if errors.Is(err, e) || strings.HasSuffix(err.Error(), e.Error()) {
			return true
		}
	}
	return false
}
