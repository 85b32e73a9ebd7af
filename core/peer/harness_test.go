package peer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/wire"
)

const (
	testApp   = "http://localhost:6280"
	testURL   = testApp + "/"
	testRelay = "ws://localhost:6280"

	managerURL = "http://localhost:6277/"
)

// harness is engines, a relay and the network between them, driven by hand: everything takes no time, and time passes only in wait.
type harness struct {
	t     testing.TB
	now   Millis
	rand  *rand.ChaCha8
	relay *relay.Server
	urls  []string // of the relay, as the nodes are told them; the first is dialled
	up    bool     // the relay can be reached
	nodes []*node
	queue []func()
	conns map[uint64]*socket
	last  uint64
	told  func(to *node, data []byte) []byte   // what becomes of a frame of the relay's
	tap   func(from *node, data []byte) []byte // what becomes of a frame to the relay; nil: it is lost
	hello func(url string, f *wire.RelayFrame) // changes what the relay says at first
}

type socket struct {
	n    *node
	conn uint32
	url  string
	imp  *impostor // whose it is instead of a node's
}

type node struct {
	m          *harness
	name       string
	app        string   // "": a local store
	key        [32]byte // the store key; zero is as good as any
	store      storage.Store
	e          *Engine
	life       int // counts the engines that the node has had
	shun       [][32]byte
	conns      map[uint32]uint64
	wakeAt     Millis
	ahead      int64 // ms that its clock is wrong by
	cut        bool  // it has no network
	full       bool  // its disk has no room but the reserve
	dials      int
	status     Status
	replies    map[uint64]Reply
	pairing    map[uint64]PairingState
	changes    []Change
	told       []Changed
	watchings  []*watching
	failed     Code
	lastOp     uint64
	commits    int
	slow       bool   // its next commit is not done until it is finished
	unfinished func() // what does that
	loaded     []storage.ID
	slowLoads  bool // its loads are not done until they are finished
	unloaded   []func()
	lastInvite uint64
	play       func(Event) // who speaks for the device in the place of an engine; nil: nobody
}

// newHarness makes embedded stores of one application, newStores local stores.
func newHarness(t testing.TB, names ...string) *harness {
	h := emptyHarness(t)
	for _, name := range names {
		h.add(name, testApp)
	}
	return h
}

func newStores(t testing.TB, names ...string) *harness {
	h := emptyHarness(t)
	for _, name := range names {
		h.add(name, "")
	}
	return h
}

func (h *harness) add(name, app string) *node {
	n := &node{m: h, name: name, app: app, store: mem.New()}
	h.nodes = append(h.nodes, n)
	n.open()
	h.run()
	return n
}

func emptyHarness(t testing.TB) *harness {
	h := &harness{t: t, now: 1_800_000_000_000, rand: rand.NewChaCha8([32]byte{1}), urls: []string{testRelay}, up: true, conns: map[uint64]*socket{}}
	h.relay = h.newRelay()
	return h
}

func (h *harness) newRelay() *relay.Server {
	cfg := relay.Config{Rand: h.rand}
	for _, u := range h.urls {
		cfg.Hosts = append(cfg.Hosts, hostOf(u))
	}
	return relay.New(cfg)
}

// harnessAt has its relay at urls.
func harnessAt(t testing.TB, urls []string, names ...string) *harness {
	h := emptyHarness(t)
	h.urls = urls
	h.relay = h.newRelay()
	for _, name := range names {
		h.add(name, testApp)
	}
	return h
}

func (n *node) open() {
	n.life++
	n.conns, n.wakeAt, n.failed = map[uint32]uint64{}, 0, ""
	n.replies, n.pairing, n.changes = map[uint64]Reply{}, map[uint64]PairingState{}, nil
	for _, w := range n.watchings {
		w.follow() // to the end
	}
	n.told = nil
	cfg := Config{Key: n.key, App: n.app, Name: n.name, Sync: n.m.urls, Rand: n.m.rand, Shun: n.shun}
	if n.app != "" {
		cfg.URL = n.app + "/"
	}
	n.e = New(cfg)
	ids, err := n.store.List()
	if err != nil {
		n.m.t.Fatal(err)
	}
	n.step(Start{Blocks: ids})
}

// crash drops the engine and its sockets, and opens another on the same storage.
func (n *node) crash() {
	n.life++
	for _, id := range n.conns {
		n.m.drop(id)
	}
	n.open()
	n.m.run()
}

func (h *harness) later(f func()) { h.queue = append(h.queue, f) }

// run does everything that can be done without time passing.
func (h *harness) run() {
	for i := 0; len(h.queue) > 0; i++ {
		if i > 1_000_000 {
			h.t.Fatal("the mesh does not come to rest")
		}
		f := h.queue[0]
		h.queue = h.queue[1:]
		f()
	}
}

