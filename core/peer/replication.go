package peer

import (
	"slices"

	"github.com/masqdev/masq/core/wire"
)

func newReplication(c *channel, id uint32) *replication {
	return &replication{via: c, d: c.d, e: c.d.e, id: id}
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
	if r.out == 0 {
		r.progress = r.e.now
	}
	r.out += len(msg)
	r.send(msg)
}

// flush seals what is queued, as many messages to a frame as it holds.
func (r *replication) flush() {
	if r.dead || len(r.queue) == 0 {
		return
	}
	frames, err := r.via.sess.Seal(r.e.now, r.frames[:0], r.queue...)
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
	r.e.need(r.via.sess.Deadline())
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

// notice tells a device that it is out, and shows it who said so. It gets nothing else.
func (r *replication) notice(heads [][32]byte) {
	if entries := r.d.domain.roster.Notice(r.d.ik, heads); len(entries) > 0 {
		r.send(wire.AppendRosterEntries(nil, entries))
	}
	r.abort(codeRevoked)
}

// sendHeads says what this side has of the roster, and its name. An application's peers learn no name of its user's stores.
func (r *replication) sendHeads() {
	m := wire.RosterHeads{Heads: r.d.domain.roster.Heads(), Name: r.e.self.name}
	if r.d.domain.namespace != nil && !r.d.domain.guest() {
		m.Name = ""
	}
	r.send(wire.AppendRosterHeads(nil, &m))
}

// lists reports whether the other side has listed the namespace.
func (r *replication) lists(n *namespace) bool {
	ns := n.ns()
	return slices.ContainsFunc(r.theirs, func(l wire.Namespace) bool { return l.NS == ns })
}

// counted notes a DATA or END that came. A device that sends more than it has credit for is cut off.
func (r *replication) counted(fields []byte) error {
	if r.in >= wire.CreditWindow {
		return wire.ErrMalformed
	}
	r.in += len(fields) + wire.MessageHeader
	return nil
}

// take notes bytes that were taken, to be returned as credit.
func (r *replication) take(n int) {
	r.credit += n
	if r.credit >= creditAtOnce {
		r.returnCredit()
	}
}

func (r *replication) returnCredit() {
	if r.credit > 0 {
		r.send(wire.AppendCredit(nil, uint32(r.credit)))
		r.in, r.credit = r.in-r.credit, 0
	}
}

func (r *replication) timers() {
	if r.out > 0 && r.e.due(r.progress+ackTimeout+r.allowance()) {
		r.via.fail()
	}
}

// allowance is how much longer to wait because data is on its way: a line of 8 KiB a second is slow, not dead.
func (r *replication) allowance() Millis { return Millis(r.out) / 8 }
