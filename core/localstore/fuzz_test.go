package localstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// FuzzMessage says anything, as each kind of client. Whatever it is, what comes back is JSON-RPC (the harness checks that), and who is
// not in gets no data and changes nothing.
func FuzzMessage(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `[]`, `[{}]`, `[[`, `"\u0000"`, `{"jsonrpc":"2.0","id":1,"method":"hello"}`, `{"jsonrpc":"2.0","method":"hello","params":{}}`,
		`{"jsonrpc":"2.0","id":"x","method":"get","params":{"key":"secret","app":"https://notes.example"}}`,
		`{"jsonrpc":"2.0","id":"\ud83d\ude00","method":"get","params":{"key":"\ud800"}}`,
		`[{"jsonrpc":"2.0","id":1,"method":"put","params":{"key":"k","value":{"a":[1,"]}",null]}}},{"jsonrpc":"2.0","id":2,"method":"list"}]`,
		`{"jsonrpc":"2.0","id":1,"method":"batch","params":{"operations":[{"type":"put","key":"k","bytes":"AA=="},{"type":"del","key":"l"}],"durability":"relaxed"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"watch","params":{"prefix":"","since":"18446744073709551615"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"proof","params":{"mac":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"prove","params":{"id":"AAECAwQFBgc","cn":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"request","params":{"app":{"name":"N","icon":"data:image/png;base64,AAAA"},"id":"org.example.x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"request","params":{"app":{"name":"N"},"commitment":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"reveal","params":{"key":"` + strings.Repeat("A", 87) + `","nonce":"` + strings.Repeat("A", 43) + `","typing":true}}`,
		`{"jsonrpc":"2.0","id":1,"method":"compared","params":{}}`,
		`{"jsonrpc":"2.0","id":1,"method":"describe","params":{"description":"x"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"allow","params":{"request":1}}`,
		`{"jsonrpc":"2.0","id":1,"method":"setRelays","params":{"urls":["wss://relay.example"]}}`,
		`{"jsonrpc":"2.0","id":1,"method":"removeApp","params":{"app":"https://notes.example","data":true}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		h := newHarness(t)
		h.other = func(Action) bool { return true } // an invite dials
		in, _ := h.app(notes)
		in.must("put", `{"key":"secret","value":"SECRET"}`)
		for _, who := range []Who{
			{Kind: Web, Origin: notes}, {Kind: Web, Origin: "https://evil.example"}, {Kind: Native}, {Kind: Manager, Origin: manager},
		} {
			before := h.s.lastOp
			c := h.connect(who)
			c.say(string(text))
			for _, m := range c.got {
				if bytes.Contains(m.raw, []byte("SECRET")) && !bytes.Contains(text, []byte("SECRET")) {
					t.Errorf("%v was told %s", who, m.raw)
				}
			}
			if h.s.lastOp != before {
				t.Errorf("%v did something", who)
			}
		}
		in.say(string(text))
		admin := h.admin()
		admin.say(string(text))
		page := h.connect(Who{Manager, manager})
		page.must("exchange", fmt.Sprintf(`{"secret":%q}`, openSecret(t, h)))
		page.say(string(text))
		h.wait(1000)
	})
}

// FuzzMembers holds the reader of objects against encoding/json.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":1,"b":[{"c":"]\\\""}],"d":{"e":null}}`, ` { "a\u0062" : -1e9 , "\ud83d\ude00" : "x" } `, `[1]`, `"x"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		text = bytes.TrimSpace(text)
		if !validJSON(text) {
			return
		}
		list, ok := members(text)
		var want map[string]json.RawMessage
		if err := json.Unmarshal(text, &want); ok && (err != nil || len(want) != len(list)) {
			t.Fatalf("%q: %v, %v", text, list, want)
		}
		for _, m := range list {
			if !bytes.Equal(want[m.name], m.value) {
				t.Errorf("%q: %q is %q, want %q", text, m.name, m.value, want[m.name])
			}
		}
		all, ok := elements(text, 1000)
		var values []json.RawMessage
		if err := json.Unmarshal(text, &values); ok && (err != nil || len(all) != min(1001, len(values))) {
			t.Fatalf("%q: %q, %q", text, all, values)
		}
		for i := range all {
			if !bytes.Equal(all[i], values[i]) {
				t.Errorf("%q: %q, want %q", text, all[i], values[i])
			}
		}
	})
}
