package peer

import (
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// fullness is what follows from a disk that has no room but a reserve. Nothing that adds is written, whether it comes from here or from another device.
// Reads go on, and so does what deletes, and what this device has to note for itself. Storage is asked now and then whether there is room, and
// whenever somebody wants to write.
type fullness struct {
	full  bool
	asked bool   // storage has not answered yet
	next  Millis // when it is asked though nobody wants to write
	held  []*Op  // a write that waits for the answer, and what came behind it
	owed  int    // bytes that the next checkpoint writes besides what the log has
	due   bool   // a checkpoint is, though it may be put off otherwise: deletions wait for the room that it makes
	turn  uint16 // the namespace that had room to spare in the last checkpoint
}

// fullAgain is how often storage is asked, in ms.
const fullAgain = 5_000

// disk takes in whether storage has but its reserve.
func (e *Engine) disk(full bool) {
	f := &e.fullness
	held, was := f.held, f.full
	f.full, f.asked, f.held, f.next = full, false, nil, e.clock.In(fullAgain)
	f.due = f.due && full
	if full != was {
		e.tighten()
		e.touch()
	}
	for _, op := range held {
		if full && adds(op) {
			e.reply(Reply{Op: op.ID, Err: EQuota})
		} else {
			e.op(op)
		}
	}
}

// tighten has checkpoints need little room at a time while there is little.
func (e *Engine) tighten() {
	if e.led == nil {
		return
	}
	e.led.Tight(e.fullness.full)
	for _, n := range e.namespaces {
		n.each(func(r *replica.Replica) { r.Tight(e.fullness.full) })
		n.wake() // a checkpoint may be due
	}
}

// shareOut has the checkpoint that begins keep to the reserve: of all namespaces that it writes one may rewrite more than it has to, and each in turn.
func (f *fullness) shareOut(e *Engine) {
	if !f.full {
		return
	}
	spare, all := replica.TightAll, []*namespace{}
	for _, n := range e.namespaces {
		n.each(func(r *replica.Replica) {
			r.Spare(0)
			spare -= r.Strain()
		})
		if n.some(func(r *replica.Replica) bool { return !r.Quiet() }) {
			all = append(all, n)
		}
	}
	if len(all) == 0 || spare <= 0 {
		return
	}
	next := max(0, slices.IndexFunc(all, func(n *namespace) bool { return n.num > f.turn }))
	f.turn = all[next].num
	all[next].rep.Spare(spare)
}

// holds reports whether an operation has to wait until it is known whether there is room.
func (f *fullness) holds(op *Op) bool {
	if !f.full || len(f.held) == 0 && !adds(op) || op.Do.ID() == VerbShutdown {
		return false
	}
	f.held = append(f.held, op)
	return true
}

// adds reports whether an operation brings something to be stored that somebody could do without.
func adds(op *Op) bool {
	switch do := op.Do.(type) {
	case Batch:
		return slices.ContainsFunc(do.Writes, func(w Write) bool { return w.Kind != wire.Deleted })
	case Import:
		return len(do.Writes) > 0
	}
	return false
}

// timers asks storage when that is due.
func (f *fullness) timers(e *Engine) {
	if f.full && !f.asked && (len(f.held) > 0 || e.clock.Due(f.next)) {
		f.asked = true
		e.out.add(Room{})
	}
}

// fail refuses what waits, for good.
func (f *fullness) fail(e *Engine, code Code) {
	held := f.held
	f.held = nil
	for _, op := range held {
		e.turnDown(op, code)
	}
}

// holdsBack is how many bytes records bring for which there is no room but the reserve. ledger.ErrWait: see mayDelete.
func (n *namespace) holdsBack(recs []wire.Record, size int) (uint64, error) {
	if !n.e.fullness.full {
		return 0, nil
	}
	may, err := false, error(nil)
	if !withValue(recs) {
		may, err = n.mayDelete(keysOf(recs, func(r wire.Record) string { return r.Key }), !n.e.trouble.rests(n.e))
	}
	if may || err != nil {
		return 0, err
	}
	return uint64(size), nil
}

// maxStrain is how much room deletions may need, with their checkpoint. It is so much less than the reserve that even then an application can be removed.
const maxStrain = 768 << 10

// overstrains reports whether there is no room for writes but the reserve, and they are not for that, or are too many for it. ledger.ErrWait: see
// mayDelete.
func (n *namespace) overstrains(writes []replica.Write, waits bool) (bool, error) {
	if !n.e.fullness.full {
		return false, nil
	}
	if slices.ContainsFunc(writes, func(w replica.Write) bool { return w.Kind != wire.Deleted }) {
		return true, nil
	}
	may, err := n.mayDelete(keysOf(writes, func(w replica.Write) string { return w.Key }), waits)
	return !may, err
}

// mayDelete reports whether the reserve has room for deletions of these keys. ledger.ErrWait: it has once a checkpoint has cleared away what is in
// memory, of whatever namespace. They wait for that, if they may.
func (n *namespace) mayDelete(keys []string, waits bool) (bool, error) {
	if n.strain(keys) <= maxStrain {
		return true, nil
	}
	if n.rep.StrainAlone(keys...) > maxStrain || !waits {
		return false, nil
	}
	n.e.fullness.due = true
	return false, ledger.ErrWait
}

// strain is how much room is needed for what is in memory and for deletions of these keys.
func (n *namespace) strain(keys []string) int {
	need := n.rep.Strain(keys...)
	for _, o := range n.e.namespaces {
		o.each(func(r *replica.Replica) {
			if r != n.rep {
				need += r.Strain()
			}
		})
	}
	return need
}

func keysOf[T any](list []T, key func(T) string) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = key(list[i])
	}
	return out
}

// withValue reports whether one of the records is no deletion.
func withValue(recs []wire.Record) bool {
	return slices.ContainsFunc(recs, func(r wire.Record) bool { return r.Kind != wire.Deleted })
}

// counts notes how many records of the namespace wait for the next checkpoint, how many bytes that writes, and how many of these besides what the log has.
func (n *namespace) counts() {
	var now forCheckpoint
	n.each(func(r *replica.Replica) {
		now.records += r.Arrived()
		now.writes += r.Writes()
		now.owed += r.Owes()
	})
	was, e := n.counted, n.e
	e.fullness.owed += now.owed - was.owed
	e.idle.records += now.records - was.records
	e.idle.writes += now.writes - was.writes
	n.counted = now
}

// forCheckpoint is what the next checkpoint has to do with a namespace.
type forCheckpoint struct{ records, writes, owed int }

// strained reports whether a checkpoint has to come before more is done in a namespace: with more it might not find room any more.
func (n *namespace) strained() bool {
	return n.e.fullness.full && n.some((*replica.Replica).NeedsCheckpoint) && n.e.needsCheckpoint()
}
