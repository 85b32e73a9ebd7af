package replica

import (
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// Renew takes a new writer. What was written as the one before stays.
func (r *Replica) Renew() {
	r.newWriter()
	r.logWriter()
}

// RecoverFork takes a new writer and a new incarnation if proof, an announcement that is Foreign, shows that this replica was copied or put
// back; or, where proof is nil, if marks do. It issues anew what it wrote behind what it has in common with who has these marks and tails: that is now
// another's, or may come to be. Sessions that stand have told a vector that is no longer true: they must be ended. ledger.ErrWait: blocks are missing,
// and nothing has changed.
func (r *Replica) RecoverFork(marks wire.Marks, proof *wire.Writer) (done bool, err error) {
	from := max(r.common(marks.Tails)+1, 1<<wire.BlockBits)
	switch {
	case proof == nil && !r.Behind(marks), proof != nil && !r.Foreign(proof):
		return false, nil
	case proof != nil && r.knowsRun(proof): // what was before that run is the same, and of its own block as much as marks say
		from = max(from, proof.Block<<wire.BlockBits)
	case proof != nil:
		from = min(from, min(proof.Block, r.unused())<<wire.BlockBits)
	}
	x := void{writer: r.writer.id, from: from, before: r.nextPos}
	lost, values, unread, err := r.ownFrom(x)
	st := r.stage(len(lost))
	for _, v := range lost {
		st.before(v.key)
	}
	for _, key := range unread {
		st.before(key)
	}
	st.clear()
	if err = worse(err, st.err); err != nil {
		return false, err
	}
	r.voidFrom(x)
	st.count -= r.unread(unread, lost)
	r.count = st.count
	r.newWriter()
	r.lost = append(r.lost, x.writer)
	r.random(r.incarnation[:]) // a log that was rolled back has given positions to others before
	r.logFork(x)
	r.forgets()
	if proof != nil {
		r.Announce(proof)
	}
	for i := 0; i < len(lost); {
		j := i + 1
		for j < len(lost) && lost[j].dot == lost[i].dot {
			j++
		}
		batch := make([]*version, 0, j-i)
		for k, v := range lost[i:j] {
			batch = append(batch, &version{key: v.key, time: v.time, ctx: before(v.ctx, x), kind: v.kind, value: values[i+k], abridged: v.abridged})
		}
		r.issue(batch)
		i = j
	}
	return true, r.turnTo(st)
}

// before is a context less what a void, which begins with a block, took away.
func before(ctx []wire.Dot, x void) []wire.Dot {
	var out []wire.Dot
	for _, p := range ctx {
		n, last := p.Seq&^wire.BlockOnly, x.from-1
		if x.hits(wire.Dot{Writer: p.Writer, Seq: n}) {
			if p.Seq > n && n>>wire.BlockBits > last>>wire.BlockBits || last>>wire.BlockBits == 0 {
				continue // all of it is gone; below block 1 there is nothing
			}
			p.Seq = p.Seq&wire.BlockOnly | last
		}
		out = append(out, p)
	}
	return out
}

// issue writes versions, one batch, under a new dot.
func (r *Replica) issue(recs []*version) {
	d := r.nextDot()
	for i, v := range recs {
		v.dot, v.more = d, i < len(recs)-1
	}
	item := r.arrive(recs, 0)
	r.logRecords(item, recs[0].pos, r.wrote(d, item[itemHead:]))
}

// ownFrom finds the versions that a void takes away and that still count, in their order, with their values, and the keys of those whose values cannot be
// read.
func (r *Replica) ownFrom(x void) (vs []*version, values [][]byte, unread []string, err error) {
	for _, s := range r.segs {
		if !s.mayHave(x) {
			continue
		}
		p, e := r.recordsOf(s)
		if err = worse(err, e); e != nil {
			continue
		}
		for i := range p.recs {
			rec := &p.recs[i]
			if s.isDead(p.ord(i)) || !x.hits(rec.Dot) || r.voided(rec.Dot, p.pos[i]) || r.superseded(rec.Key, rec.Dot, saw(rec), ever) {
				continue
			}
			if p.isLost(i) {
				unread = append(unread, rec.Key)
				continue
			}
			v := versionOf(rec)
			v.value = nil
			vs = append(vs, v)
			values = append(values, rec.Value)
		}
	}
	for _, v := range r.arrivals {
		if v.dead == 0 && x.hits(v.dot) {
			vs, values = append(vs, v), append(values, v.value)
		}
	}
	return vs, values, unread, err
}

// unread is of how many of these keys a void has left nothing, because nothing could be read that is issued anew.
func (r *Replica) unread(keys []string, issued []*version) (n uint64) {
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		again := slices.ContainsFunc(issued, func(v *version) bool { return v.key == key && v.kind != wire.Deleted })
		if vs, err := r.lookup(key); err == nil && !again && winner(vs) == nil {
			n++
		}
	}
	return n
}

