package localstore

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
)

func unURL(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mac is written out again as an application would, from what is documented.
func mac(t testing.TB, label string, k cred, app string, cn, sn []byte) []byte {
	m := hmac.New(sha256.New, unURL(t, k.Key))
	fmt.Fprintf(m, "%s%c%c%s%s%s", label, len(app)>>8, len(app)&255, app, cn, sn)
	return m.Sum(nil)
}

// prover is a client that shows what it has, step by step.
type prover struct {
	c      *conn
	k      cred
	app    string
	label  string
	cn, sn []byte
}

func (c *conn) prover(k cred, app string) *prover {
	return &prover{c: c, k: k, app: app, label: labelClient, cn: bytes.Repeat([]byte{9}, nonceBytes)}
}

// ask has the store prove itself, and reports whether it did.
func (p *prover) ask() bool {
	p.c.r.t.Helper()
	r := decode[struct{ SN, MAC string }](p.c.r.t, p.c.must("prove", fmt.Sprintf(`{"id":%q,"cn":%q}`, p.k.ID, encodeURL(p.cn))))
	p.sn = unURL(p.c.r.t, r.SN)
	return bytes.Equal(unURL(p.c.r.t, r.MAC), mac(p.c.r.t, labelStore, p.k, p.app, p.cn, p.sn))
}

func (p *prover) proof() string {
	return fmt.Sprintf(`{"mac":%q}`, encodeURL(mac(p.c.r.t, p.label, p.k, p.app, p.cn, p.sn)))
}

// comeIn proves both ways.
func (c *conn) comeIn(k cred, app string) *conn {
	c.r.t.Helper()
	p := c.prover(k, app)
	if !p.ask() {
		c.r.t.Fatal("the store does not prove itself")
	}
	c.must("proof", p.proof())
	return c
}

func TestHello(t *testing.T) {
	h := newHarness(t)
	for _, who := range []Who{{Kind: Web, Origin: notes}, {Kind: Native}, {Kind: Manager, Origin: manager}, {Kind: Admin}} {
		if got, want := h.connect(who).must("hello", `{}`), `{"name":"masq","api":2}`; got != want {
			t.Errorf("%v: %s", who, got)
		}
	}
}

func TestRequest(t *testing.T) {
	h := newHarness(t)
	c := h.web(notes)
	icon := "data:image/png;base64,AAAA"
	id := c.ask(fmt.Sprintf(`{"app":{"name":"Notes","description":"Short notes","icon":%q,"url":"https://notes.example/app/"}}`, icon))
	if _, ok := c.answer(id); ok {
		t.Fatal("answered before the user was asked")
	}
	if got := c.told("asking"); len(got) != 1 || got[0] != fmt.Sprintf(`{"expires":%d}`, h.now+600_000) {
		t.Errorf("asking: %v", got)
	}
	want := stateRequest{
		Request: 1, App: notes, Origin: notes, Name: "Notes", Description: "Short notes", Icon: icon, Digits: c.keys.Digits, Asked: h.now,
		Expires: h.now + 600_000,
	}
	if got := h.state().Requests; len(got) != 1 || got[0] != want {
		t.Errorf("the user sees %+v", got)
	}
	h.hold = true
	a := h.admin()
	allowed := a.begin("allow", `{"request":1}`)
	if _, ok := c.answer(id); ok {
		t.Fatal("the token was given out before it was durable")
	}
	h.release()
	if _, ok := a.answer(allowed); !ok {
		t.Error("allow is not answered")
	}
	k := c.token(id)
	if len(unURL(t, k.ID)) != 8 || len(unURL(t, k.Key)) != 32 {
		t.Errorf("token: %+v", k)
	}
	c.must("put", `{"key":"k","value":1}`) // it is in

	h.start() // and so it is with the token, in another life
	if got := h.web(notes).comeIn(k, notes).must("get", `{"key":"k"}`); got != `{"value":1}` {
		t.Errorf("after a restart: %s", got)
	}
	st := h.state()
	if len(st.Requests) != 0 || len(st.Apps) != 1 || st.Apps[0].Name != "Notes" || st.Apps[0].Icon != icon || !st.Apps[0].Allowed || st.Apps[0].Connected != 1 {
		t.Errorf("state: %+v", st)
	}
}

func TestRequestParameters(t *testing.T) {
	page, program := Who{Web, notes}, Who{Kind: Native}
	long := strings.Repeat("x", 41)
	for _, c := range []struct {
		name   string
		who    Who
		params string
		want   peer.Code
		owner  string
		app    string
	}{
		{"a page", page, `{"app":{"name":"N"}}`, "", notes, notes},
		{"a page that says its id", page, `{"app":{"name":"N"},"id":"https://notes.example"}`, "", notes, notes},
		{"a page with another's id", page, `{"app":{"name":"N"},"id":"https://mail.example"}`, peer.EValue, "", ""},
		{"a page as a program", page, `{"app":{"name":"N"},"program":"org.example.x"}`, peer.EValue, "", ""},
		{"a page's icon that is none", page, `{"app":{"name":"N","icon":"https://evil.example/track.png"}}`, "", notes, notes},
		{"a page's address", page, `{"app":{"name":"N","url":"https://notes.example/app?x=1"}}`, "", notes, notes},
		{"another's address", page, `{"app":{"name":"N","url":"https://notes.example.evil.example/"}}`, peer.EValue, "", ""},
		{"an address with a fragment", page, `{"app":{"name":"N","url":"https://notes.example/#x"}}`, peer.EValue, "", ""},
		{"no name", page, `{"app":{}}`, peer.EValue, "", ""},
		{"an empty name", page, `{"app":{"name":""}}`, peer.EValue, "", ""},
		{"a long name", page, `{"app":{"name":"` + long + `"}}`, peer.EValue, "", ""},
		{"a name that turns around", page, `{"app":{"name":"a\u202eb"}}`, peer.EValue, "", ""},
		{"a name of two lines", page, `{"app":{"name":"a\nb"}}`, peer.EValue, "", ""},
		{"a description of two lines", page, `{"app":{"name":"N","description":"a\nb"}}`, peer.EValue, "", ""},
		{"a long description", page, `{"app":{"name":"N","description":"` + strings.Repeat("y", 201) + `"}}`, peer.EValue, "", ""},
		{"no app", page, `{}`, peer.EValue, "", ""},
		{"something more", page, `{"app":{"name":"N"},"data":true}`, peer.EValue, "", ""},
		{"something more of the app", page, `{"app":{"name":"N","trusted":true}}`, peer.EValue, "", ""},
		{"a program", program, `{"app":{"name":"N"},"id":"org.example.x"}`, "", "org.example.x", "org.example.x"},
		{"a program without an id", program, `{"app":{"name":"N"}}`, peer.EValue, "", ""},
		{"a program with half an id", program, `{"app":{"name":"N"},"id":"x"}`, peer.EValue, "", ""},
		{"a program for a page's data", program, `{"app":{"name":"N"},"id":"https://notes.example","program":"org.example.x"}`, "", "org.example.x", notes},
		{"without its own id", program, `{"app":{"name":"N"},"id":"https://notes.example"}`, peer.EValue, "", ""},
		{"for no page's data", program, `{"app":{"name":"N"},"id":"http://notes.example","program":"org.example.x"}`, peer.EValue, "", ""},
		{"as another program", program, `{"app":{"name":"N"},"id":"org.example.x","program":"org.example.y"}`, peer.EValue, "", ""},
	} {
		h := newHarness(t)
		cl := h.connect(c.who)
		m, answered := cl.answer(cl.ask(c.params))
		requests := h.state().Requests
		switch {
		case c.want != "":
			if m.code() != c.want || len(requests) != 0 {
				t.Errorf("%s: %s, %d wait", c.name, m.raw, len(requests))
			}
		case answered || len(requests) != 1 || requests[0].Origin != c.owner || requests[0].App != c.app || requests[0].Icon != "":
			t.Errorf("%s: %s, %+v", c.name, m.raw, requests)
		}
	}
}

// Who cannot prove what it says learns nothing from that, and is shut out.
func TestProof(t *testing.T) {
	h := newHarness(t)
	_, k := h.app(notes)
	_, other := h.app("https://mail.example")
	program := h.native().letIn(`{"app":{"name":"N"},"id":"org.example.x"}`)
	unknown := cred{encodeURL(make([]byte, 8)), k.Key}
	page := Who{Web, notes}
	last := h.web(notes).prover(k, notes)
	last.ask()
	replay := last.proof()

	for _, c := range []struct {
		name   string
		who    Who
		k      cred
		app    string
		proves bool // the store does
		mac    func(*prover) string
		in     bool
	}{
		{"as it should be", page, k, notes, true, (*prover).proof, true},
		{"a program", Who{Kind: Native}, program, "org.example.x", true, (*prover).proof, true},
		{"a replayed proof", page, k, notes, true, func(*prover) string { return replay }, false},
		{"a proof for another nonce", page, k, notes, true, func(p *prover) string { p.sn[0]++; return p.proof() }, false},
		{"a proof for an older nonce", page, k, notes, true, func(p *prover) string { s := p.proof(); p.ask(); return s }, false},
		{"the store's own proof", page, k, notes, true, func(p *prover) string { p.label = labelStore; return p.proof() }, false},
		{"a manager's proof", page, k, notes, true, func(p *prover) string { p.label = labelManager; return p.proof() }, false},
		{"a proof for another application", page, k, notes, true, func(p *prover) string { p.app = "https://mail.example"; return p.proof() }, false},
		{"another origin's token", page, other, "https://mail.example", false, (*prover).proof, false},
		{"another origin's token, as one's own", page, other, notes, false, (*prover).proof, false},
		{"a program's token", page, program, "org.example.x", false, (*prover).proof, false},
		{"a page's token in a program", Who{Kind: Native}, k, notes, false, (*prover).proof, false},
		{"a token that is not known", page, unknown, notes, false, (*prover).proof, false},
		{"a token at the manager", Who{Manager, manager}, k, manager, false, (*prover).proof, false},
		{"zeros", page, k, notes, true, func(*prover) string { return fmt.Sprintf(`{"mac":%q}`, encodeURL(make([]byte, 32))) }, false},
	} {
		p := h.connect(c.who).prover(c.k, c.app)
		if got := p.ask(); got != c.proves {
			t.Errorf("%s: the store proves itself: %v", c.name, got)
		}
		m := p.c.call("proof", c.mac(p))
		in := p.c.r.conns[p.c.num] != nil && p.c.call("get", `{"key":"k"}`).code() == ""
		if in != c.in || !in && (m.code() != peer.EAuth || p.c.closed.Code != CloseAuth || p.c.closed.Reason != "E_AUTH") {
			t.Errorf("%s: in is %v, %s, %+v", c.name, in, m.raw, p.c.closed)
		}
	}

	c := h.web(notes)
	if m := c.call("proof", replay); m.code() != peer.EAuth || c.closed.Code != CloseAuth {
		t.Errorf("a proof that nobody asked for: %s", m.raw)
	}
	c = h.web(notes).comeIn(k, notes)
	if m := c.call("proof", replay); m.code() != peer.EBusy {
		t.Errorf("a proof of one who is in: %s", m.raw)
	}
	p := h.web(notes).prover(k, notes)
	p.ask()
	h.admin().must("removeToken", fmt.Sprintf(`{"app":%q,"id":%q}`, notes, k.ID))
	if m := p.c.call("proof", p.proof()); m.code() != peer.EAuth {
		t.Errorf("a token that was taken away meanwhile: %s", m.raw)
	}
}

// A token that is not known is answered in the same form as one that is, and never the same.
func TestUnknownToken(t *testing.T) {
	h := newHarness(t)
	_, k := h.app(notes)
	seen := map[string]bool{}
	for _, id := range []string{k.ID, encodeURL(make([]byte, 8)), encodeURL(make([]byte, 8))} {
		m := h.web(notes).call("prove", fmt.Sprintf(`{"id":%q,"cn":%q}`, id, encodeURL(make([]byte, 32))))
		a := decode[struct{ SN, MAC string }](t, string(m.Result))
		if len(unURL(t, a.SN)) != 32 || len(unURL(t, a.MAC)) != 32 || seen[a.SN] || seen[a.MAC] {
			t.Errorf("%s: %s", id, m.raw)
		}
		seen[a.SN], seen[a.MAC] = true, true
	}
}

func TestFlood(t *testing.T) {
	h := newHarness(t)
	for i := range 200 {
		for range 3 {
			h.web(fmt.Sprintf("https://a%d.evil%d.example", i, i%25)).ask(`{"app":{"name":"N"}}`)
		}
	}
	st := h.state()
	if len(st.Requests) != 20 {
		t.Errorf("%d wait for the user", len(st.Requests))
	}
	perOrigin, perDomain := map[string]int{}, map[string]int{}
	for _, q := range st.Requests {
		perOrigin[q.Origin]++
		perDomain[domainOf(q.Origin)]++
		if perOrigin[q.Origin] > 1 || perDomain[domainOf(q.Origin)] > 3 {
			t.Errorf("%s waits too often", q.Origin)
		}
	}
	c := h.web(notes)
	if m := c.asked(`{"app":{"name":"N"}}`); m.code() != peer.EBusy {
		t.Errorf("the 21st: %s", m.raw)
	}
	h.wait(610_000)
	if n := len(h.state().Requests); n != 0 {
		t.Errorf("%d wait after ten minutes", n)
	}
	if h.app(notes); len(h.conns) != 1 {
		t.Errorf("%d connections are left", len(h.conns))
	}
}

// One domain does not take the places of others.
func TestFloodOfOneDomain(t *testing.T) {
	h := newHarness(t)
	for i := range 200 {
		h.web(fmt.Sprintf("https://a%d.evil.example", i)).ask(`{"app":{"name":"N"}}`)
	}
	if n := len(h.state().Requests); n != 3 {
		t.Errorf("%d wait", n)
	}
	h.app(notes)
}

func TestRequestExpires(t *testing.T) {
	h := newHarness(t)
	c := h.web(notes)
	id := c.ask(`{"app":{"name":"N"}}`)
	h.wait(599_999)
	if _, ok := c.answer(id); ok {
		t.Error("over too early")
	}
	h.wait(1)
	if m, _ := c.answer(id); m.code() != peer.EExpired {
		t.Errorf("after ten minutes: %s", m.raw)
	}
	if m := h.admin().call("allow", `{"request":1}`); m.code() != peer.EExpired {
		t.Errorf("the user was late: %s", m.raw)
	}
	h.wait(10_000)
	if c.closed.Code != CloseExpired {
		t.Errorf("closed: %+v", c.closed)
	}
}

// A request goes with its connection: its place is free for the next.
func TestRequestGoesWithItsConnection(t *testing.T) {
	h := newHarness(t)
	c := h.web(notes)
	c.ask(`{"app":{"name":"N"}}`)
	if m := h.web(notes).asked(`{"app":{"name":"N"}}`); m.code() != peer.EBusy {
		t.Errorf("a second of the same origin: %s", m.raw)
	}
	if m := c.asked(`{"app":{"name":"N"}}`); m.code() != peer.EBusy {
		t.Errorf("a second on the same connection: %s", m.raw)
	}
	c.leave()
	c = h.web(notes)
	id := c.ask(`{"app":{"name":"N"}}`)
	h.hold = true
	h.admin().begin("allow", fmt.Sprintf(`{"request":%d}`, h.state().Requests[0].Request))
	c.leave() // while its token is being written
	h.release()
	if st := h.state(); len(st.Apps[0].Tokens) != 0 {
		t.Errorf("a token that nobody has: %+v", st.Apps)
	}
	if _, ok := c.answer(id); ok {
		t.Error("one that is gone was answered")
	}
	h.start()
	if st := h.state(); len(st.Apps[0].Tokens) != 0 {
		t.Errorf("a token that nobody has, after a restart: %+v", st.Apps)
	}
}

func TestRefusals(t *testing.T) {
	h := newHarness(t)
	refuse := func() *conn {
		c := h.web(notes)
		id := c.ask(`{"app":{"name":"N"}}`)
		a := h.admin()
		a.must("refuse", fmt.Sprintf(`{"request":%d}`, h.state().Requests[0].Request))
		if m, _ := c.answer(id); m.code() != peer.EDenied {
			t.Errorf("refused: %s", m.raw)
		}
		return c
	}
	refuse()
	refuse()
	_, k := h.app(notes) // a yes forgives
	refuse()
	refuse()
	if len(h.state().Blocked) != 0 {
		t.Error("blocked after two in a row")
	}
	h.start()
	refuse()
	for range 2 {
		if m := h.web(notes).asked(`{"app":{"name":"N"}}`); m.code() != peer.EDenied {
			t.Errorf("blocked: %s", m.raw)
		}
		if b := h.state().Blocked; len(b) != 1 || b[0].App != notes {
			t.Errorf("blocked: %+v", b)
		}
		h.start()
	}
	h.web(notes).comeIn(k, notes) // what it was allowed before stays
	h.app("https://mail.example")
	h.admin().must("unblock", fmt.Sprintf(`{"app":%q}`, notes))
	h.app(notes)
}

func TestComeInInTime(t *testing.T) {
	h := newHarness(t)
	_, k := h.app(notes)
	var silent []*conn
	for _, who := range []Who{{Web, notes}, {Web, "https://a.example"}, {Kind: Native}, {Manager, manager}} {
		silent = append(silent, h.connect(who))
	}
	half := h.web(notes)
	half.prover(k, notes).ask()
	busy := h.web(notes)
	in, asks, admin := h.web(notes).comeIn(k, notes), h.web("https://b.example"), h.admin()
	asks.ask(`{"app":{"name":"N"}}`)
	h.wait(9_999)
	busy.must("hello", `{}`)
	for _, c := range silent {
		if c.closed.Code != 0 {
			t.Errorf("closed too early: %+v", c.closed)
		}
	}
	h.wait(1)
	for _, c := range append(silent, half, busy) {
		if c.closed.Code != CloseExpired || c.closed.Reason != "E_EXPIRED" {
			t.Errorf("not closed: %+v", c.closed)
		}
	}
	h.wait(60_000)
	for _, c := range []*conn{in, asks, admin} {
		if c.closed.Code != 0 {
			t.Errorf("closed: %+v", c.closed)
		}
	}
}

// Timers do not trust the clock: one that is set back does not lengthen them.
func TestClockGoesBack(t *testing.T) {
	h := newHarness(t)
	c := h.web(notes)
	link := openSecret(t, h)
	h.wait(5_000)
	h.step(Events{})
	h.now -= 3_600_000
	h.step(Events{})
	h.wait(5_000)
	if c.closed.Code != CloseExpired {
		t.Error("not closed")
	}
	h.wait(50_000)
	m := h.connect(Who{Manager, manager})
	if got := m.call("exchange", fmt.Sprintf(`{"secret":%q}`, link)); got.code() != peer.EAuth {
		t.Errorf("the link after a minute: %s", got.raw)
	}
}

func openSecret(t testing.TB, h *harness) string {
	t.Helper()
	a := h.admin()
	defer a.leave()
	link := decode[struct{ Link string }](t, a.must("open", `{}`)).Link
	secret, ok := strings.CutPrefix(link, "http://localhost:6277/#masq-open=")
	if !ok || len(unURL(t, secret)) != 16 {
		t.Errorf("link: %s", link)
	}
	return secret
}

func TestExchange(t *testing.T) {
	h := newHarness(t)
	page, secret := h.connect(Who{Manager, manager}), openSecret(t, h)
	if m := page.call("state", `{}`); m.code() != peer.EAuth {
		t.Errorf("without a session: %s", m.raw)
	}
	k := decode[cred](t, page.must("exchange", fmt.Sprintf(`{"secret":%q}`, secret)))
	page.must("state", `{}`)

	again := h.connect(Who{Manager, manager})
	p := again.prover(k, manager)
	p.label = labelManager
	if !p.ask() {
		t.Error("the store does not prove itself to the manager")
	}
	again.must("proof", p.proof())
	again.must("state", `{}`)
	if m := again.call("get", `{"key":"k"}`); m.code() != peer.EDenied || m.Error.Code != rpcMethod {
		t.Errorf("the manager reads data: %s", m.raw)
	}
	if m := again.call("open", `{}`); m.code() != peer.EDenied {
		t.Errorf("the manager makes a link: %s", m.raw)
	}

	late := openSecret(t, h)
	h.wait(60_000)
	inTime := openSecret(t, h)
	h.wait(59_999)
	for _, c := range []struct {
		name, origin, secret string
		kind                 Kind
		want                 peer.Code
	}{
		{"twice", manager, secret, Manager, peer.EAuth},
		{"after a minute", manager, late, Manager, peer.EAuth},
		{"a wrong one", manager, encodeURL(make([]byte, 16)), Manager, peer.EAuth},
		{"from a page", notes, inTime, Web, peer.EAuth},
		{"in time", manager, inTime, Manager, ""},
	} {
		cl := h.connect(Who{c.kind, c.origin})
		m := cl.call("exchange", fmt.Sprintf(`{"secret":%q}`, c.secret))
		if m.code() != c.want || c.want != "" && c.kind == Manager && cl.closed.Code != CloseAuth {
			t.Errorf("%s: %s, %+v", c.name, m.raw, cl.closed)
		}
	}

	elsewhere := h.connect(Who{Manager, "http://127.0.0.1:6277"}).prover(k, "http://127.0.0.1:6277")
	if elsewhere.label = labelManager; elsewhere.ask() || elsewhere.c.call("proof", elsewhere.proof()).code() != peer.EAuth {
		t.Error("a session of another origin")
	}
	h.start()
	p = h.connect(Who{Manager, manager}).prover(k, manager)
	if p.label = labelManager; p.ask() || p.c.call("proof", p.proof()).code() != peer.EAuth {
		t.Error("a session outlived the store")
	}
}

// What is not for an application does nothing, whoever says it is for it.
func TestNotForApplications(t *testing.T) {
	h := newHarness(t)
	in, k := h.app(notes)
	out := h.web("https://evil.example")
	asks := h.web("https://asks.example")
	asks.ask(`{"app":{"name":"N"}}`)
	num := h.state().Requests[0].Request
	for name := range h.manyCalls(k, num) {
		before := h.wholeState()
		params := h.manyCalls(k, num)[name]
		if m := in.call(name, params); m.code() != peer.EDenied || m.Error.Code != rpcMethod {
			t.Errorf("%s of an application: %s", name, m.raw)
		}
		if m := out.call(name, params); m.code() != peer.EAuth {
			t.Errorf("%s of one that is not in: %s", name, m.raw)
		}
		if after := h.wholeState(); after != before {
			t.Errorf("%s did something: %s, %s", name, before, after)
		}
	}
	if m := in.call("nothing", `{}`); m.code() != eMethod || m.Error.Code != rpcMethod {
		t.Errorf("no such method: %s", m.raw)
	}
	if m := out.call("nothing", `{}`); m.code() != peer.EAuth {
		t.Errorf("no such method, not in: %s", m.raw)
	}
	for name, m := range methods {
		if m.who&forApps == 0 || name == "hello" {
			continue
		}
		if m := out.call(name, `{"key":"k"}`); m.code() != peer.EAuth {
			t.Errorf("%s of one that is not in: %s", name, m.raw)
		}
	}
}

// manyCalls are the methods that are not for applications, with parameters that would do something.
func (h *harness) manyCalls(k cred, num uint32) map[string]string {
	app := fmt.Sprintf(`{"app":%q}`, notes)
	calls := map[string]string{
		"allow": fmt.Sprintf(`{"request":%d}`, num), "refuse": fmt.Sprintf(`{"request":%d}`, num), "unblock": app, "removeApp": app,
		"removeToken": fmt.Sprintf(`{"app":%q,"id":%q}`, notes, k.ID), "rename": `{"name":"Mine"}`,
		"setRelays": `{"urls":["wss://evil.example"]}`, "setSync": fmt.Sprintf(`{"app":%q,"on":false}`, notes),
		"grant": `{"id":"org.example.evil","name":"Evil"}`,
	}
	for name, m := range methods {
		if m.who&(forApps|forNewApps) == 0 && calls[name] == "" && name != "exchange" {
			calls[name] = `{}`
		}
	}
	return calls
}

func (h *harness) wholeState() string {
	a := h.admin()
	defer a.leave()
	return a.must("state", `{}`)
}

func TestNamespaces(t *testing.T) {
	h := newHarness(t)
	a, _ := h.app(notes)
	b, _ := h.app("https://evil.example")
	a.must("put", `{"key":"secret","value":"of notes"}`)
	for _, method := range []string{"get", "conflicts", "list", "watch", "status"} {
		for _, params := range []string{
			`{"app":"https://notes.example"}`, `{"key":"secret","app":"https://notes.example"}`, `{"app":"https://evil.example","key":"x"}`,
		} {
			if m := b.call(method, params); m.code() != peer.EValue {
				t.Errorf("%s %s: %s", method, params, m.raw)
			}
		}
	}
	b.must("watch", `{}`)
	a.must("put", `{"key":"other","value":2}`)
	if got := b.must("get", `{"key":"secret"}`); got != `{}` {
		t.Errorf("another application's value: %s", got)
	}
	if got := b.must("list", `{}`); got != `{"entries":[],"more":false}` {
		t.Errorf("another application's keys: %s", got)
	}
	if got := b.told("changed"); len(got) != 0 {
		t.Errorf("another application's changes: %v", got)
	}
	program := h.native()
	program.letIn(`{"app":{"name":"Backup"},"id":"https://notes.example","program":"org.example.backup"}`)
	if got := program.must("get", `{"key":"secret"}`); got != `{"value":"of notes"}` {
		t.Errorf("a program that the user let in: %s", got)
	}
	for _, app := range h.state().Apps {
		if app.App == notes && (app.Name != "Notes" || len(app.Tokens) != 2) {
			t.Errorf("state: %+v", app)
		}
	}
	if got := h.admin().must("get", `{"app":"https://notes.example","key":"secret"}`); got != `{"value":"of notes"}` {
		t.Errorf("masq itself: %s", got)
	}
}

func TestRemove(t *testing.T) {
	h := newHarness(t)
	a, k := h.app(notes)
	b, other := h.app(notes)
	a2 := h.web(notes).comeIn(k, notes)
	if tokens := h.state().Apps[0].Tokens; len(tokens) != 2 {
		t.Fatalf("tokens: %+v", tokens)
	}
	h.hold = true // its sockets do not wait for the disk
	admin := h.admin()
	id := admin.begin("removeToken", fmt.Sprintf(`{"app":%q,"id":%q}`, notes, k.ID))
	if a.closed.Code != CloseDenied || a2.closed.Code != CloseDenied || a.closed.Reason != "E_DENIED" || b.closed.Code != 0 {
		t.Errorf("closed: %+v %+v %+v", a.closed, a2.closed, b.closed)
	}
	h.release()
	if m, ok := admin.answer(id); !ok || m.Error != nil {
		t.Errorf("removeToken: %s", m.raw)
	}
	if m := admin.call("removeToken", fmt.Sprintf(`{"app":%q,"id":%q}`, notes, k.ID)); m.code() != peer.EApp {
		t.Errorf("twice: %s", m.raw)
	}
	h.start()
	p := h.web(notes).prover(k, notes)
	if p.ask() {
		t.Error("the token came back")
	}
	b = h.web(notes).comeIn(other, notes)
	b.must("put", `{"key":"k","value":1}`)
	h.wait(1000) // counts are told with others
	h.admin().must("removeApp", fmt.Sprintf(`{"app":%q,"data":false}`, notes))
	if b.closed.Code != CloseDenied {
		t.Errorf("closed: %+v", b.closed)
	}
	st := h.state()
	if len(st.Apps) != 1 || st.Apps[0].Allowed || st.Apps[0].Name != "Notes" || st.Apps[0].Entries != 1 {
		t.Errorf("state: %+v", st.Apps)
	}
	b, _ = h.app(notes)
	if got := b.must("get", `{"key":"k"}`); got != `{"value":1}` {
		t.Errorf("the data did not stay: %s", got)
	}
	h.admin().must("removeApp", fmt.Sprintf(`{"app":%q,"data":true}`, notes))
	if st := h.state(); len(st.Apps) != 0 {
		t.Errorf("state: %+v", st.Apps)
	}
	if m := h.admin().call("removeApp", fmt.Sprintf(`{"app":%q,"data":true}`, notes)); m.code() != peer.EApp {
		t.Errorf("twice: %s", m.raw)
	}
	b, _ = h.app(notes)
	if got := b.must("get", `{"key":"k"}`); got != `{}` {
		t.Errorf("the data stayed: %s", got)
	}
}

func TestGrant(t *testing.T) {
	h := newHarness(t)
	a := h.admin()
	k := decode[cred](t, a.must("grant", `{"id":"org.example.backup","name":"Backup"}`))
	for _, params := range []string{
		`{"id":"https://notes.example","name":"N"}`, `{"id":"x","name":"N"}`, `{"id":"org.example.x"}`, `{"id":"org.example.x","name":"\u202e"}`,
	} {
		if m := a.call("grant", params); m.code() != peer.EValue {
			t.Errorf("%s: %s", params, m.raw)
		}
	}
	h.start()
	h.native().comeIn(k, "org.example.backup").must("put", `{"key":"k","value":1}`)
	st := h.state()
	if len(st.Apps) != 1 || st.Apps[0].Name != "Backup" || !st.Apps[0].Native || st.Apps[0].Tokens[0].Program != "org.example.backup" {
		t.Errorf("state: %+v", st.Apps)
	}
}

// The last use of a token is written once an hour, not at each.
func TestLastUsed(t *testing.T) {
	h := newHarness(t)
	c, _ := h.app(notes)
	first := h.state().Apps[0].LastUsed
	if first != h.now {
		t.Errorf("last used %d, now %d", first, h.now)
	}
	h.wait(3_599_999)
	c.must("get", `{"key":"k"}`)
	if got := h.state().Apps[0].LastUsed; got != first {
		t.Errorf("written within the hour: %d", got-first)
	}
	h.wait(1)
	c.must("get", `{"key":"k"}`)
	h.start()
	if got := h.state().Apps[0].LastUsed; got != first+3_600_000 {
		t.Errorf("last used %d ms after the first", got-first)
	}
}

// What only an Admin can have made many of is bounded all the same: the oldest gives way.
func TestManyLinksAndSessions(t *testing.T) {
	h := newHarness(t)
	var secrets []string
	for range maxOpenLinks + 1 {
		secrets = append(secrets, openSecret(t, h))
	}
	exchange := func(secret string) message {
		return h.connect(Who{Manager, manager}).call("exchange", fmt.Sprintf(`{"secret":%q}`, secret))
	}
	if m := exchange(secrets[0]); m.code() != peer.EAuth {
		t.Errorf("the oldest link: %s", m.raw)
	}
	if m := exchange(secrets[1]); m.Error != nil {
		t.Errorf("the second link: %s", m.raw)
	}
	var sessions []cred
	for range maxSessions + 1 {
		sessions = append(sessions, decode[cred](t, string(exchange(openSecret(t, h)).Result)))
	}
	for i, want := range map[int]bool{0: false, 1: true, maxSessions: true} {
		if p := h.connect(Who{Manager, manager}).prover(sessions[i], manager); p.ask() != want {
			t.Errorf("session %d is known: %v", i, !want)
		}
	}
}
