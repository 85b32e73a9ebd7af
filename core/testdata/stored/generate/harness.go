//go:build ignore

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/wire"
)

const server = "ws://localhost:6280"

// harness is devices, a Sync Server and the network between them. Everything takes no time, and time passes only in wait.
type harness struct {
	now   uint64
	rand  *rand.ChaCha8
	relay *relay.Server
	nodes []*node
	queue []func()
	conns map[uint64]socket
	last  uint64
}

type socket struct {
	n    *node
	conn uint32
}

// node is a device.
type node struct {
	h       *harness
	name    string
	app     string // "": a local store
	key     [32]byte
	disk    storage.Store
	e       *peer.Engine // nil: it is switched off
	life    int
	cut     bool
	wakeAt  uint64
	conns   map[uint32]uint64
	last    uint64
	status  peer.Status
	replies map[uint64]peer.Reply
	pairing map[uint64]peer.PairingState
}

func newHarness(seed byte) *harness {
	h := &harness{now: begin, rand: rand.NewChaCha8([32]byte{seed}), conns: map[uint64]socket{}}
	h.relay = relay.New(relay.Config{Rand: h.rand})
	return h
}

func (h *harness) add(name, app string) *node {
	n := &node{h: h, name: name, app: app, disk: mem.New()}
	h.rand.Read(n.key[:])
	h.nodes = append(h.nodes, n)
	n.on()
	return n
}

func (n *node) config() peer.Config {
	cfg := peer.Config{Key: n.key, App: n.app, Name: n.name, Sync: []string{server}, Rand: n.h.rand}
	if n.app != "" {
		cfg.URL = n.app + "/"
	}
	return cfg
}

// on starts an engine on what the device has.
func (n *node) on() {
	n.life++
	n.wakeAt, n.conns = 0, map[uint32]uint64{}
	n.replies, n.pairing = map[uint64]peer.Reply{}, map[uint64]peer.PairingState{}
	n.e = peer.New(n.config())
	n.step(peer.Start{Blocks: must(n.disk.List())})
	n.h.run()
}

// off ends the engine without a word.
func (n *node) off() {
	n.life++
	n.e, n.wakeAt = nil, 0
	for _, id := range n.conns {
		n.h.drop(id)
	}
	n.h.run()
}

func (n *node) again() {
	n.off()
	n.on()
}

// offline takes the network away, or gives it back.
func (n *node) offline(yes bool) {
	n.cut = yes
	if yes {
		for conn, id := range n.conns {
			delete(n.conns, conn)
			n.h.drop(id)
			n.back(peer.Closed{Conn: conn, Code: 1006})
		}
		n.step(peer.Offline{})
	} else {
		n.step(peer.Online{})
	}
	n.h.run()
}

func (n *node) step(ev peer.Event) {
	var out peer.Actions
	n.e.Step(n.h.now, ev, &out)
	for _, a := range out.List {
		n.act(a)
	}
}

func (n *node) back(ev peer.Event) {
	life := n.life
	n.h.later(func() {
		if n.life == life {
			n.step(ev)
		}
	})
}

func (n *node) act(a peer.Action) {
	h := n.h
	switch a := a.(type) {
	case peer.Reply:
		n.replies[a.Op] = a
	case peer.StatusChanged:
		n.status = a.Status
	case peer.PairingState:
		n.pairing[a.Op] = a
	case peer.Commit:
		n.back(peer.Committed{Err: n.disk.Commit(a.Changes, a.Durability)})
	case peer.Load:
		n.back(peer.Loaded{Blocks: must(n.disk.Load(a.IDs))})
	case peer.WakeAt:
		n.wakeAt = a.At
	case peer.Failed:
		panic(n.name + ": " + string(a.Err))
	case peer.Dial:
		n.dial(a)
	case peer.Send:
		if id := n.conns[a.Conn]; id != 0 {
			h.later(func() { h.serve(&relay.Frame{Conn: id, Data: a.Data}) })
		}
	case peer.Ping:
		if id := n.conns[a.Conn]; id != 0 {
			h.later(func() { h.serve(&relay.Frame{Conn: id, Data: []byte("ping"), Text: true}) })
		}
	case peer.Hangup:
		if id := n.conns[a.Conn]; id != 0 {
			delete(n.conns, a.Conn)
			h.later(func() { h.drop(id) })
		}
	}
}

