package native

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/masqdev/masq/core/localstore"
)

// request sends a plain request over TCP, header by header as given, and returns the response with its body.
func (b *harness) request(method, path, host string, header ...string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, "http://"+b.host()+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Host = strings.ReplaceAll(host, "PORT", fmt.Sprint(b.port))
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], strings.ReplaceAll(header[i+1], "PORT", fmt.Sprint(b.port)))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, ""
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, string(body)
}

func TestHosts(t *testing.T) {
	b := newHarness(t, Options{})
	for host, ok := range map[string]bool{
		"localhost:PORT":           true,
		"127.0.0.1:PORT":           true,
		"[::1]:PORT":               true,
		"localhost:6277":           true,
		"localhost":                false,
		"localhost:80":             false,
		"evil.example:PORT":        false, // a name whose DNS leads here
		"localhost.evil.example":   false,
		"127.0.0.1.nip.io:PORT":    false,
		"evil.localhost:PORT":      false,
		"127.0.0.2:PORT":           false,
		"0.0.0.0:PORT":             false,
		"localhost:PORT:PORT":      false,
		"localhost:PORT@evil:PORT": false,
	} {
		for _, path := range []string{"/", "/v1", "/openrpc.json", "/livez", "/nothing"} {
			resp, body := b.request("GET", path, host)
			if refused := resp.StatusCode == 403 && strings.Contains(body, `"E_HOST"`); refused == ok && resp.StatusCode != 400 {
				t.Errorf("%s at %s: %d %s", path, host, resp.StatusCode, body)
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	b := newHarness(t, Options{})
	const none = ""
	for _, c := range []struct {
		origin string
		header []string
		ok     bool
	}{
		{"https://notes.example", nil, true},
		{"https://notes.example:8443", nil, true},
		{"http://localhost:3000", nil, true},
		{"http://localhost:PORT", nil, true}, // the manager
		{"http://127.0.0.1:PORT", nil, true},
		{none, nil, true},                                     // a program
		{none, []string{"Sec-Fetch-Mode", "websocket"}, true}, // Node.js
		{none, []string{"Sec-Fetch-Site", "cross-site"}, false},
		{none, []string{"Sec-Fetch-Dest", "empty"}, false},
		{none, []string{"User-Agent", "Mozilla/5.0"}, false},
		{"null", nil, false},
		{"http://notes.example", nil, false},
		{"http://notes.example:PORT", nil, false},
		{"http://localhost.notes.example:PORT", nil, false},
		{"https://notes.example/path", nil, false},
		{"file://", nil, false},
		{"chrome-extension://abcdef", nil, false},
		{"https://a.example,https://b.example", nil, false},
		{"https://a.example", []string{"Origin", "https://b.example"}, false},
	} {
		header := []string{
			"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==",
		}
		if c.origin != none {
			header = append(header, "Origin", c.origin)
		}
		resp, body := b.request("GET", "/v1", "localhost:PORT", append(header, c.header...)...)
		if ok := resp.StatusCode == 101; ok != c.ok || !ok && (resp.StatusCode != 403 || !strings.Contains(body, `"E_ORIGIN"`)) {
			t.Errorf("%q %v: %d %s", c.origin, c.header, resp.StatusCode, body)
		}
	}
}

func TestRoutes(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the manager") })
	for name, c := range map[string]struct {
		opt  Options
		root string
	}{"headless": {Options{}, "The Store manager is not here"}, "with the manager": {Options{Page: page}, "the manager"}} {
		t.Run(name, func(t *testing.T) {
			b := newHarness(t, c.opt)
			for _, r := range []struct {
				method, path string
				status       int
				body         string
			}{
				{"GET", "/", 200, c.root},
				{"GET", "/livez", 200, "ok"},
				{"GET", "/openrpc.json", 200, `"openrpc"`},
				{"GET", "/v1", 426, `"E_UPGRADE"`},
				{"POST", "/v1", 426, `"E_UPGRADE"`},
				{"OPTIONS", "/v1", 426, `"E_UPGRADE"`},
			} {
				resp, body := b.request(r.method, r.path, "localhost:PORT", "Origin", "https://notes.example", "Access-Control-Request-Method", "GET")
				if resp.StatusCode != r.status || !strings.Contains(body, r.body) {
					t.Errorf("%s %s: %d %.200s", r.method, r.path, resp.StatusCode, body)
				}
				for name := range resp.Header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s: %s", r.method, r.path, name)
					}
				}
				if resp.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
					t.Errorf("%s %s: others may embed it", r.method, r.path)
				}
			}
			if c.opt.Page == nil {
				if resp, _ := b.request("GET", "/", "localhost:PORT"); !strings.Contains(resp.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
					t.Error("the page may be framed")
				}
			}
		})
	}
}

