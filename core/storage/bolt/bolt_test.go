package bolt_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/storage/storagetest"
)

func TestStore(t *testing.T) {
	paths := map[storage.Store]string{}
	at := func(t *testing.T, path string) storage.Store {
		s := open(t, path)
		paths[s] = path
		return s
	}
	storagetest.Run(t,
		func(t *testing.T) storage.Store { return at(t, filepath.Join(t.TempDir(), "masq.db")) },
		func(t *testing.T, s storage.Store) storage.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return at(t, paths[s])
		})
}

func open(t testing.TB, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put is a commit that puts one block.
func put(id storage.ID, data string) storage.Commit {
	return storage.Commit{Puts: []storage.Block{{ID: id, Data: []byte(data)}}}
}

func commit(t testing.TB, s storage.Store, g storage.Commit) {
	t.Helper()
	if err := s.Commit(g, storage.Strict); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyTheUserMayRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "masq")
	path := filepath.Join(dir, "masq.db")
	s := open(t, path)
	commit(t, s, put(storage.Manifest, "x"))
	if s.Bytes() == 0 {
		t.Error("it is not there")
	}
	s.Close()
	for name, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o700, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("there are more files than one: %v, %v", files, err)
	}
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "masq.db")
	first := open(t, path)
	if _, err := bolt.Open(path); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	commit(t, first, put(storage.Manifest, "still here"))
	first.Close()
	open(t, path).Close()
}

// TestFormat: what another Masq wrote, and what is no database of Masq's, is refused and left as it is.
func TestFormat(t *testing.T) {
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, c := range map[string]struct {
		bucket, key string
		value       []byte
		blocks      bool
		want        error
	}{
		"this one":         {"masq", "format", number(1), true, nil},
		"the next":         {"masq", "format", number(2), true, bolt.ErrVersion},
		"a later one":      {"masq", "format", number(1 << 31), false, bolt.ErrVersion},
		"none":             {"masq", "format", number(0), true, bolt.ErrDamaged},
		"short":            {"masq", "format", []byte{1}, true, bolt.ErrDamaged},
		"empty":            {"masq", "format", nil, true, bolt.ErrDamaged},
		"of another name":  {"masq", "Format", number(1), true, bolt.ErrDamaged},
		"another program":  {"users", "format", number(1), true, bolt.ErrDamaged},
		"a format at most": {"masq", "format", number(1), false, bolt.ErrDamaged},
	} {
		path := filepath.Join(t.TempDir(), "masq.db")
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			if c.blocks {
				tx.CreateBucket([]byte("blocks"))
			}
			b, err := tx.CreateBucket([]byte(c.bucket))
			if err != nil {
				return err
			}
			return b.Put([]byte(c.key), c.value)
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		s, err := bolt.Open(path)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			s.Close()
		} else if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestNotAFile: what stands in the database's place and is none.
func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "masq.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(path); !errors.Is(err, bolt.ErrDamaged) {
		t.Errorf("a directory: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), path); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(path); err == nil || strings.Contains(err.Error(), "panic") {
		t.Errorf("a link that leads nowhere: %v", err)
	}
}
