package localstore

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/wire"
)

func TestCalls(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       string // id, code of JSON-RPC, code; what was answered otherwise
		closed     uint16
	}{
		{"a call", `{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"k"}}`, `1 {}`, 0},
		{"with an id of text", `{"jsonrpc":"2.0","id":"a\u0062","method":"get","params":{"key":"k"}}`, `"a\u0062" {}`, 0},
		{"with spaces", " {\n\"jsonrpc\" : \"2.0\" , \"id\" : -1.5e3 ,\t\"method\" : \"get\", \"params\" : { \"key\" : \"k\" } }\r\n", `-1.5e3 {}`, 0},
		{"with something more", `{"jsonrpc":"2.0","id":1,"method":"unwatch","params":{"watch":7},"trace":[{}]}`, `1 {}`, 0},
		{"without parameters", `{"jsonrpc":"2.0","id":1,"method":"hello"}`, `1 {"name":"masq","api":2}`, 0},
		{"that wants no answer", `{"jsonrpc":"2.0","method":"put","params":{"key":"k","value":1}}`, ``, 0},
		{"nothing", ``, `null -32700 E_FRAME`, CloseFormat},
		{"no JSON", `{"jsonrpc":"2.0"`, `null -32700 E_FRAME`, CloseFormat},
		{"no UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", `null -32700 E_FRAME`, CloseFormat},
		{"two", `{} {}`, `null -32700 E_FRAME`, CloseFormat},
		{"deep", strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), `null -32700 E_FRAME`, CloseFormat},
		{"a number", `7`, `null -32600 E_FRAME`, CloseFormat},
		{"an empty object", `{}`, `null -32600 E_FRAME`, 0},
		{"an empty array", `[]`, `null -32600 E_FRAME`, 0},
		{"no version", `{"id":1,"method":"hello"}`, `null -32600 E_FRAME`, 0},
		{"another version", `{"jsonrpc":"1.0","id":1,"method":"hello"}`, `null -32600 E_FRAME`, 0},
		{"in capitals", `{"JSONRPC":"2.0","ID":1,"METHOD":"hello"}`, `null -32600 E_FRAME`, 0},
		{"a method that is none", `{"jsonrpc":"2.0","id":1,"method":1}`, `null -32600 E_FRAME`, 0},
		{"an answer", `{"jsonrpc":"2.0","id":1,"result":{}}`, `null -32600 E_FRAME`, 0},
		{"no id", `{"jsonrpc":"2.0","id":null,"method":"hello"}`, `null -32600 E_FRAME`, 0},
		{"an id of more", `{"jsonrpc":"2.0","id":[1],"method":"hello"}`, `null -32600 E_FRAME`, 0},
		{"a long id", `{"jsonrpc":"2.0","id":"` + strings.Repeat("x", 64) + `","method":"hello"}`, `null -32600 E_FRAME`, 0},
		{"a name twice", `{"jsonrpc":"2.0","id":1,"id":2,"method":"hello"}`, `null -32600 E_FRAME`, 0},
		{"a name twice, written apart", `{"jsonrpc":"2.0","id":1,"\u0069d":2,"method":"hello"}`, `null -32600 E_FRAME`, 0},
		{"parameters by position", `{"jsonrpc":"2.0","id":1,"method":"get","params":["k"]}`, `1 -32602 E_VALUE`, 0},
		{"parameters that are none", `{"jsonrpc":"2.0","id":1,"method":"hello","params":null}`, `1 -32602 E_VALUE`, 0},
		{"a parameter twice", `{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"a","key":"b"}}`, `1 -32602 E_VALUE`, 0},
		{"a parameter too many", `{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"a","Key":"b"}}`, `1 -32602 E_VALUE`, 0},
		{"a batch", `[{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"k"}},7,{"jsonrpc":"2.0","method":"hello"},{"jsonrpc":"2.0","id":2,"method":"get"}]`,
			`1 {} null -32600 E_FRAME 2 -32602 E_VALUE`, 0},
		{"a batch that wants no answer", `[{"jsonrpc":"2.0","method":"hello"}]`, ``, 0},
		{"a batch that is too long", "[" + strings.Repeat("{},", 1000) + "{}]", `null -32600 E_TOOBIG`, 0},
		{"a message that is too long", `"` + strings.Repeat("x", MaxMessage) + `"`, ``, CloseTooBig},
	} {
		h := newHarness(t)
		cl, _ := h.app(notes)
		cl.got = nil
		cl.say(c.text)
		if got := cl.summary(); got != c.want || cl.closed.Code != c.closed {
			t.Errorf("%s: %s (closed %d), want %s", c.name, got, cl.closed.Code, c.want)
		}
		if cl.got = nil; cl.closed.Code == 0 {
			cl.must("hello", "{}")
		}
	}
}

