package peer

import (
	"errors"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// Forwarding and flow, in ms and bytes; core/PROTOCOL.md.
const (
	forwardAfter = 2_000
	haveEvery    = 500
	dataMessage  = 32 << 10
	cursorEvery  = 256 << 10
)

// unnamed stands for a store of the user's in a change that an application peer gets: the peer does not learn its name.
const unnamed = "device"

// flow is the flow that a message is about.
func (r *replication) flow(number uint16) *flow {
	f := r.byNumber[number]
	if f != nil {
		f.namespace.wake()
	}
	return f
}

func (r *replication) onVector(fields []byte) error {
	m, err := wire.ParseVectorMsg(fields)
	f := r.flow(m.Number)
	if err != nil || f == nil || f.ready {
		return wire.ErrMalformed
	}
	if f.stale() {
		return nil
	}
	if f.anew = f.p.startsAnew(m.Vector); f.anew && len(r.via.said.of[f.namespace]) > 0 { // what it was told of others is lost, too
		delete(r.via.said.of, f.namespace)
		r.listOthers(f.namespace)
	}
	f.ready, f.peer, f.theirLog = true, m.Vector, m.Incarnation
	switch {
	case !f.copying():
	case f.anew:
		f.namespace.copy.part(r.d)
	case f.rep.Vector().CoversAll(m.Vector): // then the other sends no END
		f.endCopy()
	}
	f.base, f.spread = f.rep.Told(), f.p.have
	if m.Cursor.Incarnation == f.rep.Incarnation() {
		f.pos = m.Cursor.Position
	}
	r.unready--
	f.namespace.touch()
	return nil
}

func (r *replication) onData(fields []byte) error {
	m, err := wire.ParseData(fields)
	f := r.flow(m.Number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	recs, err := wire.ParseRecords(m.Records)
	if err != nil {
		return err
	}
	if err := r.credit.came(len(fields) + wire.MessageHeader); err != nil {
		return err
	}
	if !f.receiving {
		f.receiving = true
		f.namespace.touch()
	}
	r.via.moved = true
	f.later(func() error { return f.apply(recs, m.Position, len(fields)+wire.MessageHeader) })
	return nil
}

// later has something done that the other side has brought about, in order with what waits for blocks.
func (f *flow) later(run func() error) {
	e := f.repl.e
	f.namespace.enqueue(task{fail: func(Code) {}, run: func() error {
		e.suspect = f.repl.d
		err := run()
		e.suspect = nil
		return err
	}})
}

func (f *flow) apply(recs []wire.Record, pos uint64, size int) error {
	if f.closed() {
		f.passOver(size)
		return nil
	}
	if fits, err := f.fits(recs, size); err != nil || !fits {
		return err
	}
	own := f.namespace.ownElsewhere(recs)
	changes, all, err := f.rep.Apply(recs, f.source())
	if errors.Is(err, replica.ErrLie) {
		f.repl.lied()
		return nil
	}
	if err != nil {
		return err
	}
	f.repl.e.commits.next.adds = f.repl.e.commits.next.adds || withValue(recs)
	f.lacking = f.lacking || !all
	if own {
		f.elsewhere()
	}
	if !f.copying() {
		f.arrived(changes, recs, all)
	}
	f.repl.take(size)
	if f.taken += size; f.taken >= cursorEvery && !f.lacking {
		f.taken = 0
		f.saveCursor(pos)
	}
	if pos > 0 {
		f.ackWhenDurable(pos - 1) // the END behind it has the same position, and may be joined behind the commit
	}
	return nil
}

func (r *replication) onEnd(fields []byte) error {
	m, err := wire.ParseEnd(fields)
	f := r.flow(m.Number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	if err := r.credit.came(len(fields) + wire.MessageHeader); err != nil {
		return err
	}
	f.claimsSum(m.Vector, m.Sum)
	f.later(func() error {
		if r.dead || f.refused > 0 || f.retracted || f.closed() {
			f.passOver(len(fields) + wire.MessageHeader)
			return nil // the next session's END says it again
		}
		src := f.source()
		src.Lost = m.Lost
		changes, all, err := f.rep.Join(m.Vector, src)
		if err != nil {
			return err
		}
		f.doubts(m.Vector)
		if f.copying() {
			f.endCopy()
			f.receiving = false
			r.take(len(fields) + wire.MessageHeader)
			f.ackWhenDurable(m.Position)
			return nil
		}
		f.namespace.notify(changes, 0, unnamed)
		known := f.rep.Within(m.Vector)
		f.peer = f.peer.Join(known)
		f.receiving = false
		r.take(len(fields) + wire.MessageHeader)
		f.namespace.touch()
		f.taken = 0
		f.doubted = f.doubted || !all                                // an END says only what has changed since the last one
		f.endCursor(m.Position, !f.doubted && f.rep.Summed() != nil) // a sum is that of the vector alone
		f.ackWhenDurable(m.Position)
		r.e.after(func() { f.credit(f.credited(known)) }) // ACK says it, without a HAVE
		f.p.heard, f.p.whole = true, true
		f.namespace.settleOld()
		return nil
	})
	return nil
}

// arrived tells of what has come into the namespace.
func (f *flow) arrived(changes []replica.Change, recs []wire.Record, all bool) {
	f.disowned = f.disowned || !all && f.rep.Disowns(recs)
	f.namespace.came(f.repl.d, recs)
	name := f.repl.d.name
	if name == "" {
		name = unnamed
	}
	f.namespace.notify(changes, 0, name)
	f.namespace.touch()
}

func (r *replication) onCredit(fields []byte) error {
	n, err := wire.ParseCredit(fields)
	if err != nil {
		return err
	}
	return r.credit.returned(n, r.e.clock.Now())
}

func (r *replication) onAck(fields []byte) error {
	m, err := wire.ParseAck(fields)
	f := r.flow(m.Number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	r.credit.heard, r.via.moved = r.e.clock.Now(), true
	if f.stale() {
		return nil
	}
	for len(f.ends) > 0 && f.ends[0].pos <= m.Position {
		f.acked(f.ends[0].vec)
		f.theirSaid = f.theirSaid.Join(f.ends[0].vec)
		f.ends = f.ends[1:]
		f.wake() // there may be another one to be sent
	}
	if m.Position <= f.pos {
		f.p.reached(m.Position)
		f.met = max(f.met, m.Position)
	}
	f.namespace.touch()
	return nil
}

func (r *replication) onHave(fields []byte) error {
	m, err := wire.ParseHave(fields)
	if err != nil {
		return err
	}
	f := r.flow(m.Number)
	if f == nil {
		return nil // of a namespace that this device does not have, or before VECTOR
	}
	if d := r.e.deviceOf(m.NK); d != nil && d.shares(f.namespace) && (d == r.d || r.d.full()) {
		known := f.rep.Within(m.Vector)
		d.in(f.namespace).has(known)
		if d == r.d {
			f.peer = f.peer.Join(known)
			f.heardSum(m.Vector, m.Sum)
		} else {
			f.hearOf(d.flow(f.namespace), known)
		}
	}
	f.namespace.touch()
	return nil
}

// ackWhenDurable has the other side told once all that it sent up to pos is durable.
func (f *flow) ackWhenDurable(pos uint64) {
	b := &f.repl.e.commits.next
	b.strict = true
	for i := range b.acks {
		if b.acks[i].f == f {
			b.acks[i].pos = pos
			return
		}
	}
	b.acks = append(b.acks, ack{f, pos})
}

func (a ack) send() {
	if a.f.stale() {
		return
	}
	a.f.repl.returnCredit()
	a.f.repl.send(wire.AppendAck(nil, &wire.Ack{Number: a.f.namespace.num, Position: a.pos}))
	if a.f.disowned { // END behind ACK tells the other that there is no such record
		a.f.disowned, a.f.dirty, a.f.ended = false, true, nil
		a.f.wake()
	}
}

// pump sends what the other side lacks, as far as its credit goes, and what there is to tell about this side.
func (d *device) pump() {
	r := d.repl
	if r == nil {
		return
	}
	kept := 0
	for i := 0; i < len(r.busy); i++ { // one may wake others
		f := r.busy[i]
		f.pumpAll()
		if f.busy = !f.rests(); f.busy {
			r.busy[kept] = f
			kept++
		}
	}
	clear(r.busy[kept:])
	r.busy = r.busy[:kept]
}

// pumpAll sends and tells what there is of one namespace.
func (f *flow) pumpAll() {
	if !f.ready || f.rep != f.namespace.rep {
		return
	}
	f.repl.e.pumps++
	if !f.stopped && !f.namespace.rep.Renewing() {
		f.pump()
	}
	f.compare()
	f.tell()
}

func (f *flow) pump() {
	r, rep := f.repl, f.rep
	f.announce()
	for r.credit.open() && !f.holding() {
		recs, next, end, err := rep.Next(f.peer, r.id, f.pos, dataMessage)
		if errors.Is(err, ledger.ErrWait) {
			return
		}
		if err != nil {
			r.e.fail(storageCode(err))
			return
		}
		if len(recs) > 0 {
			f.dirty = true
			r.sendCounted(wire.AppendData(nil, &wire.Data{Number: f.namespace.num, Position: next, Records: recs}))
		}
		moved := next != f.pos
		f.pos = next
		if end {
			if len(f.namespace.queue) == 0 { // what waits there may be the other's own, from before it crashed
				f.end()
			}
			return
		}
		if !moved {
			r.e.late = true
			return
		}
	}
}

// end says how far the other side now is, unless it knows.
func (f *flow) end() {
	f.begun = true
	v := f.rep.ToldTo(f.peer)
	if !f.dirty && f.peer.CoversAll(v) {
		if len(f.ends) > 0 || f.p.acked >= f.pos || !f.standsThere() {
			return
		}
		if f.rep.Summed() != nil {
			f.p.reached(f.pos)
			f.namespace.touch()
			return
		} // else there is more than vectors tell of: an ACK does
	}
	if n := len(f.ends); n > 0 && f.ends[n-1].pos == f.pos {
		return // an ACK would not tell which of the two is stored
	}
	news := v.Since(f.ended) // all of it the first time: who was put back hears of all of its writers
	f.repl.sendCounted(wire.AppendEnd(nil, &wire.End{
		Number: f.namespace.num, Position: f.pos, Vector: news, Sum: f.sumOf(v), Lost: f.rep.Lost(news),
	}))
	f.dirty, f.ended, f.peer = false, v, f.peer.Join(news)
	f.ends = append(f.ends, sentEnd{pos: f.pos, vec: f.credible(news)})
}

// standsThere reports whether the other side has in storage all that came here since its last ACK. The vectors alone do not tell where the other side does not
// believe all of this one's, as a store does not believe an application peer. What came from there may be in memory there still.
func (f *flow) standsThere() bool {
	if f.p.have.CoversAll(f.rep.Told()) {
		return true
	}
	for pos := f.p.acked; ; {
		recs, next, end, err := f.rep.Next(f.p.have, 0, pos, 1)
		if err != nil || len(recs) > 0 || end || next == pos {
			return err == nil && len(recs) == 0 && end
		}
		pos = next
	}
}

// holding reports whether everything new came from other devices just now. They send it to the other side themselves.
func (f *flow) holding() bool {
	n := f.namespace
	if n.foreign == 0 || f.pos < n.own || f.pos >= n.rep.Position() || f.repl.e.clock.Due(n.foreign+forwardAfter+n.lag) {
		return false
	}
	if f.peer.CoversAll(n.rep.ToldTo(f.peer)) {
		return false // there is nothing to hold back
	}
	others := 0
	n.heldBy(func(*device, *progress) { others++ })
	return others > 1
}

// tell says HAVE when the other side does not know what this one has durably, or what that amounts to.
func (f *flow) tell() {
	v := f.rep.DurableVector()
	if !f.told.CoversAll(v) {
		f.spare()
	}
	news := v.Lacking(f.told)
	switch {
	case len(news) == 0 && !f.owesSum():
		f.owing = 0
		return
	case len(news) > 0 && f.mayBeSpared(news) || !f.repl.e.clock.Due(f.toldAt+haveEvery):
		return
	}
	f.toldAt, f.told, f.owing = f.repl.e.clock.Now(), v, 0
	f.repl.send(wire.AppendHave(nil, &wire.Have{Number: f.namespace.num, Vector: news, NK: f.repl.e.publicNK(), Sum: f.sumOf(v)}))
}

// endCursor notes that the other's log was taken to its end. Where not all that it says was believed, or more is held than the own vector covers,
// that does not tell what was taken: then the cursor does.
func (f *flow) endCursor(pos uint64, all bool) {
	switch {
	case f.lacking:
	case !all:
		f.saveCursor(pos)
	case f.cursorSaved():
		f.saveCursor(0)
	}
}

func (f *flow) cursorKey() string {
	num := f.namespace.num
	if f.copying() {
		num = f.namespace.copy.num()
	}
	return f.repl.d.cursorIn(num)
}

func (f *flow) saveCursor(pos uint64) {
	var b []byte
	if pos != 0 {
		b = wire.AppendU64(append(b, f.theirLog[:]...), pos)
	}
	f.namespace.e.led.SetMeta(f.cursorKey(), b)
}

func (f *flow) cursorSaved() bool { return len(f.namespace.e.led.Meta(f.cursorKey())) != 0 }

func (f *flow) loadCursor() (c wire.Cursor) {
	if b := f.namespace.e.led.Meta(f.cursorKey()); len(b) == 16 {
		r := wire.NewReader(b)
		c.Incarnation, c.Position = wire.Incarnation(r.Bytes(8)), r.U64()
	}
	return c
}
