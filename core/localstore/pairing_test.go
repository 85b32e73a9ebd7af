package localstore

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/storage/mem"
)

const syncServer = "ws://localhost:6280"

// network is a Sync Server and the stores that use it.
type network struct {
	t         *testing.T
	relay     *relay.Server
	harnesses []*harness
	queue     []func()
	last      uint64
	ends      map[uint64]end
}

// end is a connection as a store sees it.
type end struct {
	r    *harness
	conn uint32
}

func newNetwork(t *testing.T, names ...string) *network {
	n := &network{t: t, relay: relay.New(relay.Config{Rand: rand.NewChaCha8([32]byte{1})}), ends: map[uint64]end{}}
	for i, name := range names {
		h := &harness{t: t, name: name, sync: []string{syncServer}, now: 1_800_000_000_000, rand: rand.NewChaCha8([32]byte{2, byte(i)}), disk: mem.New()}
		h.other = func(a Action) bool { return n.act(h, a) }
		h.start()
		n.harnesses = append(n.harnesses, h)
	}
	return n
}

func (n *network) later(f func()) { n.queue = append(n.queue, f) }

func (n *network) back(e end, ev peer.Event) { n.later(func() { e.r.step(Peer{ev}) }) }

func (n *network) act(h *harness, a Action) bool {
	at := func(conn uint32) uint64 {
		for id, e := range n.ends {
			if e == (end{h, conn}) {
				return id
			}
		}
		return 0
	}
	switch a := a.(type) {
	case peer.Dial:
		n.last++
		id := n.last
		n.ends[id] = end{h, a.Conn}
		n.back(n.ends[id], peer.Opened{Conn: a.Conn})
		n.later(func() {
			n.step(relay.Open{Conn: id, Path: strings.TrimPrefix(a.URL, syncServer), Host: "localhost:6280"})
		})
	case peer.Send:
		if id := at(a.Conn); id != 0 {
			n.later(func() { n.step(&relay.Frame{Conn: id, Data: a.Data}) })
		}
	case peer.Ping:
		if id := at(a.Conn); id != 0 {
			n.later(func() { n.step(&relay.Frame{Conn: id, Data: []byte("ping"), Text: true}) })
		}
	case peer.Hangup:
		if id := at(a.Conn); id != 0 {
			delete(n.ends, id)
			n.later(func() { n.step(relay.Closed{Conn: id}) })
		}
	default:
		return false
	}
	return true
}

func (n *network) step(ev relay.Event) {
	var out relay.Actions
	n.relay.Step(n.harnesses[0].now, ev, &out)
	for _, a := range out.List {
		switch a := a.(type) {
		case *relay.Send:
			if e, ok := n.ends[a.Conn]; ok {
				n.back(e, peer.Frame{Conn: e.conn, Data: append([]byte(nil), a.Data...)})
			}
		case relay.SendText:
			if e, ok := n.ends[a.Conn]; ok {
				n.back(e, peer.Pong{Conn: e.conn})
			}
		case relay.Close:
			if e, ok := n.ends[a.Conn]; ok {
				delete(n.ends, a.Conn)
				n.back(e, peer.Closed{Conn: e.conn, Code: a.Code})
			}
		}
	}
}

// until lets time pass until ok holds, at most a minute.
func (n *network) until(what string, ok func() bool) {
	n.t.Helper()
	for range 1200 {
		for len(n.queue) > 0 {
			f := n.queue[0]
			n.queue = n.queue[1:]
			f()
		}
		if ok() {
			return
		}
		for _, h := range n.harnesses {
			h.wait(50)
		}
		n.step(relay.Tick{})
	}
	n.t.Fatalf("%s: not within a minute", what)
}

func (h *harness) pairingNow() statePairing {
	if p := h.state().Pairing; p != nil {
		return *p
	}
	return statePairing{}
}

