package native

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/internal/contact"
	relay "github.com/masqdev/masq/core/relay/native"
)

// harness is a store that runs on loopback, with its data in a directory of its own.
type harness struct {
	t    *testing.T
	s    *Server
	dir  string
	port int
	stop func()
}

func newHarness(t *testing.T, opt Options) *harness {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = shortDir(t)
	}
	opt.NoKeyring = true
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	b := &harness{t: t, s: s, dir: opt.Dir}
	listeners := loopback(t)
	b.port = listeners[0].Addr().(*net.TCPAddr).Port
	b.serve(listeners...)
	t.Cleanup(b.stop)
	return b
}

// serve starts the store; stop ends it and checks that nothing is left.
func (b *harness) serve(listeners ...net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- b.s.Serve(ctx, listeners...) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			b.t.Errorf("Serve: %v", err)
		}
		c := &b.s.clients
		if n := len(c.all) + len(c.counts) + len(c.held) + c.sum; n != 0 {
			b.t.Errorf("%d clients are left: %v, %v", n, c.counts, c.held)
		}
	})
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "masq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

// loopback listens on a free port of localhost.
func loopback(t *testing.T) []net.Listener {
	for {
		listeners, err := relay.Listen("localhost:0")
		if err == nil {
			return listeners
		}
		if !errors.Is(err, syscall.EADDRINUSE) { // somebody else has the port that is free at 127.0.0.1 at [::1]
			t.Fatal(err)
		}
	}
}

func (b *harness) host() string { return fmt.Sprintf("localhost:%d", b.port) }

// rpc is JSON-RPC over either kind of transport.
type rpc struct {
	t     *testing.T
	write func([]byte) error
	raw   func([]byte) error // as bytes below the WebSocket
	close func()
	texts chan []byte // closed at the end
	code  uint16      // with which a WebSocket was closed
	last  int
}

// closed is the answer to a call of a connection that ended first.
const closed = "closed"

// call returns the code of the error, "" for success, or closed. Notifications are dropped.
func (r *rpc) call(method string, params, result any) string {
	r.t.Helper()
	return r.answer(r.send(method, params), result)
}

// send calls without waiting for the answer, which has the id that it returns.
func (r *rpc) send(method string, params any) int {
	r.t.Helper()
	r.last++
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": r.last, "method": method, "params": params})
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(text)
	return r.last
}

func (r *rpc) answer(id int, result any) string {
	r.t.Helper()
	late := time.After(3 * time.Minute) // which ends only what hangs
	for {
		var m struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  *struct {
				Data struct{ Code string }
			} `json:"error"`
		}
		select {
		case text, ok := <-r.texts:
			if !ok {
				return closed
			}
			if err := json.Unmarshal(text, &m); err != nil {
				r.t.Fatalf("%v: %.200s", err, text)
			}
		case <-late:
			r.t.Fatal("no answer")
		}
		switch {
		case m.ID != id:
		case m.Error != nil:
			return m.Error.Data.Code
		case result != nil:
			if err := json.Unmarshal(m.Result, result); err != nil {
				r.t.Fatal(err)
			}
			return ""
		default:
			return ""
		}
	}
}

// end waits until the other end closes, and returns the code.
func (r *rpc) end() uint16 {
	r.t.Helper()
	late := time.After(3 * time.Minute) // which ends only what hangs
	for {
		select {
		case _, ok := <-r.texts:
			if !ok {
				return r.code
			}
		case <-late:
			r.t.Fatal("it was not closed")
		}
	}
}

type object = map[string]any

// admin is a connection on the Unix socket.
func (b *harness) admin() *rpc {
	b.t.Helper()
	conn, err := net.Dial("unix", filepath.Join(b.dir, SocketName))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return b.adminOver(conn)
}

func (b *harness) adminOver(conn net.Conn) *rpc {
	r := &rpc{t: b.t, texts: make(chan []byte, 16), close: func() { conn.Close() }}
	r.write = func(text []byte) error {
		_, err := conn.Write(append(text, '\n'))
		return err
	}
	go func() {
		defer close(r.texts)
		lines := bufio.NewScanner(conn)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			r.texts <- append([]byte(nil), lines.Bytes()...)
		}
	}()
	return r
}

// dial is a WebSocket; header is name, value, name, value...
func (b *harness) dial(header ...string) (*rpc, *http.Response, error) {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	r := &rpc{t: b.t, texts: make(chan []byte, 16)}
	ws, resp, err := gws.NewClient(texts{r: r}, &gws.ClientOption{
		Addr: "ws://" + b.host() + "/v1", RequestHeader: h, ReadMaxPayloadSize: 64 << 20, WriteMaxPayloadSize: 64 << 20,
	})
	if err != nil {
		return nil, resp, err
	}
	r.write = func(text []byte) error { return ws.WriteMessage(gws.OpcodeText, text) }
	r.raw = func(b []byte) error { _, err := ws.NetConn().Write(b); return err }
	r.close = func() { ws.NetConn().Close() }
	b.t.Cleanup(r.close)
	go ws.ReadLoop()
	return r, resp, nil
}