// voidFrom makes the versions that x names count for nothing, and says that their dots are not here.
func (r *Replica) voidFrom(x void) {
	r.voids = append(r.voids, x)
	for _, v := range r.arrivals {
		if v.dead == 0 && r.voided(v.dot, v.pos) {
			r.bury(v)
		}
	}
	r.vector = x.cut(r.vector)
	r.seen.now.vector, r.seen.next.vector = x.cut(r.seen.now.vector), x.cut(r.seen.next.vector)
	r.seen.now.sum, r.seen.next.sum = nil, nil
	r.sum.open = x.cut(r.sum.open)
}

// hits reports whether the void is of d, provided that it came before.
func (x void) hits(d wire.Dot) bool { return d.Writer == x.writer && d.Seq >= x.from }

// cut is a vector without what the void takes away.
func (x void) cut(v wire.Vector) wire.Vector {
	old := v.Of(x.writer)
	e := wire.Element{Writer: x.writer, Settled: min(old.Settled, x.from-1)}
	for _, t := range old.Tails {
		switch last := x.from - 1; {
		case t.Seq < x.from:
			e.Tails = append(e.Tails, t)
		case last > e.Settled && last>>wire.BlockBits == t.Seq>>wire.BlockBits:
			e.Tails = append(e.Tails, wire.Tail{Seq: last, Hash: t.Hash}) // its hash is for nobody any more
		}
	}
	return v.Set(e)
}

// mayHave reports whether the segment may have records that the void is of.
func (s *segment) mayHave(x void) bool {
	return slices.ContainsFunc(s.writers, func(w writerRange) bool { return w.writer == x.writer && w.high >= x.from })
}

// Reissue issues everything anew under a new writer, in an empty log, because this device enters another circle; tombstones are
// dropped, and so is what cannot be read. A checkpoint is due before the next commit. ledger.ErrWait: blocks are missing, and nothing has changed.
func (r *Replica) Reissue() error {
	keys, more, err := r.find(&Query{})
	if err != nil || more {
		return err
	}
	var vs []*version
	for _, w := range keys {
		all, err := r.lookup(w.key)
		if err != nil {
			return err
		}
		for _, v := range all {
			if v.kind != wire.Deleted {
				vs = append(vs, v)
			}
		}
	}
	recs, lost, err := r.records(vs, false)
	if err != nil {
		return err
	}
	vs = without(vs, lost)
	r.reset()
	r.begin()
	for rank, left := 0, len(vs); left > 0; rank++ {
		if rank > 0 {
			r.newWriter()
		}
		left -= r.reissueRank(vs, recs, rank)
	}
	r.count, r.must = countKeys(vs), true
	return nil
}

// countKeys is how many keys versions have, of which those of a key are neighbours.
func countKeys(vs []*version) (n uint64) {
	for i, v := range vs {
		if i == 0 || vs[i-1].key != v.key {
			n++
		}
	}
	return n
}

// reissueRank issues those versions anew that are the rank-th few of their key's: a key has few of one writer that stand beside each
// other. It returns how many those are. Versions of a key are neighbours.
func (r *Replica) reissueRank(vs []*version, recs []wire.Record, rank int) (issued int) {
	n := 0
	for _, batch := range byDot(vs, func(i int) bool {
		if n++; i == 0 || vs[i].key != vs[i-1].key {
			n = 0
		}
		return n/maxSiblings == rank
	}) {
		issued += len(batch)
		d := r.nextDot()
		var anew []*version
		for n, i := range batch {
			v := vs[i]
			anew = append(anew, &version{
				key: v.key, dot: d, time: v.time, kind: v.kind, value: recs[i].Value, more: n < len(batch)-1,
			})
		}
		r.wrote(d, r.arrive(anew, 0)[itemHead:])
		for _, v := range anew {
			r.born(v)
		}
	}
	return issued
}

// byDot returns which of those of vs that are wanted belong to the same batch, by their numbers, in the order of the first of each.
func byDot(vs []*version, wanted func(i int) bool) [][]int {
	var out [][]int
	place := map[wire.Dot]int{}
	for i, v := range vs {
		if !wanted(i) {
			continue
		}
		p, ok := place[v.dot]
		if !ok {
			p = len(out)
			place[v.dot] = p
			out = append(out, nil)
		}
		out[p] = append(out[p], i)
	}
	return out
}

// Drop forgets everything, and returns what that changes. A checkpoint is due before the next commit. ledger.ErrWait: blocks are
// missing, and nothing has changed.
func (r *Replica) Drop() ([]Change, error) {
	keys, _, err := r.find(&Query{KeysOnly: true})
	if err != nil {
		return nil, err
	}
	out := make([]Change, len(keys))
	for i, w := range keys {
		c, e := r.change(w.key, w, nil)
		err = worse(err, e)
		out[i] = c
	}
	if err != nil {
		return nil, err
	}
	r.reset()
	r.begin()
	r.must = true
	return out, nil
}
