package bolt_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
)

// TestLookSeesWhatIsThere: every block, small and large, in one page and in many.
func TestLookSeesWhatIsThere(t *testing.T) {
	for name, blocks := range map[string]int{"empty": 0, "in one page": 3, "in a tree": 300} {
		dir := t.TempDir()
		path := filepath.Join(dir, "masq.db")
		s := open(t, path)
		var want []storage.ID
		var all storage.Commit
		for i := range storage.ID(blocks) {
			all.Puts = append(all.Puts, storage.Block{ID: storage.Log | i, Data: bytes.Repeat([]byte{byte(i)}, int(i)*30)})
			want = append(want, storage.Log|i)
		}
		commit(t, s, all)
		for _, held := range []bool{true, false} {
			if !held {
				s.Close()
			}
			before, _ := os.ReadFile(path)
			l, err := bolt.LookAt(path)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if l.Held != held || !l.Stands() {
				t.Errorf("%s: held %v, stands %v", name, l.Held, l.Stands())
			}
			if got := l.List(); len(got) != len(want) || blocks > 0 && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %x, want %x", name, got, want)
			}
			for i, id := range want {
				if b, err := l.Block(id); err != nil || !bytes.Equal(b, bytes.Repeat([]byte{byte(i)}, i*30)) {
					t.Errorf("%s: block %x is %x, %v", name, id, b, err)
				}
			}
			l.Close()
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Errorf("%s: the file was changed", name)
			}
		}
		if files, _ := os.ReadDir(dir); len(files) != 1 {
			t.Errorf("%s: there are more files than one: %v", name, files)
		}
	}
}

// TestLookKeepsNobodyOut: while somebody looks, a store opens the file and writes. What is looked at stands for one transaction more.
func TestLookKeepsNobodyOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "masq.db")
	open(t, path).Close()
	l, err := bolt.LookAt(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := open(t, path)
	defer s.Close()
	for i, stands := range []bool{true, false} {
		commit(t, s, put(storage.Manifest, "written meanwhile"))
		if l.Stands() != stands {
			t.Errorf("after %d transactions: stands %v", i+1, l.Stands())
		}
	}
}

func TestLookRefusals(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := written(t)
	swapped := bytes.Clone(good)
	copy(swapped[5*pageSize:6*pageSize], good[6*pageSize:7*pageSize])
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"none":          {filepath.Join(dir, "none"), os.ErrNotExist},
		"a directory":   {dir, bolt.ErrDamaged},
		"empty":         {file("empty", nil), bolt.ErrDamaged},
		"no database":   {file("text", []byte("hello")), bolt.ErrDamaged},
		"cut short":     {file("short", good[:len(good)/2]), bolt.ErrDamaged},
		"swapped pages": {file("swapped", swapped), bolt.ErrDamaged},
		"good":          {file("good", good), nil},
	} {
		l, err := bolt.LookAt(c.path)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err == nil {
			l.Close()
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking has made a file")
	}
}

// TestLookAgreesWithOpen: whatever bit is wrong, either both take the file or both refuse it.
func TestLookAgreesWithOpen(t *testing.T) {
	good := written(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "masq.db")
	for at := 0; at < len(good); at += 4001 {
		file := bytes.Clone(good)
		file[at] ^= 0x41
		file = resealed(file)
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		l, lookErr := bolt.LookAt(path)
		if lookErr == nil {
			l.Close()
		}
		s, openErr := bolt.Open(path)
		if openErr == nil {
			s.Close()
		}
		if (lookErr == nil) != (openErr == nil) {
			t.Errorf("byte %d: looking says %v, opening %v", at, lookErr, openErr)
		}
	}
}
