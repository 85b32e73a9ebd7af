// Package stored holds what devices of earlier commits had on their disks, and what was in it. Data of these commits opens with all its
// contents, so the files are never written anew; the folder generate says how they came about. Only tests import this package.
//
// Of each commit there are two circles. That of the stores Desk and Laptop has the revoked store Lost, the application peer Phone, and
// Late, which both users let in but which was never added. That of the browsers has the embedded stores Chromium and Firefox. Torn is a
// store by itself, whose process was killed while it wrote.
package stored

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

//go:embed */*.gz */*.key
var files embed.FS

// A Set is what the devices of one commit had.
type Set struct {
	Commit  string
	Now     uint64   // when the last of it was written, in Unix milliseconds
	Devices []string // which Read has
	Stores  []string // which are directories, and WriteStore has
}

var devices = []string{"laptop", "phone", "lost", "late", "chromium", "firefox"}

// The sets of all commits, the oldest first.
var (
	At763b28b = Set{"763b28b", 1_793_500_026_400, devices, []string{"desk"}}
	At311a148 = Set{"311a148", 1_793_500_026_500, devices, []string{"desk", "torn"}}

	Sets = []Set{At763b28b, At311a148}
)

// A Device is a device's blocks, with the key that seals them.
type Device struct {
	Name   string            `json:"name"`
	App    string            `json:"app,omitempty"` // empty: a local store
	Key    []byte            `json:"key"`
	Blocks map[string][]byte `json:"blocks"` // by number, in decimal digits
}

// Read returns the device of that name.
func (s Set) Read(t testing.TB, name string) (d Device) {
	t.Helper()
	if err := json.Unmarshal(s.unzip(t, name+".json.gz"), &d); err != nil || len(d.Key) != 32 {
		t.Fatalf("%s: %v", name, err)
	}
	return d
}

// FillTo commits the device's blocks to s, which is empty.
func (d *Device) FillTo(t testing.TB, s storage.Store) {
	t.Helper()
	var c storage.Commit
	for number, data := range d.Blocks {
		id, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		c.Adds = append(c.Adds, storage.Block{ID: storage.ID(id), Data: data})
	}
	if err := s.Commit(c, storage.Strict); err != nil {
		t.Fatal(err)
	}
}

// WriteStore writes a store's data directory to dir, which is there: the database and its key, which only the user may read.
func (s Set) WriteStore(t testing.TB, name, dir string) {
	t.Helper()
	for file, data := range map[string][]byte{"masq.db": s.unzip(t, name+".db.gz"), "masq.key": s.read(t, name+".key")} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// StoreKey is the key that seals a store's blocks.
func (s Set) StoreKey(t testing.TB, name string) [32]byte {
	t.Helper()
	digits := strings.TrimPrefix(strings.TrimSpace(string(s.read(t, name+".key"))), "key ")
	key, err := hex.DecodeString(digits)
	if err != nil || len(key) != 32 {
		t.Fatal("no key: ", err)
	}
	return [32]byte(key)
}

// What a device has.
type (
	// Listing is all that a device shows: names and contents. Lists of devices are sorted.
	Listing struct {
		Self     string            `json:"self"`
		Error    string            `json:"error,omitempty"`
		Devices  []string          `json:"devices"` // "Phone kind 2"
		Relays   []string          `json:"relays,omitempty"`
		Apps     []App             `json:"apps"`
		Settings map[string]string `json:"settings,omitempty"`
	}
	// App is an application.
	App struct {
		App     string   `json:"app"`
		Name    string   `json:"name,omitempty"`
		On      bool     `json:"on"`
		Devices []string `json:"devices,omitempty"` // "Laptop on true"
		Peers   []string `json:"peers,omitempty"`   // "Phone kind 2"
		Entries []Entry  `json:"entries"`
	}
	// Entry is a key with its value, and the versions beside it, as Text makes them.
	Entry struct {
		Key       string   `json:"key"`
		Value     string   `json:"value"`
		Conflicts []string `json:"conflicts,omitempty"`
	}
)

// Expected is what a device or a store had.
func (s Set) Expected(t testing.TB, name string) Listing {
	t.Helper()
	all := map[string]Listing{}
	if err := json.Unmarshal(s.unzip(t, "expected.json.gz"), &all); err != nil {
		t.Fatal(err)
	}
	l, ok := all[name]
	if !ok {
		t.Fatalf("nothing is expected of %q", name)
	}
	return l
}

// longest is how many bytes Text writes out.
const longest = 4000

// Text is a value as a Listing has it: JSON as it is, bytes in base64, long ones as their number and SHA-256.
func Text(kind wire.Kind, value []byte) string {
	switch {
	case kind == wire.JSON:
		return string(value)
	case len(value) > longest:
		sum := sha256.Sum256(value)
		return fmt.Sprintf("%d bytes: %s", len(value), hex.EncodeToString(sum[:]))
	}
	return "bytes: " + base64.StdEncoding.EncodeToString(value)
}

// Compare tells t where got is not as it should be, entry by entry.
func Compare(t testing.TB, name string, got, want Listing) {
	t.Helper()
	if len(got.Apps) != len(want.Apps) {
		t.Errorf("%s has %d applications, not %d", name, len(got.Apps), len(want.Apps))
	}
	for i := range min(len(got.Apps), len(want.Apps)) {
		compareEntries(t, name+", "+want.Apps[i].App, got.Apps[i].Entries, want.Apps[i].Entries)
	}
	if g, w := got.head(), want.head(); g != w {
		t.Errorf("%s shows\n%s\nnot\n%s", name, g, w)
	}
}

// head is all of a listing but the entries.
func (l Listing) head() string {
	apps := append([]App(nil), l.Apps...)
	for i := range apps {
		apps[i].Entries = nil
	}
	l.Apps = apps
	text, _ := json.MarshalIndent(l, "", " ")
	return string(text)
}

func compareEntries(t testing.TB, where string, got, want []Entry) {
	t.Helper()
	text := func(list []Entry) map[string]string {
		all := map[string]string{}
		for _, e := range list {
			all[e.Key] = fmt.Sprintf("%.200q beside %.200q", e.Value, e.Conflicts)
		}
		return all
	}
	g, w := text(got), text(want)
	if len(g) != len(got) {
		t.Errorf("%s: a key is listed twice", where)
	}
	for key, value := range w {
		if g[key] != value {
			t.Errorf("%s: %.50q is %s, not %s", where, key, g[key], value)
		}
	}
	for key, value := range g {
		if _, ok := w[key]; !ok {
			t.Errorf("%s: %.50q is %s, and should not be there", where, key, value)
		}
	}
}

func (s Set) read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := files.ReadFile(s.Commit + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (s Set) unzip(t testing.TB, name string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(s.read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
