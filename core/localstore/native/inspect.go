package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/masqdev/masq/core/localstore"
	"github.com/masqdev/masq/core/peer"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
)

// Contents is what Inspect has found.
type Contents struct {
	Held   bool  // another process has the data open
	Blocks int   // of the database, whose structure is sound
	Locked error // why the key is not to be had; then nothing more is known
	Apps   int
	Keys   int // in all of them

	Damaged []Damaged // what of them cannot be read, though all else can
}

// Damaged is what cannot be read of an application.
type Damaged struct {
	App   string
	Keys  int
	Names []string // the first of them
}

// Inspect goes through all the data in a data directory while no store serves it. It makes no file, changes none and keeps no store from
// starting: what an engine would write stays in memory. With another process at work on the data it may answer bolt.ErrBusy.
func Inspect(dir string, noKeyring bool) (Contents, error) {
	l, err := bolt.LookAt(filepath.Join(dir, databaseName))
	if err != nil {
		return Contents{}, err
	}
	defer l.Close()
	c := Contents{Held: l.Held, Blocks: len(l.List())}
	var ring keys
	if !noKeyring {
		ring = systemKeyring()
	}
	key, err := readKey(dir, ring)
	if err != nil {
		c.Locked = err
		return c, nil
	}
	in := &inspection{Contents: c, look: l, written: map[storage.ID][]byte{}}
	in.store = localstore.New(localstore.Config{Peer: peer.Config{Key: key, Name: "masq doctor"}})
	err = in.run()
	if err != nil && !l.Stands() {
		err = bolt.ErrBusy
	}
	return in.Contents, err
}

// inspection is a store that runs on data which stays as it is.
type inspection struct {
	Contents
	look    *bolt.Look
	written map[storage.ID][]byte // by the engine, over what is in the file; nil: deleted
	loaded  []storage.ID          // last
	store   *localstore.Store
	out     localstore.Actions
	events  []localstore.Event
	now     peer.Millis
	wake    peer.Millis
	answer  []byte // to the call
	failed  error

	lastDamaged string // key of an application
}

const inspector = 1 // the connection's number

// run starts the store and reads every entry of every application.
func (in *inspection) run() error {
	in.now = now()
	in.events = append(in.events, localstore.Peer{Event: peer.Start{Blocks: in.look.List()}}, localstore.ClientOpened{Client: inspector, Who: localstore.Who{Kind: localstore.Admin}})
	var s struct{ Apps []struct{ App string } }
	if err := in.call("state", map[string]any{}, &s); err != nil {
		return err
	}
	in.Apps = len(s.Apps)
	for _, a := range s.Apps {
		if err := in.read(a.App); err != nil {
			return err
		}
	}
	return nil
}

// damaged notes that values of an application cannot be read. Keys ascend, and a page may begin with what the last one has ended with.
func (in *inspection) damaged(app string, names []string) {
	for _, name := range names {
		n := len(in.Damaged)
		switch {
		case n == 0 || in.Damaged[n-1].App != app:
			in.Damaged = append(in.Damaged, Damaged{App: app})
		case name <= in.lastDamaged:
			continue
		}
		d := &in.Damaged[len(in.Damaged)-1]
		d.Keys++
		if in.lastDamaged = name; len(d.Names) < mostNamed {
			d.Names = append(d.Names, name)
		}
	}
}

// mostNamed is how many keys are named that cannot be read.
const mostNamed = 16

// read reads every entry of an application.
func (in *inspection) read(app string) error {
	p := map[string]any{"app": app}
	for {
		var page struct {
			Entries []struct{ Key string }
			More    bool
			Damaged []string
		}
		if err := in.call("list", p, &page); err != nil {
			return err
		}
		in.Keys += len(page.Entries)
		in.damaged(app, page.Damaged)
		if !page.More || len(page.Entries) == 0 {
			return nil
		}
		p["after"] = page.Entries[len(page.Entries)-1].Key
	}
}

// call asks the store and goes on until it returns. Time passes only when nothing else is left to do.
func (in *inspection) call(method string, params, result any) error {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	in.answer = nil
	in.events = append(in.events, localstore.ClientMessage{Client: inspector, Data: text})
	for in.answer == nil && in.failed == nil {
		if len(in.events) == 0 {
			if in.wake == 0 {
				return errors.New("the engine does not answer")
			}
			in.now, in.wake = max(in.now, in.wake), 0
			in.events = append(in.events, localstore.Peer{Event: peer.Tick{}})
		}
		ev := in.events[0]
		in.events = in.events[1:]
		in.store.Step(in.now, ev, &in.out)
		for _, a := range in.out.List {
			in.act(a)
		}
		in.out.Reset()
	}
	if in.failed != nil {
		return in.failed
	}
	var m struct {
		Result json.RawMessage
		Error  *struct {
			Message string
			Data    struct{ Code peer.Code }
		}
	}
	if err := json.Unmarshal(in.answer, &m); err != nil {
		return err
	}
	if m.Error != nil {
		return in.stopped(m.Error.Data.Code)
	}
	return json.Unmarshal(m.Result, result)
}

func (in *inspection) act(action any) {
	switch a := action.(type) {
	case peer.Commit:
		in.commit(a.Changes)
		in.events = append(in.events, localstore.Peer{Event: peer.Committed{}})
	case peer.Load:
		in.loaded = a.IDs
		blocks, err := in.load(a.IDs)
		in.events = append(in.events, localstore.Peer{Event: peer.Loaded{Blocks: blocks, Err: err}})
	case peer.WakeAt:
		in.wake = a.At
	case peer.Failed:
		in.failed = in.stopped(a.Err)
	case localstore.ClientSend:
		var m struct{ ID *int }
		if json.Unmarshal(a.Data, &m) == nil && m.ID != nil {
			in.answer = a.Data
		}
	}
}

// stopped is why the engine has stopped, and with which blocks if they are damaged.
func (in *inspection) stopped(code peer.Code) error {
	err := error(&EngineError{code})
	if code == peer.EDamaged && len(in.loaded) > 0 {
		err = fmt.Errorf("%w (among the blocks %s)", err, blockNames(in.loaded))
	}
	return err
}

// blockNames names a few blocks.
func blockNames(ids []storage.ID) (names string) {
	const most = 4
	for i, id := range ids[:min(most, len(ids))] {
		if i > 0 {
			names += ", "
		}
		names += blockName(id)
	}
	if len(ids) > most {
		names += fmt.Sprintf(" and %d more", len(ids)-most)
	}
	return names
}

// blockName says what a block is, and its number.
func blockName(id storage.ID) string {
	kind := map[storage.ID]string{storage.Log: "log record", storage.Segment: "values", storage.Page: "index page"}[id.Class()]
	if id == storage.Manifest || kind == "" {
		return "manifest"
	}
	return fmt.Sprintf("%s %d", kind, id.N())
}

// commit keeps in memory what the engine writes: at its start it takes the data over, as every start does.
func (in *inspection) commit(g storage.Commit) {
	for _, b := range slices.Concat(g.Adds, g.Puts) {
		in.written[b.ID] = slices.Clone(b.Data)
	}
	for _, id := range g.Dels {
		in.written[id] = nil
	}
}

func (in *inspection) load(ids []storage.ID) ([]storage.Block, error) {
	out := make([]storage.Block, len(ids))
	for i, id := range ids {
		data, changed := in.written[id]
		if !changed {
			var err error
			if data, err = in.look.Block(id); err != nil {
				return nil, err
			}
		}
		out[i] = storage.Block{ID: id, Data: slices.Clone(data)}
	}
	return out, nil
}
