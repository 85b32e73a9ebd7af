package replica

import (
	"errors"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/wire"
)

// A fresh copy is a second replica of a namespace, empty at first, that takes all that another device has while the old one goes on. Then it takes
// what only the old one has, and the old one's place. See core/PROTOCOL.md, "The fresh copy".

// TakeOver makes this replica, a fresh copy that has been brought to another device's END, the namespace in the place of old, in the same ledger:
//
//   - What old can read and this vector does not cover is taken as the records that they are. What old wrote itself, and the vector will not cover,
//     is issued anew.
//   - What old's vector covers is joined, less what lies in segments that cannot be read.
//   - A deletion that old has holds here, too, whatever the vector covers. The other device may have let it go while it sent what it deletes.
//   - Positions go on behind those of old, and no mark until now is followed.
//
// A checkpoint is due before the next commit, and old must not be used again. ledger.ErrWait: blocks are missing, and nothing has changed.
func (r *Replica) TakeOver(old *Replica) error {
	t, err := r.lookOver(old)
	if err != nil {
		return err
	}
	r.goBehind(old)
	old.EachWriter(func(w *wire.Writer) { r.Announce(w) })
	src := Source{NK: r.cfg.Owner, Full: true}
	_, _, err = r.Apply(t.records, src)
	for i := range t.deletions {
		err = worse(err, r.bring(t.deletions[i:i+1], false))
	}
	_, _, e := r.Join(t.covered, src)
	err = worse(err, e)
	if err = worse(err, r.bringOwn(t.own)); err != nil {
		return err
	}
	r.past[old.writer.id] = true
	r.lost = old.lostBeside(t.covered)
	r.forgets()
	r.led.Forget(r.ns)
	r.led.SetMeta(r.damageKey(), nil)
	r.led.SetMeta(r.gapKey(), nil)
	old.dropBlocks()
	r.ns, r.cfg.Watched, r.cfg.Hurt, r.tight, r.must = old.ns, old.cfg.Watched, old.cfg.Hurt, old.tight, true
	r.damage.unlogged, r.gap.unlogged = true, true
	return nil
}

// lostBeside are the own writers that are lost, and those of which a vector lacks what this replica has.
func (r *Replica) lostBeside(v wire.Vector) []uint64 {
	out := slices.Clone(r.lost)
	for i := range r.vector {
		e := &r.vector[i]
		if r.mine(e.Writer) && !slices.Contains(out, e.Writer) && !v.CoversAll(wire.Vector{*e}) {
			out = append(out, e.Writer)
		}
	}
	return out
}

// Discard forgets a fresh copy, and deletes its blocks.
func (r *Replica) Discard() {
	r.led.Forget(r.ns)
	r.led.SetMeta(r.damageKey(), nil)
	r.led.SetMeta(r.gapKey(), nil)
	r.dropBlocks()
}

func (r *Replica) dropBlocks() {
	for _, p := range r.pages {
		r.led.DelBlock(p.id)
	}
	for _, s := range r.segs {
		r.led.DelBlock(s.id)
	}
}

// goBehind gives no position any more that old has given.
func (r *Replica) goBehind(old *Replica) {
	r.nextPos = max(r.nextPos, old.nextPos+1)
	r.begin()
}

// takeover is what a fresh copy takes from the old replica.
type takeover struct {
	records   []wire.Record // in the order of the log
	own       []*version    // to be issued anew
	deletions []*version    // that the vector covers
	covered   wire.Vector   // what old has of what it covers
}

// lookOver finds what is to be taken from old. When it returns no error, all is loaded that taking it needs.
func (r *Replica) lookOver(old *Replica) (t takeover, err error) {
	st := r.stage(fewKeys + 1)
	t.covered = old.vector
	lost := func(s *segment) {
		for _, w := range s.writers {
			if t.covered.Has(w.writer) {
				t.covered = void{writer: w.writer, from: w.low}.cut(t.covered)
			}
		}
	}
	missing := old.beyond(r.vector, lost, func(rec *wire.Record) {
		st.before(rec.Key)
		t.records = append(t.records, *rec)
	})
	missing = worse(missing, old.tombstones(func(v *version) {
		if r.vector.Covers(v.dot) {
			st.before(v.key)
			t.deletions = append(t.deletions, v)
		}
	}))
	missing = worse(missing, r.eachHearsay(func(h *version) { st.before(h.key) }))
	if err := worse(missing, st.err); err != nil {
		return t, err
	}
	t.records = slices.DeleteFunc(t.records, func(rec wire.Record) bool {
		anew := old.mine(rec.Dot.Writer) && !t.covered.Covers(rec.Dot)
		if anew {
			t.own = append(t.own, versionOf(&rec))
		}
		return anew
	})
	t.own = slices.DeleteFunc(t.own, func(v *version) bool { return st.news(v, [32]byte{}) == known })
	t.deletions = slices.DeleteFunc(t.deletions, func(v *version) bool { return !v.deletes(st.after(v.key)) })
	return t, nil
}

