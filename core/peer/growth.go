package peer

import (
	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

// Growth is that of each namespace. The simulator bounds it.
func (e *Engine) Growth() []replica.Growth {
	var out []replica.Growth
	for _, n := range e.namespaces {
		out = append(out, n.rep.Growth())
	}
	return out
}

// Mending is how many namespaces take a fresh copy. The simulator cuts some.
func (e *Engine) Mending() (n int) {
	for _, x := range e.namespaces {
		if x.copy != nil {
			n++
		}
	}
	return n
}

// Tombstones is how many deletions each namespace keeps. The simulator has them go.
func (e *Engine) Tombstones() []int {
	var out []int
	for _, n := range e.namespaces {
		out = append(out, n.rep.Tombstones())
	}
	return out
}

// Belief is what an engine takes another device to have in storage of a namespace.
type Belief struct {
	App, ID string
	Have    wire.Vector
}

// Beliefs are about all devices, in all namespaces. The simulator compares them with the devices' disks.
func (e *Engine) Beliefs() (out []Belief) {
	for _, d := range e.devices {
		for _, p := range d.progress {
			out = append(out, Belief{App: p.namespace.app, ID: d.id(), Have: p.have})
		}
	}
	return out
}

// Opening reports whether the engine opens, be it anew because a commit failed. Then there is no status.
func (e *Engine) Opening() bool { return e.state != open }

// LookAnew is the status as it is when everything is looked at again, which the next step does once more. The simulator compares it with the one that
// was told. The engine must not be opening.
func (e *Engine) LookAnew() Status {
	e.touch()
	e.look()
	s := e.overall()
	s.Apps = e.lookedAt()
	e.touch()
	return s
}
