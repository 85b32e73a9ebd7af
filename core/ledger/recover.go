package ledger

import (
	"bytes"

	"github.com/masqdev/masq/core/storage"
)

// stored is what of the log is known to be in storage, and what the commit in flight will add.
type stored struct {
	first     uint64        // the log record that the manifest there names
	nextFirst uint64        // the same, behind the commit in flight
	tried     storage.Block // the log record of the commit in flight, sealed; of two the first
	last      uint64        // the number of the last of them
	fence     bool          // it is a fence
	doubted   bool          // the ledger recovers: nobody knows whether it is there
}

// begin notes which log records a commit adds.
func (s *stored) begin(records []storage.Block, fence bool) {
	s.tried, s.last, s.fence = records[0], records[len(records)-1].ID.N(), fence
}

// committed notes that it is there.
func (s *stored) committed() { s.first, s.tried, s.fence = s.nextFirst, storage.Block{}, false }

// Checkpointing reports whether the commit of the last Begin is a checkpoint's, and not known to be in storage.
func (l *Ledger) Checkpointing() bool { return l.stored.nextFirst != l.stored.first }

// Recover takes the ledger back to what storage has, because the commit of the last Begin has failed: all that came since the one before is
// forgotten, but for the numbers of blocks. Open it again, and then what lies in it. A commit that storage has although it failed counts.
// If there is another engine's record in the place of its own, Loaded returns storage.ErrExists. If there is another's manifest, Open does.
func (l *Ledger) Recover() {
	s := &l.stored
	old := l.listed
	l.listed = []storage.ID{storage.Manifest}
	s.doubted = true
	for i := s.first; i <= s.last; i++ {
		l.listed = append(l.listed, storage.Log|storage.ID(i))
	}
	for _, id := range old {
		if c := id.Class(); c == storage.Segment || c == storage.Page {
			l.listed = append(l.listed, id)
		}
	}
	l.forget()
	l.fence = s.fence // until the record is found
}

// forget empties the ledger, but for what storage has.
func (l *Ledger) forget() {
	l.opened, l.tail, l.cache = false, map[storage.ID][]byte{}, newCache(l.cache.limit)
	l.items, l.parts, l.asleep = map[uint16][][]byte{}, map[uint16][]byte{}, map[uint16]struct{}{}
	l.meta, l.refs = map[string][]byte{}, map[storage.ID]struct{}{}
	l.first, l.fences, l.blank = 1, nil, nil
	l.logBytes, l.manifestBytes = 0, 0
	l.fence, l.empty, l.pending, l.adds, l.added, l.flying = false, false, nil, nil, nil, nil
	l.dels, l.manifest, l.gone, l.leftOver, l.reread.lost = nil, nil, nil, nil, nil
}

// another reports whether the block is not what this ledger tried to write there.
func (s *stored) another(b storage.Block) bool {
	return s.doubted && b.ID == s.tried.ID && !bytes.Equal(b.Data, s.tried.Data)
}

// overtaken reports whether the manifest is another engine's, which was not fenced yet.
func (l *Ledger) overtaken() bool {
	s, first := &l.stored, l.firstRecord()
	return s.doubted && first != 0 && first != s.first && first != s.nextFirst
}

// recovered checks, when the log has been read again, that no record is missing but those of the commit in doubt, and notes whether these are there.
func (l *Ledger) recovered() error {
	s := &l.stored
	if s.doubted {
		n := s.tried.ID.N()
		if l.next < n {
			return ErrDamaged
		}
		l.fence = l.fence && l.next == n
	}
	s.first, s.nextFirst, s.doubted = l.first, l.first, false
	return nil
}
