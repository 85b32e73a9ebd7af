package localstore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
)

const (
	notes   = "https://notes.example"
	manager = "http://localhost:6277"
)

// rig drives a Store by hand, on a disk in memory: everything takes no time, and time passes only in wait.
type rig struct {
	t        testing.TB
	name     string
	sync     []string
	now      uint64
	rand     *rand.ChaCha8
	disk     *mem.Store
	s        *Store
	life     int
	wakeAt   uint64
	queue    []func()
	held     []func() // commits, while hold
	hold     bool
	full     bool // the disk is
	reopened int
	failed   peer.Code
	conns    map[uint32]*conn
	last     uint32
	other    func(Action) bool // takes what is for the network
}

// conn is one connection of a client.
type conn struct {
	r      *rig
	num    uint32
	who    Who
	lastID int
	method map[string]string // by the call's id
	got    []message
	closed ClientClose
}

// message is what a client was sent.
type message struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
		Data    struct{ Code peer.Code }
	}
	raw []byte
}

// code is the error's, "" if it is none.
func (m message) code() peer.Code {
	if m.Error == nil {
		return ""
	}
	return m.Error.Data.Code
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, name: "Desk", now: 1_800_000_000_000, rand: rand.NewChaCha8([32]byte{7}), disk: mem.New()}
	r.start()
	return r
}

// start opens a store on the disk: a new process.
func (r *rig) start() {
	r.life++
	r.wakeAt, r.failed, r.conns, r.queue, r.held = 0, "", map[uint32]*conn{}, nil, nil
	r.s = New(Config{
		Peer: peer.Config{Key: [32]byte{1}, Name: r.name, Sync: r.sync, Rand: r.rand}, Port: 6277, Version: "1.2.3",
	})
	ids, err := r.disk.List()
	if err != nil {
		r.t.Fatal(err)
	}
	r.step(Peer{peer.Start{Blocks: ids}})
}

func (r *rig) step(ev Event) {
	r.one(ev)
	for i := 0; len(r.queue) > 0; i++ {
		if i > 100_000 {
			r.t.Fatal("the store does not come to rest")
		}
		f := r.queue[0]
		r.queue = r.queue[1:]
		f()
	}
}

func (r *rig) one(ev Event) {
	var out Actions
	r.s.Step(r.now, ev, &out)
	for _, a := range out.List {
		r.act(r.life, a)
	}
}

// back has an event come after what is under way.
func (r *rig) back(life int, ev peer.Event) {
	r.queue = append(r.queue, func() {
		if life == r.life {
			r.one(Peer{ev})
		}
	})
}

func (r *rig) act(life int, a Action) {
	switch a := a.(type) {
	case ClientSend:
		if c := r.conns[a.Client]; c != nil {
			c.receive(a.Data)
		}
	case ClientClose:
		if c := r.conns[a.Client]; c != nil {
			c.closed = a
			delete(r.conns, a.Client)
		}
	case peer.Commit:
		commit := func() {
			err := error(storage.ErrQuota)
			if !r.full {
				err = r.disk.Commit(a.Changes, a.Durability)
			}
			r.back(life, peer.Committed{Err: err})
		}
		if r.hold {
			r.held = append(r.held, commit)
		} else {
			commit()
		}
	case peer.Load:
		blocks, err := r.disk.Load(a.IDs)
		r.back(life, peer.Loaded{Blocks: blocks, Err: err})
	case peer.WakeAt:
		r.wakeAt = a.At
	case peer.Failed:
		r.failed = a.Err
	case Reopen:
		r.reopened++
		ids, err := r.disk.List()
		if err != nil {
			r.t.Fatal(err)
		}
		r.back(life, peer.Start{Blocks: ids})
	default:
		if r.other == nil || !r.other(a) {
			r.t.Fatalf("unknown action %T", a)
		}
	}
}

// release lets the commits go on that were held.
func (r *rig) release() {
	r.hold = false
	held := r.held
	r.held = nil
	for _, f := range held {
		f()
	}
	r.step(Events{})
}

// wait lets time pass.
func (r *rig) wait(ms uint64) {
	for end := r.now + ms; ; {
		at := end
		if r.wakeAt != 0 {
			at = min(end, max(r.wakeAt, r.now))
		}
		r.now = at
		if r.wakeAt == 0 || r.wakeAt > r.now {
			return
		}
		r.wakeAt = 0
		r.step(Peer{peer.Events{peer.Tick{}}})
	}
}

func (r *rig) connect(who Who) *conn { return r.connectBy(who, Agent{}) }

