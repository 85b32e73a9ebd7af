package peer

import (
	"bytes"
	"errors"
	"slices"

	"github.com/masqdev/masq/core/roster"
	"github.com/masqdev/masq/core/wire"
)

// session is what two devices say to each other once a handshake is confirmed: rosters first, then namespaces, then vectors, then
// data both ways until one leaves. See core/PROTOCOL.md, "Inside the session".
type session struct {
	l    *line
	d    *device
	e    *Engine
	id   uint32 // marks records that came by it
	dead bool

	held      bool   // the roster is not to be told yet
	heldHeads []byte // the other side's heads meanwhile

	sentDone, gotDone bool
	listed            bool
	theirs            []wire.Namespace // what the other side has listed
	flows             []*flow          // one for each namespace that both sync

	out      int      // bytes of DATA and END without CREDIT
	progress Millis   // when anything last came, or out left zero
	in       int      // bytes of DATA and END that came and were not returned
	credit   int      // of those, bytes taken
	queue    [][]byte // messages for the next flush
	frames   [][]byte // reused
}

// Codes of BYE; core/PROTOCOL.md, "Errors".
const (
	codeVersion = 1
	codeRevoked = 17
	codeDenied  = 18
)

func newSession(l *line, id uint32) *session { return &session{l: l, d: l.d, e: l.d.e, id: id} }

func (s *session) begin() {
	dom := s.d.domain
	if dom.roster.Revoked(s.d.ik) {
		s.send(wire.AppendRosterHeads(nil, &wire.RosterHeads{})) // says nothing, and confirms the handshake; its heads are waited for
		return
	}
	if p := s.d.adds; p != nil && !s.d.member() {
		if _, err := dom.roster.SignAdd(s.e.self.ik, p.member, p.acceptance); err != nil {
			s.abort(codeDenied)
			return
		}
		dom.changed(s)
		s.e.tend(true)
		s.held = true
		s.e.after(s.release)
		return
	}
	s.sendHeads()
}

// release begins the exchange of rosters, when an ADD that this session is the first to tell of is durable: signed again after a
// crash it could be another one, and there is only one for each device.
func (s *session) release() {
	s.held = false
	if s.dead {
		return
	}
	s.sendHeads()
	if s.heldHeads != nil && s.onHeads(s.heldHeads) != nil && !s.dead {
		s.l.fail()
	}
}

func (s *session) send(msg []byte) {
	if !s.dead {
		s.queue = append(s.queue, msg)
	}
}

// flush seals what is queued, as many messages to a frame as it holds.
func (s *session) flush() {
	if s.dead || len(s.queue) == 0 {
		return
	}
	frames, err := s.l.link.Seal(s.e.now, s.frames[:0], s.queue...)
	clear(s.queue)
	s.queue = s.queue[:0]
	for _, f := range frames {
		s.l.send(f)
	}
	clear(frames)
	s.frames = frames
	if err != nil {
		s.l.fail()
		return
	}
	s.e.need(s.l.link.Deadline())
}

// flushFrames seals what the Step has queued, so that messages of one Step share frames.
func (e *Engine) flushFrames() {
	for _, d := range e.devices {
		if d.sess != nil {
			d.sess.flush()
		}
	}
}

func (s *session) bye(reason wire.ByeReason, code uint8) {
	s.send(wire.AppendBye(nil, wire.Bye{Reason: reason, Code: code}))
}

// abort says why and ends the session and its socket.
func (s *session) abort(code uint8) {
	s.bye(wire.ByeError, code)
	s.flush()
	s.l.fail()
}

// sendHeads says what this side has of the roster, and its name. An application's peers learn no name of its user's stores.
func (s *session) sendHeads() {
	m := wire.RosterHeads{Heads: s.d.domain.roster.Heads(), Name: s.e.self.name}
	if s.d.domain.namespace != nil && !s.d.domain.guest() {
		m.Name = ""
	}
	s.send(wire.AppendRosterHeads(nil, &m))
}

// notice tells a device that it is out, and shows it who said so. It gets nothing else.
func (s *session) notice(heads [][32]byte) {
	if entries := s.d.domain.roster.Notice(s.d.ik, heads); len(entries) > 0 {
		s.send(wire.AppendRosterEntries(nil, entries))
	}
	s.abort(codeRevoked)
}

