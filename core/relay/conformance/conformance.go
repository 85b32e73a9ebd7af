// Package conformance checks that whatever is behind a URL is a Sync Server: core/PROTOCOL.md, "The Sync Server", from outside.
//
//	conformance.Run(t, conformance.Target{URL: "wss://sync.example.org"})
//
// or, for a server that runs already, make conformance URL=wss://sync.example.org. With Other the parties of each channel are on
// two nodes. It disturbs nobody else: each test takes channels that are new.
package conformance

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/wire"
)

// Target is the server to check.
type Target struct {
	URL   string // as a relay URL is written
	Other string // another node that shares its channels; empty: there is none
	// NoCaps: the target does not count by address, or has other limits. What has to do with them is left out.
	NoCaps bool
}

// other is where the second party dials.
func (g Target) other() string {
	if g.Other != "" {
		return g.Other
	}
	return g.URL
}

// Run runs the whole suite.
func Run(t *testing.T, g Target) {
	for _, c := range []struct {
		name string
		test func(*testing.T, Target)
	}{
		{"hello", hello},
		{"requests", requests},
		{"channel", channel},
		{"channels do not mix", apart},
		{"order", order},
		{"both ways at once", bothWays},
		{"every size", sizes},
		{"replaced", replaced},
		{"leaving", leaving},
		{"mailbox", mailbox},
		{"nameplate", nameplate},
		{"nameplates are unique", nameplates},
		{"refused", refusals},
		{"too big", tooBig},
		{"ping", ping},
		{"late", late},
		{"a receiver that is too slow", slow},
		{"nameplate joins are counted", guesses},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) { c.test(t, g) })
	}
}

// couple is two parties of a new channel that have met.
func couple(t *testing.T, g Target) (x, y *Client) {
	t.Helper()
	k := client.NewKey()
	x = Join(t, g.URL, k, 0)
	x.Want("JOINED false")
	y = Join(t, g.other(), k, 1)
	y.met(y.Next())
	x.Want("PEER true")
	return x, y
}

func hello(t *testing.T, g Target) {
	before := time.Now()
	c := Dial(t, g.URL, client.ChannelPath(client.NewKey()))
	d := Dial(t, g.URL, client.ChannelPath(client.NewKey()))
	hello := c.conn.Hello
	if hello.Version != wire.RelayVersion || hello.Nonce == d.conn.Hello.Nonce || hello.Nonce == [32]byte{} {
		t.Errorf("HELLO %+v", hello)
	}
	if skew := time.UnixMilli(int64(hello.Time)).Sub(before).Abs(); skew > 5*time.Minute {
		t.Errorf("the server's clock is %v off", skew)
	}
	limits := c.conn.Limits()
	for id := wire.LimitFrameBytes; id <= wire.LimitAddressBytes; id++ {
		if limits[id] == 0 {
			t.Errorf("limit %d is not announced", id)
		}
	}
	if one, all := limits[wire.LimitAddressBytes], limits[wire.LimitTotalBytes]; one > all {
		t.Errorf("an address may have %d bytes of %d", one, all)
	}
}

func requests(t *testing.T, g Target) {
	path := client.ChannelPath(client.NewKey())
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/livez", 200},
		{"GET", path, 426},
		{"POST", path, 426},
		{"GET", "/v1/channel/short", 404},
		{"GET", "/v1/channel/*", 404},
		{"GET", "/v1/channel/%3E", 404},
		{"GET", "/v1/channel/masq.1.%2A", 404},
		{"GET", "/v1/pair/new", 405},
		{"GET", "/v1/pair/7i2", 404},
	} {
		if resp := request(t, c.method, g.URL, c.path); resp.StatusCode != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, resp.StatusCode, c.status)
		}
	}
	for _, sub := range [][]string{{}, {"masq.relay.v2"}} {
		if _, err := TryDial(t, g.URL, path, sub...); refusedWith(err) != 400 {
			t.Errorf("subprotocol %q: %v", sub, err)
		}
	}
	for _, wild := range []string{"*", ">", "masq.1.>", path[len("/v1/channel/"):len(path)-1] + "*"} {
		if _, err := TryDial(t, g.URL, "/v1/channel/"+wild, wire.Subprotocol); refusedWith(err) != 404 {
			t.Errorf("channel %q: %v", wild, err)
		}
	}
	if c, err := TryDial(t, g.URL, path, "other", wire.Subprotocol); err != nil || c.conn.Subprotocol() != wire.Subprotocol {
		t.Errorf("subprotocol among others: %v", err)
	}
}

