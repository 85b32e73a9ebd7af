package localstore

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
)

func TestData(t *testing.T) {
	h := newHarness(t)
	c, _ := h.app(notes)
	for _, call := range []struct{ method, params, want string }{
		{"get", `{"key":"a"}`, `{}`},
		{"put", `{"key":"a","value":{"n": 1.0, "s":"<\u00e9>"}}`, `{}`},
		{"get", `{"key":"a"}`, `{"value":{"n": 1.0, "s":"<\u00e9>"}}`},
		{"put", `{"key":"b","bytes":"AAEC","durability":"relaxed"}`, `{}`},
		{"get", `{"key":"b"}`, `{"bytes":"AAEC"}`},
		{"put", `{"key":"null","value":null}`, `{}`},
		{"get", `{"key":"null"}`, `{"value":null}`},
		{"list", `{}`, `{"entries":[{"key":"a","value":{"n": 1.0, "s":"<\u00e9>"}},{"key":"b","bytes":"AAEC"},{"key":"null","value":null}],"more":false}`},
		{"list", `{"keysOnly":true,"reverse":true,"limit":2}`, `{"entries":[{"key":"null"},{"key":"b"}],"more":false}`},
		{"batch", `{"operations":[{"type":"del","key":"a"},{"type":"put","key":"c","value":[1]}]}`, `{}`},
		{"list", `{"gte":"a","lt":"d","after":"b"}`, `{"entries":[{"key":"c","value":[1]}],"more":false}`},
		{"del", `{"key":"c"}`, `{}`},
		{"conflicts", `{"key":"c"}`, `{"entries":[]}`},
		{"import", `{"operations":[{"type":"put","key":"null","value":1},{"type":"put","key":"new","bytes":"AA=="}]}`, `{}`},
		{"get", `{"key":"null"}`, `{"value":1}`},
		{"conflicts", `{"key":"null"}`, `{"entries":[{"key":"null","value":null}]}`},
		{"get", `{"key":"new"}`, `{"bytes":"AA=="}`},
		{"list", `{"prefix":"n"}`, `{"entries":[{"key":"new","bytes":"AA=="},{"key":"null","value":1}],"more":false}`},
		{"list", `{"keysOnly":true}`, `{"entries":[{"key":"b"},{"key":"new"},{"key":"null"}],"more":false}`},
		{"list", `{"keysOnly":true,"gt":"b","lte":"new"}`, `{"entries":[{"key":"new"}],"more":false}`},
		{"list", `{"keysOnly":true,"gt":"b","gte":"new","lt":"null","lte":"null"}`, `{"entries":[{"key":"new"}],"more":false}`},
		{"list", `{"keysOnly":true,"gt":"new","gte":"b","lt":"z","lte":"null"}`, `{"entries":[{"key":"null"}],"more":false}`},
		{"list", `{"keysOnly":true,"lte":"null","reverse":true,"limit":1}`, `{"entries":[{"key":"null"}],"more":false}`},
		{"list", `{"keysOnly":true,"gt":""}`, `{"entries":[{"key":"b"},{"key":"new"},{"key":"null"}],"more":false}`},
		{"count", `{}`, `{"count":3}`},
		{"count", `{"prefix":"n"}`, `{"count":2}`},
		{"count", `{"gt":"b","lte":"new"}`, `{"count":1}`},
		{"count", `{"lt":""}`, `{"count":0}`},
		{"list", `{"lt":""}`, `{"entries":[],"more":false}`},
		{"list", `{"lte":""}`, `{"entries":[],"more":false}`},
	} {
		if got := c.must(call.method, call.params); got != call.want {
			t.Errorf("%s %s: %s, want %s", call.method, call.params, got, call.want)
		}
	}
}