// summary is what was answered, in short.
func (c *conn) summary() string {
	var words []string
	for _, m := range c.got {
		words = append(words, string(m.ID))
		if m.Error != nil {
			words = append(words, fmt.Sprint(m.Error.Code), string(m.Error.Data.Code))
		} else {
			words = append(words, string(m.Result))
		}
	}
	return strings.Join(words, " ")
}

func TestParameters(t *testing.T) {
	h := newHarness(t)
	c, _ := h.app(notes)
	for _, call := range []struct {
		method, params string
		want           peer.Code
	}{
		{"get", `{}`, peer.EValue},
		{"get", `{"key":1}`, peer.EValue},
		{"get", `{"key":null}`, peer.EValue},
		{"get", `{"key":""}`, peer.EKey},
		{"get", `{"key":"a\u0000"}`, peer.EKey},
		{"get", `{"key":"\ud800"}`, peer.EKey},
		{"get", `{"key":"\udc00\ud800"}`, peer.EKey},
		{"get", `{"key":"\ud83d\ude00"}`, ""},
		{"get", `{"key":"` + strings.Repeat("x", 1025) + `"}`, peer.EKey},
		{"put", `{"key":"k"}`, peer.EValue},
		{"put", `{"key":"k","value":1,"bytes":"AA=="}`, peer.EValue},
		{"put", `{"key":"k","bytes":"AA"}`, peer.EValue},
		{"put", `{"key":"k","bytes":"AB=="}`, peer.EValue},
		{"put", `{"key":"k","bytes":"AA==\n"}`, peer.EValue},
		{"put", `{"key":"k","bytes":"_-8="}`, peer.EValue},
		{"put", `{"key":"k","bytes":null}`, peer.EValue},
		{"put", `{"key":"k","bytes":""}`, ""},
		{"put", `{"key":"k","value":1,"durability":"eventual"}`, peer.EValue},
		{"put", `{"key":"k","value":"` + strings.Repeat("x", wire.MaxValue-1) + `"}`, peer.ETooBig},
		{"put", `{"key":"k","value":"` + strings.Repeat("x", wire.MaxValue-2) + `"}`, ""},
		{"batch", `{}`, peer.EValue},
		{"batch", `{"operations":{}}`, peer.EValue},
		{"batch", `{"operations":[]}`, ""},
		{"batch", `{"operations":[1]}`, peer.EValue},
		{"batch", `{"operations":[{"type":"set","key":"k","value":1}]}`, peer.EValue},
		{"batch", `{"operations":[{"type":"del","key":"k","value":1}]}`, peer.EValue},
		{"batch", `{"operations":[{"type":"put","key":"k"}]}`, peer.EValue},
		{"batch", `{"operations":[{"type":"del","key":""}]}`, peer.EKey},
		{"batch", `{"operations":[` + strings.Repeat(`{"type":"del","key":"k"},`, 1000) + `{"type":"del","key":"k"}]}`, peer.ETooBig},
		{"list", `{"limit":-1}`, peer.EValue},
		{"list", `{"limit":1.5}`, peer.EValue},
		{"list", `{"limit":4294967296}`, peer.EValue},
		{"list", `{"reverse":1}`, peer.EValue},
		{"list", `{"prefix":[]}`, peer.EValue},
		{"list", `{"prefix":null}`, peer.EValue},
		{"list", `{"limit":null}`, peer.EValue},
		{"list", `{"reverse":null}`, peer.EValue},
		{"list", `{"start":"b"}`, peer.EValue},
		{"list", `{"gt":1}`, peer.EValue},
		{"list", `{"lte":[]}`, peer.EValue},
		{"watch", `{"prefix":null}`, peer.EValue},
		{"put", `{"key":"k","value":1,"durability":null}`, peer.EValue},
		{"put", `{"key":"k","value":1,"durabilty":"relaxed"}`, peer.EValue},
		{"put", `{"key":"k","value":` + nested(1000) + `}`, ""},
		{"put", `{"key":"k","value":` + nested(1001) + `}`, peer.EValue},
		{"batch", `{"operations":[{"type":"put","key":"k","value":` + nested(1001) + `}]}`, peer.EValue},
		{"import", `{"operations":[{"type":"put","key":"k","value":` + nested(1001) + `}]}`, ""},
		{"watch", `{"since":7}`, peer.EValue},
		{"watch", `{"since":"-7"}`, peer.EValue},
		{"watch", `{"since":""}`, peer.EValue},
		{"watch", `{"since":"0"}`, ""},
		{"unwatch", `{}`, peer.EValue},
		{"import", `{"operations":[{"type":"put","key":"k","value":2}],"durability":"strict"}`, peer.EValue},
		{"status", `{"x":1}`, peer.EValue},
	} {
		if m := c.call(call.method, call.params); m.code() != call.want {
			t.Errorf("%s %.80s: %.200s", call.method, call.params, m.raw)
		} else if want := rpcParams; (call.want == peer.EKey || call.want == peer.EValue) && m.Error.Code != want {
			t.Errorf("%s %.80s: %.200s", call.method, call.params, m.raw)
		}
	}
}