func (r *rig) connectBy(who Who, by Agent) *conn {
	r.last++
	c := &conn{r: r, num: r.last, who: who, lastID: 1000, method: map[string]string{}}
	r.conns[c.num] = c
	r.step(ClientOpened{Client: c.num, Who: who, Agent: by})
	return c
}

func (r *rig) admin() *conn            { return r.connect(Who{Kind: Admin}) }
func (r *rig) web(origin string) *conn { return r.connect(Who{Kind: Web, Origin: origin}) }
func (r *rig) native() *conn           { return r.connect(Who{Kind: Native}) }

func (c *conn) receive(data []byte) {
	t := c.r.t
	if bytes.ContainsAny(data, "\r\n") {
		t.Errorf("a line end in %q", data)
	}
	all := []json.RawMessage{data}
	if data[0] == '[' {
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatalf("%v in %q", err, data)
		}
	}
	for _, one := range all {
		m := message{raw: one}
		var version struct{ JSONRPC string }
		if err := json.Unmarshal(one, &m); err != nil {
			t.Fatalf("%v in %q", err, one)
		}
		if json.Unmarshal(one, &version); version.JSONRPC != "2.0" {
			t.Errorf("no JSON-RPC: %s", one)
		}
		kinds := 0
		for _, is := range []bool{m.Method != "", m.Result != nil, m.Error != nil} {
			if is {
				kinds++
			}
		}
		if kinds != 1 || (m.Method == "") != (m.ID != nil) {
			t.Errorf("neither answer nor notification: %s", one)
		}
		if c.who.Kind == Web || c.who.Kind == Native {
			published().check(t, c.method[string(m.ID)], m)
		}
		c.got = append(c.got, m)
	}
}

func (c *conn) say(text string) { c.r.step(ClientMessage{Client: c.num, Data: []byte(text)}) }

func (c *conn) leave() {
	delete(c.r.conns, c.num)
	c.r.step(ClientClosed{Client: c.num})
}

// begin calls a method and answers the call's id.
func (c *conn) begin(method, params string) string {
	c.lastID++
	id := fmt.Sprint(c.lastID)
	c.method[id] = method
	c.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params))
	return id
}

// answer is what came for a call, if it did.
func (c *conn) answer(id string) (message, bool) {
	for _, m := range c.got {
		if string(m.ID) == id {
			return m, true
		}
	}
	return message{}, false
}

// call calls a method, which must be answered.
func (c *conn) call(method, params string) message {
	c.r.t.Helper()
	m, ok := c.answer(c.begin(method, params))
	if !ok {
		c.r.t.Fatalf("%s %.200s is not answered", method, params)
	}
	return m
}

// must calls a method, which must work, and answers its result.
func (c *conn) must(method, params string) string {
	c.r.t.Helper()
	m := c.call(method, params)
	if m.Error != nil {
		c.r.t.Fatalf("%s %.200s: %s", method, params, m.raw)
	}
	return string(m.Result)
}

// told takes the notifications of a method that have come.
func (c *conn) told(method string) []string {
	var list []string
	rest := c.got[:0]
	for _, m := range c.got {
		if m.Method == method {
			list = append(list, string(m.Params))
		} else {
			rest = append(rest, m)
		}
	}
	c.got = rest
	return list
}

// state is the manager's view.
func (r *rig) state() state {
	r.t.Helper()
	a := r.admin()
	defer a.leave()
	return decode[state](r.t, a.must("state", "{}"))
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// cred is a token or a session, as its owner keeps it.
type cred struct{ ID, Key string }

// allow lets in the one that asked last.
func (r *rig) allow() {
	r.t.Helper()
	requests := r.state().Requests
	if len(requests) == 0 {
		r.t.Fatal("nobody asks")
	}
	a := r.admin()
	defer a.leave()
	a.must("allow", fmt.Sprintf(`{"request":%d}`, requests[len(requests)-1].Request))
}

// app is a page's connection that the user has let in.
func (r *rig) app(origin string) (*conn, cred) {
	r.t.Helper()
	c := r.web(origin)
	return c, c.letIn(`{"app":{"name":"Notes"}}`)
}

// letIn has c ask and the user allow it.
func (c *conn) letIn(params string) cred {
	c.r.t.Helper()
	id := c.begin("request", params)
	c.r.allow()
	m, ok := c.answer(id)
	if !ok || m.Error != nil {
		c.r.t.Fatalf("request: %s", m.raw)
	}
	return decode[cred](c.r.t, string(m.Result))
}