// handle takes one message. An error ends the session, unless that is over already.
func (s *session) handle(typ wire.MessageType, fields []byte) error {
	switch typ {
	case wire.MsgRosterHeads:
		return s.onHeads(fields)
	case wire.MsgRosterEntries:
		return s.onEntries(fields)
	case wire.MsgRosterDone:
		return s.onDone()
	case wire.MsgNamespaces:
		return s.onNamespaces(fields)
	case wire.MsgVector:
		return s.onVector(fields)
	case wire.MsgData:
		return s.onData(fields)
	case wire.MsgEnd:
		return s.onEnd(fields)
	case wire.MsgCredit:
		return s.onCredit(fields)
	case wire.MsgAck:
		return s.onAck(fields)
	case wire.MsgHave:
		return s.onHave(fields)
	case wire.MsgBye:
		return s.onBye(fields)
	case wire.MsgNamespaceHeads:
		return s.onNamespaceHeads(fields)
	case wire.MsgNamespaceEntries:
		return s.onNamespaceEntries(fields)
	}
	return nil // a newer Masq's
}

func (s *session) onHeads(fields []byte) error {
	m, err := wire.ParseRosterHeads(fields)
	if err != nil {
		return err
	}
	if roster.ValidName(m.Name) && m.Name != s.d.name {
		s.d.name, s.d.unsaved, s.e.statusDirty = m.Name, true, true
	}
	if s.d.domain.roster.Revoked(s.d.ik) {
		s.notice(m.Heads)
		return wire.ErrMalformed
	}
	if s.held {
		s.heldHeads = bytes.Clone(fields)
		return nil
	}
	if s.sentDone { // only the name was new
		return nil
	}
	if lacks := s.d.domain.roster.Behind(m.Heads); len(lacks) > 0 {
		s.send(wire.AppendRosterEntries(nil, lacks))
	}
	s.send(wire.AppendRosterDone(nil))
	s.sentDone = true
	return s.rostersEqual()
}

func (s *session) onEntries(fields []byte) error {
	entries, err := wire.ParseRosterEntries(fields)
	if err != nil {
		return err
	}
	dom := s.d.domain
	before := dom.roster.Len()
	if err := s.addEntries(dom, entries); err != nil {
		return err
	}
	if dom.roster.Len() != before {
		dom.changed(s)
		s.e.tend(false)
	}
	if s.dead { // the news was that this device, or that one, is out
		return wire.ErrMalformed
	}
	return nil
}

func (s *session) addEntries(dom *domain, entries [][]byte) error {
	for _, entry := range entries {
		if err := dom.roster.Add(entry); err != nil {
			if errors.Is(err, roster.ErrVersion) {
				s.e.syncErr, s.e.statusDirty = EVersion, true
				s.abort(codeVersion)
			}
			return err
		}
	}
	return nil
}

func (s *session) onDone() error {
	s.gotDone = true
	return s.rostersEqual()
}

// rostersEqual goes on to the namespaces once both sides have the same roster, with both of them in it.
func (s *session) rostersEqual() error {
	if !s.sentDone || !s.gotDone || s.listed {
		return nil
	}
	if !s.d.member() || !s.d.domain.in() {
		s.abort(codeDenied)
		return wire.ErrMalformed
	}
	s.listed = true
	s.list(s.namespaces()...)
	s.e.paired(s.d)
	return nil
}

// namespaces are the namespaces that this session is about.
func (s *session) namespaces() []*namespace {
	if only := s.d.domain.namespace; only != nil {
		return []*namespace{only}
	}
	return s.e.namespaces
}

// list tells of namespaces, and what is known of how far others have got with them.
func (s *session) list(namespaces ...*namespace) {
	var list []wire.Namespace
	for _, n := range namespaces {
		list = append(list, wire.Namespace{Number: n.num, NS: n.ns(), On: n.wanted(s.d), App: n.app, Name: n.name})
	}
	s.send(wire.AppendNamespaces(nil, list))
	for _, n := range namespaces {
		n.heldBy(func(d *device, p *progress) {
			if d != s.d && len(p.have) > 0 && n.wanted(s.d) {
				s.send(wire.AppendHave(nil, &wire.Have{Number: n.num, Vector: p.have, NK: d.nk}))
			}
		})
	}
}

