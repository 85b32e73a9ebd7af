//go:build ignore

// Command generate wrote the files of this folder, at commit 763b28b, with that commit's own engine, local store and storage:
//
//	go run core/testdata/stored/generate.go core/testdata/stored
//
// They show that data of that commit opens, so nothing writes them anew. It is kept to say where they come from, and to write those
// of another commit into a folder of their own.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/testdata/stored"
	"github.com/masqdev/masq/core/wire"
)

const (
	server  = "ws://localhost:6280"
	spare   = "wss://sync.example.org"
	manager = "http://localhost:6277/"
	notes   = "https://notes.example"
	todo    = "https://todo.example"
	photos  = "org.example.photos"

	begin = 1_793_500_000_000 // 2026-11-01
)

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

// noise is bytes that do not compress, the same for a name.
func noise(name string, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8(sha256.Sum256([]byte(name))).Read(b)
	return b
}

// contents is what every device's application begins with.
func contents(n *node, app string) {
	n.write(app, put("note/1", `{"title":"Groceries","done":false,"n":1.5}`))
	n.write(app, put("note/2", `"plain text — ünïcödé 🦊"`), putBytes("picture", noise("picture", 3000)), putBytes("empty", nil))
	n.write(app, put("list", `[1,[2,{"three":null}],true]`), put("\u00e9/\u4e2d", `0`), put(strings.Repeat("k", 1024), `"the longest key"`))
	n.write(app, put("gone/early", `1`), put("gone/late", `1`), put("gone/back", `1`))
	n.write(app, del("gone/early"))
	var batch []peer.Write
	for i := range 300 {
		batch = append(batch, put(fmt.Sprintf("many/%03d", i), fmt.Sprintf(`{"i":%d,"text":"entry number %d"}`, i, i)))
	}
	n.write(app, batch...)
	n.write(app, put("many/007", `"written again"`), del("many/100"))
}

// disagree has devices write the same keys without hearing of each other, so that versions stand beside each other.
func (h *harness) disagree(app map[*node]string, devices ...*node) {
	for _, n := range devices {
		n.offline(true)
	}
	for i, n := range devices {
		n.write(app[n], put("conflict", fmt.Sprintf(`"of %s"`, n.name)))
		if i == 0 {
			n.write(app[n], del("conflict/deleted"))
		} else {
			n.write(app[n], put("conflict/deleted", fmt.Sprintf(`"kept by %s"`, n.name)))
		}
		h.wait(1000)
	}
	for _, n := range devices {
		n.offline(false)
	}
	last := devices[len(devices)-1]
	last.write(app[last], put("settled", "true"))
	h.until("all have all versions", func() bool {
		for _, n := range devices {
			if len(n.do(app[n], peer.Conflicts{Key: "conflict"}).Entries) != len(devices)-1 || n.get(app[n], "settled") == "" {
				return false
			}
		}
		return true
	})
}

// stores is the story of a user's stores and of what is paired with them.
func stores(h *harness) (saved []*node) {
	desk, laptop, lost := h.add("Desk", ""), h.add("Laptop", ""), h.add("Lost", "")
	desk.do(notes, peer.AddApp{Name: "Notes"})
	desk.do(todo, peer.AddApp{Name: "Todo"})
	desk.do(photos, peer.AddApp{Name: "Photos"})
	contents(desk, notes)
	desk.write(todo, put("task/1", `{"what":"water the plants"}`), put("task/2", `{"what":"call"}`))
	desk.write(photos, putBytes("thumbnail", noise("thumbnail", 20_000)))
	h.pair(desk, laptop, "", manager)
	h.pair(desk, lost, "", manager)
	h.until("first copies", func() bool { return laptop.get(notes, "many/299") != "" && lost.get(notes, "many/299") != "" })
	lost.write(notes, put("from/lost", `"before it was lost"`))

	phone, tablet := h.add("Phone", notes), h.add("Tablet", todo)
	h.pair(desk, phone, notes, notes+"/")
	h.pair(desk, tablet, todo, todo+"/")
	tablet.write("", put("from/tablet", `1`))
	h.until("first copies of peers", func() bool {
		return phone.get("", "from/lost") != "" && laptop.get(todo, "from/tablet") != "" && lost.get(todo, "from/tablet") != ""
	})

	desk.again() // the second start
	desk.write(notes, put("start/2", `2`), put("conflict/deleted", `0`))
	h.wait(2000)
	h.until("all are back", func() bool { return laptop.get(notes, "start/2") != "" && phone.get("", "start/2") != "" })
	h.disagree(map[*node]string{desk: notes, laptop: notes}, desk, laptop, phone)

	desk.do("", peer.Rename{Name: "Desk, renamed"})
	desk.do("", peer.SetRelays{URLs: []string{server, spare}})
	desk.do("", peer.Revoke{Device: lost.id()})
	desk.do(todo, peer.RevokeOf{})
	desk.do(photos, peer.Prefer{Device: laptop.id(), On: false})
	laptop.do(todo, peer.Prefer{On: false})
	h.until("told", func() bool { return lost.status.Err == peer.ERevoked && len(laptop.status.Relays) == 2 })
	h.wait(5000)

	laptop.offline(true) // for good: what is deleted from here on is held back
	phone.write("", put("from/phone", `"on the way"`), put("gone/back", `"written again"`))
	h.until("desk has the phone's", func() bool { return desk.get(notes, "from/phone") != "" })
	phone.off()
	desk.write(notes, del("gone/late"), del("gone/back"), del("many/000"))
	laptop.write(notes, put("from/laptop", `"not sent yet"`), put("many/001", `"of the laptop"`))
	desk.write(notes, put("many/001", `"of the desk"`))

	desk.again() // the third start
	desk.write(notes, put("start/3", `3`))
	desk.write(photos, putBytes("large", noise("large", 1<<20))) // the largest value that there is: a checkpoint follows
	h.wait(5000)
	desk.write(photos, del("thumbnail"), put("after", `"the checkpoint"`))
	desk.write(notes, put("after", `"the checkpoint"`), del("many/002"), put("many/003", `"after the checkpoint"`))

	late := h.add("Late", "") // both have said yes, and it has left before the first session
	invite, _ := h.meet(desk, late, "", manager)
	h.until("granted", func() bool { return desk.pairing[invite].Step == peer.Paired })
	late.offline(true)
	desk.offline(true)
	for _, n := range []*node{desk, laptop, phone, late} {
		if n.e == nil {
			n.cut = true
			n.on()
		}
	}
	h.wait(1000)
	grants(h, desk)
	return []*node{desk, laptop, phone, lost, late}
}

