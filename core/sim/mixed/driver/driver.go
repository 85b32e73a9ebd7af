// Package driver reaches one version of Masq, the one that it is built with, in the words of package mixed.
package driver

import (
	"io"

	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/relay"
	"github.com/masqdev/masq/core/sim/mixed"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// Version is the version that this package is built with.
var Version = mixed.Version{Engine: newEngine, Server: newServer}

type engine struct {
	core *peer.Engine
	app  string // "": a local store
}

func newEngine(c mixed.Config) mixed.Engine {
	cfg := peer.Config{Key: c.Key, App: c.App, Name: c.Name, Sync: c.Sync, URL: c.URL, Rand: c.Rand}
	return &engine{peer.New(cfg), c.App}
}

func (e *engine) Step(now uint64, ev any) (out []any) {
	var actions peer.Actions
	e.core.Step(now, event(ev), &actions)
	for _, a := range actions.List {
		out = append(out, e.action(a))
	}
	return out
}

func event(ev any) peer.Event {
	switch ev := ev.(type) {
	case mixed.Start:
		return peer.Start{Blocks: ids(ev.Blocks)}
	case mixed.Opened:
		return peer.Opened(ev)
	case mixed.Frame:
		return peer.Frame(ev)
	case mixed.Pong:
		return peer.Pong(ev)
	case mixed.Closed:
		return peer.Closed(ev)
	case mixed.Tick:
		return peer.Tick{}
	case mixed.Committed:
		if ev.Exists {
			return peer.Committed{Err: storage.ErrExists}
		}
		return peer.Committed{}
	case mixed.Loaded:
		return peer.Loaded{Blocks: blocksIn(ev.Blocks)}
	case mixed.Offline:
		return peer.Offline{}
	case mixed.Online:
		return peer.Online{}
	case mixed.Ops:
		var all peer.Events
		for _, op := range ev {
			all = append(all, &peer.Op{ID: op.ID, Client: 1, App: op.App, Do: verb(op.Do)})
		}
		return all
	}
	panic("driver: unknown event")
}

func verb(do any) peer.Verb {
	switch do := do.(type) {
	case mixed.AddApp:
		return peer.AddApp(do)
	case mixed.Watch:
		return peer.Watch{}
	case mixed.Get:
		return peer.Get(do)
	case mixed.Conflicts:
		return peer.Conflicts(do)
	case mixed.Put:
		w := peer.Write{Key: do.Key}
		if do.Value != "" {
			w.Kind, w.Value = wire.JSON, []byte(do.Value)
		}
		return peer.Batch{Writes: []peer.Write{w}}
	case mixed.Invite:
		return peer.Invite(do)
	case mixed.Join:
		return peer.Join(do)
	case mixed.Confirm:
		return peer.Confirm(do)
	case mixed.Cancel:
		return peer.Cancel(do)
	case mixed.Shutdown:
		return peer.Shutdown{}
	}
	panic("driver: unknown verb")
}

func (e *engine) action(a peer.Action) any {
	switch a := a.(type) {
	case peer.Reply:
		r := mixed.Reply{Op: a.Op, Err: string(a.Err), Text: a.Text}
		for _, x := range a.Entries {
			r.Values = append(r.Values, string(x.Value))
		}
		return r
	case peer.Changed:
		c := mixed.Changed{Watch: a.Watch}
		for _, x := range a.Changes {
			c.Keys = append(c.Keys, x.Key)
		}
		return c
	case peer.PairingState:
		return mixed.Pairing{Op: a.Op, Step: uint8(a.Step), Digits: a.Digits, HasData: a.HasData, Err: string(a.Err)}
	case peer.StatusChanged:
		return e.status(&a.Status)
	case peer.Dial:
		return mixed.Dial(a)
	case peer.Send:
		return mixed.Send{Conn: a.Conn, Data: a.Data}
	case peer.Ping:
		return mixed.Send{Conn: a.Conn, Data: []byte(wire.PingText), Text: true}
	case peer.Hangup:
		return mixed.Hangup(a)
	case peer.Commit:
		g := a.Changes
		return mixed.Commit{Adds: blocksOut(g.Adds), Puts: blocksOut(g.Puts), Dels: numbers(g.Dels), Strict: a.Durability == storage.Strict}
	case peer.Load:
		return mixed.Load{IDs: numbers(a.IDs)}
	case peer.WakeAt:
		return mixed.WakeAt(a)
	case peer.Failed:
		return mixed.Failed{Err: string(a.Err)}
	}
	panic("driver: unknown action")
}

func (e *engine) status(s *peer.Status) mixed.Status {
	out := mixed.Status{Err: string(s.Err), Self: s.Self.ID, Members: map[string][]string{}}
	apps := s.Apps
	if e.app != "" {
		apps = []peer.AppStatus{{App: e.app}}
	}
	for _, a := range apps {
		for _, d := range append(s.Devices[:len(s.Devices):len(s.Devices)], a.Peers...) {
			out.Members[a.App] = append(out.Members[a.App], d.ID)
		}
	}
	return out
}

func ids(in []uint64) (out []storage.ID) {
	for _, n := range in {
		out = append(out, storage.ID(n))
	}
	return out
}

func numbers(in []storage.ID) (out []uint64) {
	for _, id := range in {
		out = append(out, uint64(id))
	}
	return out
}

func blocksIn(in []mixed.Block) (out []storage.Block) {
	for _, b := range in {
		out = append(out, storage.Block{ID: storage.ID(b.ID), Data: b.Data})
	}
	return out
}

func blocksOut(in []storage.Block) (out []mixed.Block) {
	for _, b := range in {
		out = append(out, mixed.Block{ID: uint64(b.ID), Data: b.Data})
	}
	return out
}

type server struct{ core *relay.Server }

func newServer(host string, rand io.Reader) mixed.Server {
	return &server{relay.New(relay.Config{Hosts: []string{host}, Rand: rand})}
}

func (s *server) Next() (uint64, bool) { return s.core.Next() }

func (s *server) Step(now uint64, ev any) (out []any) {
	var actions relay.Actions
	s.core.Step(now, relayEvent(ev), &actions)
	for _, a := range actions.List {
		switch a := a.(type) {
		case *relay.Send:
			out = append(out, mixed.Packet{Conn: a.Conn, Data: append([]byte(nil), a.Data...)})
		case relay.SendText:
			out = append(out, mixed.Packet{Conn: a.Conn, Text: true})
		case relay.Close:
			out = append(out, mixed.Gone{Conn: a.Conn, Code: a.Code})
		}
	}
	return out
}

func relayEvent(ev any) relay.Event {
	switch ev := ev.(type) {
	case mixed.Accept:
		return relay.Open{Conn: ev.Conn, Path: ev.Path, Host: ev.Host}
	case mixed.Packet:
		return &relay.Frame{Conn: ev.Conn, Data: ev.Data, Text: ev.Text}
	case mixed.Gone:
		return relay.Closed{Conn: ev.Conn}
	case mixed.Tick:
		return relay.Tick{}
	}
	panic("driver: unknown event of a Sync Server")
}
