package peer

import (
	"bytes"
	"errors"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

func (r *replication) begin() {
	dom := r.d.domain
	if dom.roster.Revoked(r.d.ik) {
		r.send(wire.AppendRosterHeads(nil, &wire.RosterHeads{Version: wire.SessionVersion})) // says nothing, and confirms the handshake; its heads are waited for
		return
	}
	if p := r.d.adds; p != nil && !r.d.member() {
		if _, err := dom.roster.SignAdd(r.e.self.ik, p.member, p.acceptance); err != nil {
			r.abort(codeDenied)
			return
		}
		dom.changed(r)
		r.e.tend()
		r.held = true
		r.e.after(r.release)
		return
	}
	r.sendHeads()
}

// release begins the exchange of rosters once the ADD that this session announces is durable. Re-signing after a crash would create a
// second ADD for the same device.
func (r *replication) release() {
	r.held = false
	if r.dead {
		return
	}
	r.sendHeads()
	if r.heldHeads != nil && r.onHeads(r.heldHeads) != nil && !r.dead {
		r.via.fail()
	}
}

// handle takes one message. An error ends the session, unless that is over already.
func (r *replication) handle(typ wire.MessageType, fields []byte) error {
	switch typ {
	case wire.MsgRosterHeads:
		return r.onHeads(fields)
	case wire.MsgRosterEntries:
		return r.onEntries(fields)
	case wire.MsgRosterDone:
		return r.onDone()
	case wire.MsgNamespaces:
		return r.onNamespaces(fields)
	case wire.MsgVector:
		return r.onVector(fields)
	case wire.MsgData:
		return r.onData(fields)
	case wire.MsgEnd:
		return r.onEnd(fields)
	case wire.MsgCredit:
		return r.onCredit(fields)
	case wire.MsgAck:
		return r.onAck(fields)
	case wire.MsgHave:
		return r.onHave(fields)
	case wire.MsgFull:
		return r.onFull(fields)
	case wire.MsgBye:
		return r.onBye(fields)
	case wire.MsgWriters:
		return r.onWriters(fields)
	case wire.MsgNamespaceHeads:
		return r.onNamespaceHeads(fields)
	case wire.MsgNamespaceEntries:
		return r.onNamespaceEntries(fields)
	}
	return nil // a newer Masq's
}

func (r *replication) onHeads(fields []byte) error {
	m, err := wire.ParseRosterHeads(fields)
	if err != nil {
		return err
	}
	if r.d.domain.roster.Revoked(r.d.ik) {
		r.notice(m.Heads)
		return wire.ErrMalformed
	}
	if r.d.outdated = m.Version < wire.SessionVersion; r.d.outdated {
		r.outdated()
		return wire.ErrMalformed
	}
	r.named(m.Name)
	if r.held {
		r.heldHeads = bytes.Clone(fields)
		return nil
	}
	if r.sentDone { // only the name was new
		return nil
	}
	for _, lacks := range r.d.domain.roster.Batches(m.Heads) {
		r.send(wire.AppendRosterEntries(nil, lacks))
	}
	r.send(wire.AppendRosterDone(nil))
	r.sentDone = true
	return r.rostersEqual()
}

// outdated stops with a device that is older than what is said in a session. It understands an entry that it cannot take.
func (r *replication) outdated() {
	r.e.touch()
	r.send(wire.AppendRosterEntries(nil, [][]byte{r.d.domain.roster.Newer(r.e.self.ik)}))
	r.abort(codeVersion)
}

// named takes the name that the other device goes by, as it may be shown. A full device leaves it out before an application peer.
func (r *replication) named(name string) {
	if name = roster.ShownName(name); name != "" && name != r.d.name {
		r.d.name, r.d.unsaved = name, true
		r.e.touch()
	}
}

func (r *replication) onEntries(fields []byte) error {
	entries, err := wire.ParseRosterEntries(fields)
	if err != nil {
		return err
	}
	if err := r.addEntries(r.d.domain, entries); err != nil {
		return err
	}
	if r.dead { // the news was that this device, or that one, is out
		return wire.ErrMalformed
	}
	return nil
}

// addEntries takes entries of a roster. Those before one that is refused stay.
func (r *replication) addEntries(dom *domain, entries [][]byte) error {
	changed, err := dom.roster.AddAll(entries)
	if changed {
		dom.changed(r)
		r.e.tend()
	}
	if errors.Is(err, roster.ErrVersion) {
		r.e.syncErr = EVersion
		r.e.touch()
		r.abort(codeVersion)
	}
	return err
}

func (r *replication) onDone() error {
	r.gotDone = true
	return r.rostersEqual()
}

// rostersEqual goes on to the namespaces once both sides have the same roster, with both of them in it.
func (r *replication) rostersEqual() error {
	if !r.sentDone || !r.gotDone || r.listed {
		return nil
	}
	if !r.d.member() || !r.d.domain.in() {
		r.abort(codeDenied)
		return wire.ErrMalformed
	}
	r.listed = true
	r.list(r.namespaces()...)
	r.e.paired(r.d)
	return nil
}

// namespaces are the namespaces that this session is about.
func (r *replication) namespaces() []*namespace {
	if only := r.d.domain.namespace; only != nil {
		return []*namespace{only}
	}
	return r.e.namespaces
}

// list tells of namespaces, and what is known of how far others have got with them.
func (r *replication) list(namespaces ...*namespace) {
	var list []wire.Namespace
	for _, n := range namespaces {
		list = append(list, wire.Namespace{Number: n.num, NS: n.ns(), On: n.wanted(r.d), App: n.app, Name: n.name})
	}
	r.send(wire.AppendNamespaces(nil, list))
	for _, n := range namespaces {
		r.listOthers(n)
	}
}

// onNamespaces takes the other side's list: at first all of its namespaces, later the new ones. A local store adds an application of
// its circle that it does not have yet.
func (r *replication) onNamespaces(fields []byte) error {
	list, err := wire.ParseNamespaces(fields)
	if err != nil || !r.listed || len(r.theirs)+len(list) > wire.MaxNamespaces {
		return wire.ErrMalformed
	}
	r.gotList = true
	r.listTheirs(list)
	for _, l := range list {
		n := r.namespaceOf(l.NS)
		if n == nil && l.On && r.e.isStore() && r.d.domain == r.e.circle && r.e.namespaceOf(l.App) == nil {
			n, _ = r.e.newNamespace(l.App, l.Name) // if it cannot be, it is not synced
			if n != nil && n.ns() == l.NS {
				r.e.announce(n)
				continue
			}
		}
		if n != nil {
			r.match(n)
		}
	}
	return nil
}

func (r *replication) namespaceOf(ns [32]byte) *namespace {
	if all := r.namespaces(); r.oursOf != len(all) {
		r.ours, r.oursOf = make(map[[32]byte]*namespace, len(all)), len(all)
		for _, n := range all {
			r.ours[n.ns()] = n
		}
	}
	return r.ours[ns]
}

// listTheirs notes what the other side has listed.
func (r *replication) listTheirs(list []wire.Namespace) {
	for _, l := range list {
		if _, known := r.theirPlace[l.NS]; !known {
			r.theirPlace[l.NS] = len(r.theirs)
		}
		r.theirs = append(r.theirs, l)
	}
}

// match begins to sync a namespace that both sides have listed, if both want it, and exchanges the roster of its application peers.
func (r *replication) match(n *namespace) {
	i, listed := r.theirPlace[n.ns()]
	if !listed || r.byNamespace[n] != nil {
		return
	}
	l := r.theirs[i]
	if r.d.domain == r.e.circle && r.e.isStore() {
		m := wire.NamespaceRoster{Number: n.num}
		if n.peers != nil {
			m.Heads = n.peers.roster.Heads()
		}
		r.send(wire.AppendNamespaceHeads(nil, &m))
	}
	r.d.syncs(n, l.On)
	if !l.On || !n.wanted(r.d) {
		delete(r.via.said.of, n)
		return
	}
	rep := n.replicaFor(r.d)
	f := &flow{repl: r, namespace: n, rep: rep, p: r.d.in(n), number: l.Number, met: rep.Position()}
	r.add(f)
	r.send(wire.AppendVectorMsg(nil, &wire.VectorMsg{
		Number: n.num, Vector: rep.Told(), Incarnation: rep.Incarnation(), Cursor: f.loadCursor(),
	}))
}

// theirNamespace is this device's namespace behind a number of the other side's.
func (r *replication) theirNamespace(number uint16) *namespace {
	for _, l := range r.theirs {
		if l.Number == number {
			return r.namespaceOf(l.NS)
		}
	}
	return nil
}

func (r *replication) onNamespaceHeads(fields []byte) error {
	m, err := wire.ParseNamespaceHeads(fields)
	if err != nil || r.d.domain != r.e.circle {
		return wire.ErrMalformed
	}
	n := r.theirNamespace(m.Number)
	if n == nil || n.peers == nil {
		return nil
	}
	for _, lacks := range n.peers.roster.Batches(m.Heads) {
		r.send(wire.AppendNamespaceEntries(nil, &wire.NamespaceRoster{Number: n.num, Entries: lacks}))
	}
	return nil
}

func (r *replication) onNamespaceEntries(fields []byte) error {
	m, err := wire.ParseNamespaceEntries(fields)
	if err != nil || r.d.domain != r.e.circle {
		return wire.ErrMalformed
	}
	n := r.theirNamespace(m.Number)
	if n == nil {
		return nil
	}
	return r.addEntries(n.haveDomain(), m.Entries)
}

func (r *replication) onBye(fields []byte) error {
	m, err := wire.ParseBye(fields)
	if err != nil {
		return err
	}
	if m.Reason == wire.ByeRenew {
		r.via.renewed()
		return nil
	}
	c := r.via
	c.sessionDown()
	c.sess.Drop()
	if m.Reason == wire.ByeError {
		c.fail()
	}
	return nil
}

// announce lists a namespace that is new here in the sessions that stand.
func (e *Engine) announce(n *namespace) {
	for _, d := range e.devices {
		if d.repl != nil && d.repl.listed && d.shares(n) {
			d.repl.list(n)
			d.repl.match(n)
		}
	}
}
