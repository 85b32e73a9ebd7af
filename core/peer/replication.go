package peer

import (
	"github.com/masqdev/masq/core/wire"
)

func newReplication(c *channel, id uint32) *replication {
	return &replication{via: c, d: c.d, e: c.d.e, id: id, byNumber: map[uint16]*flow{}, byNamespace: map[*namespace]*flow{}, theirPlace: map[[32]byte]int{}}
}

// add begins to sync a namespace.
func (r *replication) add(f *flow) {
	r.flows = append(r.flows, f)
	if r.byNumber[f.number] == nil { // else the other side has given two the same number
		r.byNumber[f.number] = f
	}
	r.byNamespace[f.namespace] = f
	r.unready++
	f.wake()
}

// Codes of BYE; core/PROTOCOL.md, "Errors".
const (
	codeVersion = 1
	codeRevoked = 17
	codeDenied  = 18
)

func (r *replication) send(msg []byte) {
	if !r.dead {
		r.queue = append(r.queue, msg)
	}
}

func (r *replication) sendCounted(msg []byte) {
	r.credit.sent(len(msg), r.e.clock.Now())
	r.send(msg)
}

// flush seals what is queued, as many messages to a frame as it holds.
func (r *replication) flush() {
	if r.dead || len(r.queue) == 0 {
		return
	}
	frames, err := r.via.sess.Seal(r.e.clock.Now(), r.frames[:0], r.queue...)
	clear(r.queue)
	r.queue = r.queue[:0]
	for _, f := range frames {
		r.via.send(f)
	}
	clear(frames)
	r.frames = frames
	if err != nil {
		r.via.fail()
		return
	}
	r.e.clock.Need(r.via.sess.Deadline())
}

// flushFrames seals what the Step has queued, so that messages of one Step share frames.
func (e *Engine) flushFrames() {
	for _, d := range e.devices {
		if d.repl != nil {
			d.repl.flush()
		}
	}
}

func (r *replication) bye(reason wire.ByeReason, code uint8) {
	r.send(wire.AppendBye(nil, wire.Bye{Reason: reason, Code: code}))
}

// abort says why and ends the session and its socket.
func (r *replication) abort(code uint8) {
	r.bye(wire.ByeError, code)
	r.flush()
	r.via.fail()
}

// lied ends the session with a device whose own writing cannot be as it says.
func (r *replication) lied() {
	if !r.dead {
		r.via.fail()
	}
}

// notice tells a device that it is out, and shows it who said so. It gets nothing else.
func (r *replication) notice(heads [][32]byte) {
	if entries := r.d.domain.roster.Notice(r.d.ik, heads); len(entries) > 0 {
		r.send(wire.AppendRosterEntries(nil, entries))
	}
	r.abort(codeRevoked)
}

// sendHeads says what this side has of the roster, and its name. An application's peers learn no name of its user's stores.
func (r *replication) sendHeads() {
	m := wire.RosterHeads{Heads: r.d.domain.roster.Heads(), Name: r.e.self.name, Version: wire.SessionVersion}
	if r.d.domain.namespace != nil && !r.d.domain.guest() {
		m.Name = ""
	}
	r.send(wire.AppendRosterHeads(nil, &m))
}

// lists reports whether the other side has listed the namespace.
func (r *replication) lists(n *namespace) bool {
	_, listed := r.theirPlace[n.ns()]
	return listed
}

// take notes bytes that were taken, to be given back as credit.
func (r *replication) take(n int) {
	if r.credit.take(n) {
		r.returnCredit()
	}
}

func (r *replication) returnCredit() {
	if n := r.credit.giveBack(); n > 0 {
		r.send(wire.AppendCredit(nil, n))
	}
}

func (r *replication) timers() {
	if r.hasRoom() {
		r.via.renew()
		return
	}
	if r.e.clock.Due(r.credit.lateAt()) || r.e.clock.Due(r.beginBy()) {
		r.via.fail()
	}
}

// heard notes a frame of the other side's.
func (r *replication) heard(size int) {
	r.came += size
	r.credit.heard = r.e.clock.Now()
	r.d.heard()
}

// beginning reports whether something is still to come that every session begins with: the other side's list of namespaces, and its
// VECTOR for each that both sync.
func (r *replication) beginning() bool {
	return !r.gotList || r.unready > 0
}

// beginBy is when the session is given up because that does not come; 0: never. Rosters and vectors may be long.
func (r *replication) beginBy() Millis {
	switch {
	case r.held || !r.beginning():
		r.waits = 0
		return 0
	case r.waits == 0:
		r.waits = r.e.clock.Now()
	}
	return r.waits + beginTimeout + Millis(r.came)/8
}

// beginTimeout is how long the other side may take to begin, in ms; core/PROTOCOL.md.
const beginTimeout = 60_000
