package native

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/testdata/stored"
	"github.com/masqdev/masq/core/wire"
)

// rpcEntry is an entry as the API has it: a key, and a JSON value or bytes in base64.
type rpcEntry struct {
	Key   string
	Value json.RawMessage
	Bytes *string
}

func (e rpcEntry) text(t *testing.T) string {
	t.Helper()
	if e.Bytes == nil {
		return stored.Text(wire.JSON, e.Value)
	}
	b, err := base64.StdEncoding.DecodeString(*e.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return stored.Text(wire.Bytes, b)
}

func entries(t *testing.T, a *rpc, app string) (out []stored.Entry) {
	t.Helper()
	for more, after := true, ""; more; {
		var r struct {
			Entries []rpcEntry
			More    bool
		}
		if code := a.call("list", object{"app": app, "after": after}, &r); code != "" {
			t.Fatal(app, code)
		}
		for _, e := range r.Entries {
			one := stored.Entry{Key: e.Key, Value: e.text(t)}
			var beside struct{ Entries []rpcEntry }
			if code := a.call("conflicts", object{"app": app, "key": e.Key}, &beside); code != "" {
				t.Fatal(app, code)
			}
			for _, c := range beside.Entries {
				one.Conflicts = append(one.Conflicts, c.text(t))
			}
			out, after = append(out, one), e.Key
		}
		more = r.More
	}
	return out
}

// TestStoredOpens: the data directory of an earlier commit opens with all its contents, with who may come in, and a second time; what
// is written then is there, too.
func TestStoredOpens(t *testing.T) {
	for _, set := range stored.Sets {
		t.Run(set.Commit, func(t *testing.T) {
			dir := storedDir(t, set, "desk")
			want := set.Expected(t, "desk")
			for start := range 2 {
				b := newHarness(t, Options{Dir: dir})
				a := b.admin()
				checkEntries(t, a, want)
				checkState(t, a, want)
				checkToken(t, b, want)
				if code := a.call("put", object{"app": "org.masq.cli", "key": "start", "value": start}, nil); code != "" {
					t.Fatal(code)
				}
				last := &want.Apps[len(want.Apps)-1]
				last.Entries = append(last.Entries[:1:1], stored.Entry{Key: "start", Value: fmt.Sprint(start)})
				b.stop()
			}
		})
	}
}

// TestStoredTornOpens: the directory of a store that was killed while it wrote opens with all that it had kept.
func TestStoredTornOpens(t *testing.T) {
	set := stored.At311a148
	dir := storedDir(t, set, "torn")
	for range 2 {
		b := newHarness(t, Options{Dir: dir})
		checkEntries(t, b.admin(), set.Expected(t, "torn"))
		b.stop()
	}
}

func checkEntries(t *testing.T, a *rpc, want stored.Listing) {
	t.Helper()
	for _, app := range want.Apps {
		got := stored.Listing{Apps: []stored.App{{App: app.App, Entries: entries(t, a, app.App)}}}
		stored.Compare(t, want.Self, got, stored.Listing{Apps: []stored.App{{App: app.App, Entries: app.Entries}}})
	}
}

// TestStoredLater: a store that a version to come has written to stops with E_VERSION, as often as it is started, and its files stay as
// they are, byte by byte.
func TestStoredLater(t *testing.T) {
	set := stored.At311a148
	for _, later := range stored.Laters {
		for _, name := range set.Stores {
			dir := storedDir(t, set, name)
			if !makeLater(t, later, dir, set.StoreKey(t, name)) {
				continue
			}
			before := files(t, dir)
			for range 2 {
				if code := stopsWith(t, dir); code != peer.EVersion {
					t.Errorf("%s has %s: it stops with %q", name, later.What, code)
				}
				if !maps.Equal(files(t, dir), before) {
					t.Errorf("%s has %s, and its files have changed", name, later.What)
				}
			}
		}
	}
}

func makeLater(t *testing.T, later stored.Later, dir string, key [32]byte) bool {
	t.Helper()
	db, err := bolt.Open(filepath.Join(dir, databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return later.Write(t, key, db)
}

// stopsWith serves the data in dir until the store has stopped by itself.
func stopsWith(t *testing.T, dir string) peer.Code {
	t.Helper()
	s, err := New(Options{Dir: dir, NoKeyring: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stopped *EngineError
	if err := s.Serve(ctx, loopback(t)...); !errors.As(err, &stopped) {
		t.Fatalf("it has not stopped by itself: %v", err)
	}
	return stopped.Code
}

// storedDir is a data directory of an earlier commit.
func storedDir(t *testing.T, set stored.Set, name string) string {
	t.Helper()
	dir := shortDir(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	set.WriteStore(t, name, dir)
	return dir
}

// TestRemovedApplicationsDevices: who takes an application's access away takes that of its devices away, too, and no other.
func TestRemovedApplicationsDevices(t *testing.T) {
	const app = "https://notes.example"
	b := newHarness(t, Options{Dir: storedDir(t, stored.At763b28b, "desk")})
	a := b.admin()
	peers := func() (phones, devices, entries int) {
		var st struct {
			Devices []any
			Apps    []struct {
				App     string
				Peers   []any
				Entries int
			}
		}
		if code := a.call("state", object{}, &st); code != "" {
			t.Fatal(code)
		}
		for _, s := range st.Apps {
			if s.App == app {
				phones, entries = len(s.Peers), s.Entries
			}
		}
		return phones, len(st.Devices), entries
	}
	phones, devices, entries := peers()
	if phones != 1 || devices != 1 {
		t.Fatalf("%d phones, %d devices", phones, devices)
	}
	if code := a.call("removeApp", object{"app": app}, nil); code != "" {
		t.Fatal(code)
	}
	if p, d, n := peers(); p != 0 || d != devices || n != entries {
		t.Errorf("afterwards there are %d phones, %d devices and %d of %d entries", p, d, n, entries)
	}
}

// checkState compares what the manager shows.
func checkState(t *testing.T, a *rpc, want stored.Listing) {
	t.Helper()
	var st struct {
		Name    string
		Relays  []string
		Blocked []struct{ App string }
		Devices []struct{ Name string }
		Apps    []struct {
			App, Name, Description string
			On, Allowed            bool
			Tokens                 []struct{ ID string }
			Devices                []struct{ On bool }
			Peers                  []struct{ Name, Kind string }
		}
	}
	if code := a.call("state", object{}, &st); code != "" {
		t.Fatal(code)
	}
	if st.Name != want.Self || fmt.Sprint(st.Relays) != fmt.Sprint(want.Relays) || fmt.Sprint(st.Blocked) != "[{https://stranger.example}]" ||
		fmt.Sprint(st.Devices) != "[{Laptop}]" || len(st.Apps) != len(want.Apps) {
		t.Errorf("state: %+v", st)
	}
	shown := map[string]string{}
	for _, app := range st.Apps {
		shown[app.App] = fmt.Sprintf("%s, %q, allowed %v, on %v, %d tokens, devices %v, peers %v", app.Name, app.Description, app.Allowed, app.On, len(app.Tokens), app.Devices, app.Peers)
	}
	for app, text := range map[string]string{
		"https://notes.example": `Notes, "Keeps notes", allowed true, on true, 1 tokens, devices [{true}], peers [{Phone embedded}]`,
		"https://todo.example":  `Todo, "", allowed false, on true, 0 tokens, devices [{true}], peers []`,
		"org.example.photos":    `Photos, "", allowed true, on true, 1 tokens, devices [{false}], peers []`,
		"org.masq.cli":          `Command line, "", allowed true, on true, 0 tokens, devices [{true}], peers []`,
	} {
		if shown[app] != text {
			t.Errorf("%s: %s\nwant %s", app, shown[app], text)
		}
	}
}

// checkToken lets a page in by the token that it was given by the earlier commit.
func checkToken(t *testing.T, b *harness, want stored.Listing) {
	t.Helper()
	const app = "https://notes.example"
	for setting, text := range want.Settings {
		var kept struct{ App, Key string }
		if json.Unmarshal([]byte(text), &kept) != nil || kept.App != app || kept.Key == "" {
			continue
		}
		page := b.web(app)
		if code, _ := page.prove(app, "client", token{ID: setting[len("token/"):], Key: kept.Key}); code != "" {
			t.Errorf("the token of %s: %s", app, code)
		}
		var r struct{ Value json.RawMessage }
		if code := page.call("get", object{"key": "start/3"}, &r); code != "" || string(r.Value) != "3" {
			t.Errorf("the page reads %s, %s", r.Value, code)
		}
		return
	}
	t.Error("no token was stored")
}
