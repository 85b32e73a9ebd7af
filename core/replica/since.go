package replica

import (
	"errors"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/wire"
)

// A stretch is the positions that one run gave to records, as far as they are stored, and a number drawn for it. Who watches is told a mark: a
// position with the number of its stretch. So a mark that is not of a stretch, or lies behind its end, is of records that a crash, a failed
// commit or a restored backup took, and that is seen although others have got their positions since. Two runs have the same number once in
// 65,535 times, which matters only if both began at the same position, because storage got nothing of the first.
type stretch struct {
	first, end uint64
	mark       uint16 // 0: written before stretches were; no mark is of it
}

// maxStretches is how many are known. What lies before the oldest is too long ago to be followed from.
const maxStretches = 64

// Mark names what is here now for who watches and may come back with it, in this run or a later one. Marks of one run ascend. They are under
// 2^53, as long as positions are under 2^37.
func (r *Replica) Mark() uint64 {
	s := r.stretch()
	return s.end<<16 | uint64(s.mark)
}

// Follows reports whether who was told all up to a mark can be told the rest by Missed. Else some of what it was told is not stored, or
// some of the rest has left no record: a tombstone was collected, or a void has taken something away; or it is too long ago.
func (r *Replica) Follows(mark uint64) bool {
	pos := mark >> 16
	for _, s := range r.stretches {
		if uint16(mark) == s.mark && s.mark != 0 && max(s.first, r.forgot) <= pos && pos <= s.end {
			return true
		}
	}
	return false
}

// Missed is ChangesSince for who was told all up to a mark that Follows.
func (r *Replica) Missed(mark uint64) ([]Change, error) { return r.ChangesSince(mark >> 16) }

// stretch is the last one: this run's, once it has given a position.
func (r *Replica) stretch() *stretch { return &r.stretches[len(r.stretches)-1] }

// begin begins this run's stretch.
func (r *Replica) begin() {
	s := stretch{first: r.nextPos, end: r.nextPos}
	b := r.drawn()
	for b == [2]byte{} {
		r.random(b[:])
	}
	s.mark = uint16(b[0])<<8 | uint16(b[1])
	r.addStretch(s)
	r.begun = true
	r.led.Append(r.ns, s.append([]byte{itemStretch}))
}

// drawn is random and this run's: of what was drawn for it already, if that is so.
func (r *Replica) drawn() (b [2]byte) {
	switch h, ok := r.writer.openings[r.writer.block]; {
	case ok:
		copy(b[:], h[len(opening(h)):])
	case len(r.stretches) == 0:
		copy(b[:], r.incarnation[:])
	default:
		r.random(b[:])
	}
	return b
}

func (r *Replica) addStretch(s stretch) {
	if len(r.stretches) == maxStretches {
		copy(r.stretches, r.stretches[1:])
		r.stretches = r.stretches[:maxStretches-1]
	}
	r.stretches = append(r.stretches, s)
}

// stored notes that records from first up to end are stored.
func (r *Replica) stored(first, end uint64) {
	if n := len(r.stretches); n == 0 || r.stretches[n-1].end != first {
		r.addStretch(stretch{first: first})
	}
	r.stretch().end = end
}

// forgets says that what some keys answer has changed, or will with what is told now, without a record that tells: no mark until now is followed.
func (r *Replica) forgets() {
	r.setForgot(r.newPos() + 1)
	r.led.Append(r.ns, wire.AppendU64([]byte{itemForgot}, r.forgot))
}

// setForgot is forgets, as it is replayed.
func (r *Replica) setForgot(pos uint64) {
	r.forgot = max(r.forgot, pos)
	if len(r.stretches) > 0 && r.stretch().end < pos {
		r.stored(r.stretch().end, pos)
	}
}

func (s stretch) append(b []byte) []byte {
	return wire.AppendU16(wire.AppendU64(wire.AppendU64(b, s.first), s.end), s.mark)
}

func readStretch(in *wire.Reader) stretch { return stretch{in.U64(), in.U64(), in.U16()} }

func (r *Replica) appendStretches(b []byte) []byte {
	for _, s := range r.stretches {
		b = s.append(b)
	}
	return b
}

func (r *Replica) readStretches(in *wire.Reader) {
	for last := uint64(0); in.Len() > 0 && in.Err() == nil; {
		s := readStretch(in)
		if s.first < last || s.end < s.first || len(r.stretches) == maxStretches {
			in.Fail()
		}
		last = s.end
		r.addStretch(s)
	}
}

// Now returns what Get returns for each of some keys, and how many versions Conflicts does. Keys are left out whose value cannot be read.
func (r *Replica) Now(keys []string) ([]Change, error) {
	var missing error
	out := make([]Change, 0, len(keys))
	for _, key := range keys {
		rec, _, err := r.Get(key)
		if errors.Is(err, ErrLost) {
			continue
		}
		if err != nil && !errors.Is(err, ledger.ErrWait) {
			return nil, err
		}
		if err != nil {
			missing = err
			continue
		}
		others, err := r.others(key)
		if err != nil {
			return nil, err
		}
		out = append(out, Change{Key: key, Kind: rec.Kind, Value: rec.Value, Others: others})
	}
	if missing != nil {
		return nil, missing
	}
	return out, nil
}

// Page is Range for who watches: it tells of each key as Now does. There is more behind the key next, unless that is empty.
func (r *Replica) Page(q Query) (page []Change, next string, err error) {
	s, err := r.Scan(q)
	if err != nil {
		return nil, "", err
	}
	for i := range s.Records {
		rec := &s.Records[i]
		others, err := r.others(rec.Key)
		if err != nil {
			return nil, "", err
		}
		page = append(page, Change{Key: rec.Key, Kind: rec.Kind, Value: rec.Value, Others: others})
	}
	if s.More {
		next = s.Last
	}
	return page, next, nil
}

// others is how many versions of a key that was looked up Conflicts returns.
func (r *Replica) others(key string) (int, error) {
	vs, err := r.lookup(key)
	if err != nil {
		return 0, err
	}
	return len(valuesBeside(vs, winner(vs))), nil
}
