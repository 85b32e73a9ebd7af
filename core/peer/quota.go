package peer

import (
	"slices"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// An application of a local store has a quota of stored bytes. Beyond it nothing is taken that would add: a write is refused, and
// what another device sends waits there. What is stored stays, and deletions and whatever takes no more room always go through.

const metaQuota = "quota/" // and the namespace's number: its limit u64

// fullRetry is how long a session that was told of want of room goes on at least before it begins anew because there is some, in ms.
const fullRetry = 10_000

func (n *namespace) quota() uint64 {
	if n.limit != 0 {
		return n.limit
	}
	return n.e.cfg.Quota
}

func (n *namespace) loadQuota() {
	if b := n.e.led.Meta(metaQuota + n.number()); len(b) == 8 {
		r := wire.NewReader(b)
		n.limit = r.U64()
	}
}

func (n *namespace) setQuota(op *Op) {
	n.limit = op.Do.(SetQuota).Bytes
	var b []byte
	if n.limit != 0 {
		b = wire.AppendU64(nil, n.limit)
	}
	n.e.led.SetMeta(metaQuota+n.number(), b)
	n.touch()
	n.e.answer(op)
}

// left reports whether there is room for so many bytes more.
func (n *namespace) left(bytes uint64) bool {
	q := n.quota()
	return q == 0 || n.rep.Stored()+bytes <= q
}

// full reports whether something is refused for want of room.
func (n *namespace) full() bool {
	return n.lacks > 0 && !n.left(n.lacks) || slices.ContainsFunc(n.e.devices, func(d *device) bool {
		f := d.flow(n)
		return f != nil && f.refused > 0
	})
}

// over is how many bytes something adds for which there is no room, 0 if there is. It adds most at most; how many exactly is only
// computed where that matters.
func (n *namespace) over(most int, adds func() (int, error)) (uint64, error) {
	if n.left(uint64(most)) {
		return 0, nil
	}
	add, err := adds()
	if err != nil || add <= 0 || n.left(uint64(add)) {
		return 0, err
	}
	n.rep.Tidy()
	n.touch()
	n.wake()
	return uint64(add), nil
}

// mayWrite reports whether there is room for writes.
func (n *namespace) mayWrite(writes []replica.Write, replaces bool) (bool, error) {
	over, err := n.over(sizeOf(writes), func() (int, error) { return n.rep.RoomFor(writes, replaces) })
	if err != nil {
		return false, err
	}
	n.lacks = over
	return over == 0, nil
}

// sizeOf is how many bytes writes take at most.
func sizeOf(writes []replica.Write) (n int) {
	for i := range writes {
		n += replica.VersionRoom + len(writes[i].Key) + len(writes[i].Value)
	}
	return n
}

// fits reports whether records that came in a message of size bytes are taken. If not, the message is passed over.
func (f *flow) fits(recs []wire.Record, size int) (bool, error) {
	n := f.namespace
	if f.refused == 0 {
		over, err := n.holdsBack(recs, size)
		if err == nil && over == 0 && !f.copying() { // a copy is there for a while only
			over, err = n.over(size+replica.VersionRoom*len(recs), func() (int, error) { return n.rep.RoomForRecords(recs, f.source()) })
		}
		if err != nil || over == 0 {
			return err == nil, err
		}
		f.refused, f.fullAt, f.receiving = over, f.repl.e.clock.Now(), false
		f.repl.wantsRoom = true
		f.repl.send(wire.AppendFull(nil, n.num))
	}
	f.passOver(size)
	return false, nil
}

// passOver gives the credit back for what is not taken.
func (f *flow) passOver(size int) {
	f.repl.credit.take(size)
	f.repl.returnCredit()
}

// onFull notes that the other side has no room for more of a namespace.
func (r *replication) onFull(fields []byte) error {
	number, err := wire.ParseFull(fields)
	f := r.flow(number)
	if err != nil || f == nil {
		return wire.ErrMalformed
	}
	if !f.stopped {
		f.stopped, f.p.full, r.wantsRoom = true, true, true
		f.stored, f.fullAt = f.rep.Stored(), r.e.clock.Now()
		f.namespace.touch()
	}
	return nil
}

// hasRoom reports whether the session is to begin anew, because something that waits for room may fit.
func (r *replication) hasRoom() bool {
	if !r.wantsRoom {
		return false
	}
	for _, f := range r.flows {
		n := f.namespace
		room := f.refused > 0 && !r.e.fullness.full && n.left(f.refused) || f.stopped && f.rep.Stored() < f.stored
		if room && r.e.clock.Due(f.fullAt+fullRetry) {
			return true
		}
	}
	return false
}
