package replica

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// location is where a record lies: in a segment, at an offset, as the ord-th of its records.
type location struct {
	seg  storage.ID
	off  uint32
	size uint32
	ord  uint32
}

// gone reports whether a version counts for nothing any more, because of a void or because it was hearsay that was not confirmed.
func (r *Replica) gone(v *version) bool { return r.overheard(v) || r.voided(v.dot, v.pos) }

// voided reports whether a void takes the version with this dot and position away.
func (r *Replica) voided(d wire.Dot, pos uint64) bool {
	return slices.ContainsFunc(r.voids, func(x void) bool { return x.hits(d) && pos < x.before })
}

// lookup returns the versions of a key, none of which another one's context reaches. They must not be changed.
func (r *Replica) lookup(key string) ([]*version, error) {
	stored, err := r.storedVersions(key)
	return r.living(key, stored), err
}

// living is lookup for a key whose versions in its page are at hand.
func (r *Replica) living(key string, stored []*version) []*version {
	mem := r.mem[key]
	switch {
	case len(stored) == 0:
		return mem
	case len(mem) == 0 && len(r.voids) == 0 && !slices.ContainsFunc(stored, r.overheard):
		return stored
	}
	out := slices.Clip(mem)
	for _, v := range stored {
		if !r.gone(v) && !r.superseded(key, v.dot, v.saw(), ever) {
			out = append(out, v)
		}
	}
	return out
}

// worse is the error to go on with when err is there and e comes: all that is missing is asked for at once, but damage ends it.
func worse(err, e error) error {
	if e != nil && (err == nil || !errors.Is(e, ledger.ErrWait)) {
		return e
	}
	return err
}

// ever is a position behind every record.
const ever = math.MaxUint64

// superseded reports whether something that came since the last checkpoint, and before a position, has superseded a version in a page.
func (r *Replica) superseded(key string, d wire.Dot, ctx []wire.Dot, before uint64) bool {
	r.work.Versions += uint64(len(r.mem[key]))
	return slices.ContainsFunc(r.mem[key], func(v *version) bool {
		return v.pos < before && (v.dot == d || !v.hearsay && v.supersedes(d, ctx) ||
			slices.ContainsFunc(v.took, func(o *version) bool { return o.supersedes(d, ctx) }))
	})
}

// inherit notes that v has replaced o in memory, where v need not supersede in a page what o does: v is abridged and leaves out what o
// names, or o is and leaves out what v names. Hearsay has superseded nothing.
func (v *version) inherit(o *version) {
	v.took = append(v.took, o.took...)
	less := v.abridged && !wire.ContextReaches(v.ctx, o.ctx)
	more := o.abridged && !wire.NamesAll(o.ctx, v.ctx)
	if !o.hearsay && o.dot != v.dot && (less || more) {
		v.took = append(v.took, o)
	}
}

// replaces reports whether a version takes another one's place for good. Hearsay does not: should it not be confirmed, all is as before.
// Until then it hides what it has superseded.
func (v *version) replaces(o *version) bool {
	return o.dot == v.dot || !v.hearsay && v.supersedes(o.dot, o.saw())
}

// visible are the versions that hearsay does not hide.
func visible(vs []*version) []*version {
	if !slices.ContainsFunc(vs, func(v *version) bool { return v.hearsay }) {
		return vs
	}
	return slices.DeleteFunc(slices.Clone(vs), func(o *version) bool {
		return slices.ContainsFunc(vs, func(v *version) bool { return v.hearsay && v.supersedes(o.dot, o.saw()) })
	})
}

// supersedes reports whether a version supersedes the write d, whose context was other: it had seen that, and all that d had seen. Who
// claims the one without the other lies, or saw of d only that somebody had collected it as a tombstone.
//
// So the versions of a key are in a strict order, in part: what supersedes a version supersedes all that this one does, and no two
// supersede each other. What is left of a set of versions does not depend on the order in which they came. An abridged context says
// nothing of the writers that it leaves out; only lies make a context that long.
//
// See saw for versions that are hearsay.
func (v *version) supersedes(d wire.Dot, other []wire.Dot) bool {
	if !wire.Sees(v.ctx, d) {
		return false
	}
	return wire.ContextReaches(v.ctx, other) || v.abridged && wire.ReachesNamed(v.ctx, other) && !wire.Sees(other, v.dot)
}

