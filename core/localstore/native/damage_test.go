package native

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/masqdev/masq/core/storage"
)

// TestOneByteFlipped: in one value of the database of a store with 2,000 keys. The store starts, serves all else, and names what it has lost; so does
// a look at the data while no store serves it.
func TestOneByteFlipped(t *testing.T) {
	b := newHarness(t, Options{})
	a := b.admin()
	for _, app := range []string{"org.example.a", "org.example.b"} {
		if code := a.call("grant", object{"id": app, "name": "An application"}, nil); code != "" {
			t.Fatal(code)
		}
		for i := 0; i < 2000; i += 500 {
			var ops []object
			for j := i; j < i+500; j++ {
				ops = append(ops, object{"type": "put", "key": fmt.Sprintf("k/%04d", j), "value": strings.Repeat("v", 100)})
			}
			if code := a.call("batch", object{"app": app, "operations": ops}, nil); code != "" {
				t.Fatal(code)
			}
		}
		for i := range 4 { // which makes a checkpoint due
			if code := a.call("put", object{"app": app, "key": fmt.Sprint("large", i), "value": strings.Repeat("v", 400<<10)}, nil); code != "" {
				t.Fatal(code)
			}
		}
	}
	b.stop()
	flipOne(t, b.dir)

	before := files(t, b.dir)
	c, err := Inspect(b.dir, true)
	if err != nil || len(c.Damaged) != 1 || c.Damaged[0].App != "org.example.a" || len(c.Damaged[0].Names) != 16 {
		t.Fatalf("a look: %+v, %v", c, err)
	}
	lost := c.Damaged[0]
	if c.Apps != 2 || c.Keys+lost.Keys != 2*2004 {
		t.Errorf("a look counts %+v", c)
	}
	if after := files(t, b.dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Error("a look has changed the data")
	}

	b = newHarness(t, Options{Dir: b.dir})
	a = b.admin()
	var e struct {
		Entries []struct{ Key string }
		More    bool
		Damaged []string
	}
	if code := a.call("list", object{"app": lost.App, "prefix": lost.Names[0], "limit": 1}, &e); code != "" || len(e.Entries) != 0 || !slices.Equal(e.Damaged, lost.Names[:1]) {
		t.Errorf("list of one: %q, %+v", code, e)
	}
	for key, want := range map[string]string{lost.Names[0]: "E_DAMAGED", lost.Names[15]: "E_DAMAGED", "large3": ""} {
		if code := a.call("get", object{"app": lost.App, "key": key}, nil); code != want {
			t.Errorf("get of %s: %q, want %q", key, code, want)
		}
	}
	var s struct {
		Error string
		Apps  []struct {
			App     string
			Damaged *struct {
				Keys  int
				Names []string
			}
		}
	}
	if code := a.call("state", object{}, &s); code != "" || s.Error != "" || len(s.Apps) != 2 || s.Apps[0].Damaged == nil || s.Apps[1].Damaged != nil {
		t.Fatalf("state: %q, %+v", code, s)
	}
	if d := s.Apps[0].Damaged; d.Keys != lost.Keys || !slices.Equal(d.Names, lost.Names) {
		t.Errorf("the state says %+v, want %+v", d, lost)
	}
	if code := a.call("put", object{"app": lost.App, "key": lost.Names[0], "value": 1}, nil); code != "" {
		t.Errorf("put: %q", code)
	}
	if code := a.call("get", object{"app": lost.App, "key": lost.Names[0]}, nil); code != "" {
		t.Errorf("get of what was put: %q", code)
	}
}

// flipOne flips one bit in the value segment with the lowest number.
func flipOne(t *testing.T, dir string) {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(dir, databaseName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	var segment []byte
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
			return bucket.ForEach(func(k, v []byte) error {
				if segment == nil && len(k) == 8 && storage.ID(binary.BigEndian.Uint64(k)).Class() == storage.Segment {
					segment = slices.Clone(v)
				}
				return nil
			})
		})
	})
	db.Close()
	if err != nil || segment == nil {
		t.Fatal("there is no value segment", err)
	}
	file := filepath.Join(dir, databaseName)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	harmed := bytes.Clone(segment)
	harmed[len(harmed)/2] ^= 1
	writeOver(t, dir, databaseName, string(bytes.ReplaceAll(data, segment, harmed))) // it may also stand in a page that is free
}
