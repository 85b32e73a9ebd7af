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
// names, or o is and leaves out what v names, or v is not. Hearsay has superseded nothing.
func (v *version) inherit(o *version) {
	v.took = append(v.took, o.took...)
	less := v.abridged && !wire.ContextReaches(v.ctx, o.ctx)
	more := o.abridged && (!v.abridged || !wire.NamesAll(o.ctx, v.ctx))
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

// contextOf is what a write that sees vs has seen of the key, and whether it is abridged. It names no more than there can be, as others leave
// that out of it. Of writers that nobody here knows it names few: they are made up, and nobody else takes a record that names many.
func (r *Replica) contextOf(vs []*version) (out []wire.Dot, abridged bool) {
	for _, v := range vs {
		abridged = abridged || v.abridged
		for _, p := range v.ctx {
			out = append(out, r.pair(p))
		}
		out = append(out, r.pair(v.pair()))
	}
	r.work.Pairs += uint64(len(out))
	out, stripped := r.strip(mergePairs(out), vs)
	abridged = abridged || stripped
	unknown := 0
	for i, p := range out {
		if (i == 0 || out[i-1].Writer != p.Writer) && !r.knows(p.Writer) {
			unknown++
		}
	}
	if !abridged && unknown <= maxUnknown && len(out) <= wire.MaxContext {
		return out, false
	}
	return r.abridge(out, vs), true
}

// mergePairs makes a context of pairs in any order, which it changes: of each writer one that reaches everything up to its number, and one for each
// block behind it.
func mergePairs(all []wire.Dot) []wire.Dot {
	slices.SortStableFunc(all, func(a, b wire.Dot) int {
		if a.Writer != b.Writer {
			return cmp.Compare(a.Writer, b.Writer)
		}
		return cmp.Compare(number(a), number(b))
	})
	out := all[:0]
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Writer == all[0].Writer {
			n++
		}
		out, all = mergeOne(out, all[:n]), all[n:]
	}
	return out
}

// mergeOne appends the pairs of one writer, whose numbers ascend, as far as they say something that no other does. It may write over them.
func mergeOne(out, pairs []wire.Dot) []wire.Dot {
	first, last := len(out), uint64(0) // the number up to which everything is reached
	for _, p := range pairs {
		if p.Seq < wire.BlockOnly {
			last = p.Seq
		}
	}
	for _, p := range pairs {
		n := number(p)
		if end := len(out) - 1; end >= first && number(out[end])>>wire.BlockBits == n>>wire.BlockBits {
			out = out[:end] // less of the same block
		}
		switch {
		case n>>wire.BlockBits == last>>wire.BlockBits:
			out = append(out, wire.Dot{Writer: p.Writer, Seq: n})
		case n > last:
			out = append(out, p)
		}
	}
	return out
}

func number(p wire.Dot) uint64 { return p.Seq &^ wire.BlockOnly }

// abridge leaves out of a context the writers that nobody has announced here, but for those of vs, and what is too much then. Who has their announcement
// may have left out some of what vs say of them: a context that names the rest would reach less than these, though it has seen them.
func (r *Replica) abridge(ctx []wire.Dot, vs []*version) []wire.Dot {
	seen := make(map[uint64]bool, len(vs))
	for _, v := range vs {
		seen[v.dot.Writer] = true
	}
	ctx = slices.DeleteFunc(ctx, func(p wire.Dot) bool {
		return !seen[p.Writer] && p.Writer != r.writer.id && r.announced(p.Writer) == nil
	})
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
	if ctx = mergePairs(append(slices.Clone(v.ctx), v.pair())); len(ctx) <= wire.MaxContext {
		return ctx, v.abridged
	}
	other := slices.IndexFunc(ctx, func(p wire.Dot) bool { return p.Writer != v.dot.Writer })
	return slices.Delete(ctx, max(other, 0), max(other, 0)+1), true
}

// pair makes a pair of a context one of everything up to its number if all is known that its writer wrote before the number's block: of the own writer
// all is here, and another's is if its earlier blocks are settled.
func (r *Replica) pair(p wire.Dot) wire.Dot {
	block := number(p) >> wire.BlockBits
	if p.Writer == r.writer.id || block <= r.vector.Of(p.Writer).Settled>>wire.BlockBits+1 {
		p.Seq = number(p)
	}
	return p
}

// valueOf returns a version's value; ledger.ErrWait if its segment is not loaded, ErrLost if that is damaged.
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
		return nil, x.r.segmentError(x.seg, x.err)
	}
	value, err := v.loc.value(x.block)
	if err != nil {
		return nil, x.r.segmentError(x.seg, err)
	}
	return value, nil
}

// record is v as it goes to others, with its value.
func (v *version) record(value []byte) wire.Record {
	return wire.Record{
		Dot: v.dot, Time: v.time, Context: v.ctx, Key: v.key, Kind: v.kind, Value: value, More: v.more, Hearsay: v.hearsay, Abridged: v.abridged,
	}
}

// versionOf is a record as a version, without what is known of it only here.
func versionOf(rec *wire.Record) *version {
	v := &version{}
	v.take(rec)
	return v
}

// take makes a zero version what versionOf returns.
func (v *version) take(rec *wire.Record) {
	v.key, v.dot, v.time, v.ctx = rec.Key, rec.Dot, rec.Time, rec.Context
	v.kind, v.value, v.hearsay, v.abridged = rec.Kind, rec.Value, rec.Hearsay, rec.Abridged
}