// lists reports whether the other side has listed the namespace.
func (s *session) lists(n *namespace) bool {
	ns := n.ns()
	return slices.ContainsFunc(s.theirs, func(l wire.Namespace) bool { return l.NS == ns })
}

// onNamespaces takes what the other side lists: all at first, later what is new there. A local store that has not heard of one of
// its circle's applications takes it in.
func (s *session) onNamespaces(fields []byte) error {
	list, err := wire.ParseNamespaces(fields)
	if err != nil || !s.listed || len(s.theirs)+len(list) > wire.MaxNamespaces {
		return wire.ErrMalformed
	}
	s.theirs = append(s.theirs, list...)
	for _, l := range list {
		n := s.namespaceOf(l.NS)
		if n == nil && l.On && s.e.isStore() && s.d.domain == s.e.circle && s.e.namespaceOf(l.App) == nil {
			n, _ = s.e.newNamespace(l.App, l.Name) // if it cannot be, it is not synced
			if n != nil && n.ns() == l.NS {
				s.e.announce(n)
				continue
			}
		}
		if n != nil {
			s.match(n)
		}
	}
	return nil
}

func (s *session) namespaceOf(ns [32]byte) *namespace {
	for _, n := range s.namespaces() {
		if n.ns() == ns {
			return n
		}
	}
	return nil
}

// match begins to sync a namespace that both sides have listed, if both want it, and exchanges the roster of its application peers.
func (s *session) match(n *namespace) {
	ns := n.ns()
	i := slices.IndexFunc(s.theirs, func(l wire.Namespace) bool { return l.NS == ns })
	if i < 0 || slices.ContainsFunc(s.flows, func(f *flow) bool { return f.namespace == n }) {
		return
	}
	l := s.theirs[i]
	if s.d.domain == s.e.circle && s.e.isStore() {
		m := wire.NamespaceRoster{Number: n.num}
		if n.peers != nil {
			m.Heads = n.peers.roster.Heads()
		}
		s.send(wire.AppendNamespaceHeads(nil, &m))
	}
	p := s.d.in(n)
	p.theirs, s.e.statusDirty = l.On, true
	if !l.On || !n.wanted(s.d) {
		return
	}
	f := &flow{s: s, namespace: n, p: p, number: l.Number}
	s.flows = append(s.flows, f)
	s.send(wire.AppendVectorMsg(nil, &wire.VectorMsg{
		Number: n.num, Vector: n.rep.Vector(), Incarnation: n.rep.Incarnation(), Cursor: f.loadCursor(),
	}))
}

// theirNamespace is this device's namespace behind a number of the other side's.
func (s *session) theirNamespace(number uint16) *namespace {
	for _, l := range s.theirs {
		if l.Number == number {
			return s.namespaceOf(l.NS)
		}
	}
	return nil
}

func (s *session) onNamespaceHeads(fields []byte) error {
	m, err := wire.ParseNamespaceHeads(fields)
	if err != nil || s.d.domain != s.e.circle {
		return wire.ErrMalformed
	}
	n := s.theirNamespace(m.Number)
	if n == nil || n.peers == nil {
		return nil
	}
	if lacks := n.peers.roster.Behind(m.Heads); len(lacks) > 0 {
		s.send(wire.AppendNamespaceEntries(nil, &wire.NamespaceRoster{Number: n.num, Entries: lacks}))
	}
	return nil
}

func (s *session) onNamespaceEntries(fields []byte) error {
	m, err := wire.ParseNamespaceEntries(fields)
	if err != nil || s.d.domain != s.e.circle {
		return wire.ErrMalformed
	}
	n := s.theirNamespace(m.Number)
	if n == nil {
		return nil
	}
	dom := n.haveDomain()
	before := dom.roster.Len()
	if err := s.addEntries(dom, m.Entries); err != nil {
		return err
	}
	if dom.roster.Len() != before {
		dom.changed(s)
		s.e.tend(false)
	}
	return nil
}

func (s *session) flow(number uint16) *flow {
	i := slices.IndexFunc(s.flows, func(f *flow) bool { return f.number == number })
	if i < 0 {
		return nil
	}
	return s.flows[i]
}