// deletes reports whether a deletion is not among versions and supersedes one of them.
func (v *version) deletes(vs []*version) bool {
	return !slices.ContainsFunc(vs, func(o *version) bool { return o.dot == v.dot }) &&
		slices.ContainsFunc(vs, func(o *version) bool { return v.supersedes(o.dot, o.saw()) })
}

// beyond calls f for every record that counts here, can be read, and is not covered by a vector, in the order of the log, and lost for every segment
// that may have such and cannot be read.
func (r *Replica) beyond(v wire.Vector, lost func(*segment), f func(*wire.Record)) (missing error) {
	for _, s := range r.segs {
		if s.count == 0 || !s.lackedBy(v) {
			continue
		}
		p, err := r.recordsOf(s)
		if err != nil {
			if missing = worse(missing, onlyWait(err)); onlyWait(err) == nil {
				lost(s)
			}
			continue
		}
		c, gone := cursor{r: r, peer: v}, false
		for i := range p.recs {
			rec := &p.recs[i]
			if s.isDead(p.ord(i)) || !c.lacks(rec, p.pos[i]) || r.superseded(rec.Key, rec.Dot, saw(rec), ever) {
				continue
			}
			if p.isLost(i) {
				gone = true
				continue
			}
			f(rec)
		}
		if gone {
			lost(s)
		}
	}
	for _, x := range r.arrivals {
		if x.dead == 0 && !v.Covers(x.dot) {
			rec := x.record(x.value)
			f(&rec)
		}
	}
	return missing
}

// tombstones calls f for every deletion that counts here and can be read, but for hearsay.
func (r *Replica) tombstones(f func(*version)) (missing error) {
	for i := range r.pages {
		if r.pages[i].tombs == 0 {
			continue
		}
		p, err := r.page(i)
		if err != nil {
			missing = worse(missing, onlyWait(err))
			continue
		}
		for k, key := range p.keys {
			for _, v := range p.versions[k] {
				if v.kind == wire.Deleted && !v.hearsay && !r.gone(v) && !r.superseded(key, v.dot, v.ctx, ever) {
					f(&version{key: key, dot: v.dot, time: v.time, ctx: v.ctx, abridged: v.abridged})
				}
			}
		}
	}
	for _, v := range r.arrivals {
		if v.dead == 0 && v.kind == wire.Deleted && !v.hearsay {
			f(&version{key: v.key, dot: v.dot, time: v.time, ctx: v.ctx, abridged: v.abridged})
		}
	}
	return missing
}

// onlyWait is an error unless it says that something is damaged, which is left out.
func onlyWait(err error) error {
	if errors.Is(err, ledger.ErrWait) {
		return err
	}
	return nil
}

// mine reports whether a writer is, or was, this replica's.
func (r *Replica) mine(id uint64) bool {
	w := r.announced(id)
	return id == r.writer.id || r.past[id] || slices.Contains(r.old, id) || w != nil && w.NK == r.cfg.Owner
}

// bringOwn issues versions anew that an earlier writer of this device wrote: each in the place of the one that others may have. As in Reissue,
// a key has few of one writer that stand beside each other.
func (r *Replica) bringOwn(vs []*version) error {
	rank, of := make([]int, len(vs)), map[string]int{}
	for i, v := range vs {
		rank[i] = of[v.key] / maxSiblings
		of[v.key]++
	}
	for k, left := 0, len(vs); left > 0; k++ {
		if k > 0 {
			r.Renew()
		}
		for _, batch := range byDot(vs, func(i int) bool { return rank[i] == k }) {
			left -= len(batch)
			if err := r.bringBatch(vs, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// bringBatch issues a batch anew: as one, unless the longer contexts make it too long for that.
func (r *Replica) bringBatch(vs []*version, batch []int) error {
	anew, size := make([]*version, 0, len(batch)), 0
	for _, i := range batch {
		v := &version{key: vs[i].key, time: vs[i].time, kind: vs[i].kind, value: vs[i].value}
		v.ctx, v.abridged = over(vs[i])
		v.ctx = slices.DeleteFunc(v.ctx, func(p wire.Dot) bool { return !r.knows(p.Writer) }) // nobody has anything of it
		rec := v.record(v.value)
		size += wire.RecordSize(&rec)
		anew = append(anew, v)
	}
	if size <= wire.MaxRecords {
		return r.bring(anew, true)
	}
	for i := range anew {
		if err := r.bring(anew[i:i+1], true); err != nil {
			return err
		}
	}
	return nil
}

// bring writes versions of which all is loaded, as the own writer or as what they are.
func (r *Replica) bring(vs []*version, own bool) error {
	st := r.stage(len(vs))
	for _, v := range vs {
		st.before(v.key)
	}
	if st.err != nil {
		return st.err
	}
	var d wire.Dot
	if own {
		d = r.nextDot()
	}
	for i, v := range vs {
		if own {
			v.dot, v.more = d, i < len(vs)-1
		}
		st.add(v)
	}
	if _, err := st.changes(); err != nil {
		return err
	}
	item := r.arrive(vs, 0)
	r.turn(st)
	var hash *wire.Hash
	if own {
		hash = r.wrote(d, item[itemHead:])
	}
	r.logRecords(item, vs[0].pos, hash)
	return nil
}
