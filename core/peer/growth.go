package peer

import "github.com/masqdev/masq/core/replica"

// Growth is that of each namespace. The simulator bounds it.
func (e *Engine) Growth() []replica.Growth {
	var out []replica.Growth
	for _, n := range e.namespaces {
		out = append(out, n.rep.Growth())
	}
	return out
}

// Tombstones is how many deletions each namespace keeps. The simulator has them go.
func (e *Engine) Tombstones() []int {
	var out []int
	for _, n := range e.namespaces {
		out = append(out, n.rep.Tombstones())
	}
	return out
}
