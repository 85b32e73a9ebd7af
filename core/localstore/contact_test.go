package localstore

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/internal/contact"
	"github.com/masqdev/masq/core/peer"
)

const introduction = `{"app":{"name":"Notes"}}`

// What one side commits to and the other does not see ends the exchange, before the user is asked.
func TestContact(t *testing.T) {
	page, program := Who{Web, notes}, Who{Kind: Native}
	other := func(owner string, port uint16) func(*conn, string) string {
		return func(c *conn, _ string) string {
			a, err := contact.NewAsker(owner, port, c.r.rand)
			if err != nil {
				t.Fatal(err)
			}
			share, nonce := a.Reveal()
			return fmt.Sprintf(`{"key":%q,"nonce":%q}`, encodeURL(share), encodeURL(nonce))
		}
	}
	for _, c := range []struct {
		name   string
		who    Who
		owner  string
		port   uint16
		params string
		reveal func(c *conn, as string) string
		want   peer.Code
	}{
		{"as it should be", page, notes, 6277, introduction, nil, ""},
		{"a program", program, "org.example.x", 6277, `{"app":{"name":"N"},"id":"org.example.x"}`, nil, ""},
		{"a program for a page's data", program, "org.example.x", 6277, `{"app":{"name":"N"},"id":"https://notes.example","program":"org.example.x"}`, nil, ""},
		{"a program as the page", program, notes, 6277, `{"app":{"name":"N"},"id":"https://notes.example","program":"org.example.x"}`, nil, peer.EAuth},
		{"to a store at another port", page, notes, 6278, introduction, nil, peer.EAuth},
		{"of another origin", page, "https://mail.example", 6277, introduction, nil, peer.EAuth},
		{"another share than was committed to", page, notes, 6277, introduction, other(notes, 6277), peer.EAuth},
		{"another nonce", page, notes, 6277, introduction, func(_ *conn, as string) string {
			return as[:strings.Index(as, `"nonce"`)] + fmt.Sprintf(`"nonce":%q}`, encodeURL(make([]byte, 32)))
		}, peer.EAuth},
		{"no share", page, notes, 6277, introduction, func(*conn, string) string { return `{}` }, peer.EValue},
		{"a short share", page, notes, 6277, introduction, func(_ *conn, as string) string { return strings.Replace(as, `"key":"B`, `"key":"`, 1) }, peer.EValue},
	} {
		h := newHarness(t)
		cl := h.connect(c.who)
		id := cl.commitAs(c.owner, c.port, c.params)
		if _, ok := cl.answer(id); !ok || len(h.state().Requests) != 0 {
			t.Errorf("%s: the user is asked before the exchange has ended", c.name)
		}
		params := cl.revealing(id)
		if c.reveal != nil {
			params = c.reveal(cl, params)
		}
		m, _ := cl.answer(cl.begin("reveal", params))
		requests := h.state().Requests
		if m.code() != c.want || c.want == peer.EAuth && cl.closed.Code != CloseAuth {
			t.Errorf("%s: %s, %+v", c.name, m.raw, cl.closed)
		}
		if shown := len(requests) == 1 && requests[0].Digits == cl.keys.Digits; shown != (c.want == "") {
			t.Errorf("%s: the user sees %+v", c.name, requests)
		}
	}
}

// A share that fits its commitment and is no point of the curve.
func TestContactWithoutAPoint(t *testing.T) {
	share, nonce := make([]byte, contact.ShareSize), make([]byte, contact.NonceSize)
	share[0] = 4
	h := newHarness(t)
	c := h.web(notes)
	commitment := contact.Commitment(notes, 6277, share, nonce)
	c.must("request", fmt.Sprintf(`{"app":{"name":"N"},"commitment":%q}`, encodeURL(commitment)))
	m := c.call("reveal", fmt.Sprintf(`{"key":%q,"nonce":%q}`, encodeURL(share), encodeURL(nonce)))
	if m.code() != peer.EAuth || c.closed.Code != CloseAuth || len(h.state().Requests) != 0 {
		t.Errorf("%s, %+v", m.raw, c.closed)
	}
}

