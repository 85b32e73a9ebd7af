package peer

import (
	"strings"

	"github.com/masqdev/masq/core/replica"
	"github.com/masqdev/masq/core/wire"
)

type watch struct {
	id     uint64
	prefix string
}

func (w *watch) concerns(key string) bool { return strings.HasPrefix(key, w.prefix) }

func (n *namespace) watched(key string) bool {
	for _, w := range n.watches {
		if w.concerns(key) {
			return true
		}
	}
	return false
}

// nowhere is a position that leads to a reset: who has been told only some of what there is has no other.
const nowhere = 1

// MaxWatches bounds the watches of one engine, all tabs together.
const MaxWatches = 10_000

func (n *namespace) watch(op *Op) {
	do := op.Do.(Watch)
	if len(n.watches) >= MaxWatches {
		n.refuse(op, EBusy)
		return
	}
	w, begun := &watch{id: op.ID, prefix: do.Prefix}, false
	all := replica.Query{Prefix: do.Prefix, Limit: listEntries, MaxBytes: listBytes}
	begin := func(at uint64) {
		begun = true
		n.watches = append(n.watches, w)
		n.e.reply(Reply{Op: op.ID, Number: at})
	}
	n.enqueue(task{
		run: func() error {
			switch {
			case begun:
			case do.Since == 0:
				begin(n.rep.Mark())
				return nil
			case n.rep.Follows(do.Since):
				missed, err := n.rep.Missed(do.Since)
				if err != nil {
					return err
				}
				begin(n.rep.Mark())
				n.tell(w, missed, 0, "")
				return nil
			default:
				begin(nowhere)
				n.e.out.add(Changed{Watch: w.id, Position: nowhere, Reset: true})
			}
			return n.tellAll(w, &all)
		},
		reads: true,
		fail: func(c Code) {
			if !begun {
				n.refuse(op, c)
			}
		},
	})
}

// tellAll tells a watch all that there is, a page at a time. Where it has got to outlives a wait for blocks.
func (n *namespace) tellAll(w *watch, q *replica.Query) error {
	for more := true; more; {
		page, next, err := n.rep.Page(*q)
		if err != nil {
			return err
		}
		told := Changed{Watch: w.id, Position: nowhere, Changes: n.changes(w, page, 0, "")}
		if more = next != ""; more {
			q.After = next
		} else {
			told.Position = n.rep.Mark()
		}
		n.e.out.add(told)
		n.e.led.Trim()
	}
	return nil
}

func (n *namespace) unwatch(op *Op) {
	do := op.Do.(Unwatch)
	n.enqueue(task{
		run: func() error {
			for i, w := range n.watches {
				if w.id == do.Target {
					n.watches = append(n.watches[:i], n.watches[i+1:]...)
					break
				}
			}
			n.e.reply(Reply{Op: op.ID})
			return nil
		},
		reads: true,
		fail:  func(c Code) { n.refuse(op, c) },
	})
}

func (n *namespace) notify(changes []replica.Change, client uint32, device string) {
	n.show(changes)
	for _, w := range n.watches {
		n.tell(w, changes, client, device)
	}
}

func (n *namespace) tell(w *watch, changes []replica.Change, client uint32, device string) {
	if out := n.changes(w, changes, client, device); len(out) > 0 {
		n.e.out.add(Changed{Watch: w.id, Position: n.rep.Mark(), Changes: out})
	}
}

// changes are those that a watch is told.
func (n *namespace) changes(w *watch, changes []replica.Change, client uint32, device string) (out []Change) {
	for _, c := range changes {
		if w.concerns(c.Key) {
			out = append(out, Change{
				Key: c.Key, Kind: c.Kind, Value: c.Value,
				HadValue: c.PrevKind != wire.Deleted, PrevKind: c.PrevKind, Previous: c.Previous,
				Others: c.Others, Client: client, Device: device,
			})
		}
	}
	return out
}