func channel(t *testing.T, g Target) {
	x, y := couple(t, g)
	x.Data("one")
	x.Data("")
	y.Want("DATA one", "DATA ")
	y.Data("two")
	x.Want("DATA two")
	x.None()
	y.None()
}

func apart(t *testing.T, g Target) {
	x, y := couple(t, g)
	v, w := couple(t, g)
	for i := range 20 {
		x.Data(fmt.Sprint("x", i))
		v.Data(fmt.Sprint("v", i))
	}
	for i := range 20 {
		y.Want(fmt.Sprint("DATA x", i))
		w.Want(fmt.Sprint("DATA v", i))
	}
	lone := Join(t, g.URL, client.NewKey(), 0)
	lone.Want("JOINED false")
	lone.Data("into the void")
	for _, c := range []*Client{x, y, v, w, lone} {
		c.None()
	}
}

func order(t *testing.T, g Target) {
	x, y := couple(t, g)
	go func() {
		for i := range 1000 {
			x.Data(fmt.Sprint(i))
		}
	}()
	for i := range 1000 {
		y.Want(fmt.Sprint("DATA ", i))
	}
}

func bothWays(t *testing.T, g Target) {
	x, y := couple(t, g)
	body := strings.Repeat("b", 4<<10)
	var wg sync.WaitGroup
	for _, p := range [][2]*Client{{x, y}, {y, x}} {
		wg.Go(func() {
			for range 100 {
				p[0].Data(body)
			}
		})
		wg.Go(func() {
			for range 100 {
				if got := p[1].Next(); got != "DATA "+body {
					t.Errorf("got %.50q", got)
					return
				}
			}
		})
	}
	wg.Wait()
}

func sizes(t *testing.T, g Target) {
	x, y := couple(t, g)
	for _, n := range []int{0, 1, 124, 125, 126, 127, 4095, 4096, 65_000, wire.MaxFrame - 2, wire.MaxFrame - 1} {
		body := make([]byte, n)
		rand.Read(body)
		x.Data(string(body))
		y.Want("DATA " + string(body))
	}
}

func replaced(t *testing.T, g Target) {
	k := client.NewKey()
	x := Join(t, g.URL, k, 0)
	x.Want("JOINED false")
	y := Join(t, g.URL, k, 1)
	y.met(y.Next())
	x.Want("PEER true")
	time.Sleep(2 * time.Millisecond) // nodes tell two of a side by the millisecond in which they joined
	z := Join(t, g.other(), k, 0)
	x.Want("E_REPLACED", "closed 4008")
	z.met(z.Next())
	y.Want("PEER true")
	z.Data("from the newer")
	y.Want("DATA from the newer")
	y.Data("to the newer")
	z.Want("DATA to the newer")
}

func leaving(t *testing.T, g Target) {
	x, y := couple(t, g)
	y.Leave()
	x.Want("PEER false")
	x.Data("to nobody")
	x.None()
}

func newMailbox() string {
	var m [16]byte
	rand.Read(m[:])
	return wire.PairPath(m)
}

func mailbox(t *testing.T, g Target) { mailboxAt(t, g, newMailbox()) }

func mailboxAt(t *testing.T, g Target, path string) {
	x := Pair(t, g.URL, path, 0)
	x.Want("JOINED false")
	y := Pair(t, g.other(), path, 1)
	y.met(y.Next())
	x.Want("PEER true")
	for side := range uint8(2) {
		third := Pair(t, g.other(), path, side)
		got := third.Next()
		if got == "JOINED false" { // on a node that had nobody of it yet
			got = third.Next()
		}
		if got != "E_CROWDED" {
			t.Errorf("a third party got %q", got)
		}
		third.Want("closed 4004")
	}
	x.Data("H0")
	y.Want("DATA H0")
	y.Leave()
	x.Want("PEER false", "closed 1000")
}