// Steps out of their order do nothing, and the user does not see an exchange that has not ended.
func TestContactInOrder(t *testing.T) {
	h := newHarness(t)
	c := h.web(notes)
	for _, method := range []string{"reveal", "compared"} {
		params := map[string]string{"reveal": `{"key":"` + encodeURL(make([]byte, 65)) + `","nonce":"` + encodeURL(make([]byte, 32)) + `"}`, "compared": `{}`}
		if m := c.call(method, params[method]); m.code() != peer.EExpired {
			t.Errorf("%s before request: %s", method, m.raw)
		}
	}
	id := c.commit(introduction)
	if m := h.admin().call("allow", `{"request":1}`); m.code() != peer.EExpired {
		t.Errorf("a yes to what nobody has seen: %s", m.raw)
	}
	reveal := c.revealing(id)
	c.begin("reveal", reveal)
	if m := c.call("reveal", reveal); m.code() != peer.EExpired {
		t.Errorf("revealed twice: %s", m.raw)
	}
	if m := c.call("compared", `{}`); m.code() != peer.EExpired {
		t.Errorf("nothing is to be typed: %s", m.raw)
	}
	slow := h.web("https://slow.example")
	slow.commit(introduction)
	h.wait(9_999)
	if slow.closed.Code != 0 {
		t.Error("closed too early")
	}
	if h.wait(1); slow.closed.Code != CloseExpired {
		t.Errorf("not revealed in 10 s: %+v", slow.closed)
	}
	if h.app("https://slow.example"); len(h.state().Requests) != 1 {
		t.Errorf("requests: %+v", h.state().Requests)
	}
}

// Where digits are to be typed it takes them and a yes, in either order.
func TestTyping(t *testing.T) {
	for _, order := range [][]string{{"allow", "compared"}, {"compared", "allow"}} {
		h := newHarness(t)
		c, a := h.web(notes), h.admin()
		id := c.askTyping(introduction)
		for i, step := range order {
			if _, ok := c.answer(id); ok {
				t.Errorf("%v: let in before %s", order, step)
			}
			if got := h.state().Requests[0]; got.Typing != (i == 0 || order[0] == "allow") || got.Allowed != (i == 1 && order[0] == "allow") {
				t.Errorf("%v: before %s the user sees %+v", order, step, got)
			}
			by, params := c, `{}`
			if step == "allow" {
				by, params = a, `{"request":1}`
			}
			by.must(step, params)
		}
		h.web(notes).comeIn(c.token(id), notes)
		if n := len(h.state().Requests); n != 0 {
			t.Errorf("%v: %d wait", order, n)
		}
	}

	h := newHarness(t)
	c := h.web(notes)
	c.askTyping(introduction)
	h.allow()
	c.leave() // the digits were wrong
	if st := h.state(); len(st.Requests) != 0 || len(st.Apps) != 0 {
		t.Errorf("a yes without the digits: %+v", st)
	}
	c = h.web(notes)
	id := c.askTyping(introduction)
	h.allow()
	h.admin().must("refuse", fmt.Sprintf(`{"request":%d}`, h.state().Requests[0].Request))
	if m, _ := c.answer(id); m.code() != peer.EDenied {
		t.Errorf("a no after the yes: %s", m.raw)
	}
}

// Exchanges that come to nothing are counted, however they end.
func TestAttempts(t *testing.T) {
	h := newHarness(t)
	ends := map[string]func(*conn){
		"gone before it was revealed": func(c *conn) { c.commit(introduction); c.leave() },
		"never revealed":              func(c *conn) { c.commit(introduction); h.wait(10_000) },
		"revealed wrongly": func(c *conn) {
			c.commit(introduction)
			c.call("reveal", fmt.Sprintf(`{"key":%q,"nonce":%q}`, encodeURL(c.asker.Share()), encodeURL(make([]byte, 32))))
		},
		"gone while the user is asked": func(c *conn) { c.ask(introduction); c.leave() },
		"not answered":                 func(c *conn) { c.ask(introduction); h.wait(600_000) },
		"the digits are not typed":     func(c *conn) { c.askTyping(introduction); h.allow(); c.leave() },
		"refused": func(c *conn) {
			c.ask(introduction)
			h.admin().must("refuse", fmt.Sprintf(`{"request":%d}`, h.state().Requests[0].Request))
		},
	}
	i := 0
	for name, end := range ends {
		i++
		origin := fmt.Sprintf("https://a%d.example", i)
		try := func() peer.Code {
			c := h.web(origin)
			m, _ := c.answer(c.ask(introduction))
			c.leave()
			return m.code()
		}
		h.app(origin) // forgets what was before
		try()
		try()
		end(h.web(origin))
		if got := try(); got != peer.EDenied {
			t.Errorf("%s, the third time: then %q", name, got)
		}
		h.wait(599_999)
		if got := try(); got != peer.EDenied {
			t.Errorf("%s: after not quite ten minutes %q", name, got)
		}
		h.wait(1)
		if got := [2]peer.Code{try(), try()}; got != [2]peer.Code{"", peer.EDenied} {
			t.Errorf("%s: after ten minutes %q", name, got)
		}
		h.admin().must("unblock", fmt.Sprintf(`{"app":%q}`, origin))
		if got := try(); got != "" {
			t.Errorf("%s: unblocked, %q", name, got)
		}
	}
}

