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

func (n *namespace) watched(key string) bool {
	for _, w := range n.watches {
		if strings.HasPrefix(key, w.prefix) {
			return true
		}
	}
	return false
}

// MaxWatches bounds the watches of one engine, all tabs together.
const MaxWatches = 10_000

func (n *namespace) watch(op *Op) {
	do := op.Do.(Watch)
	if len(n.watches) >= MaxWatches {
		n.refuse(op, EBusy)
		return
	}
	n.enqueue(task{
		run: func() error {
			var missed []replica.Change
			if do.Since != 0 {
				all, err := n.rep.ChangesSince(do.Since)
				if err != nil {
					return err
				}
				missed = all
			}
			w := &watch{id: op.ID, prefix: do.Prefix}
			n.watches = append(n.watches, w)
			n.e.reply(Reply{Op: op.ID, Number: n.rep.Position()})
			n.tell(w, missed, 0, "")
			return nil
		},
		fail: func(c Code) { n.refuse(op, c) },
	})
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
		fail: func(c Code) { n.refuse(op, c) },
	})
}

func (n *namespace) notify(changes []replica.Change, client uint32, device string) {
	for _, w := range n.watches {
		n.tell(w, changes, client, device)
	}
}

func (n *namespace) tell(w *watch, changes []replica.Change, client uint32, device string) {
	var out []Change
	for _, c := range changes {
		if strings.HasPrefix(c.Key, w.prefix) {
			out = append(out, Change{
				Key: c.Key, Kind: c.Kind, Value: c.Value,
				HadValue: c.PrevKind != wire.Deleted, PrevKind: c.PrevKind, Previous: c.Previous,
				Others: c.Others, Client: client, Device: device,
			})
		}
	}
	if len(out) > 0 {
		n.e.out.add(Changed{Watch: w.id, Position: n.rep.Position(), Changes: out})
	}
}