func TestPairing(t *testing.T) {
	n := newNetwork(t, "Desk", "Laptop")
	a, b := n.harnesses[0], n.harnesses[1]
	first, _ := a.app(notes)
	first.must("put", `{"key":"note/1","value":"from the desk"}`)
	first.must("status", `{}`)
	host, joiner := a.admin(), b.admin()

	id := host.begin("invite", `{}`)
	n.until("invited", func() bool { _, ok := host.answer(id); return ok })
	m, _ := host.answer(id)
	invite := decode[struct {
		Pairing uint32
		Link    string
		Expires uint64
	}](t, string(m.Result))
	if !strings.HasPrefix(invite.Link, "http://localhost:6277/#masq=1.") || invite.Expires <= a.now {
		t.Errorf("invite: %+v", invite)
	}
	if p := a.pairingNow(); p.Role != "host" || p.Step != "waiting" || p.Link != invite.Link || p.Pairing != invite.Pairing || p.Expires != invite.Expires {
		t.Errorf("the host shows %+v", p)
	}
	id = joiner.begin("join", fmt.Sprintf(`{"link":%q}`, invite.Link))
	n.until("both see each other", func() bool { return a.pairingNow().Step == "compare" && b.pairingNow().Step == "compare" })
	m, _ = joiner.answer(id)
	joined := decode[struct{ Pairing uint32 }](t, string(m.Result)).Pairing
	p, q := a.pairingNow(), b.pairingNow()
	if p.Name != "Laptop" || q.Name != "Desk" || p.Digits != "" || len(q.Digits) != 6 || p.Link != "" || q.Role != "joiner" {
		t.Errorf("compare: %+v, %+v", p, q)
	}
	host.must("confirm", fmt.Sprintf(`{"pairing":%d,"digits":%q}`, invite.Pairing, q.Digits))
	joiner.must("confirm", fmt.Sprintf(`{"pairing":%d,"bring":true}`, joined))
	n.until("paired", func() bool { return a.pairingNow().Step == "done" && b.pairingNow().Step == "done" })
	host.must("dismiss", `{}`)
	if p := a.state().Pairing; p != nil {
		t.Errorf("dismissed, and still %+v", p)
	}

	n.until("the application is known at the other", func() bool { st := b.state(); return len(st.Apps) == 1 && st.Apps[0].Entries == 1 })
	st := b.state()
	if app := st.Apps[0]; app.App != notes || app.Name != "Notes" || app.Allowed || !app.On || len(app.Devices) != 1 || !app.Devices[0].On || !app.Devices[0].Theirs {
		t.Errorf("the other store: %+v", app)
	}
	if len(st.Devices) != 1 || st.Devices[0].Name != "Desk" || st.Devices[0].Kind != "store" || st.Sync != "online" || st.Self.Name != "Laptop" {
		t.Errorf("the other store: %+v", st)
	}
	if got := joiner.must("devices", `{}`); !strings.HasPrefix(got, `{"devices":[{"id":"`+a.state().Self.ID+`","name":"Desk","kind":"store","online":true,`) {
		t.Errorf("devices: %s", got)
	}
	second, _ := b.app(notes)
	second.must("watch", `{}`)
	if got := second.must("get", `{"key":"note/1"}`); got != `{"value":"from the desk"}` {
		t.Errorf("got %s", got)
	}
	first.must("put", `{"key":"note/2","value":2}`)
	n.until("live", func() bool { return len(second.got) > 0 && second.got[len(second.got)-1].Method == "changed" })
	if got := second.told("changed"); len(got) != 1 || !strings.Contains(got[0], `"from":"device"`) {
		t.Errorf("told %v", got)
	}
	n.until("up to date", func() bool {
		got := first.must("status", `{}`)
		return got == `{"store":"local","sync":"online","entries":2,"toSend":0,"toReceive":false,"recovery":false,"devices":1,"online":1,"upToDate":1,"full":false,"fullThere":0}`
	})

	// A fresh copy. Who watches is told all anew.
	joiner.must("mend", fmt.Sprintf(`{"app":%q}`, notes))
	if !b.state().Apps[0].Mending {
		t.Error("no fresh copy is taken")
	}
	n.until("mended", func() bool { return !b.state().Apps[0].Mending })
	if got := strings.Join(second.told("changed"), " "); strings.Count(got, `"reset":true`) != 1 || !strings.Contains(got, "note/2") {
		t.Errorf("told %s", got)
	}
	if got := second.must("get", `{"key":"note/1"}`); got != `{"value":"from the desk"}` {
		t.Errorf("mended: %s", got)
	}

	// Preferences, one by one and all in all.
	device := a.state().Devices[0].ID
	host.must("setSync", fmt.Sprintf(`{"app":%q,"device":%q,"on":false}`, notes, device))
	n.until("the other has heard", func() bool { return !b.state().Apps[0].Devices[0].Theirs })
	if got := first.must("status", `{}`); !strings.Contains(got, `"devices":0`) {
		t.Errorf("status: %s", got)
	}
	first.must("put", `{"key":"note/3","value":3}`)
	host.must("setSync", fmt.Sprintf(`{"app":%q,"on":false}`, notes))
	if got := first.must("status", `{}`); !strings.Contains(got, `"sync":"off"`) {
		t.Errorf("status: %s", got)
	}
	host.must("setSync", fmt.Sprintf(`{"app":%q,"on":true}`, notes))
	host.must("setSync", fmt.Sprintf(`{"app":%q,"device":%q,"on":true}`, notes, device))
	n.until("synced again", func() bool { return second.must("get", `{"key":"note/3"}`) == `{"value":3}` })

	host.must("rename", `{"name":"Tower"}`)
	n.until("renamed", func() bool { return b.state().Devices[0].Name == "Tower" && a.state().Name == "Tower" })
	host.must("setRelays", `{"urls":["ws://localhost:6280","wss://relay.example"]}`)
	n.until("other relays", func() bool { return len(b.state().Relays) == 2 })
	host.must("revoke", fmt.Sprintf(`{"device":%q}`, device))
	n.until("shut out", func() bool { return len(a.state().Devices) == 0 && b.state().Error == "E_REVOKED" })
}

