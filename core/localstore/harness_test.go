package localstore

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/internal/contact"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/mem"
)

const (
	notes   = "https://notes.example"
	manager = "http://localhost:6277"
)

// harness drives a Store by hand, on a disk in memory: everything takes no time, and time passes only in wait.
type harness struct {
	t        testing.TB
	name     string
	sync     []string
	now      uint64
	rand     io.Reader
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
	r      *harness
	num    uint32
	who    Who
	lastID int
	method map[string]string // by the call's id
	params map[string]string // too
	got    []message
	closed ClientClose
	stands Standing
	asker  *contact.Asker // of the exchange that c has begun
	keys   *contact.Keys
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

func newHarness(t testing.TB) *harness {
	h := &harness{t: t, name: "Desk", now: 1_800_000_000_000, rand: rand.NewChaCha8([32]byte{7}), disk: mem.New()}
	h.start()
	return h
}

// start opens a store on the disk: a new process.
func (h *harness) start() {
	h.life++
	h.wakeAt, h.failed, h.conns, h.queue, h.held = 0, "", map[uint32]*conn{}, nil, nil
	h.s = New(Config{
		Peer: peer.Config{Key: [32]byte{1}, Name: h.name, Sync: h.sync, Rand: h.rand}, Port: 6277, Version: "1.2.3",
	})
	ids, err := h.disk.List()
	if err != nil {
		h.t.Fatal(err)
	}
	h.step(Peer{peer.Start{Blocks: ids}})
}

func (h *harness) step(ev Event) {
	h.one(ev)
	for i := 0; len(h.queue) > 0; i++ {
		if i > 100_000 {
			h.t.Fatal("the store does not come to rest")
		}
		f := h.queue[0]
		h.queue = h.queue[1:]
		f()
	}
}

func (h *harness) one(ev Event) {
	var out Actions
	h.s.Step(h.now, ev, &out)
	for _, a := range out.List {
		h.act(h.life, a)
	}
}

// back has an event come after what is under way.
func (h *harness) back(life int, ev peer.Event) {
	h.queue = append(h.queue, func() {
		if life == h.life {
			h.one(Peer{ev})
		}
	})
}

func (h *harness) act(life int, a Action) {
	switch a := a.(type) {
	case ClientSend:
		if c := h.conns[a.Client]; c != nil {
			c.receive(a.Data)
		}
	case ClientStands:
		if c := h.conns[a.Client]; c != nil {
			c.stands = a.As
		}
	case ClientClose:
		if c := h.conns[a.Client]; c != nil {
			c.closed = a
			delete(h.conns, a.Client)
		}
	case peer.Commit:
		commit := func() {
			err := error(storage.ErrQuota)
			if !h.full {
				err = h.disk.Commit(a.Changes, a.Durability)
			}
			h.back(life, peer.Committed{Err: err})
		}
		if h.hold {
			h.held = append(h.held, commit)
		} else {
			commit()
		}
	case peer.Load:
		blocks, err := h.disk.Load(a.IDs)
		h.back(life, peer.Loaded{Blocks: blocks, Err: err})
	case peer.WakeAt:
		h.wakeAt = a.At
	case peer.Failed:
		h.failed = a.Err
	case Reopen:
		h.reopened++
		ids, err := h.disk.List()
		if err != nil {
			h.t.Fatal(err)
		}
		h.back(life, peer.Start{Blocks: ids})
	default:
		if h.other == nil || !h.other(a) {
			h.t.Fatalf("unknown action %T", a)
		}
	}
}

// release lets the commits go on that were held.
func (h *harness) release() {
	h.hold = false
	held := h.held
	h.held = nil
	for _, f := range held {
		f()
	}
	h.step(Events{})
}

// wait lets time pass.
func (h *harness) wait(ms uint64) {
	for end := h.now + ms; ; {
		at := end
		if h.wakeAt != 0 {
			at = min(end, max(h.wakeAt, h.now))
		}
		h.now = at
		if h.wakeAt == 0 || h.wakeAt > h.now {
			return
		}
		h.wakeAt = 0
		h.step(Peer{peer.Events{peer.Tick{}}})
	}
}

func (h *harness) connect(who Who) *conn { return h.connectBy(who, Agent{}) }

func (h *harness) connectBy(who Who, by Agent) *conn {
	h.last++
	c := &conn{r: h, num: h.last, who: who, lastID: 1000, method: map[string]string{}, params: map[string]string{}}
	h.conns[c.num] = c
	h.step(ClientOpened{Client: c.num, Who: who, Agent: by})
	return c
}

func (h *harness) admin() *conn            { return h.connect(Who{Kind: Admin}) }
func (h *harness) web(origin string) *conn { return h.connect(Who{Kind: Web, Origin: origin}) }
func (h *harness) native() *conn           { return h.connect(Who{Kind: Native}) }

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
		// An Admin names the application whose data it means, which is not published.
		if method := c.method[string(m.ID)]; c.who.Kind != Admin || m.Method == "state" || methods[method].who&forData == 0 && m.Method == "" {
			published().check(t, method, c.params[string(m.ID)], m)
		}
		c.got = append(c.got, m)
	}
}