// reserve asks for a nameplate; status is not 200 if there are too many.
func reserve(t *testing.T, relayURL string) (name string, status int) {
	resp := request(t, "POST", relayURL, wire.NewNameplatePath)
	if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("a page of another origin cannot read the answer")
	}
	if resp.StatusCode != 200 {
		return "", resp.StatusCode
	}
	var answer struct{ Nameplate string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || !wire.IsNameplate(answer.Nameplate) {
		t.Fatalf("%+v, %v", answer, err)
	}
	return answer.Nameplate, 200
}

func nameplate(t *testing.T, g Target) {
	name, status := reserve(t, g.URL)
	if status != 200 {
		t.Fatalf("status %d", status)
	}
	if g.NoCaps {
		mailboxAt(t, g, wire.NameplatePath(name))
		return
	}
	x := Pair(t, g.URL, wire.NameplatePath(name), 0) // each of these counts among the few that an address may open
	x.Want("JOINED false")
	y := Pair(t, g.other(), wire.NameplatePath(name), 1)
	y.met(y.Next())
	x.Want("PEER true")
	x.Data("H0")
	y.Want("DATA H0")
}

func nameplates(t *testing.T, g Target) {
	seen := map[string]bool{}
	for i := range 6 {
		from := g.URL
		if i%2 == 1 {
			from = g.other()
		}
		name, status := reserve(t, from)
		if status != 200 || seen[name] {
			t.Fatalf("status %d, %q, after %v", status, name, seen)
		}
		seen[name] = true
	}
}

func refusals(t *testing.T, g Target) {
	k := client.NewKey()
	path := client.ChannelPath(k)
	join := func(c *Client, side uint8, sig [64]byte) {
		c.conn.Send(wire.RelayFrame{Type: wire.RelayJoin, Side: side, Sig: sig})
	}
	raw := func(b ...byte) func(*Client) { return func(c *Client) { c.conn.Binary(b) } }
	sign := func(c *Client, side uint8) [64]byte { return wire.SignJoin(k, c.conn.Host(), c.conn.Hello.Nonce, side) }
	old := Dial(t, g.URL, path)
	x, y := couple(t, g) // whom nothing of this disturbs
	for _, c := range []struct {
		name, path string
		do         func(*Client)
		code       wire.RelayCode
	}{
		{"a signature by another key", path, func(c *Client) { join(c, 0, wire.SignJoin(client.NewKey(), c.conn.Host(), c.conn.Hello.Nonce, 0)) }, wire.RelayEAuth},
		{"a signature for another host", path, func(c *Client) { join(c, 0, wire.SignJoin(k, "evil.example", c.conn.Hello.Nonce, 0)) }, wire.RelayEAuth},
		{"a signature for the other side", path, func(c *Client) { join(c, 1, sign(c, 0)) }, wire.RelayEAuth},
		{"a replayed JOIN", path, func(c *Client) { join(c, 0, wire.SignJoin(k, c.conn.Host(), old.conn.Hello.Nonce, 0)) }, wire.RelayEAuth},
		{"no signature", path, func(c *Client) { join(c, 0, [64]byte{}) }, wire.RelayEAuth},
		{"a side that is none", path, func(c *Client) { join(c, 2, sign(c, 2)) }, wire.RelayEFrame},
		{"DATA before JOIN", path, raw(0, 1), wire.RelayEFrame},
		{"PAIR on a channel", path, raw(7, 0), wire.RelayEFrame},
		{"JOIN on a mailbox", newMailbox(), func(c *Client) { join(c, 0, sign(c, 0)) }, wire.RelayEFrame},
		{"a frame of the server's", path, raw(4, 1), wire.RelayEFrame},
		{"an unknown frame", path, raw(99, 1, 2), wire.RelayEFrame},
		{"an empty frame", path, raw(), wire.RelayEFrame},
		{"half a JOIN", path, raw(2, 0, 1, 2, 3), wire.RelayEFrame},
		{"text", path, func(c *Client) { c.Text("hello") }, wire.RelayEFrame},
		{"a second JOIN", path, func(c *Client) {
			sig := sign(c, 0)
			join(c, 0, sig)
			c.Want("JOINED false")
			join(c, 0, sig)
		}, wire.RelayEFrame},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			z := Dial(t, g.URL, c.path)
			c.do(z)
			z.Want(c.code.String(), fmt.Sprint("closed ", c.code.CloseCode()))
			x.Data("still here")
			y.Want("DATA still here")
		})
	}
}