// TestLog: what pages are open is nobody's business, unless the user asks for more.
func TestLog(t *testing.T) {
	for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: true} {
		var out bytes.Buffer
		b := newHarness(t, Options{Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level}))})
		b.dial("Origin", "http://refused.example")
		b.request("GET", "/", "refused.example:PORT")
		app, _ := b.allowed("https://notes.example")
		app.call("put", object{"key": "secret-key", "value": "secret-value"}, nil)
		b.stop()
		if got := strings.Contains(out.String(), "refused.example"); got != want {
			t.Errorf("at level %v: %s", level, &out)
		}
		if strings.Contains(out.String(), "secret-") {
			t.Errorf("at level %v the data is logged: %s", level, &out)
		}
	}
}

func TestUninvited(t *testing.T) {
	b := newHarness(t, Options{})
	for name, dial := range map[string]func() *rpc{
		"a page":             func() *rpc { return b.web("https://notes.example") },
		"the manager's page": func() *rpc { return b.web(fmt.Sprintf("http://localhost:%d", b.port)) },
		"a program": func() *rpc {
			r, _, err := b.dial()
			if err != nil {
				t.Fatal(err)
			}
			return r
		},
	} {
		r := dial()
		if code := r.call("hello", object{}, nil); code != "" {
			t.Errorf("%s: hello: %s", name, code)
		}
		for _, method := range []string{"get", "put", "list", "watch", "state", "open", "allow", "grant", "invite", "devices", "revoke"} {
			if code := r.call(method, object{}, nil); code == "" || code == closed {
				t.Errorf("%s: %s: %q", name, method, code)
			}
		}
	}
}

func TestManagersLink(t *testing.T) {
	b := newHarness(t, Options{})
	origin := fmt.Sprintf("http://localhost:%d", b.port)
	var link struct{ Link string }
	if code := b.admin().call("open", object{}, &link); code != "" {
		t.Fatal(code)
	}
	address, secret, _ := strings.Cut(link.Link, "#masq-open=")
	if address != origin+"/" || len(secret) != 22 {
		t.Fatal(link.Link)
	}
	wrong := b.web(origin)
	if code := wrong.call("exchange", object{"secret": strings.Repeat("A", 22)}, nil); code != "E_AUTH" || wrong.end() != 4002 {
		t.Errorf("a wrong secret: %s, %d", code, wrong.code)
	}
	page := b.web("https://notes.example")
	if code := page.call("exchange", object{"secret": secret}, nil); code == "" {
		t.Error("a page of the web got in")
	}
	m := b.web(origin)
	var session token
	if code := m.call("exchange", object{"secret": secret}, &session); code != "" {
		t.Fatal(code)
	}
	if code := m.call("state", object{}, nil); code != "" {
		t.Errorf("the manager: %s", code)
	}
	if code := b.web(origin).call("exchange", object{"secret": secret}, nil); code != "E_AUTH" {
		t.Errorf("a secret was good twice: %s", code)
	}
	again := b.web(origin)
	if code, _ := again.prove(origin, "manager", session); code != "" {
		t.Errorf("a reload: %s", code)
	}
	other := fmt.Sprintf("http://127.0.0.1:%d", b.port)
	if code, _ := b.web(other).prove(other, "manager", session); code == "" {
		t.Error("a session was good at another origin")
	}
}

