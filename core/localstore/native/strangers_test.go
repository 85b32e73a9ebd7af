package native

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/localstore"
)

// hello is a call of size bytes.
func hello(size int) []byte {
	call := []byte(`{"jsonrpc":"2.0","id":9999,"method":"hello","params":{}}`)
	return append(call, bytes.Repeat([]byte(" "), size-len(call))...)
}

// frame is a WebSocket frame of a client, with a mask of zeros; claims is the length that its header says.
func frame(first byte, claims int, payload []byte) []byte {
	b := []byte{first, 0x80 | 127, 0, 0, 0, 0, byte(claims >> 24), byte(claims >> 16), byte(claims >> 8), byte(claims), 0, 0, 0, 0}
	return append(b, payload...)
}

// TestStrangersAreShort: who is not in says 4 KiB at once and 32 KiB in all, and is refused before more is read.
func TestStrangersAreShort(t *testing.T) {
	b := newHarness(t, Options{})
	for name, c := range map[string]struct {
		do   func(r *rpc)
		want uint16 // 0: it is answered
	}{
		"4 KiB":                       {func(r *rpc) { r.write(hello(4 << 10)) }, 0},
		"a byte more":                 {func(r *rpc) { r.write(hello(4<<10 + 1)) }, 4006},
		"a header that says 8 MiB":    {func(r *rpc) { r.raw(frame(0x81, 8<<20, nil)) }, 4006},
		"fragments of 8 KiB in all":   {func(r *rpc) { r.raw(frame(0x01, 4<<10, hello(4<<10))); r.raw(frame(0x80, 4<<10, nil)) }, 4006},
		"a ping between two messages": {func(r *rpc) { r.raw([]byte("\x89\x81\x00\x00\x00\x00x")); r.write(hello(4 << 10)) }, 0},
		"36 KiB, 4 at a time": {func(r *rpc) {
			for range 9 {
				r.write(hello(4 << 10))
			}
		}, 4006},
		"pings without end": {func(r *rpc) {
			go func() {
				for r.raw(bytes.Repeat([]byte("\x89\x81\x00\x00\x00\x00x"), 100)) == nil {
				}
			}()
		}, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			r := b.web("https://stranger.example")
			c.do(r)
			if c.want == 0 {
				if code := r.answer(9999, nil); code != "" {
					t.Errorf("%s", code)
				}
			} else if code := r.end(); code != c.want {
				t.Errorf("closed with %d", code)
			}
			r.close()
		})
	}
	app, _ := b.allowed("https://notes.example")
	app.write(hello(4<<10 + 1))
	if code := app.answer(9999, nil); code != "" {
		t.Errorf("one that is in: %q", code)
	}
}

// TestCrowdOfOneDomain: sub-domains do not make more sockets, and whoever else comes gets in.
func TestCrowdOfOneDomain(t *testing.T) {
	b := newHarness(t, Options{})
	_, tok := b.allowed("https://notes.example.org")
	for d := range 8 {
		for range 64 {
			b.web(fmt.Sprintf("https://a%d.evil.example", d))
		}
	}
	r := b.web("https://notes.example.org")
	if code, _ := r.prove("https://notes.example.org", "client", tok); code != "" {
		t.Fatalf("an application that was let in before: %s", code)
	}
	if code := r.call("put", object{"key": "a", "value": 1}, nil); code != "" {
		t.Error(code)
	}
	if code := b.web("https://other.example.net").call("hello", object{}, nil); code != "" {
		t.Errorf("another page: %s", code)
	}
}

// crowd is clients without connections.
type crowd struct {
	t *testing.T
	clients
}

func newCrowd(t *testing.T) *crowd {
	return &crowd{t, clients{all: map[uint32]*client{}, counts: map[string]int{}, held: map[string]int{}}}
}

type noTransport struct{}

func (noTransport) write([]byte) error { return nil }
func (noTransport) ping() error        { return nil }
func (noTransport) end(uint16, string) {}
func (noTransport) drop()              {}

// come is one connection more; nil: it is crowded or turned away.
func (c *crowd) come(who localstore.Who) *client {
	p := c.admit(who)
	if p == nil || p.crowded {
		return nil
	}
	return c.add(p, noTransport{})
}

// left counts who has not been displaced.
func (c *crowd) left(some []*client) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range some {
		if k != nil && !k.place.crowded {
			n++
		}
	}
	return n
}

func (c *crowd) comeMany(n int, who func(i int) localstore.Who) (all []*client) {
	for i := range n {
		all = append(all, c.come(who(i)))
	}
	return all
}

func page(format string, args ...any) localstore.Who {
	return localstore.Who{Kind: localstore.Web, Origin: fmt.Sprintf(format, args...)}
}

var program = localstore.Who{Kind: localstore.Native}