// winner is the version that Get returns: the one with the highest (time, writer) that is not a deletion; nil if there is none.
func winner(vs []*version) *version {
	var best *version
	for _, v := range visible(vs) {
		if v.kind != wire.Deleted && (best == nil || later(v, best)) {
			best = v
		}
	}
	return best
}

func later(a, b *version) bool {
	switch {
	case a.time != b.time:
		return a.time > b.time
	case a.dot.Writer != b.dot.Writer:
		return a.dot.Writer > b.dot.Writer
	}
	return a.dot.Seq > b.dot.Seq
}

// saw is what a version is believed to have seen: its context, but of hearsay nothing. What others have under the same dot may have another
// context, and hearsay has replaced nothing.
func (v *version) saw() []wire.Dot {
	if v.hearsay {
		return nil
	}
	return v.ctx
}

// saw is the same of a record.
func saw(rec *wire.Record) []wire.Dot {
	if rec.Hearsay {
		return nil
	}
	return rec.Context
}

// contextOf is what a write that sees vs has seen of the key, and whether it is abridged. Of writers that nobody here knows it names few:
// they are made up, and nobody else takes a record that names many.
func (r *Replica) contextOf(vs []*version) (out []wire.Dot, abridged bool) {
	var all []wire.Dot
	for _, v := range vs {
		abridged = abridged || v.abridged
		for _, p := range v.ctx {
			all = append(all, r.pair(p))
		}
		all = append(all, r.pair(v.pair()))
	}
	slices.SortStableFunc(all, func(a, b wire.Dot) int { return cmp.Compare(a.Writer, b.Writer) })
	unknown := 0
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Writer == all[0].Writer {
			n++
		}
		if !r.knows(all[0].Writer) {
			unknown++
		}
		out, all = append(out, r.ofOneWriter(all[:n])...), all[n:]
	}
	if unknown <= maxUnknown && len(out) <= wire.MaxContext {
		return out, abridged
	}
	return r.abridge(out, vs), true
}

// ofOneWriter makes pairs of one writer what a context may have of it. It may change them.
func (r *Replica) ofOneWriter(pairs []wire.Dot) []wire.Dot {
	r.work.Pairs += uint64(len(pairs))
	out := pairs[:1:1]
	for _, p := range pairs[1:] {
		r.work.Pairs += uint64(len(out))
		out = addPair(out, p)
	}
	return out
}

// abridge leaves out of a context the writers that nobody here knows, but for those of vs, and what is too much then.
func (r *Replica) abridge(ctx []wire.Dot, vs []*version) []wire.Dot {
	seen := make(map[uint64]bool, len(vs))
	for _, v := range vs {
		seen[v.dot.Writer] = true
	}
	ctx = slices.DeleteFunc(ctx, func(p wire.Dot) bool { return !seen[p.Writer] && !r.knows(p.Writer) })
	if len(ctx) > wire.MaxContext {
		ctx = slices.DeleteFunc(ctx, func(p wire.Dot) bool { return !seen[p.Writer] })
	}
	return ctx[:min(len(ctx), wire.MaxContext)]
}

// pair is the pair of a context that names a version, and no other.
func (v *version) pair() wire.Dot {
	return wire.Dot{Writer: v.dot.Writer, Seq: v.dot.Seq | wire.BlockOnly}
}

// over is the context of a version that takes the place of another one, and whether it is abridged.
func over(v *version) (ctx []wire.Dot, abridged bool) {
	if ctx = addPair(slices.Clone(v.ctx), v.pair()); len(ctx) <= wire.MaxContext {
		return ctx, v.abridged
	}
	other := slices.IndexFunc(ctx, func(p wire.Dot) bool { return p.Writer != v.dot.Writer })
	return slices.Delete(ctx, max(other, 0), max(other, 0)+1), true
}