// browsers is the story of an application's embedded stores, which are a circle of their own.
func browsers(h *harness) []*node {
	a, b, gone := h.add("Chromium", notes), h.add("Firefox", notes), h.add("Gone", notes)
	contents(a, "")
	h.pair(a, b, "", notes+"/")
	h.pair(a, gone, "", notes+"/")
	h.until("first copies", func() bool { return b.get("", "many/299") != "" && gone.get("", "many/299") != "" })
	a.again()
	a.write("", put("start/2", `2`), put("conflict/deleted", `0`))
	h.until("told", func() bool { return b.get("", "start/2") != "" && gone.get("", "start/2") != "" })
	h.disagree(map[*node]string{}, a, b, gone)
	a.do("", peer.Revoke{Device: gone.id()})
	h.until("out", func() bool { return gone.status.Err == peer.ERevoked && len(b.status.Devices) == 1 })
	b.offline(true)
	a.write("", del("gone/late"), del("many/000"))
	b.write("", put("from/firefox", `"not sent yet"`), put("many/001", `"of Firefox"`))
	a.again()
	for i := range 600 { // so many commits: a checkpoint follows
		a.write("", put("counter", fmt.Sprint(i)))
	}
	a.write("", putBytes("large", noise("large in a browser", 100_000)))
	h.wait(5000)
	a.again()
	a.write("", put("start/4", `4`), put("many/001", `"of Chromium"`), del("gone/back"))
	a.offline(true)
	h.wait(1000)
	return []*node{a, b}
}

// grants has a local store run on the disk, let in a page and a program, refuse another, and end.
func grants(h *harness, n *node) {
	n.off()
	s := localstore.New(localstore.Config{Peer: n.config(), Port: 6277, Version: "763b28b"})
	var queue []localstore.Event
	request := 0
	step := func(ev localstore.Event) {
		for queue = append(queue, ev); len(queue) > 0; {
			var out localstore.Actions
			ev, queue = queue[0], queue[1:]
			s.Step(h.now, ev, &out)
			for _, a := range out.List {
				switch a := a.(type) {
				case peer.Commit:
					queue = append(queue, localstore.Peer{Event: peer.Committed{Err: n.disk.Commit(a.Changes, a.Durability)}})
				case peer.Load:
					queue = append(queue, localstore.Peer{Event: peer.Loaded{Blocks: must(n.disk.Load(a.IDs))}})
				case peer.Dial:
					queue = append(queue, localstore.Peer{Event: peer.Closed{Conn: a.Conn}})
				case localstore.ClientSend:
					if bytes.Contains(a.Data, []byte(`"error"`)) && !bytes.Contains(a.Data, []byte("E_DENIED")) {
						panic(string(a.Data))
					}
				}
			}
		}
	}
	calls := uint32(0)
	say := func(client uint32, method, params string) {
		calls++
		step(localstore.ClientMessage{Client: client, Data: fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, calls, method, params)})
	}
	step(localstore.Peer{Event: peer.Start{Blocks: must(n.disk.List())}})
	const admin, page, program, stranger = 1, 2, 3, 4
	step(localstore.ClientOpened{Client: admin, Who: localstore.Who{Kind: localstore.Admin}})
	step(localstore.ClientOpened{Client: page, Who: localstore.Who{Kind: localstore.Web, Origin: notes}})
	say(page, "request", `{"app":{"name":"Notes","description":"Keeps notes","url":"`+notes+`/app"}}`)
	request++
	say(admin, "allow", fmt.Sprintf(`{"request":%d}`, request))
	say(admin, "grant", `{"id":"`+photos+`","name":"Photos"}`)
	for range 3 { // after three it is blocked
		step(localstore.ClientOpened{Client: stranger, Who: localstore.Who{Kind: localstore.Web, Origin: "https://stranger.example"}})
		request++
		say(stranger, "request", `{"app":{"name":"Stranger"}}`)
		say(admin, "refuse", fmt.Sprintf(`{"request":%d}`, request))
		step(localstore.ClientClosed{Client: stranger})
	}
	say(admin, "put", `{"app":"`+photos+`","key":"by/program","value":{"n":1}}`)
	say(admin, "put", `{"app":"org.masq.cli","key":"from/command line","value":"yes"}`)
	h.now += 1000
	step(localstore.Stop{})
	n.cut = true
	n.on()
}

