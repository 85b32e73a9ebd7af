package native

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/wire"
)

func TestProxies(t *testing.T) {
	s := New(Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}})
	for _, c := range []struct {
		remote    string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:5", nil, "192.0.2.1"},
		{"192.0.2.1:5", []string{"203.0.113.9"}, "192.0.2.1"}, // anybody can write that
		{"10.0.0.1:5", nil, "10.0.0.1"},
		{"10.0.0.1:5", []string{"203.0.113.9"}, "203.0.113.9"},
		{"10.0.0.1:5", []string{"198.51.100.7, 203.0.113.9"}, "203.0.113.9"}, // the client wrote the first itself
		{"10.0.0.1:5", []string{"198.51.100.7", "203.0.113.9, 10.2.3.4"}, "203.0.113.9"},
		{"10.0.0.1:5", []string{"nonsense"}, "10.0.0.1"},
		{"[::1]:5", []string{"2001:db8::1"}, "2001:db8::1"},
		{"[::ffff:10.0.0.1]:5", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.forwarded
		if got := s.clientOf(r).String(); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

// web is an HTTP client of a harness.
func (b *harness) web() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return b.dial(), nil },
		DisableKeepAlives: true,
	}}
}

func (b *harness) reserve() (name string, status int) {
	resp, err := b.web().Post("http://"+host+wire.NewNameplatePath, "", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Nameplate string }
	json.NewDecoder(resp.Body).Decode(&answer)
	return answer.Nameplate, resp.StatusCode
}

func TestNameplateLimits(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
		seen := map[string]bool{}
		for range 10 {
			name, status := b.reserve()
			if status != 200 || seen[name] || !wire.IsNameplate(name) {
				t.Fatalf("%d %q", status, name)
			}
			seen[name] = true
		}
		if _, status := b.reserve(); status != 429 || b.s.refused[tooManyReserved].Load() != 1 {
			t.Errorf("the eleventh in a minute: %d", status)
		}
		x, y := b.couple(key(1))
		for range 10 {
			c := b.open(wire.NameplatePath("7K2"))
			c.leave()
			synctest.Wait()
		}
		b.open(wire.NameplatePath("7K3")).want("E_RATE", "closed 4005")
		b.pair(1, 0).want("JOINED false") // a mailbox cannot be guessed
		if n := b.s.Stats().Ended[relay.Guesses]; n != 1 {
			t.Errorf("counted %d", n)
		}
		x.data("still here")
		y.want("DATA still here")
		time.Sleep(time.Minute)
	})
}

// TestHalfOpenHandshakes: connections that never become WebSockets are few for each address, and end.
func TestHalfOpenHandshakes(t *testing.T) {
	inBubble(t, Options{PerAddress: AddressLimits{Handshakes: 4}}, func(b *harness) {
		x, y := b.couple(key(1))
		for range 4 {
			c := b.dial()
			go func() {
				io.WriteString(c, "GET / HT")
				io.Copy(io.Discard, c)
			}()
		}
		synctest.Wait()
		fifth := b.dial()
		if _, err := fifth.Read(make([]byte, 1)); err == nil {
			t.Error("a fifth was heard")
		}
		if n := b.s.refused[tooManyShakes].Load(); n != 1 {
			t.Errorf("counted %d", n)
		}
		x.data("still here")
		y.want("DATA still here")
		time.Sleep(2 * headerTimeout)
		x.conn.Text("ping")
		x.want("pong")
		b.open(channelPath(key(2))) // there is room again
	})
}

// TestFloodOfNew: an address is told E_RATE as often as it may open sockets. Then its connections are dropped without a word.
func TestFloodOfNew(t *testing.T) {
	inBubble(t, Options{PerAddress: AddressLimits{NewPerMinute: 6}}, func(b *harness) {
		x, y := b.couple(key(1))
		for range 4 {
			b.open(channelPath(key(2))).leave()
		}
		for range 6 {
			b.open(channelPath(key(2))).want("E_RATE", "closed 4005")
		}
		for n := range uint64(3) {
			if _, err := b.dial().Read(make([]byte, 1)); err == nil || b.s.refused[tooManyNew].Load() != n+1 {
				t.Errorf("%v, %d are counted", err, b.s.refused[tooManyNew].Load())
			}
		}
		x.data("still here")
		y.want("DATA still here")
		time.Sleep(10 * time.Second)
		b.open(channelPath(key(2))) // one a sixth of a minute
		b.open(channelPath(key(2))).want("E_RATE", "closed 4005")
		if _, err := b.dial().Read(make([]byte, 1)); err == nil {
			t.Error("there is nothing left again")
		}
	})
}