func TestWatch(t *testing.T) {
	h := newHarness(t)
	a, k := h.app(notes)
	b := h.web(notes).comeIn(k, notes)
	h.admin() // so that numbers differ
	first := a.must("watch", `{"prefix":"n/"}`)
	a.must("watch", `{}`)
	b.must("watch", `{"prefix":"n/"}`)
	a.must("batch", `{"operations":[{"type":"put","key":"n/1","value":"one"},{"type":"put","key":"x","value":1}]}`)
	b.must("put", `{"key":"n/1","bytes":"AA=="}`)
	a.must("del", `{"key":"n/1"}`)

	position := func(text string) string { return decode[told](t, text).Position }
	got := a.changed()
	for i, want := range []string{
		`[{"key":"n/1","value":"one","conflicts":0,"from":"here"}]`,
		`[{"key":"n/1","value":"one","conflicts":0,"from":"here"},{"key":"x","value":1,"conflicts":0,"from":"here"}]`,
		`[{"key":"n/1","bytes":"AA==","previous":{"value":"one"},"conflicts":0,"from":"tab"}]`,
		`[{"key":"n/1","bytes":"AA==","previous":{"value":"one"},"conflicts":0,"from":"tab"}]`,
		`[{"key":"n/1","previous":{"bytes":"AA=="},"conflicts":0,"from":"here"}]`,
		`[{"key":"n/1","previous":{"bytes":"AA=="},"conflicts":0,"from":"here"}]`,
	} {
		if len(got) <= i || string(decode[told](t, got[i]).Changes) != want || decode[told](t, got[i]).Watch != 1+i%2 {
			t.Fatalf("change %d: %s, want %s", i, got, want)
		}
	}
	if got := b.changed(); len(got) != 3 || decode[told](t, got[0]).Watch != 1 {
		t.Errorf("the other was told %v", got)
	}

	b.must("unwatch", `{"watch":1}`)
	b.must("unwatch", `{"watch":1}`)
	a.must("put", `{"key":"n/2","value":2}`)
	if got := b.told("changed"); len(got) != 0 {
		t.Errorf("told after unwatch: %v", got)
	}
	id := b.must("watch", `{"prefix":"n/","since":"`+position(first)+`"}`)
	missed := b.told("changed")
	if len(missed) == 0 || decode[told](t, missed[0]).Watch != 2 || position(id) == position(first) {
		t.Errorf("since %s: %v", first, missed)
	}

	// One that goes while its watch begins leaves none behind.
	b.leave()
	if n := len(h.s.watches); n != 2 {
		t.Errorf("%d watches are left", n)
	}
	a.leave()
	if len(h.s.watches) != 0 || len(h.s.ops) != 0 {
		t.Errorf("%d watches and %d operations are left", len(h.s.watches), len(h.s.ops))
	}
}

// changed is what c was told, without what only says a position.
func (c *conn) changed() []string {
	return slices.DeleteFunc(c.told("changed"), func(s string) bool { return string(decode[told](c.r.t, s).Changes) == "[]" })
}

// told is what is told of a watch.
type told struct {
	Watch    int             `json:"watch"`
	Position string          `json:"position"`
	Changes  json.RawMessage `json:"changes"`
}

func TestTooManyWatches(t *testing.T) {
	h := newHarness(t)
	c, _ := h.app(notes)
	for range maxWatches {
		c.must("watch", `{}`)
	}
	if m := c.call("watch", `{}`); m.code() != peer.EBusy {
		t.Errorf("one more: %s", m.raw)
	}
	c.must("unwatch", `{"watch":1}`)
	c.must("watch", `{}`)
}

func TestStatus(t *testing.T) {
	h := newHarness(t)
	a, _ := h.app(notes)
	b, _ := h.app("https://mail.example")
	want := `{"store":"local","sync":"off","entries":0,"toSend":0,"toReceive":false,"recovery":false,"devices":0,"online":0,"upToDate":0,"full":false,"fullThere":0}`
	if got := a.must("status", `{}`); got != want {
		t.Errorf("status: %s", got)
	}
	b.must("status", `{}`)
	a.must("put", `{"key":"k","value":1}`)
	h.wait(1000)
	if got := a.told("status"); len(got) != 1 || got[0] != strings.Replace(want, `"entries":0`, `"entries":1`, 1) {
		t.Errorf("told: %v", got)
	}
	if got := b.told("status"); len(got) != 0 {
		t.Errorf("another application was told: %v", got)
	}
	admin := h.admin()
	if got := admin.must("status", `{"app":"https://notes.example"}`); !strings.HasPrefix(got, `{"app":"https://notes.example","store":"local"`) {
		t.Errorf("to masq itself: %s", got)
	}
}

// What masq's own commands store needs no permission, and nobody else's name.
func TestCommandLine(t *testing.T) {
	h := newHarness(t)
	a := h.admin()
	if got := newHarness(t).admin().call("watch", `{"app":"org.masq.cli"}`); got.code() != peer.OK { // it makes it too
		t.Errorf("watch: %q", got.code())
	}
	if got := a.must("get", `{"app":"org.masq.cli","key":"k"}`); got != `{}` {
		t.Errorf("got %s", got)
	}
	a.must("put", `{"app":"org.masq.cli","key":"k","value":1}`)
	if st := h.state(); len(st.Apps) != 1 || !st.Apps[0].Allowed {
		t.Errorf("the manager sees %+v", st.Apps)
	}
	h.start()
	a = h.admin()
	if got := a.must("list", `{"app":"org.masq.cli"}`); got != `{"entries":[{"key":"k","value":1}],"more":false}` {
		t.Errorf("got %s", got)
	}
	for params, want := range map[string]peer.Code{
		`{"key":"k"}`: peer.EValue, `{"app":"","key":"k"}`: peer.EApp, `{"app":"https://nobody.example","key":"k"}`: peer.EApp,
	} {
		if m := a.call("get", params); m.code() != want {
			t.Errorf("get %s: %s", params, m.raw)
		}
	}
}