// pair makes a pair of a context one of everything up to its number, if the blocks before its own are settled here: then all that their
// writer wrote in them is known. Else there may be something that a crash took from the writer and not from others.
func (r *Replica) pair(p wire.Dot) wire.Dot {
	n := p.Seq &^ wire.BlockOnly
	first := n >> wire.BlockBits << wire.BlockBits
	if first == 1<<wire.BlockBits || r.vector.Of(p.Writer).Settled>>wire.BlockBits+1 >= n>>wire.BlockBits {
		p.Seq = n
	}
	return p
}

// pairsOf is where the pairs of a writer stand in a context.
func pairsOf(ctx []wire.Dot, writer uint64) (i, j int) {
	i, _ = slices.BinarySearchFunc(ctx, writer, func(a wire.Dot, w uint64) int { return cmp.Compare(a.Writer, w) })
	for j = i; j < len(ctx) && ctx[j].Writer == writer; j++ {
	}
	return i, j
}

// includes reports whether a context says all that the pair p says.
func includes(ctx []wire.Dot, p wire.Dot) bool {
	if p.Seq >= wire.BlockOnly {
		return wire.Sees(ctx, wire.Dot{Writer: p.Writer, Seq: p.Seq &^ wire.BlockOnly})
	}
	i, j := pairsOf(ctx, p.Writer)
	return i < j && ctx[i].Seq < wire.BlockOnly && ctx[i].Seq >= p.Seq
}

// addPair adds a pair to a context, which it changes. Of two pairs about the same block one remains.
func addPair(ctx []wire.Dot, p wire.Dot) []wire.Dot {
	if includes(ctx, p) {
		return ctx
	}
	i, j := pairsOf(ctx, p.Writer)
	whole := p.Seq < wire.BlockOnly
	n := p.Seq &^ wire.BlockOnly
	var rest []wire.Dot
	for _, q := range ctx[i:j] {
		m := q.Seq &^ wire.BlockOnly
		switch {
		case m>>wire.BlockBits == n>>wire.BlockBits:
			n, whole = max(n, m), whole || q.Seq < wire.BlockOnly
		case !whole || m > n:
			rest = append(rest, q)
		}
	}
	if p.Seq = n; !whole {
		p.Seq |= wire.BlockOnly
	}
	k, _ := slices.BinarySearchFunc(rest, p, func(a, b wire.Dot) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.Replace(ctx, i, j, slices.Insert(rest, k, p)...)
}

// valueOf returns a version's value; ledger.ErrWait if its segment is not loaded.
func (r *Replica) valueOf(v *version) ([]byte, error) {
	reader := valueReader{r: r}
	return reader.of(v)
}

// valueReader reads values, and the next one in the same segment without looking for that again.
type valueReader struct {
	r     *Replica
	seg   storage.ID // 0: none yet
	block *ledger.Block
	err   error // why there is no block
}

func (x *valueReader) of(v *version) ([]byte, error) {
	if v == nil || v.kind == wire.Deleted {
		return nil, nil
	}
	if v.loc.seg == 0 {
		return v.value, nil
	}
	if v.loc.seg != x.seg {
		x.seg = v.loc.seg
		x.block, x.err = x.r.segmentBlock(x.seg)
	}
	if x.err != nil {
		return nil, x.err
	}
	return v.loc.value(x.block)
}

// record is v as it goes to others, with its value.
func (v *version) record(value []byte) wire.Record {
	return wire.Record{
		Dot: v.dot, Time: v.time, Context: v.ctx, Key: v.key, Kind: v.kind, Value: value, More: v.more, Hearsay: v.hearsay, Abridged: v.abridged,
	}
}

// versionOf is a record as a version, without what is known of it only here.
func versionOf(rec *wire.Record) *version {
	return &version{
		key: rec.Key, dot: rec.Dot, time: rec.Time, ctx: rec.Context, kind: rec.Kind, value: rec.Value, hearsay: rec.Hearsay, abridged: rec.Abridged,
	}
}
