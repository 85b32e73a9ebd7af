package ledger

import (
	"bytes"
	"slices"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// Opening is no snapshot. An engine that is about to lose its data to this one may yet finish a checkpoint: then blocks that storage listed are
// gone when they are loaded, and the manifest is another one. So the log is read again from the start, by the manifest that is there now. That
// is not damage unless the manifest is the same, or it happens again and again.
type reread struct {
	tries    int
	manifest []byte       // sealed, as it was read last
	before   []byte       // as it was when something was gone
	least    []storage.ID // log records that were listed at first: those that the manifest does not make superfluous must be there
	gone     bool         // something that was listed is not there
	guessed  storage.ID   // log records up to here are asked for without being listed; 0: all are listed
	end      bool         // and one of these was not there

	mine bool         // this ledger has committed something: nobody else has the data any more
	lost []storage.ID // blocks that were gone before that
}

const (
	maxRereads = 5
	guesses    = 32 // log records that are asked for at once
)

// absent takes in that storage does not have a block that Open asked for.
func (l *Ledger) absent(id storage.ID) error {
	l.cache.loaded(id)
	switch x := &l.reread; {
	case l.stored.doubted:
		l.listed = slices.DeleteFunc(l.listed, func(o storage.ID) bool { return o == id })
	case id == storage.Manifest && x.tries > 0:
		return ErrDamaged
	case x.tries > 0:
		x.end = true
		l.listed = slices.DeleteFunc(l.listed, func(o storage.ID) bool { return o.Class() == storage.Log && o >= id })
	default:
		x.gone, x.least = true, append(x.least, id)
		l.listed = slices.DeleteFunc(l.listed, func(o storage.ID) bool { return o == id })
	}
	return nil
}

// stale reports whether what was read is not of one moment, once all of it is here.
func (l *Ledger) stale() bool {
	if l.stored.doubted {
		return false
	}
	x, first := &l.reread, l.firstRecord()
	if first == 0 {
		return x.gone
	}
	listed := func(n uint64) bool { return slices.Contains(l.listed, storage.Log|storage.ID(n)) }
	return x.gone || !listed(first) || slices.ContainsFunc(x.least, func(id storage.ID) bool { return id.N() >= first && !listed(id.N()) })
}

// firstRecord is the log record that the manifest names, 0 if there is no manifest or it cannot be read.
func (l *Ledger) firstRecord() uint64 {
	r := wire.NewReader(l.tail[storage.Manifest])
	format, first := r.U8(), r.U64()
	if r.Err() != nil || checkFormat(format, manifestFormat) != nil {
		return 0
	}
	return first
}

// again has the log read from the start, by the manifest that is there now.
func (l *Ledger) again() error {
	x := &l.reread
	if x.tries == maxRereads || x.tries > 0 && bytes.Equal(x.manifest, x.before) {
		return ErrDamaged
	}
	if x.tries == 0 {
		x.least = append(x.least, l.listed...)
		x.least = slices.DeleteFunc(x.least, func(id storage.ID) bool { return id.Class() != storage.Log })
	}
	x.tries++
	x.before, x.gone, x.guessed, x.end = x.manifest, false, 0, false
	blocks := slices.DeleteFunc(l.listed, func(id storage.ID) bool { return id.Class() == storage.Log || id.Class() == storage.Manifest })
	l.forget()
	l.listed = append([]storage.ID{storage.Manifest}, blocks...)
	l.cache.want(storage.Manifest)
	return ErrWait
}

// guess asks for log records that are not listed, until one of them is not there.
func (l *Ledger) guess() {
	x, first := &l.reread, l.firstRecord()
	if x.tries == 0 || x.end || first == 0 {
		return
	}
	from := max(x.guessed+1, storage.Log|storage.ID(first))
	x.guessed = from + guesses - 1
	for id := from; id <= x.guessed; id++ {
		l.listed = append(l.listed, id)
	}
	slices.Sort(l.listed)
}

// lacks takes in that storage does not have a block that is asked for when the ledger is open. Before this ledger has committed something, another
// engine may have deleted it.
func (l *Ledger) lacks(id storage.ID) {
	x := &l.reread
	if x.mine {
		l.cache.missing(id)
		return
	}
	x.lost = append(x.lost, id)
	if !l.Checkpointing() {
		l.cache.want(storage.Manifest)
	}
}

// checked takes in the manifest as it is now, because blocks are not there. storage.ErrExists: another engine has put it.
func (l *Ledger) checked(sealed []byte) error {
	l.cache.loaded(storage.Manifest)
	if x := &l.reread; x.mine || l.Checkpointing() {
		return nil
	} else if !bytes.Equal(sealed, x.manifest) {
		return storage.ErrExists
	}
	l.giveUp()
	return nil
}

// giveUp takes blocks that are gone for damage: no other engine has deleted them.
func (l *Ledger) giveUp() {
	for _, id := range l.reread.lost {
		l.cache.missing(id)
	}
	l.reread.lost = nil
}