// wait lets time pass, in the order of what wants to be woken.
func (h *harness) wait(ms Millis) {
	end := h.now + ms
	for {
		h.run()
		next := end
		for _, n := range h.nodes {
			if n.wakeAt != 0 {
				next = min(next, max(n.wakeAt, h.now))
			}
		}
		h.now = next
		for _, n := range h.nodes {
			if n.wakeAt != 0 && n.wakeAt <= h.now {
				n.wakeAt = 0
				n.step(Tick{})
			}
		}
		h.relayStep(relay.Tick{})
		h.run()
		if h.now >= end {
			return
		}
	}
}

// until lets time pass until ok holds, at most a minute.
func (h *harness) until(what string, ok func() bool) {
	h.t.Helper()
	h.run()
	for range 600 {
		if ok() {
			return
		}
		h.wait(100)
	}
	h.t.Fatalf("%s: not within a minute", what)
}

func (n *node) step(ev Event) {
	if n.play != nil {
		n.play(ev)
		return
	}
	var out Actions
	n.e.Step(uint64(int64(n.m.now)+n.ahead), ev, &out)
	life := n.life
	for _, a := range out.List {
		n.act(life, a)
	}
}

func (n *node) back(life int, ev Event) {
	n.m.later(func() {
		if n.life == life {
			n.step(ev)
		}
	})
}

func (n *node) act(life int, a Action) {
	switch a := a.(type) {
	case Reply:
		n.replies[a.Op] = a
	case Changed:
		n.changes = append(n.changes, a.Changes...)
		n.told = append(n.told, a)
	case StatusChanged:
		n.status = a.Status
	case PairingState:
		n.pairing[a.Op] = a
	case Commit:
		n.commits++
		finish := func() { n.back(life, Committed{Err: n.store.Commit(a.Changes, a.Durability)}) }
		if n.slow {
			n.unfinished = finish
			break
		}
		finish()
	case Load:
		n.loaded = append(n.loaded, a.IDs...)
		blocks, err := n.store.Load(a.IDs)
		finish := func() { n.back(life, Loaded{Blocks: blocks, Err: err}) }
		if n.slowLoads {
			n.unloaded = append(n.unloaded, finish)
			break
		}
		finish()
	case Room:
		n.back(life, Disk{Full: n.full})
	case WakeAt:
		if n.wakeAt = a.At; a.At != 0 {
			n.wakeAt = uint64(int64(a.At) - n.ahead)
		}
	case Failed:
		n.failed = a.Err
	case Dial:
		n.dial(life, a)
	case Send:
		if id := n.conns[a.Conn]; id != 0 {
			data := a.Data
			if n.m.tap != nil {
				data = n.m.tap(n, data)
			}
			if data == nil {
				break
			}
			n.m.later(func() { n.m.relayStep(&relay.Frame{Conn: id, Data: data}) })
		}
	case Ping:
		if id := n.conns[a.Conn]; id != 0 {
			n.m.later(func() { n.m.relayStep(&relay.Frame{Conn: id, Data: []byte("ping"), Text: true}) })
		}
	case Hangup:
		if id := n.conns[a.Conn]; id != 0 {
			delete(n.conns, a.Conn)
			n.m.later(func() { n.m.drop(id) })
		}
	default:
		n.m.t.Fatalf("unknown action %T", a)
	}
}

func (n *node) dial(life int, a Dial) {
	n.dials++
	if !n.m.up || n.cut {
		n.back(life, Closed{Conn: a.Conn})
		return
	}
	n.m.last++
	id := n.m.last
	n.conns[a.Conn] = id
	n.m.conns[id] = &socket{n: n, conn: a.Conn, url: a.URL}
	n.back(life, Opened{Conn: a.Conn})
	n.m.later(func() {
		n.m.relayStep(relay.Open{Conn: id, Path: strings.TrimPrefix(a.URL, n.m.urls[0]), Host: hostOf(a.URL)})
	})
}

func (h *harness) drop(id uint64) {
	if h.conns[id] != nil {
		delete(h.conns, id)
		h.relayStep(relay.Closed{Conn: id})
	}
}

func (h *harness) relayStep(ev relay.Event) {
	var out relay.Actions
	h.relay.Step(h.now, ev, &out)
	for _, a := range out.List {
		switch a := a.(type) {
		case *relay.Send:
			switch s := h.conns[a.Conn]; {
			case s == nil:
			case s.imp != nil:
				h.later(func() { s.imp.frame(append([]byte(nil), a.Data...)) })
			default:
				s.n.back(s.n.life, Frame{Conn: s.conn, Data: h.said(s, a.Data)})
			}
		case relay.SendText:
			if s := h.conns[a.Conn]; s != nil && s.imp == nil {
				s.n.back(s.n.life, Pong{Conn: s.conn})
			}
		case relay.Close:
			if s := h.conns[a.Conn]; s != nil && s.imp == nil {
				delete(h.conns, a.Conn)
				delete(s.n.conns, s.conn)
				s.n.back(s.n.life, Closed{Conn: s.conn, Code: a.Code})
			}
		}
	}
}