func tooBig(t *testing.T, g Target) {
	for _, n := range []int{wire.MaxFrame + 1, 1 << 20} {
		z := Join(t, g.URL, client.NewKey(), 0)
		z.Want("JOINED false")
		go z.conn.Binary(make([]byte, n)) // it may block: nobody reads all of it
		z.Want("E_TOOBIG", "closed 4006")
	}
}

func ping(t *testing.T, g Target) {
	c := Dial(t, g.URL, client.ChannelPath(client.NewKey()))
	for range 3 {
		c.None()
	}
	c.conn.PingFrame([]byte("p"))
	c.Want("pong frame p")
}

// late: without JOIN or PAIR in the time that HELLO says, E_EXPIRED, pings or not.
func late(t *testing.T, g Target) {
	c := Dial(t, g.URL, client.ChannelPath(client.NewKey()))
	if within := c.conn.Limits()[wire.LimitJoin]; within > 15_000 {
		t.Skipf("JOIN may take %d ms here", within)
	}
	c.None()
	c.Want("E_EXPIRED", "closed 4003")
}

// slow: a receiver that takes less than HELLO says is dropped, although it takes something all the time. (How much of that the server
// sees depends on the buffers between.)
func slow(t *testing.T, g Target) {
	k := client.NewKey()
	x := Join(t, g.URL, k, 0)
	x.Want("JOINED false")
	limits := x.conn.Limits()
	if within := limits[wire.LimitSlow]; g.NoCaps || within > 12_000 {
		t.Skipf("a receiver may take %d ms, or is the platform's", within)
	}
	y, err := client.Dial(t.Context(), g.other(), client.ChannelPath(k), client.Options{Timeout: Patience})
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	if tcp, ok := y.NetConn().(*net.TCPConn); ok {
		tcp.SetReadBuffer(4 << 10)
	}
	if _, err := y.Join(t.Context(), k, 1); err != nil {
		t.Fatal(err)
	}
	x.Want("PEER true")
	const perWindow = 10 // messages that y takes in the time in which it is to take more
	body := strings.Repeat("x", int(limits[wire.LimitSlowBytes]/perWindow/4*3))
	over := make(chan struct{})
	defer close(over)
	go func() {
		for range time.Tick(time.Duration(limits[wire.LimitSlow]/perWindow) * time.Millisecond) {
			if _, err := y.Next(t.Context()); err != nil {
				return
			}
		}
	}()
	go func() {
		for x.conn.Data([]byte(body)) == nil {
			select {
			case <-over:
				return
			default:
			}
		}
	}()
	x.Want("PEER false")
}

// guesses: who tries nameplates is stopped, and others are not. It comes last: this address is out of nameplates then.
func guesses(t *testing.T, g Target) {
	if g.NoCaps {
		t.Skip("the target does not count by address")
	}
	for _, last := range "0123456789AB" { // another one each time: whether the last has been left is the server's to know
		c := Pair(t, g.URL, wire.NameplatePath("ZZZZZZ"+string(last)), 1)
		switch got := c.Next(); got {
		case "E_RATE":
			c.Want("closed 4005")
			x, y := couple(t, g)
			x.Data("still here")
			y.Want("DATA still here")
			return
		case "JOINED false":
			c.Leave()
		default:
			t.Fatalf("got %q", got)
		}
	}
	t.Error("an address may open as many nameplates as it likes")
}