func TestPairingRefusals(t *testing.T) {
	n := newNetwork(t, "Desk", "Laptop")
	a, b := n.harnesses[0], n.harnesses[1]
	a.app(notes)
	program := a.native()
	program.letIn(`{"app":{"name":"N"},"id":"org.example.x"}`)
	host, joiner := a.admin(), b.admin()
	for _, c := range []struct {
		c              *conn
		method, params string
		want           peer.Code
	}{
		{host, "invite", `{"app":"org.example.x"}`, peer.EValue},
		{host, "invite", `{"app":"https://nobody.example"}`, peer.EApp},
		{host, "confirm", `{"pairing":1}`, peer.EExpired},
		{host, "confirm", `{"pairing":1,"bring":true,"discard":true}`, peer.EValue},
		{host, "cancel", `{"pairing":1}`, peer.EExpired},
		{host, "dismiss", `{}`, ""},
		{joiner, "join", `{"link":"http://localhost:6277/#masq=1.x"}`, peer.ELink},
		{host, "setSync", `{"app":"https://nobody.example","on":true}`, peer.EApp},
		{host, "setSync", `{"app":"https://notes.example"}`, peer.EValue},
		{host, "setRelays", `{"urls":["http://relay.example"]}`, peer.EValue},
		{host, "setRelays", `{"urls":[7]}`, peer.EValue},
		{host, "rename", `{"name":""}`, peer.EValue},
		{host, "revoke", `{"device":"x"}`, peer.EValue},
	} {
		if m := c.c.call(c.method, c.params); m.code() != c.want {
			t.Errorf("%s %s: %s", c.method, c.params, m.raw)
		}
	}

	begin := func(params string) (uint32, string) {
		id := host.begin("invite", params)
		n.until("invited", func() bool { _, ok := host.answer(id); return ok })
		m, _ := host.answer(id)
		invite := decode[struct {
			Pairing uint32
			Link    string
			Expires uint64
		}](t, string(m.Result))
		return invite.Pairing, invite.Link
	}
	num, link := begin(`{}`)
	if m := host.call("invite", `{}`); m.code() != peer.EBusy {
		t.Errorf("a second invite: %s", m.raw)
	}
	if p := a.pairingNow(); p.Pairing != num || p.Step != "waiting" {
		t.Errorf("the first invite: %+v", p)
	}
	joiner.begin("join", fmt.Sprintf(`{"link":%q}`, link))
	n.until("compare", func() bool { return a.pairingNow().Step == "compare" && b.pairingNow().Step == "compare" })
	wrong := "000000"
	if b.pairingNow().Digits == wrong {
		wrong = "000001"
	}
	host.must("confirm", fmt.Sprintf(`{"pairing":%d,"digits":%q}`, num, wrong)) // how it ends is in the state
	n.until("over", func() bool { return a.pairingNow().Step == "failed" && b.pairingNow().Step == "failed" })
	if p := a.pairingNow(); p.Error != peer.EAuth {
		t.Errorf("after wrong digits: %+v", p)
	}

	num, link = begin(`{"app":"https://notes.example"}`)
	if !strings.HasPrefix(link, "https://notes.example/#masq=1.") || a.pairingNow().App != notes {
		t.Errorf("an application's invite: %s, %+v", link, a.pairingNow())
	}
	host.must("cancel", fmt.Sprintf(`{"pairing":%d}`, num))
	a.web(notes).letIn(`{"app":{"name":"Notes","url":"https://notes.example/app/?lang=en"}}`)
	if p := a.pairingNow(); p.Step != "failed" || p.Error != peer.EDenied || p.Link != "" {
		t.Errorf("cancelled: %+v", p)
	}
	n.harnesses[0].wait(60_000) // three invites in a row make the next wait
	if _, link = begin(`{"app":"https://notes.example"}`); !strings.HasPrefix(link, "https://notes.example/app/?lang=en#masq=1.") {
		t.Errorf("to the application's own address: %s", link)
	}
}
