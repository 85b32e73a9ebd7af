package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/testdata/stored"
)

// Data that a version to come has written: the store says so and what to do, masq doctor says the same, and both leave it as it is.
func TestDataOfALaterVersion(t *testing.T) {
	set, name := stored.At311a148, "desk"
	for _, later := range stored.Laters {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		set.WriteStore(t, name, dir)
		db, err := bolt.Open(filepath.Join(dir, "masq.db"))
		if err != nil {
			t.Fatal(err)
		}
		if !later.Write(t, set.StoreKey(t, name), db) {
			t.Fatalf("%s has not %s", name, later.What)
		}
		db.Close()
		before := contentsOf(t, dir)
		for command, want := range map[string]string{
			"store --port 0 --headless": "masq: error: the data was written by a newer Masq\nmasq: hint: update Masq\n",
			"doctor":                    "the data was written by a newer Masq",
		} {
			c := exec.Command("masq", append(strings.Fields(command), "--data", dir)...)
			c.Env = append(os.Environ(), "MASQ_NO_KEYRING=1", "HOME="+t.TempDir())
			out, err := c.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%s: masq %s: %v\n%s", later.What, command, err, out)
			}
			if !maps.Equal(contentsOf(t, dir), before) {
				t.Errorf("%s: masq %s has changed the data", later.What, command)
			}
		}
	}
}

// contentsOf is what the files of a directory hold, by their names.
func contentsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range list {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[file.Name()] = string(data)
	}
	return all
}
