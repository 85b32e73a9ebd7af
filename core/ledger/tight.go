package ledger

import (
	"slices"

	"github.com/masqdev/masq/core/storage"
)

// tightDels is how many blocks a commit deletes at most where there is little room: storage may have to copy what lies beside each of them.
const tightDels = 4

// Tight has blocks that no manifest names any more deleted a few at a time. What a crash leaves of them goes when the ledger is opened again.
func (l *Ledger) Tight(yes bool) { l.tight = yes }

// toDelete is what a commit deletes of what may go, and of what was left over of earlier ones. Log records go with the manifest that makes them superfluous.
func (l *Ledger) toDelete(gone []storage.ID) []storage.ID {
	if !l.tight && len(l.leftOver) == 0 {
		return gone
	}
	l.leftOver = append(l.leftOver, slices.DeleteFunc(slices.Clone(gone), isLog)...)
	gone = slices.DeleteFunc(gone, func(id storage.ID) bool { return !isLog(id) })
	n := len(l.leftOver)
	if l.tight {
		n = min(n, tightDels)
	}
	gone = append(gone, l.leftOver[:n]...)
	l.leftOver = l.leftOver[n:]
	return gone
}

func isLog(id storage.ID) bool { return id.Class() == storage.Log }