func (n *node) entries(app string) (out []stored.Entry) {
	for after, more := "", true; more; {
		r := n.do(app, peer.List{After: after})
		for _, e := range r.Entries {
			one := stored.Entry{Key: e.Key, Value: stored.Text(e.Kind, e.Value)}
			for _, c := range n.do(app, peer.Conflicts{Key: e.Key}).Entries {
				one.Conflicts = append(one.Conflicts, stored.Text(c.Kind, c.Value))
			}
			out, after = append(out, one), e.Key
		}
		more = r.More
	}
	return out
}

func (n *node) list() stored.Listing {
	s := n.status
	l := stored.Listing{Self: s.Self.Name, Error: string(s.Err), Relays: s.Relays, Devices: []string{}}
	names := map[string]string{}
	for _, d := range s.Devices {
		names[d.ID] = d.Name
		l.Devices = append(l.Devices, fmt.Sprintf("%s kind %d", d.Name, d.Kind))
	}
	slices.Sort(l.Devices)
	if n.app != "" {
		l.Apps = []stored.App{{App: n.app, On: true, Entries: n.entries("")}}
		return l
	}
	for _, a := range s.Apps {
		app := stored.App{App: a.App, Name: a.Name, On: a.On, Entries: n.entries(a.App)}
		for _, d := range a.Devices {
			app.Devices = append(app.Devices, fmt.Sprintf("%s on %v", names[d.ID], d.On))
		}
		for _, d := range a.Peers {
			app.Peers = append(app.Peers, fmt.Sprintf("%s kind %d", d.Name, d.Kind))
		}
		slices.Sort(app.Devices)
		slices.Sort(app.Peers)
		l.Apps = append(l.Apps, app)
	}
	l.Settings = map[string]string{}
	for _, e := range n.do("", peer.Kept{}).Entries {
		l.Settings[e.Key] = string(e.Value)
	}
	return l
}

func main() {
	dir := os.Args[1]
	h := &harness{now: begin, rand: rand.NewChaCha8([32]byte{18}), conns: map[uint64]socket{}}
	h.relay = relay.New(relay.Config{Rand: h.rand})
	all := stores(h)
	for _, n := range h.nodes {
		if !slices.Contains(all, n) {
			n.off()
		}
	}
	all = append(all, browsers(h)...)
	expected := map[string]stored.Listing{}
	for _, n := range all {
		name := strings.ToLower(n.name)
		expected[name] = n.list()
		if n.name == "Desk" {
			n.off()
			writeStore(dir, n)
			continue
		}
		n.off()
		s := stored.Device{Name: n.name, App: n.app, Key: n.key[:], Blocks: map[string][]byte{}}
		for _, b := range must(n.disk.Load(must(n.disk.List()))) {
			s.Blocks[fmt.Sprint(uint64(b.ID))] = b.Data
		}
		writeZipped(filepath.Join(dir, name+".json.gz"), must(json.Marshal(s)))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	check(e.Encode(expected))
	writeZipped(filepath.Join(dir, "expected.json.gz"), b.Bytes())
	fmt.Println("the last moment:", h.now)
}

// writeStore writes a local store's directory: the key as it is, the database zipped.
func writeStore(dir string, n *node) {
	made := must(os.MkdirTemp("", "masq"))
	defer os.RemoveAll(made)
	db := must(bolt.Open(filepath.Join(made, "masq.db")))
	check(db.Commit(storage.Commit{Adds: must(n.disk.Load(must(n.disk.List())))}, storage.Strict))
	check(db.Close())
	writeZipped(filepath.Join(dir, "desk.db.gz"), must(os.ReadFile(filepath.Join(made, "masq.db"))))
	check(os.WriteFile(filepath.Join(dir, "desk.key"), []byte("key "+hex.EncodeToString(n.key[:])+"\n"), 0o644))
}

func writeZipped(name string, data []byte) {
	var b bytes.Buffer
	z := must(gzip.NewWriterLevel(&b, gzip.BestCompression))
	must(z.Write(data))
	check(z.Close())
	check(os.WriteFile(name, b.Bytes(), 0o644))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}
