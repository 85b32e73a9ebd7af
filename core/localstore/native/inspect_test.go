package native

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage/bolt"
)

// files are a directory's, with their contents. A socket has none.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		all[e.Name()] = string(text)
	}
	return all
}

// TestInspect: the data of a store that runs, and of one that has ended. Nothing of it changes.
func TestInspect(t *testing.T) {
	b := newHarness(t, Options{})
	a := b.admin()
	for i := range 300 {
		p := object{"app": fmt.Sprintf("org.example.%d", i%3), "key": fmt.Sprint("key/", i), "value": strings.Repeat("v", i)}
		if i < 3 {
			if code := a.call("grant", object{"id": p["app"], "name": "An application"}, nil); code != "" {
				t.Fatal(code)
			}
		}
		if code := a.call("put", p, nil); code != "" {
			t.Fatal(code)
		}
	}
	for _, running := range []bool{true, false} {
		if !running {
			b.stop()
		}
		before := files(t, b.dir)
		c, err := Inspect(b.dir, true)
		if err != nil || c.Held != running || c.Locked != nil || c.Apps != 3 || c.Keys != 300 || c.Blocks == 0 {
			t.Errorf("running %v: %+v, %v", running, c, err)
		}
		for name, text := range files(t, b.dir) {
			if before[name] != text {
				t.Errorf("running %v: %s was changed", running, name)
			}
		}
	}
}

// TestInspectSaysWhatIsWrong: with the data, or with the key to it.
func TestInspectSaysWhatIsWrong(t *testing.T) {
	made := newHarness(t, Options{})
	for i := range 50 {
		if code := made.admin().call("put", object{"app": "org.masq.cli", "key": fmt.Sprint(i), "value": i}, nil); code != "" {
			t.Fatal(code)
		}
	}
	made.stop()
	is := func(code peer.Code) func(Contents, error) bool {
		return func(_ Contents, err error) bool {
			e := (*EngineError)(nil)
			return errors.As(err, &e) && e.Code == code && strings.Contains(err.Error(), "among the blocks ")
		}
	}
	locked := func(want error) func(Contents, error) bool {
		return func(c Contents, err error) bool { return err == nil && errors.Is(c.Locked, want) && c.Blocks > 0 }
	}
	for _, c := range []struct {
		name string
		harm func(t *testing.T, dir string)
		want func(Contents, error) bool
	}{
		{"no data", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, databaseName)) },
			func(_ Contents, err error) bool { return errors.Is(err, fs.ErrNotExist) }},
		{"cut short", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, databaseName), 8192); err != nil {
				t.Fatal(err)
			}
		}, func(_ Contents, err error) bool {
			return errors.Is(err, bolt.ErrDamaged) && strings.Contains(err.Error(), "cut short")
		}},
		{"a block that was changed", spoil, is(peer.EDamaged)},
		{"another key", func(t *testing.T, dir string) { writeOver(t, dir, keyName, keyWord+strings.Repeat("00", 32)+"\n") }, is(peer.EDamaged)},
		{"a damaged key", func(t *testing.T, dir string) { writeOver(t, dir, keyName, "nonsense\n") }, locked(ErrBadKey)},
		{"no key", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, keyName)) }, locked(fs.ErrNotExist)},
		{"a key that others may read", func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, keyName), 0o644) }, locked(ErrKeyExposed)},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(dir, os.DirFS(made.dir)); err != nil {
			t.Fatal(err)
		}
		os.Chmod(filepath.Join(dir, keyName), 0o600)
		c.harm(t, dir)
		before := files(t, dir)
		if got, err := Inspect(dir, true); !c.want(got, err) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if after := files(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("%s: the directory was changed", c.name)
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	if _, err := Inspect(none, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("looking has made a directory")
	}
}

func writeOver(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// spoil changes a bit of every block.
func spoil(t *testing.T, dir string) {
	db, err := bbolt.Open(filepath.Join(dir, databaseName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		blocks := tx.Bucket([]byte("blocks"))
		changed := map[string][]byte{}
		blocks.ForEach(func(k, v []byte) error {
			b := bytes.Clone(v)
			b[len(b)/2] ^= 1
			changed[string(k)] = b
			return nil
		})
		for k, v := range changed {
			if err := blocks.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}