// Other owners' attempts do not fill the memory, nor make one's own forgotten for less than they cost.
func TestManyAttempts(t *testing.T) {
	h := newHarness(t)
	try := func(origin string) peer.Code {
		c := h.web(origin)
		defer c.leave()
		m, _ := c.answer(c.commit(introduction))
		return m.code()
	}
	for range 3 {
		h.wait(1)
		try(notes)
	}
	for i := range maxAttempts - 1 {
		h.wait(1)
		try(fmt.Sprintf("https://a%d.example", i))
	}
	if got := try(notes); got != peer.EDenied {
		t.Errorf("forgotten too early: %q", got)
	}
	try("https://one.more.example")
	if got := try(notes); got != "" || len(h.s.attempts) != maxAttempts {
		t.Errorf("%q, %d are kept", got, len(h.s.attempts))
	}
}

// What an application says of itself once it is in. Nobody says it of another's.
func TestDescribe(t *testing.T) {
	icon := func(bytes int) string {
		s := "data:image/png;base64,"
		return s + strings.Repeat("A", (bytes-len(s))/4*4)
	}
	h := newHarness(t)
	c, _ := h.app(notes)
	program := h.native()
	program.letIn(`{"app":{"name":"Backup"},"id":"https://notes.example","program":"org.example.backup"}`)
	want := about{}
	for _, step := range []struct {
		by     *conn
		params string
		change about // of what the user is shown
		code   peer.Code
	}{
		{c, `{"description":"Short notes"}`, about{Description: "Short notes"}, ""},
		{program, `{"description":"Mine"}`, about{}, ""},
		{c, `{"description":"a\nb"}`, about{}, peer.EValue},
		{c, `{}`, about{}, peer.EValue},
		{h.web(notes), `{"description":"x"}`, about{}, peer.EAuth},
		{c, fmt.Sprintf(`{"icon":%q}`, icon(maxIcon)), about{Icon: icon(maxIcon)}, ""},
		{c, fmt.Sprintf(`{"icon":%q}`, icon(maxIcon+8)), about{}, peer.EValue},
		{c, `{"icon":"https://evil.example/track.png"}`, about{}, peer.EValue},
		{program, fmt.Sprintf(`{"icon":%q}`, icon(100)), about{}, ""},
		{c, fmt.Sprintf(`{"icon":%q,"description":"a\nb"}`, icon(100)), about{}, peer.EValue},
		{c, fmt.Sprintf(`{"icon":%q,"description":"Notes"}`, icon(200)), about{Icon: icon(200), Description: "Notes"}, ""},
	} {
		if got := step.by.call("describe", step.params).code(); got != step.code {
			t.Errorf("%.60s: %q", step.params, got)
		}
		want.Description, want.Icon = cmp.Or(step.change.Description, want.Description), cmp.Or(step.change.Icon, want.Icon)
		if got := h.state().Apps[0]; got.Description != want.Description || got.Icon != want.Icon {
			t.Errorf("%.60s: %q and %d bytes of icon are shown", step.params, got.Description, len(got.Icon))
		}
	}
	if h.start(); h.state().Apps[0].Description != want.Description || h.state().Apps[0].Icon != want.Icon {
		t.Error("it was not kept")
	}
}

// Whoever asks keeps its place from its commitment on, until that has come to nothing.
func TestAskingStands(t *testing.T) {
	h := newHarness(t)
	c := h.web(notes)
	id := c.commit(introduction)
	if c.stands != Asking {
		t.Errorf("after request: %d", c.stands)
	}
	if c.begin("reveal", c.revealing(id)); c.stands != Asking {
		t.Errorf("after reveal: %d", c.stands)
	}
	if h.admin().must("refuse", `{"request":1}`); c.stands != Stranger {
		t.Errorf("after a no: %d", c.stands)
	}
	if c.letIn(introduction); c.stands != In {
		t.Errorf("after a yes: %d", c.stands)
	}
}
