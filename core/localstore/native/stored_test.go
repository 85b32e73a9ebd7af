package native

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"testing"

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
	dir := shortDir(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stored.WriteDesk(t, dir)
	want := stored.Expected(t, "desk")
	for start := range 2 {
		b := newHarness(t, Options{Dir: dir})
		a := b.admin()
		for _, app := range want.Apps {
			got := stored.Listing{Apps: []stored.App{{App: app.App, Entries: entries(t, a, app.App)}}}
			stored.Compare(t, fmt.Sprint("start ", start+1), got, stored.Listing{Apps: []stored.App{{App: app.App, Entries: app.Entries}}})
		}
		checkState(t, a, want)
		checkToken(t, b, want)
		if code := a.call("put", object{"app": "org.masq.cli", "key": "start", "value": start}, nil); code != "" {
			t.Fatal(code)
		}
		last := &want.Apps[len(want.Apps)-1]
		last.Entries = append(last.Entries[:1:1], stored.Entry{Key: "start", Value: fmt.Sprint(start)})
		b.stop()
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