func (n *node) dial(a peer.Dial) {
	path, ours := strings.CutPrefix(a.URL, server)
	if n.cut || !ours {
		n.back(peer.Closed{Conn: a.Conn})
		return
	}
	h := n.h
	h.last++
	id := h.last
	n.conns[a.Conn], h.conns[id] = id, socket{n, a.Conn}
	n.back(peer.Opened{Conn: a.Conn})
	h.later(func() { h.serve(relay.Open{Conn: id, Path: path, Host: "localhost:6280"}) })
}

func (h *harness) later(f func()) { h.queue = append(h.queue, f) }

func (h *harness) run() {
	for len(h.queue) > 0 {
		f := h.queue[0]
		h.queue = h.queue[1:]
		f()
	}
}

func (h *harness) drop(id uint64) {
	if _, ok := h.conns[id]; ok {
		delete(h.conns, id)
		h.serve(relay.Closed{Conn: id})
	}
}

func (h *harness) serve(ev relay.Event) {
	var out relay.Actions
	h.relay.Step(h.now, ev, &out)
	for _, a := range out.List {
		switch a := a.(type) {
		case *relay.Send:
			if s, ok := h.conns[a.Conn]; ok {
				s.n.back(peer.Frame{Conn: s.conn, Data: bytes.Clone(a.Data)})
			}
		case relay.SendText:
			if s, ok := h.conns[a.Conn]; ok {
				s.n.back(peer.Pong{Conn: s.conn})
			}
		case relay.Close:
			if s, ok := h.conns[a.Conn]; ok {
				delete(h.conns, a.Conn)
				delete(s.n.conns, s.conn)
				s.n.back(peer.Closed{Conn: s.conn, Code: a.Code})
			}
		}
	}
}

// wait lets time pass.
func (h *harness) wait(ms uint64) {
	for end := h.now + ms; ; {
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
				n.step(peer.Tick{})
			}
		}
		h.serve(relay.Tick{})
		h.run()
		if h.now >= end {
			return
		}
	}
}

func (h *harness) until(what string, ok func() bool) {
	for range 1800 {
		if ok() {
			return
		}
		h.wait(100)
	}
	panic("not within three minutes: " + what)
}

// begin asks for a verb, do for one that has to go well.
func (n *node) begin(app string, verb peer.Verb) uint64 {
	n.last++
	n.step(&peer.Op{ID: n.last, Client: 1, App: app, Do: verb})
	n.h.run()
	return n.last
}

func (n *node) do(app string, verb peer.Verb) peer.Reply {
	r, ok := n.replies[n.begin(app, verb)]
	if !ok || r.Err != peer.OK {
		panic(fmt.Sprintf("%s: %T: %v %s", n.name, verb, ok, r.Err))
	}
	return r
}

func (n *node) write(app string, writes ...peer.Write) { n.do(app, peer.Batch{Writes: writes}) }

func put(key, value string) peer.Write {
	return peer.Write{Key: key, Kind: wire.JSON, Value: []byte(value)}
}

func putBytes(key string, value []byte) peer.Write {
	return peer.Write{Key: key, Kind: wire.Bytes, Value: value}
}

func del(key string) peer.Write { return peer.Write{Key: key} }

func (n *node) get(app, key string) string {
	if r := n.do(app, peer.Get{Key: key}); len(r.Entries) > 0 {
		return string(r.Entries[0].Value)
	}
	return ""
}

func (n *node) id() string { return n.status.Self.ID }

// pair lets b into a's circle, or, where app is one, into that application.
func (h *harness) pair(a, b *node, app, url string) {
	invite, join := h.meet(a, b, app, url)
	h.until("paired", func() bool { return a.pairing[invite].Step == peer.Done && b.pairing[join].Step == peer.Done })
}

// meet has both users say yes.
func (h *harness) meet(a, b *node, app, url string) (invite, join uint64) {
	invite = a.begin(app, peer.Invite{URL: url})
	join = b.begin("", peer.Join{Link: a.replies[invite].Text})
	h.until("compare", func() bool { return a.pairing[invite].Step == peer.Compare && b.pairing[join].Step == peer.Compare })
	a.do("", peer.Confirm{Target: invite, Digits: b.pairing[join].Digits})
	b.do("", peer.Confirm{Target: join, Bring: true})
	return invite, join
}
