package peer

import (
	"cmp"
	"slices"
)

// spared is what adds nothing and stood in a commit for which there was no room, or behind it. It need not be refused for what others wrote: it is done
// once more, in the order in which it came, and storage is tried with that alone. If there is no room for that either, it is refused.
type spared struct {
	full  bool         // the last commit found no room
	tried map[*Op]bool // what had been spared before it
	ops   map[*Op]bool // what is spared now
	again []*Op        // of these, what had been done and is to be done once more, in the order in which it came
}

// begin begins anew after a commit that failed with code.
func (s *spared) begin(code Code) {
	*s = spared{full: code == EQuota, tried: s.ops, ops: map[*Op]bool{}}
}

// takes reports whether an operation is spared.
func (s *spared) takes(op *Op) bool {
	if !s.full || adds(op) || s.tried[op] {
		return false
	}
	s.ops[op] = true
	return true
}

// sort brings what is to be done once more into its order: what is answered at once stands in a commit before what came first and had to wait.
func (s *spared) sort() {
	slices.SortFunc(s.again, func(a, b *Op) int { return cmp.Compare(a.came, b.came) })
}

// waits reports whether some of it has not been done yet.
func (s *spared) waits(e *Engine) bool {
	return len(s.ops) > 0 && slices.ContainsFunc(e.namespaces, func(n *namespace) bool {
		return slices.ContainsFunc(n.queue, func(t task) bool { return s.ops[t.op] })
	})
}

// spare is what a task that is spared has to be when the namespace is open again: what was not stored of a removal is done once more.
func (n *namespace) spare(x task) task {
	if _, drops := x.op.Do.(DropApp); !drops || !n.gone {
		return x
	}
	drop := x.run
	x.run = func() error {
		if !n.gone {
			n.leave()
		}
		return drop()
	}
	return x
}

// doAgain does what is spared and had been done before the commit failed. It goes before what waited.
func (e *Engine) doAgain() {
	behind := map[*namespace][]task{}
	for _, n := range e.namespaces {
		behind[n], n.queue = n.queue, nil
	}
	again := e.trouble.spared.again
	e.trouble.spared.again = nil
	for _, op := range again {
		verbs[op.Do.ID()].do(e, op)
	}
	for _, n := range e.namespaces {
		n.queue = append(n.queue, behind[n]...)
	}
}
