package conformance

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/masqdev/masq/core/relay/client"
	"github.com/masqdev/masq/core/wire"
)

// device is one party of a channel that has things to tell the other and goes on until the other has all of them: in whatever
// order connections end, whichever node it is on.
//
//	HAVE n       I have n of yours
//	ITEM n text  my n-th
type device struct {
	t     *testing.T
	key   ed25519.PrivateKey
	side  uint8
	nodes []string // the first is where it dials first
	stop  chan struct{}

	mu     sync.Mutex // guards all below
	mine   []string
	theirs []string
	acked  int // of mine
}

func (d *device) write(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mine = append(d.mine, text)
}

// run connects again and again.
func (d *device) run() {
	for n := 0; ; {
		select {
		case <-d.stop:
			return
		default:
		}
		c, err := TryDial(d.t, d.nodes[n%len(d.nodes)], client.ChannelPath(d.key), wire.Subprotocol)
		wait := 100 * time.Millisecond
		if err == nil {
			c.conn.SendJoin(d.key, d.side)
			d.session(c)
			c.conn.Close()
			if c.Reconnect > 0 {
				wait, n = c.Reconnect, n+1 // a load balancer would choose another
			}
		} else {
			n++
		}
		select {
		case <-d.stop:
			return
		case <-time.After(wait):
		}
	}
}

// session talks until the connection ends or nothing comes back.
func (d *device) session(c *Client) {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	present, sent, lastPing, waiting := false, 0, time.Now(), time.Now()
	begin := func() {
		present, waiting = true, time.Now()
		d.mu.Lock()
		sent = d.acked
		c.Data(fmt.Sprint("HAVE ", len(d.theirs)))
		d.mu.Unlock()
	}
	for {
		select {
		case <-d.stop:
			return
		case got := <-c.got:
			switch kind, rest, _ := strings.Cut(got, " "); kind {
			case "JOINED", "PEER":
				present = false
				if rest == "true" {
					begin()
				}
			case "DATA":
				if d.take(c, rest, &sent) {
					waiting = time.Now()
				}
			case "closed":
				return
			}
		case now := <-t.C:
			if now.Sub(lastPing) > 2*time.Second { // real ones ping every 30 s; a test waits less
				lastPing = now
				c.Text(wire.PingText)
			}
			d.mu.Lock()
			for ; present && sent < len(d.mine) && sent < d.acked+64; sent++ {
				c.Data(fmt.Sprint("ITEM ", sent, " ", d.mine[sent]))
			}
			late := present && d.acked < len(d.mine) && now.Sub(waiting) > 3*time.Second // as DATA without acknowledgement; 10 s in earnest
			if d.acked == len(d.mine) {
				waiting = now
			}
			d.mu.Unlock()
			if late {
				return
			}
		}
	}
}

// take takes a body and reports whether it brought d further.
func (d *device) take(c *Client, body string, sent *int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	var n int
	kind, rest, _ := strings.Cut(body, " ")
	number, text, _ := strings.Cut(rest, " ")
	if _, err := fmt.Sscan(number, &n); err != nil {
		d.t.Errorf("got %.50q", body)
		return false
	}
	switch kind {
	case "HAVE":
		if n > len(d.mine) {
			d.t.Errorf("the other has %d of %d", n, len(d.mine))
			return false
		}
		if n > d.acked {
			d.acked = n
			return true
		}
		*sent = min(*sent, d.acked) // it has lost what came behind
	case "ITEM":
		if n == len(d.theirs) {
			d.theirs = append(d.theirs, text)
			c.Data(fmt.Sprint("HAVE ", len(d.theirs)))
			return true
		}
		if n > len(d.theirs) {
			c.Data(fmt.Sprint("HAVE ", len(d.theirs)))
		}
	default:
		d.t.Errorf("got %.50q", body)
	}
	return false
}

// link is a TCP connection's way that can be interrupted without either end being told, and slowed down.
type link struct {
	addr    string
	stalled atomic.Bool
	slow    atomic.Bool // towards who dialled
}

func newLink(t *testing.T, to string) *link {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	t.Cleanup(func() { l.Close() })
	k := &link{addr: l.Addr().String()}
	go func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", to)
			if err != nil {
				here.Close()
				continue
			}
			go k.pump(there, here, &atomic.Bool{})
			go k.pump(here, there, &k.slow)
		}
	}()
	return k
}

