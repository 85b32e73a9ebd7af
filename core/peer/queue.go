package peer

import (
	"errors"
	"slices"

	"github.com/masqdev/masq/core/ledger"
)

// task is an operation on a namespace. run returns ledger.ErrWait, having changed nothing, when blocks are missing, or a commit
// has to show something first; it is run again from its start in each step until then.
type task struct {
	run   func() error
	fail  func(Code)
	probe func() // asks for the blocks that run will want; may be nil
	reads bool   // it changes nothing that is stored, and outlives trouble
	op    *Op    // what it does if that changes something; nil: nobody asked for it
}

// probeAhead is for how many waiting operations blocks are asked for at once.
const probeAhead = 256

func (n *namespace) enqueue(t task) {
	n.queue = append(n.queue, t)
	n.wake()
}

// run does what waits, in order, as far as the blocks are there.
func (n *namespace) run() {
	if len(n.queue) == 0 {
		return
	}
	n.wake()
	done := 0
	for done < len(n.queue) && n.e.state == open && !n.strained() {
		err := n.queue[done].run()
		if errors.Is(err, ledger.ErrWait) {
			for _, t := range n.queue[done+1 : min(len(n.queue), done+probeAhead)] {
				if t.probe != nil {
					t.probe()
				}
			}
			break
		}
		if err != nil {
			n.queue = n.queue[done:] // what is done is answered
			n.e.fail(storageCode(err))
			return
		}
		done++
	}
	if n.e.state != open {
		return
	}
	if rest := copy(n.queue, n.queue[done:]); done > 0 {
		clear(n.queue[rest:])
		n.queue = n.queue[:rest]
	}
}

// waiting reports whether an operation waits for blocks.
func (e *Engine) waiting() bool {
	return slices.ContainsFunc(e.awake, func(n *namespace) bool { return len(n.queue) > 0 })
}

func (e *Engine) runNamespaces() {
	for i := 0; i < len(e.awake); i++ { // one may wake others
		e.awake[i].run()
	}
}

func (n *namespace) refuse(op *Op, code Code) { n.e.reply(Reply{Op: op.ID, Err: code}) }