// nested is a value of so many levels, with brackets in a text besides.
func nested(levels int) string {
	return strings.Repeat(`[{"[{":`, levels/2) + strings.Repeat("[", levels%2) + `"[\"["` + strings.Repeat("]", levels%2) + strings.Repeat("}]", levels/2)
}

// Whoever asks without end is told to wait, and harms nobody else.
func TestUnanswered(t *testing.T) {
	h := newHarness(t)
	c, k := h.app(notes)
	other, _ := h.app("https://mail.example")
	h.hold = true
	first := c.lastID + 1
	for range 10_000 {
		c.begin("put", `{"key":"k","value":1}`)
	}
	if m := c.call("put", `{"key":"k","value":1}`); m.code() != peer.EBusy {
		t.Errorf("the 10,001st: %s", m.raw)
	}
	id := other.begin("put", `{"key":"k","value":1}`)
	h.release()
	for _, one := range []*conn{c, other} {
		if one == c {
			id = fmt.Sprint(first)
		}
		if m, ok := one.answer(id); !ok || m.Error != nil {
			t.Errorf("not answered: %s", m.raw)
		}
		one.must("put", `{"key":"k","value":2}`)
	}

	h.hold = true
	big := `{"key":"k","value":"` + strings.Repeat("x", 1<<20-2) + `"}`
	for range 63 {
		c.begin("put", big)
	}
	for _, one := range []*conn{c, h.web(notes).comeIn(k, notes)} {
		if m := one.call("put", big); m.code() != peer.EBusy {
			t.Errorf("more than 64 MiB: %.200s", m.raw)
		}
	}
	id = other.begin("put", big)
	h.release()
	if m, _ := other.answer(id); m.Error != nil || m.Result == nil {
		t.Errorf("another application: %.200s", m.raw)
	}
	c.must("put", `{"key":"k","value":2}`)
	for _, one := range []*conn{c, other} {
		one.leave()
	}
	if h.step(Events{}); len(h.s.bytes) != 0 {
		t.Errorf("bytes are left: %v", h.s.bytes)
	}
}

// A batch is answered when the last of its calls is, and is no way to have endless answers made.
func TestBatchAnswers(t *testing.T) {
	h := newHarness(t)
	c, _ := h.app(notes)
	c.must("put", `{"key":"k","value":"`+strings.Repeat("x", 1<<19)+`"}`)
	c.got = nil
	h.hold = true
	c.say(`[{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"k"}},{"jsonrpc":"2.0","id":2,"method":"put","params":{"key":"l","value":1}}]`)
	if len(c.got) != 0 {
		t.Errorf("answered in parts: %s", c.summary())
	}
	h.release()
	if len(c.got) != 2 || c.got[1].Error != nil {
		t.Errorf("answered: %.100s", c.summary())
	}
	c.got = nil
	get := strings.Repeat(`{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"k"}},`, 999)
	c.say("[" + get + `{"jsonrpc":"2.0","id":2,"method":"put","params":{"key":"l","value":1}}]`)
	size, refused := 0, 0
	for _, m := range c.got {
		size += len(m.raw)
		if m.code() == peer.ETooBig {
			refused++
		}
	}
	if len(c.got) != 1000 || size > 10<<20 || refused == 0 || c.got[999].Error != nil {
		t.Errorf("%d answers of %d bytes, %d too big", len(c.got), size, refused)
	}
}

// A device's engine does not look into what is called JSON. It must not break out of its message here.
func TestValuesFromElsewhere(t *testing.T) {
	for value, want := range map[string]string{
		`{"a": 1}`:                  `"value":{"a": 1}`,
		"{\"a\":\n 1}":              `"value":{"a":1}`,
		"\"\u2028\"":                "\"value\":\"\u2028\"",
		`1},"id":7`:                 `"bytes":"MX0sImlkIjo3"`,
		"\"\xff\"":                  `"bytes":"Iv8i"`,
		``:                          `"bytes":""`,
		strings.Repeat("[", 20_000): "",
	} {
		got := string(appendValue(nil, wire.JSON, []byte(value)))
		if want != "" && got != want || !json.Valid([]byte("{"+got+"}")) {
			t.Errorf("%.20q: %.80s, want %s", value, got, want)
		}
	}
}