func (s *session) onVector(fields []byte) error {
	m, err := wire.ParseVectorMsg(fields)
	f := s.flow(m.Number)
	if err != nil || f == nil || f.ready {
		return wire.ErrMalformed
	}
	f.namespace.heard(m.Vector)
	f.p.startsAnew(m.Vector)
	f.ready, f.peer, f.theirLog = true, m.Vector, m.Incarnation
	if m.Cursor.Incarnation == f.namespace.rep.Incarnation() {
		f.pos = m.Cursor.Position
	}
	s.e.statusDirty = true
	return nil
}

func (s *session) onData(fields []byte) error {
	m, err := wire.ParseData(fields)
	f := s.flow(m.Number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	recs, err := wire.ParseRecords(m.Records)
	if err != nil {
		return err
	}
	if err := s.counted(fields); err != nil {
		return err
	}
	if !f.receiving {
		f.receiving, s.e.statusDirty = true, true
	}
	s.l.moved = true
	f.namespace.enqueue(task{fail: func(Code) {}, run: func() error { return f.apply(recs, m.Position, len(fields)+wire.MessageHeader) }})
	return nil
}

func (s *session) onEnd(fields []byte) error {
	m, err := wire.ParseEnd(fields)
	f := s.flow(m.Number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	if err := s.counted(fields); err != nil {
		return err
	}
	f.namespace.enqueue(task{fail: func(Code) {}, run: func() error {
		if s.dead {
			return nil // the next session's END says it again
		}
		if f.namespace.rep.Heard(m.Vector) {
			return f.namespace.renew(m.Vector)
		}
		f.namespace.rep.Join(m.Vector)
		f.peer = f.peer.Join(m.Vector)
		f.receiving = false
		s.take(len(fields) + wire.MessageHeader)
		s.e.statusDirty = true
		if f.taken = 0; f.cursorSaved() {
			f.saveCursor(0)
		}
		f.ackWhenDurable(m.Position)
		s.e.after(func() { f.told = f.told.Join(m.Vector) }) // ACK says it, without a HAVE
		if !f.p.heard {
			f.p.heard = true
			f.namespace.settleIfHeard()
		}
		return nil
	}})
	return nil
}

func (s *session) onCredit(fields []byte) error {
	n, err := wire.ParseCredit(fields)
	if err != nil || int64(n) > int64(s.out) {
		return wire.ErrMalformed
	}
	s.out -= int(n)
	s.progress = s.e.now
	return nil
}

func (s *session) onAck(fields []byte) error {
	m, err := wire.ParseAck(fields)
	f := s.flow(m.Number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	s.progress, s.l.moved = s.e.now, true
	for len(f.ends) > 0 && f.ends[0].pos <= m.Position {
		f.p.has(f.ends[0].vec)
		f.ends = f.ends[1:]
		f.namespace.collect()
	}
	if m.Position <= f.pos {
		f.p.reached(m.Position)
	}
	s.e.statusDirty = true
	return nil
}

func (s *session) onHave(fields []byte) error {
	m, err := wire.ParseHave(fields)
	if err != nil {
		return err
	}
	f := s.flow(m.Number)
	if f == nil {
		return nil // of a namespace that this device does not have, or before VECTOR
	}
	f.namespace.heard(m.Vector)
	if d := s.e.deviceOf(m.NK); d != nil && d.shares(f.namespace) {
		d.in(f.namespace).has(m.Vector)
		if d == s.d {
			f.peer = f.peer.Join(m.Vector)
		}
	}
	s.e.statusDirty = true
	f.namespace.collect()
	return nil
}

func (s *session) onBye(fields []byte) error {
	m, err := wire.ParseBye(fields)
	if err != nil {
		return err
	}
	if m.Reason == wire.ByeRenew {
		s.l.renewed()
		return nil
	}
	l := s.l
	l.sessionDown()
	l.link.Drop()
	if m.Reason == wire.ByeError {
		l.fail()
	}
	return nil
}

func (s *session) timers() {
	if s.out > 0 && s.e.due(s.progress+ackTimeout+s.allowance()) {
		s.l.fail()
	}
}

// allowance is how much longer to wait because data is on its way: a line of 8 KiB a second is slow, not dead.
func (s *session) allowance() Millis { return Millis(s.out) / 8 }