// said is what a socket gets of what the relay has sent.
func (h *harness) said(s *socket, data []byte) []byte {
	if f, err := wire.ParseRelay(data); h.hello != nil && err == nil && f.Type == wire.RelayHello {
		h.hello(s.url, &f)
		return wire.AppendRelay(nil, &f)
	}
	if h.told != nil {
		data = h.told(s.n, data)
	}
	return append([]byte(nil), data...)
}

// outage cuts every connection and lets none be made.
func (h *harness) outage() {
	h.up = false
	h.cut()
	h.relay = h.newRelay()
	h.run()
}

// cut ends every connection.
func (h *harness) cut() {
	for id, s := range h.conns {
		h.drop(id)
		delete(s.n.conns, s.conn)
		s.n.back(s.n.life, Closed{Conn: s.conn, Code: 1006})
	}
}

// offline takes one device's network away, or gives it back, and tells it.
func (h *harness) offline(n *node, off bool) {
	h.cutOff(n, off)
	if off {
		n.step(Offline{})
	} else {
		n.step(Online{})
	}
	h.run()
}

// cutOff takes one device's network away, or gives it back, and tells nobody.
func (h *harness) cutOff(n *node, off bool) {
	n.cut = off
	for id, s := range h.conns {
		if s.n == n && off {
			h.drop(id)
			delete(n.conns, s.conn)
			n.back(n.life, Closed{Conn: s.conn, Code: 1006})
		}
	}
}

// silence ends a device's connections, and it is not told.
func (h *harness) silence(n *node) {
	for conn, id := range n.conns {
		delete(n.conns, conn)
		h.drop(id)
	}
}

// unknown is a verb that there is not.
type unknown struct{}

func (unknown) ID() VerbID { return 200 }

func (n *node) do(op Op) uint64 {
	n.lastOp++
	op.ID, op.Client = n.lastOp, 1
	n.step(&op)
	n.m.run()
	return op.ID
}

// must does op and returns its reply, which must come and not be an error.
func (n *node) must(op Op) Reply {
	n.m.t.Helper()
	id := n.do(op)
	r, ok := n.replies[id]
	if !ok {
		n.m.t.Fatalf("%s: %T is not answered", n.name, op.Do)
	}
	if r.Err != OK {
		n.m.t.Fatalf("%s: %T: %s", n.name, op.Do, r.Err)
	}
	return r
}

func (n *node) put(key, value string) {
	n.m.t.Helper()
	n.must(Op{Do: Batch{Writes: []Write{{Key: key, Kind: wire.JSON, Value: []byte(value)}}}})
}

func (n *node) del(key string) {
	n.m.t.Helper()
	n.must(Op{Do: Batch{Writes: []Write{{Key: key}}}})
}

func (n *node) get(key string) string {
	n.m.t.Helper()
	r := n.must(Op{Do: Get{Key: key}})
	if len(r.Entries) == 0 {
		return ""
	}
	return string(r.Entries[0].Value)
}

// all is the whole content, conflicts included, as one text.
func (n *node) all() string {
	n.m.t.Helper()
	var b strings.Builder
	for _, e := range n.must(Op{Do: List{}}).Entries {
		fmt.Fprintf(&b, "%s=%s", e.Key, e.Value)
		for _, c := range n.must(Op{Do: Conflicts{Key: e.Key}}).Entries {
			fmt.Fprintf(&b, " / %s", c.Value)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// pair has b join a, both users saying yes to the same digits. Where a hides them, its user types those that b shows.
func (h *harness) pair(a, b *node) {
	h.t.Helper()
	h.pairFor(a, b, Op{Do: Invite{URL: managerURL}})
}

func (h *harness) pairFor(a, b *node, op Op) {
	h.t.Helper()
	invite := a.do(op)
	link := a.replies[invite]
	if link.Err != OK || link.Text == "" {
		h.t.Fatalf("invite: %+v", link)
	}
	join := b.do(Op{Do: Join{Link: link.Text}})
	h.until("compare", func() bool { return a.pairing[invite].Step == Compare && b.pairing[join].Step == Compare })
	if x, y := a.pairing[invite], b.pairing[join]; x.Digits != y.Digits && x.Digits != "" || len(y.Digits) != 6 || x.Name != b.name || y.Name != a.name {
		h.t.Fatalf("digits and names: %+v, %+v", x, y)
	}
	a.must(Op{Do: Confirm{Target: invite, Digits: b.pairing[join].Digits}})
	b.must(Op{Do: Confirm{Target: join, Bring: true}})
	h.until("paired", func() bool { return a.pairing[invite].Step == Done && b.pairing[join].Step == Done })
}

func (h *harness) converged() bool {
	for _, n := range h.nodes[1:] {
		if n.all() != h.nodes[0].all() {
			return false
		}
	}
	return true
}
