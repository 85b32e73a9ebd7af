package native

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lxzan/gws"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/wire"
)

// ask is an event that has the machine of scripted ask for something.
type ask []any

// scripted starts a drive whose machine asks for what it is told to, and shows what happens.
func scripted(t *testing.T, store storage.Store) (d *drive, events chan any) {
	t.Helper()
	return scriptedTLS(t, store, nil)
}

func scriptedTLS(t *testing.T, store storage.Store, cfg *tls.Config) (d *drive, events chan any) {
	t.Helper()
	events = make(chan any, 10_000)
	d, err := startDrive(driveOptions{
		Store: store,
		TLS:   cfg,
		Other: func(action any) { events <- action },
		Step: func(_ peer.Millis, evs []any, act func(any)) {
			for _, ev := range evs {
				if ask, ok := ev.(ask); ok {
					for _, a := range ask {
						act(a)
					}
				} else {
					events <- ev
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := (<-events).(peer.Start); !ok {
		t.Fatal("it did not start")
	}
	return d, events
}

func end(t *testing.T, d *drive) {
	t.Helper()
	if err := d.close(); err != nil {
		t.Error(err)
	}
	if n := len(d.links); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// server is a Sync Server that does what a test wants of it.
type server struct {
	gws.BuiltinEventHandler
	do func(ws *gws.Conn) // once the connection stands
	on func(ws *gws.Conn, m *gws.Message)
}

func (s *server) OnOpen(ws *gws.Conn) { s.do(ws) }
func (s *server) OnMessage(ws *gws.Conn, m *gws.Message) {
	if s.on != nil {
		s.on(ws, m)
	}
	m.Close()
}

func serve(t *testing.T, s *server) string {
	web := s.unstarted()
	web.Start()
	t.Cleanup(web.Close)
	return "ws" + strings.TrimPrefix(web.URL, "http")
}

func (s *server) unstarted() *httptest.Server {
	up := gws.NewUpgrader(s, &gws.ServerOption{SubProtocols: []string{wire.Subprotocol}, Logger: quiet{}})
	return httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ws, err := up.Upgrade(w, r); err == nil {
			go ws.ReadLoop()
		}
	}))
}

// echo returns what it gets, until it gets bye, which it tells gone.
func echo(gone chan<- bool) *server {
	return &server{
		do: func(ws *gws.Conn) { ws.WriteMessage(gws.OpcodeBinary, []byte("hello")) },
		on: func(ws *gws.Conn, m *gws.Message) {
			switch text := string(m.Bytes()); {
			case m.Opcode == gws.OpcodeText && text == "ping":
				ws.WriteMessage(gws.OpcodeText, []byte("pong"))
			case text == "bye":
				gone <- true
			default:
				ws.WriteMessage(gws.OpcodeBinary, m.Bytes())
			}
		},
	}
}

// TestConnection: frames, ping and pong, and the end, on connections that behave, with TLS and without.
func TestConnection(t *testing.T) {
	gone := make(chan bool, 1)
	t.Run("ws", func(t *testing.T) { converse(t, serve(t, echo(gone)), gone, nil) })
	t.Run("wss", func(t *testing.T) {
		web := echo(gone).unstarted()
		web.StartTLS()
		defer web.Close()
		roots := x509.NewCertPool()
		roots.AddCert(web.Certificate())
		converse(t, "wss"+strings.TrimPrefix(web.URL, "https"), gone, &tls.Config{RootCAs: roots})
	})
}

func converse(t *testing.T, url string, gone <-chan bool, cfg *tls.Config) {
	d, events := scriptedTLS(t, mem.New(), cfg)
	defer end(t, d)
	d.put(ask{peer.Dial{Conn: 1, URL: url + "/v1/channel/x"}}, 0)
	want := func(want ...any) {
		t.Helper()
		for _, w := range want {
			if got := <-events; !same(got, w) {
				t.Fatalf("%#v, want %#v", got, w)
			}
		}
	}
	frame := func(s string) peer.Frame { return peer.Frame{Conn: 1, Data: []byte(s)} }
	want(peer.Opened{Conn: 1}, frame("hello"))
	large := strings.Repeat("x", maxRelayFrame)
	d.put(ask{peer.Send{Conn: 1, Data: []byte("a")}, peer.Ping{Conn: 1}, peer.Send{Conn: 1, Data: []byte(large)}}, 0)
	want(frame("a"), peer.Pong{Conn: 1}, frame(large))
	// What is sent before a hangup gets there, and what comes after it is not heard of.
	d.put(ask{peer.Send{Conn: 1, Data: []byte("bye")}, peer.Hangup{Conn: 1}, peer.Send{Conn: 1, Data: []byte("no")}, peer.Hangup{Conn: 9}}, 0)
	<-gone
	d.put(ask{"over"}, 0)
	want("over")
}

func same(a, b any) bool {
	fa, ok := a.(peer.Frame)
	fb, ok2 := b.(peer.Frame)
	if ok && ok2 {
		return fa.Conn == fb.Conn && bytes.Equal(fa.Data, fb.Data)
	}
	return !ok && !ok2 && a == b
}

// TestServersThatMisbehave: whatever is at the other end, the machine hears that the connection has ended.
func TestServersThatMisbehave(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused.Close()
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	redirect := httptest.NewServer(http.RedirectHandler(page.URL, http.StatusFound))
	defer redirect.Close()
	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = log.New(io.Discard, "", 0)
	unknown.StartTLS()
	defer unknown.Close()
	write := func(op gws.Opcode, data []byte) func(*gws.Conn) {
		return func(ws *gws.Conn) { ws.WriteMessage(op, data) }
	}
	raw := func(data string) func(*gws.Conn) {
		return func(ws *gws.Conn) { ws.NetConn().Write([]byte(data)) }
	}
	for name, c := range map[string]struct {
		url  string
		code uint16
	}{
		"nobody listens":         {"ws://" + refused.Addr().String(), 0},
		"no address":             {"ws://127.0.0.1:99999", 0},
		"no URL":                 {"ws://[", 0},
		"no WebSocket's URL":     {page.URL, 0},
		"a page":                 {"ws" + page.URL[4:], 0},
		"a page elsewhere":       {"ws" + redirect.URL[4:], 0},
		"an unknown certificate": {"wss" + unknown.URL[5:], 0},
		"an endless answer":      {"ws://" + serveRaw(t, endless), 0},
		"half an answer":         {"ws://" + serveRaw(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 101 Switching") }), 0},
		"another text":           {serve(t, &server{do: write(gws.OpcodeText, []byte("Pong"))}), 0},
		"no text":                {serve(t, &server{do: write(gws.OpcodeText, nil)}), 0},
		"a large frame":          {serve(t, &server{do: write(gws.OpcodeBinary, make([]byte, maxRelayFrame+1))}), 0},
		"a huge frame":           {serve(t, &server{do: raw("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")}), 0},
		"a negative frame":       {serve(t, &server{do: raw("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff")}), 0},
		"an unknown opcode":      {serve(t, &server{do: raw("\x8f\x00")}), 0},
		"a masked frame":         {serve(t, &server{do: raw("\x82\x81\x01\x02\x03\x04\x05")}), 0},
		"closed":                 {serve(t, &server{do: func(ws *gws.Conn) { ws.WriteClose(4003, nil) }}), 4003},
		"cut":                    {serve(t, &server{do: func(ws *gws.Conn) { ws.NetConn().Close() }}), 0},
	} {
		t.Run(name, func(t *testing.T) {
			d, events := scripted(t, mem.New())
			defer end(t, d)
			d.put(ask{peer.Dial{Conn: 1, URL: c.url}}, 0)
			for ev := range events {
				if closed, ok := ev.(peer.Closed); ok {
					if closed.Conn != 1 || closed.Code != c.code {
						t.Errorf("%+v, want %d", closed, c.code)
					}
					break
				}
			}
		})
	}
}

func endless(c net.Conn) {
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n")
	for {
		if _, err := io.WriteString(c, "X: "+strings.Repeat("x", 1000)+"\r\n"); err != nil {
			return
		}
	}
}

// serveRaw hands connections to f and closes them behind it.
func serveRaw(t *testing.T, f func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { f(c); c.Close() }()
		}
	}()
	return l.Addr().String()
}

// TestHangupWhileDialling: a server that takes connections and says nothing holds up neither the machine nor the end.
func TestHangupWhileDialling(t *testing.T) {
	met := make(chan bool, 2)
	let := make(chan bool)
	defer close(let)
	addr := serveRaw(t, func(net.Conn) { met <- true; <-let })
	d, events := scripted(t, mem.New())
	d.put(ask{peer.Dial{Conn: 1, URL: "ws://" + addr}, peer.Dial{Conn: 2, URL: "ws://" + addr}}, 0)
	<-met
	<-met
	d.put(ask{peer.Hangup{Conn: 1}, "hung up"}, 0)
	if ev := <-events; ev != "hung up" {
		t.Errorf("%#v", ev)
	}
	end(t, d) // with the second one under way
}

// TestSlowServer: one that does not read is hung up on when too much waits, and the machine goes on meanwhile.
func TestSlowServer(t *testing.T) {
	let := make(chan bool)
	defer close(let)
	url := serve(t, &server{do: func(*gws.Conn) { <-let }})
	d, events := scripted(t, mem.New())
	defer end(t, d)
	d.put(ask{peer.Dial{Conn: 1, URL: url}}, 0)
	<-events
	frame := make([]byte, 60<<10)
	for sent := 0; ; sent += len(frame) {
		d.put(ask{peer.Send{Conn: 1, Data: frame}, "sent"}, 0)
		ev := <-events
		if ev == (peer.Closed{Conn: 1}) {
			if sent < maxUnsent-len(frame) {
				t.Errorf("hung up after %d bytes", sent)
			}
			break
		}
		if ev != "sent" || sent > 64<<20 {
			t.Fatalf("%#v after %d bytes", ev, sent)
		}
	}
}

// TestHangupOnSlowServer: what a server does not take does not keep a connection alive that the machine has hung up.
func TestHangupOnSlowServer(t *testing.T) {
	let := make(chan bool)
	defer close(let)
	url := serve(t, &server{do: func(*gws.Conn) { <-let }})
	d, events := scripted(t, mem.New())
	defer end(t, d)
	d.put(ask{peer.Dial{Conn: 1, URL: url}}, 0)
	<-events
	unsent := make(ask, 0, 64)
	for range maxUnsent>>16 - 1 {
		unsent = append(unsent, peer.Send{Conn: 1, Data: make([]byte, 64_000)})
	}
	d.put(append(unsent, peer.Hangup{Conn: 1}), 0)
	d.talking.Wait()
}

// failing is storage that fails when it is told to, and shows which calls run at once.
type failing struct {
	storage.Store
	err  error
	hold chan bool
}

func (f *failing) Commit(g storage.Commit, d storage.Durability) error {
	<-f.hold
	if f.err != nil {
		return f.err
	}
	return f.Store.Commit(g, d)
}

// TestStorage: commits and loads are carried out in their order, errors are handed back, and close waits for what was asked for.
func TestStorage(t *testing.T) {
	s := &failing{Store: mem.New(), hold: make(chan bool)}
	d, events := scripted(t, s)
	commit := storage.Commit{Adds: []storage.Block{{ID: storage.Log, Data: []byte("x")}}}
	d.put(ask{peer.Commit{Changes: commit}, peer.Load{IDs: []storage.ID{storage.Log, storage.Page}}}, 0)
	s.hold <- true
	if ev := <-events; ev != (peer.Committed{}) {
		t.Fatalf("%#v", ev)
	}
	if ev := (<-events).(peer.Loaded); ev.Err != nil || len(ev.Blocks) != 2 || string(ev.Blocks[0].Data) != "x" || ev.Blocks[1].Data != nil {
		t.Fatalf("%#v", ev)
	}
	d.put(ask{peer.Commit{Changes: commit}}, 0)
	s.hold <- true
	if ev := (<-events).(peer.Committed); !errors.Is(ev.Err, storage.ErrExists) {
		t.Fatalf("%#v", ev)
	}
	commit.Adds[0].ID++
	d.put(ask{peer.Commit{Changes: commit}, "asked"}, 0)
	<-events
	closed := make(chan error)
	go func() { closed <- d.close() }()
	s.hold <- true // close waits for this
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if d.put("late", 0) {
		t.Error("an event after close was taken")
	}
	ids, err := s.Store.(*mem.Store).Reopen().List()
	if err != nil || len(ids) != 2 {
		t.Errorf("%x, %v", ids, err)
	}
	if _, err := s.List(); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("storage is still open: %v", err)
	}
}

// TestWakeAt: a Tick comes at its time, a new time replaces the last, and a far one gives Ticks that are too early.
func TestWakeAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, events := scripted(t, mem.New())
		for _, c := range []struct {
			asked, want time.Duration
		}{{-time.Hour, 0}, {0, 0}, {time.Second, time.Second}, {time.Hour, maxWait}} {
			start := time.Now()
			d.put(ask{peer.WakeAt{At: now() + 5}, peer.WakeAt{At: now() + peer.Millis(c.asked/time.Millisecond)}}, 0)
			if ev := <-events; ev != (peer.Tick{}) || time.Since(start) != c.want {
				t.Errorf("%v: %#v after %v", c.asked, ev, time.Since(start))
			}
		}
		d.put(ask{peer.WakeAt{At: now() + 5}, peer.WakeAt{}}, 0)
		time.Sleep(time.Hour) // virtual
		if len(events) != 0 {
			t.Errorf("%#v, although no time was asked for", <-events)
		}
		end(t, d)
	})
}

// TestFullInbox: whoever hands in more than the machine takes waits, and what the machine waits for itself does not.
func TestFullInbox(t *testing.T) {
	for _, c := range []struct{ count, size int }{{maxEvents, 0}, {16, maxEventBytes / 16}, {1, maxEventBytes * 2}} {
		synctest.Test(t, func(t *testing.T) {
			busy := make(chan bool)
			taken := 0
			d, err := startDrive(driveOptions{
				Store: mem.New(),
				Step: func(_ peer.Millis, events []any, _ func(any)) {
					<-busy
					taken += len(events)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // in its first step
			put := 0
			go func() {
				for d.put("event", c.size) {
					put++
				}
			}()
			synctest.Wait()
			if put != c.count {
				t.Errorf("%d events of %d bytes wait, want %d", put, c.size, c.count)
			}
			d.tell(peer.Tick{})
			busy <- true
			synctest.Wait()
			busy <- true // all at once
			synctest.Wait()
			if taken != 1+c.count+1 {
				t.Errorf("%d events were taken", taken)
			}
			close(busy)
			end(t, d)
		})
	}
}
