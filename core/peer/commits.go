package peer

import (
	"errors"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/storage"
)

// commits is group commit: one commit is in flight while the next one fills.
type commits struct {
	flying    bool
	gathering bool  // a checkpoint waits for blocks
	held      bool  // and nothing may be committed before it is taken
	next      batch // what the commit that fills carries
	flight    batch // what the commit in flight carries
}

// batch is what waits for one commit.
type batch struct {
	strict bool
	ops    []*Op    // to be answered
	then   []func() // to be done
	acks   []ack    // to be sent, one for each flow
	adds   bool     // it has something that somebody could do without
}

// ack is an ACK that waits for a commit.
type ack struct {
	f   *flow
	pos uint64
}

// commit hands the commit that filled to storage, if none is in flight.
func (e *Engine) commit() {
	c := &e.commits
	if c.flying || e.state != open || e.mustCheckpoint() || e.trouble.stops() && e.closing == nil {
		return
	}
	if !e.led.Pending() {
		waiting := c.next // nothing is left to be written: what it waits for is durable
		c.next = batch{}
		waiting.done(e)
		if e.closing != nil && !e.led.Pending() {
			e.reply(Reply{Op: e.closing.ID})
			e.closing = nil
			e.fail(EClosed)
		}
		return
	}
	e.idle.writing(e)
	c.flight, c.next = c.next, batch{}
	c.flying = true
	d := storage.Relaxed
	if c.flight.strict {
		d = storage.Strict
	}
	for _, n := range e.awake {
		n.each(func(r *replica.Replica) { d = min(d, r.Begin(d)) })
	}
	for _, n := range e.awake {
		n.each(func(r *replica.Replica) { r.Begin(d) }) // they all know how it is committed
		n.begin(d)
	}
	for _, n := range e.awake {
		n.counts()
	}
	g := e.led.Begin()
	g.Frees, g.Owes = !c.flight.adds, e.fullness.owed
	e.out.add(Commit{Changes: g, Durability: d})
}

// hurryEvery is how often writes that nobody here waits for are made durable because another device waits for them, at most, in ms.
const hurryEvery = 100

// hurry has made durable what another device waits for: before that it is not sent.
func (e *Engine) hurry() {
	late := e.late
	e.late = false
	switch {
	case !late || e.closing != nil || e.commits.flying || e.commits.next.strict:
	case !e.clock.Due(e.hurriedAt + hurryEvery):
	default:
		e.hurriedAt = e.clock.Now()
		e.led.Write()
		e.strictly()
	}
}

func (e *Engine) committed(err error) {
	c := &e.commits
	if !c.flying {
		return
	}
	c.flying = false
	switch code := storageCode(err); {
	case err == nil:
	case code == EFenced, code == EClosed, e.closing != nil:
		e.fail(code)
		return
	default:
		e.takeBack(code)
		return
	}
	e.led.Committed()
	e.storedAwake()
	done := c.flight
	c.flight = batch{}
	done.done(e)
	e.trouble.over(e)
}

func (b *batch) done(e *Engine) {
	for _, op := range b.ops {
		e.reply(Reply{Op: op.ID})
	}
	for _, f := range b.then {
		f()
	}
	for _, a := range b.acks {
		a.send()
	}
}

func (c *commits) fail(e *Engine, code Code) {
	for _, b := range []*batch{&c.flight, &c.next} {
		for _, op := range b.ops {
			e.reply(Reply{Op: op.ID, Err: code})
		}
		*b = batch{}
	}
	if op := e.closing; op != nil {
		e.closing = nil
		e.reply(Reply{Op: op.ID, Err: code})
	}
}

// longTail is how many log records make a checkpoint due, so that opening reads few.
const longTail = 512

// maintain writes what can wait (what the other devices have) along with a commit that goes out anyway, and takes a checkpoint
// when the log has grown long, or there is nothing else to do; see idle.
func (e *Engine) maintain() {
	if !e.commits.flying {
		e.saveRosters()
	}
	if !e.commits.flying && (e.led.Pending() || e.closing != nil) {
		for _, d := range e.devices {
			d.save(e.closing != nil)
		}
	}
	if !e.mustCheckpoint() && (e.commits.flying || !e.needsCheckpoint()) {
		return
	}
	if !e.commits.gathering {
		e.fullness.shareOut(e)
	}
	err := e.checkpoint()
	e.commits.gathering = errors.Is(err, ledger.ErrWait)
	switch {
	case err == nil:
		e.commits.held, e.idle.due, e.fullness.due = false, false, false
		e.led.Checkpoint()
	case !e.commits.gathering:
		e.fail(storageCode(err))
	}
}

// checkpoint has every namespace hand in its part. Namespaces that wait for blocks all ask for them at once. A namespace that has
// written its memory already writes it again, with what has come meanwhile.
func (e *Engine) checkpoint() (missing error) {
	for _, n := range e.namespaces {
		if !n.some(func(r *replica.Replica) bool { return !r.Quiet() }) {
			continue
		}
		n.collect()
		n.each(func(r *replica.Replica) {
			e.commits.held = e.commits.held || r.MustCheckpoint()
			if r.Quiet() {
				return
			}
			if err := r.Checkpoint(); err != nil && (missing == nil || !errors.Is(err, ledger.ErrWait)) {
				missing = err
			}
		})
		n.wake()
		n.touch()
	}
	if missing != nil {
		return missing
	}
	for _, n := range e.namespaces {
		n.each((*replica.Replica).HandIn)
	}
	return nil
}

func (e *Engine) mustCheckpoint() bool {
	return e.commits.held || slices.ContainsFunc(e.awake, func(n *namespace) bool { return n.some((*replica.Replica).MustCheckpoint) })
}

func (e *Engine) needsCheckpoint() bool {
	switch {
	case e.trouble.code != OK:
		return false
	case e.fullness.due:
		return true
	case e.trouble.rests(e):
		return false
	}
	return e.idle.due || e.led.Tail() >= longTail || slices.ContainsFunc(e.awake, func(n *namespace) bool { return n.some((*replica.Replica).NeedsCheckpoint) })
}