func TestTokens(t *testing.T) {
	b := newHarness(t, Options{})
	const origin = "https://notes.example"
	first, tok := b.allowed(origin)
	if code := first.call("put", object{"key": "a", "value": 1}, nil); code != "" {
		t.Fatal(code)
	}
	second := b.web(origin)
	code, proof := second.prove(origin, "client", tok)
	if code != "" {
		t.Fatal(code)
	}
	var got struct{ Value int }
	if code := second.call("get", object{"key": "a"}, &got); code != "" || got.Value != 1 {
		t.Errorf("%s %v", code, got)
	}
	replay := b.web(origin)
	replay.call("prove", object{"id": tok.ID, "cn": strings.Repeat("A", 43)}, nil)
	if code := replay.call("proof", proof, nil); code != "E_AUTH" || replay.end() != 4002 {
		t.Errorf("a proof was good twice: %s, %d", code, replay.code)
	}
	twice := b.web(origin)
	twice.call("prove", object{"id": tok.ID, "cn": strings.Repeat("A", 43)}, nil)
	if code := twice.call("proof", object{"mac": strings.Repeat("A", 43)}, nil); code != "E_AUTH" || twice.end() != 4002 {
		t.Errorf("a wrong proof: %s, %d", code, twice.code)
	}
	thief := b.web("https://evil.example")
	if code, _ := thief.prove("https://evil.example", "client", tok); code != "the store cannot prove it" {
		t.Errorf("another origin learns of a token: %s", code)
	}
	unknown := b.web(origin)
	if code, _ := unknown.prove(origin, "client", token{"AAAAAAAAAAA", tok.Key}); code != "the store cannot prove it" {
		t.Errorf("an unknown token: %s", code)
	}
}

