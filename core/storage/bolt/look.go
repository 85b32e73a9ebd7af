package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/masqdev/masq/core/storage"
)

// ErrBusy says that the file changed too often while Look went through it.
var ErrBusy = errors.New("the database is being written: try again when that is done")

// lookTries is how often Look begins anew because another process writes.
const lookTries = 5

// Look is a database that is read as it is. Nothing of it changes, and it keeps nobody from it: another process may have it open, and
// one may open it meanwhile.
type Look struct {
	Held bool // another process has it open

	f      *os.File
	at     uint64 // the transaction that it is read at
	blocks map[storage.ID]span
}

// span is where a block's data is in the file.
type span struct{ at, size int64 }

// LookAt goes through the database at path. It makes none.
func LookAt(path string) (*Look, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, ErrDamaged
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	l := &Look{f: f, Held: held(path)}
	for range lookTries {
		if err = l.read(); l.Stands() {
			break
		}
		err = ErrBusy
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// held reports whether another process has the file open. That takes the lock for a moment, together with others who read.
func held(path string) bool {
	s, err := open(path, true)
	if err == nil {
		s.db.Close()
	}
	return errors.Is(err, berrors.ErrTimeout)
}

func (l *Look) read() error {
	l.blocks = map[storage.ID]span{}
	formats, format := 0, span{}
	m, err := findMeta(l.f)
	if err != nil {
		return err
	}
	l.at = order.Uint64(m[48:])
	err = check(l.f, func(bucket, key []byte, at, size int64) error {
		switch {
		case string(bucket) == string(metaBucket) && string(key) == string(formatKey):
			formats, format = formats+1, span{at, size}
		case string(bucket) == string(blocksBucket) && len(key) == 8:
			l.blocks[storage.ID(binary.BigEndian.Uint64(key))] = span{at, size}
		case string(bucket) == string(blocksBucket):
			return damaged("it has a block without number")
		}
		return nil
	})
	if err != nil {
		return err
	}
	if formats != 1 {
		return damaged("it has no format")
	}
	v, err := l.bytes(format)
	if err != nil {
		return err
	}
	return checkVersion(v)
}

// Stands reports whether what was read is still what was there. bbolt never writes over pages that its last transaction uses, so that
// one transaction more does no harm.
func (l *Look) Stands() bool {
	m, err := findMeta(l.f)
	if err != nil {
		return l.at == 0 // it never had a beginning
	}
	return order.Uint64(m[48:])-l.at <= 1
}

func (l *Look) bytes(s span) ([]byte, error) {
	b := make([]byte, s.size)
	_, err := l.f.ReadAt(b, s.at)
	return b, err
}

// List returns the blocks that there are.
func (l *Look) List() []storage.ID {
	ids := make([]storage.ID, 0, len(l.blocks))
	for id := range l.blocks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Block returns a block's data, nil if there is none.
func (l *Look) Block(id storage.ID) ([]byte, error) {
	s, ok := l.blocks[id]
	if !ok {
		return nil, nil
	}
	b, err := l.bytes(s)
	if err != nil {
		return nil, fmt.Errorf("block %x: %w", uint64(id), err)
	}
	return b, nil
}

// Close lets go of the file.
func (l *Look) Close() error { return l.f.Close() }
