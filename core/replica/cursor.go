package replica

import (
	"cmp"
	"errors"
	"slices"
	"sort"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/wire"
)

// prefetch is how many segments are asked for ahead of the one that a cursor waits for.
const prefetch = 4

// Next returns the records from position pos on that a device with this vector lacks, about maxBytes of them but at least one batch,
// encoded, and the position to go on from. What came by session from is left out, and what is superseded. end: the log's end is
// reached, and all before it was answered.
//
// A record of this replica's own is not given out before it is in storage for good: so all that is anywhere of its writing is here, too.
// Another's is not, before its position is reserved there: after a crash another one could have that. While a checkpoint is being
// written nothing is: what it has left out may be there again after a crash. Nor is anything behind damage before that is noted in storage for good.
func (r *Replica) Next(peer wire.Vector, from uint32, pos uint64, maxBytes int) (recs []byte, next uint64, end bool, err error) {
	if r.checkpoints != r.seen.now.checkpoints || r.damage.marks != r.seen.now.marks {
		return nil, pos, false, nil
	}
	c := cursor{r: r, peer: peer, from: from, max: maxBytes, next: pos}
	if stop, err := c.segments(); stop || err != nil {
		if len(c.out) > 0 && errors.Is(err, ledger.ErrWait) {
			err = nil
		}
		return c.out, c.next, false, err
	}
	if c.arrivals() {
		return c.out, c.next, false, nil
	}
	return c.out, r.nextPos, true, nil
}

type cursor struct {
	r    *Replica
	peer wire.Vector
	from uint32
	max  int
	out  []byte
	next uint64
}

// segments walks what lies in segments. It returns true when enough is gathered, or nothing more may be sent yet.
func (c *cursor) segments() (stop bool, err error) {
	segs := c.r.segs
	i, _ := slices.BinarySearchFunc(segs, c.next, func(s *segment, p uint64) int { return cmp.Compare(s.behind, p+1) })
	for ; i < len(segs); i++ {
		s := segs[i]
		if !s.lackedBy(c.peer) {
			c.next = s.behind
			continue
		}
		p, err := c.r.recordsOf(s)
		if err != nil {
			for _, o := range segs[i+1 : min(len(segs), i+1+prefetch)] {
				if o.lackedBy(c.peer) {
					c.r.led.Want(o.id)
				}
			}
			return true, err
		}
		if c.r.damage.marks != c.r.seen.now.marks || c.segment(s, p) {
			return true, nil
		}
		c.next = s.behind
	}
	return false, nil
}

func (c *cursor) segment(s *segment, p *parsedSegment) (stop bool) {
	i, _ := slices.BinarySearch(p.pos, c.next)
	for i < len(p.recs) {
		j := i + 1
		for j < len(p.recs) && p.recs[j].Dot == p.recs[i].Dot {
			j++
		}
		if !c.r.sendable(p.pos[j-1], p.recs[i].Dot) {
			return true
		}
		var batch []*wire.Record
		for k := i; k < j; k++ {
			if rec := &p.recs[k]; !p.isLost(k) && !s.isDead(p.ord(k)) && c.lacks(rec, p.pos[k]) {
				batch = append(batch, rec)
			}
		}
		c.give(batch)
		i = j
		c.next = p.pos[j-1] + 1
		if len(c.out) >= c.max {
			return true
		}
	}
	return false
}

// lacks reports whether a stored record is to be sent: the other does not have it, and nothing has superseded it for good.
func (c *cursor) lacks(rec *wire.Record, pos uint64) bool {
	d := rec.Dot
	return !c.peer.Covers(d) && !c.r.superseded(rec.Key, d, saw(rec), c.r.seen.now.pos) && !c.r.endsHere(rec, pos)
}

// counts reports whether nothing has superseded a version in memory for good. What superseded it and is not in storage yet may be lost in
// a crash, and the other's cursor be past the version by then.
func (r *Replica) counts(v *version) bool { return v.dead == 0 || v.dead >= r.seen.now.pos }

// arrivals walks what is in memory.
func (c *cursor) arrivals() (stop bool) {
	all := c.r.arrivals
	i, _ := slices.BinarySearchFunc(all, c.next, func(v *version, p uint64) int { return cmp.Compare(v.pos, p) })
	for i < len(all) {
		j := i + 1
		for j < len(all) && all[j].dot == all[i].dot {
			j++
		}
		if len(c.out) >= c.max || !c.r.sendable(all[j-1].pos, all[i].dot) {
			return true
		}
		var batch []*wire.Record
		for _, v := range all[i:j] {
			if c.r.counts(v) && (v.from == 0 || v.from != c.from) && !c.peer.Covers(v.dot) {
				rec := v.record(v.value)
				batch = append(batch, &rec)
			}
		}
		c.give(batch)
		i = j
		c.next = all[j-1].pos + 1
	}
	return false
}

// give appends a batch.
func (c *cursor) give(batch []*wire.Record) {
	for i, rec := range batch {
		out := *rec
		out.More = i < len(batch)-1
		c.out = wire.AppendRecord(c.out, &out)
	}
}

// sendable reports whether a record may be given out: an own one when a crash cannot take it any more, another's when its position can
// never be another one's.
func (r *Replica) sendable(pos uint64, d wire.Dot) bool {
	n := &r.seen.now
	return pos < n.pos || pos < n.reservedPos && d.Writer != r.writer.id && !r.past[d.Writer]
}

// ChangesSince returns the keys written at position pos or behind it, each with what Get returns now, less those whose value cannot be read.
func (r *Replica) ChangesSince(pos uint64) ([]Change, error) {
	keys := map[string]struct{}{}
	var missing error
	for _, s := range r.segs {
		if s.behind <= pos {
			continue
		}
		p, err := r.recordsOf(s)
		if errors.Is(err, ledger.ErrWait) {
			missing = err
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range p.recs {
			if p.pos[i] >= pos {
				keys[p.recs[i].Key] = struct{}{}
			}
		}
	}
	for _, v := range r.arrivals {
		if v.pos >= pos {
			keys[v.key] = struct{}{}
		}
	}
	out, err := r.Now(sorted(keys))
	return out, worse(err, missing)
}

func sorted(set map[string]struct{}) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}