func TestMaxSockets(t *testing.T) {
	inBubble(t, Options{MaxSockets: 2}, func(b *harness) {
		x, y := b.couple(key(1))
		if _, err := b.tryOpen(channelPath(key(2)), wire.Subprotocol); refusedWith(err) != 503 {
			t.Error(err)
		}
		if n := b.s.refused[tooManyHere].Load(); n != 1 {
			t.Errorf("counted %d", n)
		}
		x.leave()
		y.want("PEER false")
		synctest.Wait()
		b.open(channelPath(key(2)))
	})
}

func TestAcceptPace(t *testing.T) {
	inBubble(t, Options{AcceptPerSecond: 10, PerAddress: AddressLimits{Waiting: 100}}, func(b *harness) {
		start := time.Now()
		for range 40 {
			b.open(channelPath(key(1)))
		}
		if d := time.Since(start); d < 2*time.Second || d > 4*time.Second {
			t.Errorf("40 at 10 a second, 10 of them at once, took %v", d)
		}
	})
}

// TestDrainSpreads: a server that stops is not ready at once, sends the sides of a channel away together, and is done within 30 s.
func TestDrainSpreads(t *testing.T) {
	opt := Options{DrainDelay: 2 * time.Second, PerAddress: AddressLimits{Waiting: 1000, Joined: 1000, NewPerMinute: 10_000}}
	inBubble(t, opt, func(b *harness) {
		const pairs = 100
		var all [pairs][2]*client
		for i := range all {
			all[i][0], all[i][1] = b.couple(key(byte(i)))
		}
		if !b.s.Ready() {
			t.Error("not ready")
		}
		start := time.Now()
		stopped := make(chan struct{})
		go func() { b.stop(); close(stopped) }()
		synctest.Wait()
		if b.s.Ready() {
			t.Error("ready while it stops")
		}
		all[0][0].data("until then all is well")
		all[0][1].want("DATA until then all is well")
		gone := map[time.Duration]int{}
		for _, pair := range all {
			for _, c := range pair {
				c.want("RESTARTING", "closed 1012") // and no PEER
			}
			gone[pair[0].closedAt.Sub(start).Round(time.Millisecond)]++
			if !pair[0].closedAt.Equal(pair[1].closedAt) {
				t.Error("the sides of a channel went at different times")
			}
		}
		<-stopped
		if d := time.Since(start); len(gone) != pairs*2/drainAtOnce || d > 30*time.Second {
			t.Errorf("in %v, so many at a time: %v", d, gone)
		}
	})
}

func TestAdmin(t *testing.T) {
	inBubble(t, Options{}, func(b *harness) {
		x, _ := b.couple(key(1))
		x.data("12345")
		synctest.Wait()
		admin := b.s.admin()
		get := func(path string) (int, string) {
			w := httptest.NewRecorder()
			admin.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			return w.Code, w.Body.String()
		}
		for _, path := range []string{"/livez", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine"} {
			if code, _ := get(path); code != 200 {
				t.Errorf("%s: %d", path, code)
			}
		}
		_, metrics := get("/metrics")
		want := []string{
			`masq_connections{state="joined"} 2`, `masq_channels 1`, `masq_bytes_total 5`, `masq_frames_total 1`, `masq_held_bytes 0`, "go_goroutines", "masq_gaps_total 0",
		}
		for _, r := range relay.Reasons() {
			want = append(want, fmt.Sprintf("masq_closed_total{reason=%q} 0", r))
		}
		for r := range numRefusals {
			want = append(want, fmt.Sprintf("masq_refused_total{reason=%q} 0", refusals[r].name))
		}
		for _, w := range want {
			if !strings.Contains(metrics, w+"\n") && !strings.Contains(metrics, w+" ") {
				t.Errorf("/metrics has no %s", w)
			}
		}
		if name := strings.TrimPrefix(channelPath(key(1)), "/v1/channel/"); strings.Contains(metrics, name) {
			t.Error("/metrics names a channel")
		}
	})
}

// TestOutOfFiles: without file descriptors a server counts what it cannot accept, waits in between, and goes on when there
// are some again.
func TestOutOfFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("sets the limit as Linux has it")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 200
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := newHarness(t, Options{}, l, nil)
	defer b.end()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var held []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		held = append(held, f)
	}
	to := &syscall.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := syscall.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for b.s.refused[noFile].Load() < 3 && time.Since(start) < 20*time.Second {
		time.Sleep(time.Millisecond)
	}
	n, spent := b.s.refused[noFile].Load(), time.Since(start)
	for _, f := range held {
		f.Close()
	}
	if most := 3 + uint64(spent/(5*time.Millisecond)); n < 3 || n > most {
		t.Errorf("counted %d in %v", n, spent)
	}
	conn := os.NewFile(uintptr(fd), "")
	defer conn.Close()
	fmt.Fprintf(conn, "GET /livez HTTP/1.0\r\n\r\n")
	if answer, _ := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.0 200") {
		t.Errorf("afterwards: %q", answer)
	}
}