// TestPlaces: strangers displace strangers, the oldest of the domain that has most; who is in, or asks, stays.
func TestPlaces(t *testing.T) {
	own := localstore.Who{Kind: localstore.Manager, Origin: "http://localhost:6277"}
	evil := func(i int) localstore.Who { return page("https://a%d.evil.example", i) }
	many := func(i int) localstore.Who { return page("https://www.evil%d.example", i/16) }
	for name, c := range map[string]struct {
		come func(c *crowd) (kept int)
		want int
	}{
		"of one domain":   {func(c *crowd) int { return c.left(c.comeMany(100, evil)) }, 16},
		"of all programs": {func(c *crowd) int { return c.left(c.comeMany(100, func(int) localstore.Who { return program })) }, 16},
		"of the manager":  {func(c *crowd) int { return c.left(c.comeMany(60, func(int) localstore.Who { return own })) }, 16},
		"of many domains": {func(c *crowd) int { return c.left(c.comeMany(500, many)) }, 128},
		"of a domain that is new": {func(c *crowd) int {
			c.comeMany(500, many)
			return c.left([]*client{c.come(page("https://notes.example"))})
		}, 1},
		"it gives way to none of them": {func(c *crowd) int {
			c.comeMany(500, many)
			k := c.come(page("https://notes.example"))
			c.comeMany(100, many)
			return c.left([]*client{k})
		}, 1},
		"one that asks": {func(c *crowd) int {
			k := c.come(evil(0))
			c.stands(k.id, localstore.Asking)
			c.comeMany(100, evil)
			return c.left([]*client{k})
		}, 1},
		"one that was refused": {func(c *crowd) int {
			k := c.come(evil(0))
			c.stands(k.id, localstore.Asking)
			c.stands(k.id, localstore.Stranger)
			c.comeMany(100, evil)
			return c.left([]*client{k})
		}, 0},
		"who is in": {func(c *crowd) int {
			var in []*client
			for i := range 50 {
				k := c.come(evil(i))
				c.stands(k.id, localstore.In)
				in = append(in, k)
			}
			c.comeMany(100, evil)
			return c.left(in)
		}, 50},
		"a domain that is in with all that it may": {func(c *crowd) int {
			for i := range 64 {
				c.stands(c.come(evil(i)).id, localstore.In)
			}
			return c.left(c.comeMany(1, evil))
		}, 0},
		"the manager, whatever pages do": {func(c *crowd) int {
			c.comeMany(500, many)
			return c.left([]*client{c.come(own)})
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			crowd := newCrowd(t)
			if kept := c.come(crowd); kept != c.want {
				t.Errorf("%d stay, want %d", kept, c.want)
			}
		})
	}
}

// TestTurns: who says much waits behind itself.
func TestTurns(t *testing.T) {
	var q turns
	for i := range 200 {
		q.add("a.example", 1, fmt.Sprint("a1.", i), 4<<10)
	}
	q.add("a.example", 2, "a2", 10)
	q.add("b.example", 3, "b3", 8<<20)
	q.add("b.example", 3, "b3 again", 10)
	for i, want := range []string{"a1.0 a2 b3", "b3 again", ""} {
		var got []string
		for _, ev := range q.take(nil) {
			if s := ev.(string); !strings.HasPrefix(s, "a1.") || s == "a1.0" {
				got = append(got, s)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("turn %d: %q, want %q", i+1, s, want)
		}
	}
	for range 10 {
		q.take(nil)
	}
	if len(q.parties) != 0 || q.bytes != 0 {
		t.Errorf("%d parties and %d bytes are left", len(q.parties), q.bytes)
	}
	for range maxQueueEvents {
		q.add("a.example", 1, "a", 1)
	}
	if q.fits("a.example", 1, 1) || !q.fits("a.example", 2, 1) || !q.fits("b.example", 3, 8<<20) {
		t.Error("one that says much keeps another from waiting, or does not wait")
	}
}

// TestFramesInPieces: where what was read ends makes no difference to which messages are too long.
func TestFramesInPieces(t *testing.T) {
	short := []byte("\x81\x85\x00\x00\x00\x00hello")
	for name, c := range map[string]struct {
		bytes []byte
		want  bool
	}{
		"one message":             {short, true},
		"many":                    {bytes.Repeat(short, 100), true},
		"16 bits":                 {append([]byte("\x81\xfe\x00\x64\x00\x00\x00\x00"), make([]byte, 100)...), true},
		"64 bits":                 {frame(0x81, 100, make([]byte, 100)), true},
		"too long, behind others": {append(bytes.Repeat(short, 3), frame(0x81, 101, nil)...), false},
		"fragments":               {slices.Concat(frame(0x01, 60, make([]byte, 60)), frame(0x80, 40, make([]byte, 40)), short), true},
		"fragments too long, a ping between": {slices.Concat(frame(0x01, 60, make([]byte, 60)), []byte("\x89\x80\x00\x00\x00\x00"),
			frame(0x80, 41, nil)), false},
		"what the WebSocket package refuses": {frame(0x81, maxMessage+1, nil), true},
	} {
		for _, piece := range []int{1, 3, len(c.bytes)} {
			f := frames{may: func(size uint64) bool { return size <= 100 }}
			ok := true
			for part := range slices.Chunk(c.bytes, piece) {
				ok = ok && f.scan(part)
			}
			if ok != c.want {
				t.Errorf("%s, %d bytes at a time: %v", name, piece, ok)
			}
		}
	}
}