// Before the store is open, calls wait.
func TestEarly(t *testing.T) {
	h := newHarness(t)
	_, k := h.app(notes)
	h.life++
	h.s = New(Config{Peer: peer.Config{Key: [32]byte{1}, Name: "Desk", Rand: h.rand}, Port: 6277})
	h.conns = map[uint32]*conn{}
	c, loud, gone := h.web(notes), h.web(notes), h.web(notes)
	p := c.prover(k, notes)
	id := c.begin("prove", fmt.Sprintf(`{"id":%q,"cn":%q}`, k.ID, encodeURL(p.cn)))
	gone.begin("hello", `{}`)
	gone.leave()
	for range 2000 {
		loud.say(`{}`)
	}
	if loud.closed.Code != CloseCrowd {
		t.Errorf("closed: %+v", loud.closed)
	}
	if _, ok := c.answer(id); ok {
		t.Error("answered before what is kept was read")
	}
	ids, err := h.disk.List()
	if err != nil {
		t.Fatal(err)
	}
	h.step(Peer{peer.Start{Blocks: ids}})
	m, _ := c.answer(id)
	p.sn = unURL(t, decode[struct{ SN, MAC string }](t, string(m.Result)).SN)
	c.must("proof", p.proof())
}

// When the disk fails, everybody who waits hears of it, and everybody who comes later.
func TestDiskFails(t *testing.T) {
	h := newHarness(t)
	c, k := h.app(notes)
	asks := h.web("https://asks.example")
	request := asks.ask(`{"app":{"name":"N"}}`)
	num := h.state().Requests[0].Request
	h.hold = true
	c.begin("put", `{"key":"k","value":0}`) // is being written when the rest comes
	put := c.begin("put", `{"key":"k","value":1}`)
	admin := h.admin()
	allow := admin.begin("allow", fmt.Sprintf(`{"request":%d}`, num))
	h.disk.Close()
	h.release()
	for id, one := range map[string]*conn{put: c, request: asks, allow: admin} {
		if m, ok := one.answer(id); !ok || m.code() != peer.EClosed {
			t.Errorf("while the disk failed: %s", m.raw)
		}
	}
	if h.failed != peer.EClosed {
		t.Errorf("failed: %q", h.failed)
	}
	if m := c.call("get", `{"key":"k"}`); m.code() != peer.EClosed {
		t.Errorf("later: %s", m.raw)
	}
	h.disk = h.disk.Reopen()
	h.start()
	if got := h.web(notes).comeIn(k, notes).must("get", `{"key":"k"}`); got != `{}` {
		t.Errorf("it came true after all: %s", got)
	}
	if st := h.state(); len(st.Apps) != 1 {
		t.Errorf("let in after all: %+v", st.Apps)
	}
}

// A store that cannot read what it keeps lets nobody in.
func TestDamaged(t *testing.T) {
	h := newHarness(t)
	_, k := h.app(notes)
	h.life++
	h.s = New(Config{Peer: peer.Config{Key: [32]byte{2}, Rand: h.rand}, Port: 6277}) // another key
	ids, err := h.disk.List()
	if err != nil {
		t.Fatal(err)
	}
	h.step(Peer{peer.Start{Blocks: ids}})
	for _, c := range []struct {
		c              *conn
		method, params string
	}{
		{h.web(notes), "prove", fmt.Sprintf(`{"id":%q,"cn":%q}`, k.ID, encodeURL(make([]byte, 32)))},
		{h.web(notes), "request", `{"app":{"name":"N"}}`},
		{h.admin(), "state", `{}`},
	} {
		if m := c.c.call(c.method, c.params); m.code() != peer.EDamaged {
			t.Errorf("%s: %s", c.method, m.raw)
		}
	}
}

func TestStop(t *testing.T) {
	h := newHarness(t)
	c, k := h.app(notes)
	c.must("put", `{"key":"k","value":1,"durability":"relaxed"}`)
	h.step(Stop{})
	h.step(Stop{})
	if c.closed.Code != CloseStop || h.failed != peer.EClosed {
		t.Errorf("closed %+v, failed %q", c.closed, h.failed)
	}
	if late := h.web(notes); late.closed.Code != CloseStop {
		t.Errorf("closed: %+v", late.closed)
	}
	h.start()
	if got := h.web(notes).comeIn(k, notes).must("get", `{"key":"k"}`); got != `{"value":1}` {
		t.Errorf("got %s", got)
	}
}
