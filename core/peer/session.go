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
	flows             []*flow // one for each namespace that both have

	out      int      // bytes of DATA and END without CREDIT
	progress Millis   // when anything last came, or out left zero
	in       int      // bytes of DATA and END that came and were not returned
	credit   int      // of those, bytes taken
	toldAt   Millis   // when HAVE was last sent
	queue    [][]byte // messages for the next flush
	frames   [][]byte // reused
}

// Codes of BYE; core/PROTOCOL.md, "Errors".
const (
	codeVersion = 1
	codeDenied  = 18
)

func newSession(l *line, id uint32) *session { return &session{l: l, d: l.d, e: l.d.e, id: id} }

func (s *session) begin() {
	c := s.e.self.circle
	if p := s.d.adds; p != nil && !s.d.member() {
		if _, err := c.roster.SignAdd(s.e.self.ik, p.member, p.acceptance); err != nil {
			s.abort(codeDenied)
			return
		}
		s.e.rosterChanged(s)
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

func (s *session) sendHeads() {
	s.send(wire.AppendRosterHeads(nil, &wire.RosterHeads{Heads: s.e.self.circle.roster.Heads(), Name: s.e.self.name}))
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
	if s.held {
		s.heldHeads = bytes.Clone(fields)
		return nil
	}
	if s.sentDone { // only the name was new
		return nil
	}
	if lacks := s.e.self.circle.roster.Behind(m.Heads); len(lacks) > 0 {
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
	r := s.e.self.circle.roster
	before := r.Len()
	for _, entry := range entries {
		if err := r.Add(entry); err != nil {
			if errors.Is(err, roster.ErrVersion) {
				s.e.syncErr, s.e.statusDirty = EVersion, true
				s.abort(codeVersion)
			}
			return err
		}
	}
	if r.Len() != before {
		s.e.rosterChanged(s)
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
	if !s.d.member() || !s.e.isMember(s.e.publicIK()) {
		s.abort(codeDenied)
		return wire.ErrMalformed
	}
	s.listed = true
	sp := s.e.space
	s.send(wire.AppendNamespaces(nil, []wire.Namespace{{
		Number: sp.num, NS: s.e.self.circle.nsName(sp.app), On: true, App: sp.app,
	}}))
	for _, d := range s.e.devices { // what is known of others, once
		if d != s.d && len(d.have) > 0 {
			s.send(wire.AppendHave(nil, &wire.Have{Number: sp.num, Vector: d.have, NK: d.nk}))
		}
	}
	s.e.paired(s.d)
	return nil
}

func (s *session) onNamespaces(fields []byte) error {
	list, err := wire.ParseNamespaces(fields)
	if err != nil {
		return wire.ErrMalformed
	}
	if !s.listed || len(s.flows) > 0 {
		return wire.ErrMalformed
	}
	sp := s.e.space
	mine := s.e.self.circle.nsName(sp.app)
	for _, n := range list {
		if n.NS != mine || !n.On {
			continue
		}
		f := &flow{s: s, sp: sp, number: n.Number}
		s.flows = append(s.flows, f)
		s.send(wire.AppendVectorMsg(nil, &wire.VectorMsg{
			Number: sp.num, Vector: sp.rep.Vector(), Incarnation: sp.rep.Incarnation(), Cursor: f.loadCursor(),
		}))
		break
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
	f.sp.heard(m.Vector)
	f.ready, f.peer, f.theirLog = true, m.Vector, m.Incarnation
	if m.Cursor.Incarnation == f.sp.rep.Incarnation() {
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
	f.sp.enqueue(task{fail: func(Code) {}, run: func() error { return f.apply(recs, m.Position, len(fields)+wire.MessageHeader) }})
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
	f.sp.enqueue(task{fail: func(Code) {}, run: func() error {
		if s.dead {
			return nil // the next session's END says it again
		}
		if f.sp.rep.Heard(m.Vector) {
			return f.sp.renew(m.Vector)
		}
		f.sp.rep.Join(m.Vector)
		f.peer = f.peer.Join(m.Vector)
		f.receiving = false
		s.take(len(fields) + wire.MessageHeader)
		s.e.statusDirty = true
		if f.taken = 0; f.cursorSaved() {
			f.saveCursor(0)
		}
		f.ackWhenDurable(m.Position)
		s.e.after(func() { f.told = f.told.Join(m.Vector) }) // ACK says it, without a HAVE
		if !s.d.heard {
			s.d.heard = true
			s.e.settleIfHeard()
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
		s.d.has(f.ends[0].vec)
		f.ends = f.ends[1:]
		s.e.collect()
	}
	if m.Position > s.d.acked && m.Position <= f.pos {
		s.d.acked, s.d.unsaved = m.Position, true
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
	f.sp.heard(m.Vector)
	if d := s.e.deviceOf(m.NK); d != nil {
		d.has(m.Vector)
		if d == s.d {
			f.peer = f.peer.Join(m.Vector)
		}
	}
	s.e.statusDirty = true
	s.e.collect()
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

// rosterChanged saves the roster, and sends the news to every other session once it is durable.
func (e *Engine) rosterChanged(from *session) {
	e.saveRoster()
	e.refreshDevices()
	e.after(func() {
		for _, d := range e.devices {
			if s := d.sess; s != nil && s != from && s.sentDone {
				s.send(wire.AppendRosterEntries(nil, e.self.circle.roster.Behind(nil)))
			}
		}
	})
}
