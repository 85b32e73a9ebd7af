//go:build ignore

// Command generate wrote what package stored holds, each commit's at that commit, with that commit's own engine, local store and
// storage. Files of this folder are those of any commit; what is a commit's own is in the file of its name:
//
//	cd core/testdata/stored/generate
//	go run main.go story.go grants.go harness.go torn.go at311a148.go ../311a148
//
// A commit that has no package stored, as 763b28b, is given it first. But for torn.*, which depends on when the process is killed, what
// comes of it is the same each time.
//
// What is there shows that data of these commits opens, so nothing writes it anew. This is kept to say where it comes from, and to
// write that of another commit.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/testdata/stored"
)

func (n *node) entries(app string) (out []stored.Entry) {
	for after, more := "", true; more; {
		r := n.do(app, peer.List{After: after})
		for _, e := range r.Entries {
			one := stored.Entry{Key: e.Key, Value: stored.Text(e.Kind, e.Value)}
			for _, c := range n.do(app, peer.Conflicts{Key: e.Key}).Entries {
				one.Conflicts = append(one.Conflicts, stored.Text(c.Kind, c.Value))
			}
			out, after = append(out, one), e.Key
		}
		more = r.More
	}
	return out
}

func (n *node) list() stored.Listing {
	s := n.status
	l := stored.Listing{Self: s.Self.Name, Error: string(s.Err), Relays: s.Relays, Devices: []string{}}
	names := map[string]string{}
	for _, d := range s.Devices {
		names[d.ID] = d.Name
		l.Devices = append(l.Devices, fmt.Sprintf("%s kind %d", d.Name, d.Kind))
	}
	slices.Sort(l.Devices)
	if n.app != "" {
		l.Apps = []stored.App{{App: n.app, On: true, Entries: n.entries("")}}
		return l
	}
	for _, a := range s.Apps {
		app := stored.App{App: a.App, Name: a.Name, On: a.On, Entries: n.entries(a.App)}
		for _, d := range a.Devices {
			app.Devices = append(app.Devices, fmt.Sprintf("%s on %v", names[d.ID], d.On))
		}
		for _, d := range a.Peers {
			app.Peers = append(app.Peers, fmt.Sprintf("%s kind %d", d.Name, d.Kind))
		}
		slices.Sort(app.Devices)
		slices.Sort(app.Peers)
		l.Apps = append(l.Apps, app)
	}
	l.Settings = map[string]string{}
	for _, e := range n.do("", peer.Kept{}).Entries {
		l.Settings[e.Key] = string(e.Value)
	}
	return l
}

// expectations are what the devices have, by the names of their files.
type expectations map[string]stored.Listing

func main() {
	dir := os.Args[1]
	if dir == writing {
		writeUntilKilled(os.Args[2:])
	}
	check(os.MkdirAll(dir, 0o755))
	h := newHarness(18)
	all := stores(h)
	for _, n := range h.nodes {
		if !slices.Contains(all, n) {
			n.off()
		}
	}
	all = append(all, browsers(h)...)
	expected := expectations{}
	for _, n := range all {
		name := strings.ToLower(n.name)
		expected[name] = n.list()
		n.off()
		if n.name == "Desk" {
			writeStore(dir, name, databaseOf(n.disk), n.key)
		} else {
			writeDevice(dir, name, n)
		}
	}
	writeTorn(dir, expected)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	check(e.Encode(expected))
	writeZipped(filepath.Join(dir, "expected.json.gz"), b.Bytes())
	fmt.Println("the last moment:", h.now)
}

func writeDevice(dir, name string, n *node) {
	s := stored.Device{Name: n.name, App: n.app, Key: n.key[:], Blocks: map[string][]byte{}}
	for _, b := range blocks(n.disk) {
		s.Blocks[fmt.Sprint(uint64(b.ID))] = b.Data
	}
	writeZipped(filepath.Join(dir, name+".json.gz"), must(json.Marshal(s)))
}

func blocks(s storage.Store) []storage.Block { return must(s.Load(must(s.List()))) }

// databaseOf is a database with what a disk has.
func databaseOf(disk storage.Store) []byte {
	made := must(os.MkdirTemp("", "masq"))
	defer os.RemoveAll(made)
	file := filepath.Join(made, "masq.db")
	db := must(bolt.Open(file))
	check(db.Commit(storage.Commit{Adds: blocks(disk)}, storage.Strict))
	check(db.Close())
	return must(os.ReadFile(file))
}

// writeStore writes a local store's directory: the key as it is, the database zipped.
func writeStore(dir, name string, database []byte, key [32]byte) {
	writeZipped(filepath.Join(dir, name+".db.gz"), database)
	check(os.WriteFile(filepath.Join(dir, name+".key"), []byte("key "+hex.EncodeToString(key[:])+"\n"), 0o644))
}

func writeZipped(name string, data []byte) {
	var b bytes.Buffer
	z := must(gzip.NewWriterLevel(&b, gzip.BestCompression))
	must(z.Write(data))
	check(z.Close())
	check(os.WriteFile(name, b.Bytes(), 0o644))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}
