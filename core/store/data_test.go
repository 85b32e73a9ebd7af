package store

import (
	"testing"
)

func TestData(t *testing.T) {
	r := newRig(t)
	c, _ := r.app(notes)
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
	} {
		if got := c.must(call.method, call.params); got != call.want {
			t.Errorf("%s %s: %s, want %s", call.method, call.params, got, call.want)
		}
	}
}