func (c *conn) say(text string) { c.r.step(ClientMessage{Client: c.num, Data: []byte(text)}) }

func (c *conn) leave() {
	delete(c.r.conns, c.num)
	c.r.step(ClientClosed{Client: c.num})
}

// begin calls a method and returns the call's id.
func (c *conn) begin(method, params string) string {
	c.lastID++
	id := fmt.Sprint(c.lastID)
	c.method[id], c.params[id] = method, params
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

// must calls a method, which must work, and returns its result.
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
func (h *harness) state() state {
	h.t.Helper()
	a := h.admin()
	defer a.leave()
	return decode[state](h.t, a.must("state", "{}"))
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
func (h *harness) allow() {
	h.t.Helper()
	requests := h.state().Requests
	if len(requests) == 0 {
		h.t.Fatal("nobody asks")
	}
	a := h.admin()
	defer a.leave()
	a.must("allow", fmt.Sprintf(`{"request":%d}`, requests[len(requests)-1].Request))
}

// app is a page's connection that the user has let in.
func (h *harness) app(origin string) (*conn, cred) {
	h.t.Helper()
	c := h.web(origin)
	return c, c.letIn(`{"app":{"name":"Notes"}}`)
}

// ask has c go through first contact, and returns the id of reveal, which waits for the user; or that of request, if it failed.
func (c *conn) ask(params string) string {
	c.r.t.Helper()
	id := c.commit(params)
	if m, ok := c.answer(id); !ok || m.Error != nil {
		return id
	}
	return c.begin("reveal", c.revealing(id))
}

// askTyping is ask where the user is to type the digits.
func (c *conn) askTyping(params string) string {
	c.r.t.Helper()
	return c.begin("reveal", strings.TrimSuffix(c.revealing(c.commit(params)), "}")+`,"typing":true}`)
}

// asked is what comes of it at once.
func (c *conn) asked(params string) message {
	c.r.t.Helper()
	m, ok := c.answer(c.ask(params))
	if !ok {
		c.r.t.Fatalf("%.200s is not answered", params)
	}
	return m
}

// commit calls request with a commitment, and returns its id.
func (c *conn) commit(params string) string {
	c.r.t.Helper()
	var who struct{ ID, Program string }
	if err := json.Unmarshal([]byte(params), &who); err != nil {
		c.r.t.Fatal(err)
	}
	return c.commitAs(cmp.Or(c.who.Origin, who.Program, who.ID), 6277, params)
}

// commitAs is commit as another owner, or to a store at another port.
func (c *conn) commitAs(owner string, port uint16, params string) string {
	c.r.t.Helper()
	var err error
	if c.asker, err = contact.NewAsker(owner, port, c.r.rand); err != nil {
		c.r.t.Fatal(err)
	}
	params = strings.TrimSuffix(strings.TrimSuffix(params, "}"), "{")
	if params != "" {
		params += ","
	} else {
		params = "{"
	}
	return c.begin("request", fmt.Sprintf(`%s"commitment":%q}`, params, encodeURL(c.asker.Commitment())))
}

// revealing are the parameters of reveal, after request was answered.
func (c *conn) revealing(id string) string {
	c.r.t.Helper()
	m, _ := c.answer(id)
	var err error
	if c.keys, err = c.asker.Take(unURL(c.r.t, decode[struct{ Key string }](c.r.t, string(m.Result)).Key)); err != nil {
		c.r.t.Fatal(err)
	}
	share, nonce := c.asker.Reveal()
	return fmt.Sprintf(`{"key":%q,"nonce":%q}`, encodeURL(share), encodeURL(nonce))
}

// token opens what reveal returned.
func (c *conn) token(id string) cred {
	c.r.t.Helper()
	m, ok := c.answer(id)
	if !ok || m.Error != nil {
		c.r.t.Fatalf("reveal: %s", m.raw)
	}
	plain, err := c.keys.Open(unURL(c.r.t, decode[struct{ Token string }](c.r.t, string(m.Result)).Token))
	if err != nil || len(plain) != idBytes+keyBytes {
		c.r.t.Fatalf("%d bytes, %v", len(plain), err)
	}
	return cred{encodeURL(plain[:idBytes]), encodeURL(plain[idBytes:])}
}

// letIn has c ask and the user allow it.
func (c *conn) letIn(params string) cred {
	c.r.t.Helper()
	id := c.ask(params)
	c.r.allow()
	return c.token(id)
}