// TestBrowserIsNamed: the manager is told which browser a page is in, by its User-Agent.
func TestBrowserIsNamed(t *testing.T) {
	b := newHarness(t, Options{})
	const origin = "https://notes.example"
	page, _, err := b.dial("Origin", origin, "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0")
	if err != nil {
		t.Fatal(err)
	}
	page.ask(origin, b.port, object{"app": object{"name": "Notes"}})
	b.allow(origin)
	var st struct {
		Apps []struct{ Tokens []localstore.Agent }
	}
	admin := b.admin()
	if code := admin.call("state", object{}, &st); code != "" || len(st.Apps) != 1 || len(st.Apps[0].Tokens) != 1 {
		t.Fatalf("%s %+v", code, st)
	}
	if got, want := st.Apps[0].Tokens[0], (localstore.Agent{Browser: "Firefox", System: "Linux"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestFlood: 200 origins that ask do not keep the user's own out.
func TestFlood(t *testing.T) {
	b := newHarness(t, Options{})
	app, _ := b.allowed("https://notes.example")
	asks := 0
	for i := range 200 {
		r := b.web(fmt.Sprintf("https://www.flood%d.example", i))
		if r.call("request", object{"app": object{"name": "Flood"}, "commitment": strings.Repeat("A", 43)}, nil) == "" {
			asks++
		}
	}
	if asks != 20 {
		t.Errorf("%d ask at once", asks)
	}
	if code := app.call("put", object{"key": "a", "value": 1}, nil); code != "" {
		t.Errorf("an application is kept from working: %s", code)
	}
	if code := b.web(fmt.Sprintf("http://localhost:%d", b.port)).call("hello", object{}, nil); code != "" {
		t.Errorf("the manager is kept out: %s", code)
	}
}

func TestTooManySockets(t *testing.T) {
	b := newHarness(t, Options{})
	tokens := map[string]token{}
	enter := func(origin string) {
		t.Helper()
		tok, known := tokens[origin]
		if !known {
			_, tokens[origin] = b.allowed(origin)
			return
		}
		if code, _ := b.web(origin).prove(origin, "client", tok); code != "" {
			t.Fatal(code)
		}
	}
	for range maxPerDomain {
		enter("https://a.example")
	}
	if r := b.web("https://b.a.example"); r.end() != closeCrowded {
		t.Errorf("one more of a domain: %d", r.code)
	}
	for i := range maxSockets - maxPerDomain {
		enter(fmt.Sprintf("https://b%d.example", i/maxPerDomain))
	}
	if r := b.web("https://c.example"); r.end() != closeCrowded {
		t.Errorf("one more of all: %d", r.code)
	}
	manager := b.web(fmt.Sprintf("http://localhost:%d", b.port))
	if code := manager.call("hello", object{}, nil); code != "" {
		t.Errorf("the manager is kept out: %s", code)
	}
	if code := b.admin().call("state", object{}, nil); code != "" {
		t.Errorf("masq is kept out: %s", code)
	}
}

func TestMessages(t *testing.T) {
	b := newHarness(t, Options{})
	app, tok := b.allowed("https://notes.example")
	app.close()
	in := func() *rpc {
		r := b.web("https://notes.example")
		if code, _ := r.prove("https://notes.example", "client", tok); code != "" {
			t.Fatal(code)
		}
		return r
	}
	for _, c := range []struct {
		name string
		do   func(r *rpc)
		code uint16
	}{
		{"too long", func(r *rpc) { go r.write(hello(maxMessage + 1)) }, 4006},
		{"far too long", func(r *rpc) { go r.write(hello(2 * maxMessage)) }, 4006},
		{"no JSON", func(r *rpc) { r.write([]byte("hello")) }, 4009},
	} {
		r := in()
		c.do(r)
		if code := r.end(); code != c.code {
			t.Errorf("%s: closed with %d", c.name, code)
		}
	}
	r := in()
	if r.write(hello(maxMessage)); r.answer(9999, nil) == closed {
		t.Error("a message that is just short enough is refused")
	}
	if code := in().call("put", object{"key": "a", "value": 1}, nil); code != "" {
		t.Errorf("another was disturbed: %s", code)
	}
}

// handshake is a WebSocket without a client behind it.
func (b *harness) handshake(origin string) net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /v1 HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", b.host(), origin)
	var header []byte
	for !bytes.HasSuffix(header, []byte("\r\n\r\n")) {
		var one [1]byte
		if _, err := conn.Read(one[:]); err != nil {
			b.t.Fatal(err)
		}
		header = append(header, one[0])
	}
	return conn
}

func TestBrokenFrames(t *testing.T) {
	b := newHarness(t, Options{})
	for name, c := range map[string]struct {
		frame string
		code  string
	}{
		"binary":              {"\x82\x81\x00\x00\x00\x00{", "\x0f\xa9"}, // 4009
		"negative length":     {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff0000", ""},
		"unmasked":            {"\x81\x01{", ""},
		"reserved bits":       {"\xf1\x80\x00\x00\x00\x00", ""},
		"reserved opcode":     {"\x83\x80\x00\x00\x00\x00", ""},
		"a lone continuation": {"\x80\x80\x00\x00\x00\x00", ""},
		"no UTF-8":            {"\x81\x81\x00\x00\x00\x00\xff", ""},
		"a cut header":        {"\x81", "none"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := b.handshake("https://notes.example")
			io.WriteString(conn, c.frame)
			if c.code == "none" {
				conn.Close()
				return
			}
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			got, err := io.ReadAll(conn)
			if err != nil || !strings.Contains(string(got), c.code) {
				t.Errorf("%v %q", err, got)
			}
		})
	}
	if code := b.admin().call("state", object{}, nil); code != "" {
		t.Error(code)
	}
}

// TestSlowReader: who does not read what it asks for is dropped, and nobody else waits for it.
func TestSlowReader(t *testing.T) {
	b := newHarness(t, Options{})
	app, tok := b.allowed("https://notes.example")
	if code := app.call("put", object{"key": "large", "value": strings.Repeat("x", 1<<20-2)}, nil); code != "" {
		t.Fatal(code)
	}
	slow := b.web("https://notes.example")
	if code, _ := slow.prove("https://notes.example", "client", tok); code != "" {
		t.Fatal(code)
	}
	dropped := func() bool {
		b.s.clients.mu.Lock()
		defer b.s.clients.mu.Unlock()
		return b.s.clients.counts["notes.example"] == 1
	}
	for i := 0; !dropped(); i++ { // soon more than what the reader here, the buffers of both sockets and the queue hold
		if i == 200 {
			t.Fatal("all of it is queued")
		}
		text, _ := json.Marshal(object{"jsonrpc": "2.0", "id": 10_000 + i, "method": "get", "params": object{"key": "large"}})
		slow.write(text)
		if code := app.call("put", object{"key": "a", "value": i}, nil); code != "" {
			t.Fatal(code)
		}
	}
	if slow.end(); slow.code != 0 && slow.code != 1006 {
		t.Errorf("it was closed with %d", slow.code)
	}
}

// TestMuchUnfinished: a page does not fill the memory by messages that it does not finish.
func TestMuchUnfinished(t *testing.T) {
	b := newHarness(t, Options{})
	app, _ := b.allowed("https://notes.example")
	_, tok := b.allowed("https://evil.example")
	part := frame(0x81, 8<<20-1, make([]byte, 8<<20-2)) // a byte is missing
	dropped := make(chan bool, 12)
	for range 12 {
		r := b.web("https://evil.example")
		if code, _ := r.prove("https://evil.example", "client", tok); code != "" {
			t.Fatal(code)
		}
		go func() {
			r.raw(part)
			r.end()
			dropped <- true
		}()
	}
	for range 12 - maxHeldPerDomain/(8<<20) { // what is over the limit
		select {
		case <-dropped:
		case <-time.After(time.Minute):
			t.Fatal("all of it is held")
		}
	}
	b.s.clients.mu.Lock()
	held := b.s.clients.held["evil.example"]
	b.s.clients.mu.Unlock()
	if held > maxHeldPerDomain {
		t.Errorf("%d bytes are held", held)
	}
	if code := app.call("put", object{"key": "a", "value": 1}, nil); code != "" {
		t.Errorf("another was disturbed: %s", code)
	}
}

func TestUnixSocket(t *testing.T) {
	b := newHarness(t, Options{})
	path := filepath.Join(b.dir, SocketName)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	a := b.admin()
	a.write([]byte("\n  "))
	if code := a.call("state", object{}, nil); code != "" {
		t.Error(code)
	}
	long := b.admin()
	go long.write(bytes.Repeat([]byte("x"), maxMessage+1))
	long.end()
	garbage := b.admin()
	garbage.write([]byte("hello"))
	garbage.end()
	if code := a.call("state", object{}, nil); code != "" {
		t.Error(code)
	}
	b.stop()
	a.end()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestStop(t *testing.T) {
	b := newHarness(t, Options{})
	app, tok := b.allowed("https://notes.example")
	idle := b.web("https://idle.example")
	app.call("put", object{"key": "a", "value": 1}, nil)
	b.stop()
	if app.end() != closeStopping || idle.end() != closeStopping {
		t.Errorf("closed with %d, %d", app.code, idle.code)
	}
	again := newHarness(t, Options{Dir: b.dir})
	r := again.web("https://notes.example")
	if code, _ := r.prove("https://notes.example", "client", tok); code != "" {
		t.Fatal(code)
	}
	var got struct{ Value int }
	if code := r.call("get", object{"key": "a"}, &got); code != "" || got.Value != 1 {
		t.Errorf("%s %v", code, got)
	}
}

func TestOneStoreForADirectory(t *testing.T) {
	b := newHarness(t, Options{})
	if _, err := New(Options{Dir: b.dir}); err == nil {
		t.Error("two stores use a directory")
	}
	if code := b.admin().call("state", object{}, nil); code != "" {
		t.Errorf("the first was disturbed: %s", code)
	}
	if _, err := New(Options{Dir: filepath.Join(b.dir, strings.Repeat("x", 120))}); err == nil {
		t.Error("a socket has a path that is too long")
	}
}