func (k *link) pump(to, from net.Conn, slow *atomic.Bool) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 4<<10)
	for {
		n, err := from.Read(b)
		for k.stalled.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		if slow.Load() {
			time.Sleep(50 * time.Millisecond)
		}
		if n > 0 {
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// field is two nodes, NATS between them, and devices.
type field struct {
	t        *testing.T
	nats     *process
	way      [2]*link // from each node to NATS
	node     [2]*process
	devices  []*device // two and two share a channel
	running  sync.WaitGroup
	itemSize int
}

func newField(t *testing.T, channels int) *field {
	f := &field{t: t, itemSize: 100}
	f.nats = start(t, natsVariable, "127.0.0.1:0")
	for i := range f.node {
		f.way[i] = newLink(t, f.nats.addr)
		f.startNode(i, "")
	}
	stop := make(chan struct{})
	for range channels {
		k := client.NewKey()
		for side := range 2 {
			d := &device{
				t: t, key: k, side: uint8(side), stop: stop, nodes: []string{f.node[side].url(), f.node[1-side].url()},
			}
			f.devices = append(f.devices, d)
			f.running.Go(d.run)
		}
	}
	t.Cleanup(func() { close(stop); f.running.Wait() })
	return f
}

func (f *field) startNode(i int, addr string) {
	f.node[i] = startNode(f.t, nodeConfig{Listen: addr, NATS: "nats://" + f.way[i].addr})
}

// write has every device write something now and then, for so long.
func (f *field) write(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for i, d := range f.devices {
			d.write(fmt.Sprint(i, " ", strings.Repeat("x", f.itemSize)))
		}
	}
}

// converge waits until every device has what the other wrote, and compares.
func (f *field) converge() time.Duration {
	f.t.Helper()
	begin := time.Now()
	behind := 0
	for end := begin.Add(90 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		behind = 0
		for i, d := range f.devices {
			other := f.devices[i^1]
			other.mu.Lock()
			n := len(other.mine)
			other.mu.Unlock()
			d.mu.Lock()
			if len(d.theirs) != n {
				behind++
			}
			d.mu.Unlock()
		}
		if behind == 0 {
			break
		}
	}
	if behind > 0 {
		f.t.Fatalf("%d of %d devices do not converge", behind, len(f.devices))
	}
	for i, d := range f.devices {
		for n, text := range d.theirs {
			if want := f.devices[i^1].mine[n]; text != want {
				f.t.Fatalf("device %d got %.50q, want %.50q", i, text, want)
			}
		}
	}
	return time.Since(begin)
}

func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("takes its time")
	}
	for _, c := range []struct {
		name  string
		fault func(f *field)
	}{
		{"none", func(f *field) { f.write(time.Second) }},
		{"kill -9 of a node that comes back", func(f *field) {
			addr := f.node[1].addr
			f.node[1].kill()
			f.write(time.Second)
			f.startNode(1, addr)
		}},
		{"kill -9 of a node for good", func(f *field) { f.node[0].kill() }},
		{"kill -9 of NATS", func(f *field) {
			f.nats.kill()
			f.write(time.Second)
			f.nats = start(f.t, natsVariable, f.nats.addr)
		}},
		{"a short partition", func(f *field) {
			f.way[1].stalled.Store(true)
			f.write(time.Second)
			f.way[1].stalled.Store(false)
		}},
		{"a long partition", func(f *field) {
			f.way[1].stalled.Store(true)
			f.write(8 * time.Second)
			f.way[1].stalled.Store(false)
		}},
		{"a slow consumer", func(f *field) {
			f.itemSize = 8 << 10
			f.way[1].slow.Store(true)
			f.write(4 * time.Second)
			f.way[1].slow.Store(false)
		}},
		{"SIGTERM", func(f *field) { f.node[0].cmd.Process.Signal(syscall.SIGTERM) }},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			f := newField(t, 10)
			f.write(500 * time.Millisecond)
			f.converge()
			c.fault(f)
			f.write(500 * time.Millisecond)
			t.Logf("converged %v after the last write", f.converge().Round(time.Millisecond))
		})
	}
}