// dialOver is a WebSocket of a program, which answers pings or does not.
func (b *harness) dialOver(conn net.Conn, pongs bool) *rpc {
	b.t.Helper()
	r := &rpc{t: b.t, texts: make(chan []byte, 16), close: func() { conn.Close() }}
	ws, _, err := gws.NewClientFromConn(texts{r: r, deaf: !pongs}, &gws.ClientOption{Addr: "ws://" + b.host() + "/v1"}, conn)
	if err != nil {
		b.t.Fatal(err)
	}
	r.write = func(text []byte) error { return ws.WriteMessage(gws.OpcodeText, text) }
	go ws.ReadLoop()
	return r
}

// web is a WebSocket of a page.
func (b *harness) web(origin string) *rpc {
	b.t.Helper()
	r, _, err := b.dial("Origin", origin)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

type texts struct {
	gws.BuiltinEventHandler
	r    *rpc
	deaf bool // to pings
}

func (c texts) OnMessage(_ *gws.Conn, m *gws.Message) {
	c.r.texts <- append([]byte(nil), m.Bytes()...)
	m.Close()
}

func (c texts) OnClose(_ *gws.Conn, err error) {
	if e := (*gws.CloseError)(nil); errors.As(err, &e) {
		c.r.code = e.Code
	}
	close(c.r.texts)
}

func (c texts) OnPing(ws *gws.Conn, payload []byte) {
	if !c.deaf {
		ws.WritePong(payload)
	}
}

type token struct{ ID, Key string }

// allowed asks for access as a page does and has it allowed.
func (b *harness) allowed(origin string) (*rpc, token) {
	b.t.Helper()
	r := b.web(origin)
	id, keys := r.ask(origin, b.port, object{"app": object{"name": "Test"}})
	b.allow(origin)
	var got struct{ Token string }
	if code := r.answer(id, &got); code != "" {
		b.t.Fatal(code)
	}
	sealed, _ := base64.RawURLEncoding.DecodeString(got.Token)
	plain, err := keys.Open(sealed)
	if err != nil {
		b.t.Fatal(err)
	}
	return r, token{base64.RawURLEncoding.EncodeToString(plain[:8]), base64.RawURLEncoding.EncodeToString(plain[8:])}
}

// ask goes through first contact, and returns the id of the call that waits for the user.
func (r *rpc) ask(owner string, port int, params object) (int, *contact.Keys) {
	r.t.Helper()
	a, err := contact.NewAsker(owner, uint16(port), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	params["commitment"] = b64(a.Commitment())
	var store struct{ Key string }
	if code := r.call("request", params, &store); code != "" {
		r.t.Fatal(code)
	}
	share, _ := base64.RawURLEncoding.DecodeString(store.Key)
	keys, err := a.Take(share)
	if err != nil {
		r.t.Fatal(err)
	}
	own, nonce := a.Reveal()
	return r.send("reveal", object{"key": b64(own), "nonce": b64(nonce)}), keys
}

// allow allows what an origin asks for, as soon as it does.
func (b *harness) allow(origin string) {
	b.t.Helper()
	b.allowBy(b.admin(), origin)
}

func (b *harness) allowBy(a *rpc, origin string) {
	b.t.Helper()
	type requests struct {
		Requests []struct {
			Request int
			App     string
		}
	}
	defer a.close()
	var st requests
	if code := a.call("state", object{}, &st); code != "" {
		b.t.Fatal(code)
	}
	for {
		for _, q := range st.Requests {
			if q.App == origin {
				if code := a.call("allow", object{"request": q.Request}, nil); code != "" {
					b.t.Fatal(code)
				}
				return
			}
		}
		var n struct {
			Method string
			Params requests
		}
		text, ok := <-a.texts
		if !ok {
			b.t.Fatal("the store has ended")
		}
		if err := json.Unmarshal(text, &n); err != nil {
			b.t.Fatal(err)
		}
		st = n.Params
	}
}

var b64 = base64.RawURLEncoding

// prove proves a token. label is "client" or "manager". It returns the code of the second half, with what it sent.
func (r *rpc) prove(app, label string, t token) (code string, proof object) {
	r.t.Helper()
	cn := make([]byte, 32)
	rand.Read(cn)
	var a struct{ SN, MAC string }
	if code := r.call("prove", object{"id": t.ID, "cn": b64.EncodeToString(cn)}, &a); code != "" {
		return code, nil
	}
	sn, _ := b64.DecodeString(a.SN)
	proof = object{"mac": macOf(t.Key, label, app, cn, sn)}
	if a.MAC != macOf(t.Key, "store", app, cn, sn) {
		return "the store cannot prove it", proof
	}
	return r.call("proof", proof, nil), proof
}

func macOf(key, label, app string, cn, sn []byte) string {
	k, _ := b64.DecodeString(key)
	h := hmac.New(sha256.New, k)
	h.Write([]byte("masq-store/1 " + label))
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(app))))
	for _, b := range [][]byte{[]byte(app), cn, sn} {
		h.Write(b)
	}
	return b64.EncodeToString(h.Sum(nil))
}
