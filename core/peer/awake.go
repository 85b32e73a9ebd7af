package peer

import (
	"slices"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/storage"
)

// A local store has up to 1,000 namespaces, and a step is mostly about one. So a step goes through those that are awake: something has
// happened to them that is not in storage for good. All others are as they were at the last strict commit, with nothing to be run, committed or
// checkpointed. In a session, too, only those flows are looked at whose namespace something has happened to, or that wait for a time.

// wake notes that something has happened to the namespace, or is about to.
func (n *namespace) wake() {
	n.happened++
	if !n.waking {
		n.waking = true
		n.e.awake = append(n.e.awake, n)
	}
	for _, d := range n.e.devices {
		if f := d.flow(n); f != nil {
			f.wake()
		}
	}
}

// begin notes what the commit that begins has.
func (n *namespace) begin(d storage.Durability) {
	n.flying, n.begun = len(n.shown), n.stored
	if d == storage.Strict {
		n.begun = n.happened
	}
}

// storedAwake tells the namespaces that the commit in flight is in storage, and lets those sleep of which all is now.
func (e *Engine) storedAwake() {
	for _, n := range e.awake {
		n.committed()
		if n.stored = n.begun; n.stored != n.happened || len(n.queue) > 0 || n.some((*replica.Replica).NeedsCheckpoint) || n.rep.Surveying() {
			continue
		}
		n.waking = false
	}
	e.awake = slices.DeleteFunc(e.awake, func(n *namespace) bool { return !n.waking })
}

// flow is what the session with the device is about a namespace, nil if there is nothing.
func (d *device) flow(n *namespace) *flow {
	if d.repl == nil {
		return nil
	}
	return d.repl.byNamespace[n]
}

// wake has the flow looked at when the step ends.
func (f *flow) wake() {
	if !f.busy {
		f.busy = true
		f.repl.busy = append(f.repl.busy, f)
	}
}

// rests reports whether the flow has nothing to say, and will not have before something happens to its namespace.
func (f *flow) rests() bool {
	n := f.namespace
	v := n.rep.DurableVector()
	switch {
	case !f.ready || f.rep != n.rep:
		return true // until VECTOR comes; and a copy sends nothing
	case len(n.queue) > 0 || f.p.differing != 0 || !f.told.CoversAll(v):
		return false
	case f.ownSum != n.rep.DurableSum() || f.compared() && f.ownSum != nil && *f.ownSum != f.saidSum:
		return false
	}
	return f.stopped || !f.dirty && f.pos == n.rep.Position() && f.peer.CoversAll(n.rep.ToldTo(f.peer))
}
