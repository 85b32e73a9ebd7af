package replica

import (
	"errors"
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// A Source is the device that brings records, or says what it has. What is believed of it depends on whose writer it speaks of: its own
// word counts for its own writers, a full device's for all, and an application peer's for nobody else's.
type Source struct {
	Session uint32   // by which it came, not 0: records are not sent back there
	NK      [32]byte // the device's
	Full    bool     // it is a full device, not an application peer
	Lost    []uint64 // writers of its own of which it may lack what it once wrote: it says of nothing that it is not theirs
	Met     uint64   // what lies before it in the log was here, and had been sent to the device, before it said this
}

// Limits of what others make a replica keep.
const (
	maxStrays     = 64        // writers that nobody has announced and that application peers brought
	maxOldWriters = 256       // how many writers a vector may have where one more is joined that nobody has announced
	maxOld        = 128 << 10 // and how many of its bytes may be in use
	maxNamed      = 1024      // writers that a context of another device's names, and nobody here knows
	maxTails      = 1100      // of one element
	maxVector     = 256 << 10 // bytes of the own vector
	maxShare      = 16 << 10  // and how many of these the writers of one device take: each session begins with all of them
	maxSiblings   = 4         // versions of a key that one writer has, none of which has seen another
	maxKeyBytes   = 6 << 20   // of all versions of a key in its page: it has to fit a block

	// Writers that a context of this device's names, and nobody here knows. Others may not know those that it knows, either.
	maxUnknown = maxNamed - maxOldWriters
)

// ErrLie says that a device claims of its own writing what cannot be: its session is to end.
var ErrLie = errors.New("replica: a device's records contradict what it has announced")

// announced is a writer that its device has announced.
type announced struct {
	*wire.Writer
	denied uint64 // what came of it by hearsay before this position is nothing that it wrote, or will come from it
}

// Announce takes in an announcement, whose signature must hold, and keeps it. It reports whether it is news.
func (r *Replica) Announce(w *wire.Writer) bool {
	switch a := r.announced(w.ID); {
	case a == nil && len(r.writers) >= wire.MaxWriters,
		a != nil && (a.Reserved > w.Reserved || a.Reserved == w.Reserved && a.Block >= w.Block):
		return false
	}
	r.keepWriter(w)
	return true
}

func (r *Replica) keepWriter(w *wire.Writer) {
	r.noteLost(w)
	r.setWriter(w)
	r.led.Append(r.ns, wire.AppendWriter([]byte{itemWriter}, w))
}

// noteLost notes that a writer is lost: it is the device's, others have told of it, and this replica has not written as it. The device has dropped the
// namespace's data since, or was put back. A writer that a fork is recovered from is lost, too.
func (r *Replica) noteLost(w *wire.Writer) {
	if w.NK == r.cfg.Owner && w.ID != r.writer.id && !r.past[w.ID] && r.announced(w.ID) == nil {
		r.lost = append(r.lost, w.ID)
	}
}

// Lost are the own writers in a vector of which this replica may lack what they wrote.
func (r *Replica) Lost(v wire.Vector) (out []uint64) {
	for _, id := range r.lost {
		if v.Has(id) {
			out = append(out, id)
		}
	}
	return out
}

func (r *Replica) setWriter(w *wire.Writer) {
	r.revision++
	if a := r.announced(w.ID); a != nil {
		a.Writer = w
		return
	}
	if r.place == nil {
		r.place = map[uint64]int{}
	}
	r.place[w.ID] = len(r.writers)
	r.writers = append(r.writers, &announced{Writer: w})
}

// announced is the announcement of a writer, nil if there is none.
func (r *Replica) announced(id uint64) *announced {
	if i, ok := r.place[id]; ok {
		return r.writers[i]
	}
	return nil
}

// EachWriter calls f for every announcement that is known.
func (r *Replica) EachWriter(f func(*wire.Writer)) {
	for _, a := range r.writers {
		f(a.Writer)
	}
}

// Writer is the announcement of a writer, nil if there is none. It must not be changed.
func (r *Replica) Writer(id uint64) *wire.Writer {
	if a := r.announced(id); a != nil {
		return a.Writer
	}
	return nil
}

// WritersRevision is a number that changes when the announcements do.
func (r *Replica) WritersRevision() uint64 { return r.revision }

// Within is what a vector says of writers that are known here: what else it says is of no use, and has no bound.
func (r *Replica) Within(v wire.Vector) wire.Vector {
	var out wire.Vector
	for _, e := range v {
		if (r.vector.Has(e.Writer) || r.announced(e.Writer) != nil) && len(e.Tails) <= maxTails {
			out = append(out, e)
		}
	}
	return out
}

// Own is what there is to be announced of the writer that this replica writes as, less the signature. It is nil before its first write,
// and before the numbers are reserved in storage for good.
func (r *Replica) Own() *wire.Writer {
	if n := &r.seen.now; n.writer == r.writer.id {
		return r.announcement(n.reservedSeq >> wire.BlockBits)
	}
	return nil
}

// Foreign reports whether an announcement that this replica's own device has signed is of a run, or of numbers, that this replica knows
// nothing of: then it was copied, or put back.
func (r *Replica) Foreign(w *wire.Writer) bool {
	if w.ID != r.writer.id {
		return false
	}
	if w.Reserved > r.writer.reserved {
		return true
	}
	return !r.knowsRun(w) && (len(r.runs) < maxRuns || w.Block > r.runs[0].block)
}

// knowsRun reports whether an announcement of the own writer is of a run that this replica remembers.
func (r *Replica) knowsRun(w *wire.Writer) bool {
	return slices.Contains(r.runs, run{w.Block, w.Opening})
}

// verdict says what becomes of a record.
type verdict uint8

const (
	taken   verdict = iota
	known           // it is covered already
	refused         // it claims what cannot be
	crowded         // there is no room for it
)

// weigh says what becomes of a record, before it is known what is here of its key.
func (a *arrivals) weigh(rec *wire.Record) verdict {
	r := a.r
	switch {
	case r.vector.Covers(rec.Dot):
		return known
	case r.hearsay(rec, a.src) && r.settles(rec.Dot.Writer), rec.Dot.Writer == r.writer.id && rec.Dot.Seq>>wire.BlockBits >= r.unused(),
		wire.Sees(rec.Context, rec.Dot), !a.possible(rec.Dot):
		return refused
	}
	if _, stripped := r.strip(rec.Context, nil); stripped {
		a.st.before(rec.Key)
		rec.Context, stripped = r.strip(rec.Context, a.st.after(rec.Key))
		rec.Abridged = rec.Abridged || stripped
	}
	unknown := 0
	for _, p := range rec.Context {
		if !r.knows(p.Writer) {
			unknown++
		}
	}
	if unknown > maxNamed {
		return crowded
	}
	return taken
}

// settles reports whether this replica settles a writer's blocks by itself. It knows what that wrote, and takes nobody's hearsay.
func (r *Replica) settles(id uint64) bool { return id == r.writer.id || slices.Contains(r.old, id) }

// strip leaves out of a context the writers of which it names more than there can be, and reports whether there were any. Whose record it is need not
// have known that: a device inherits what others have named, and may not know the writer. What is named may be there all the same, as one of these
// versions of the key, if it came before its writer was announced: then it has been seen.
func (r *Replica) strip(ctx []wire.Dot, versions []*version) (out []wire.Dot, stripped bool) {
	var wrong []uint64 // ascending
	for _, p := range ctx {
		if d := (wire.Dot{Writer: p.Writer, Seq: number(p)}); !r.reserved(d) && !has(versions, d) {
			wrong = append(wrong, p.Writer)
		}
	}
	if len(wrong) == 0 {
		return ctx, false
	}
	return slices.DeleteFunc(slices.Clone(ctx), func(p wire.Dot) bool {
		_, found := slices.BinarySearch(wrong, p.Writer)
		return found
	}), true
}

// has reports whether one of these versions is the write d.
func has(versions []*version, d wire.Dot) bool {
	return slices.ContainsFunc(versions, func(v *version) bool { return v.dot == d })
}

// knows reports whether anything is known of a writer.
func (r *Replica) knows(id uint64) bool {
	return id == r.writer.id || r.past[id] || r.announced(id) != nil || r.vector.Has(id) || slices.Contains(r.strays, id)
}

// unused is the first block of the own writer that has not been written in.
func (r *Replica) unused() uint64 {
	if b := r.writer.block; b != 0 {
		return b
	}
	return r.writer.reserved
}

// possible reports whether there can be such a number. A writer that nobody has announced is one from before there were
// announcements; a few of these are taken from anybody.
func (a *arrivals) possible(d wire.Dot) bool {
	if d.Writer != a.r.writer.id && a.r.announced(d.Writer) == nil {
		return a.stray(d.Writer)
	}
	return a.r.reserved(d)
}

// reserved reports whether a number can be in use, as far as its writer is known. A context may name writers that are not known here:
// another device may have taken others than this one where there are too many.
func (r *Replica) reserved(d wire.Dot) bool {
	if d.Writer == r.writer.id {
		return d.Seq>>wire.BlockBits < r.writer.reserved
	}
	w := r.announced(d.Writer)
	return w == nil || d.Seq>>wire.BlockBits < w.Reserved
}

// stray notes a writer that nobody has announced. It reports whether there is room for it.
func (a *arrivals) stray(id uint64) bool {
	r := a.r
	if r.vector.Has(id) || slices.Contains(r.strays, id) || r.past[id] || slices.Contains(a.strays, id) {
		return true
	}
	if n := len(r.strays) + len(a.strays); !a.src.Full && n >= maxStrays || n+len(r.vector) >= maxOldWriters {
		return false
	}
	a.strays = append(a.strays, id)
	return true
}

// addStray notes a writer that nobody has announced.
func (r *Replica) addStray(id uint64) {
	if !slices.Contains(r.strays, id) {
		r.strays = append(r.strays, id)
	}
}

// hearsay reports whether a record is only said to be its writer's: neither its device nor a full one vouches for it.
func (r *Replica) hearsay(rec *wire.Record, src *Source) bool {
	w := r.announced(rec.Dot.Writer)
	own := w != nil && w.NK == src.NK
	return rec.Hearsay || !src.Full && !own
}

// Join takes in another device's vector when all that it sent up to there is applied. It takes of it what the device is believed, and
// reports whether that was all. What came of it by hearsay and was not confirmed until now is void. ledger.ErrWait: blocks are missing,
// and nothing has changed.
func (r *Replica) Join(v wire.Vector, src Source) (changes []Change, all bool, err error) {
	b, all := r.believed(v, &src)
	doubtful := r.doubtful()
	if r.vector.CoversAll(b) && !doubtful {
		return nil, all, nil
	}
	joined := r.vector.Join(b)
	if doubtful {
		denied := r.deniedBy(v, &src)
		x, err := r.unconfirmed(joined, denied, src.Met)
		if err != nil {
			return nil, false, err
		}
		gap, err := r.gapBehind(joined, x)
		if err != nil {
			return nil, false, err
		}
		if changes, err = x.changes(); err != nil {
			return nil, false, err
		}
		if r.turn(x); len(x.keys) > 0 {
			r.forgets()
			r.deny(denied, src.Met)
		}
		r.setGap(gap)
	}
	r.logJoin(b)
	r.joined(joined)
	return changes, all, nil
}

// Disowns reports whether one of these records is said to be this replica's, and is not.
func (r *Replica) Disowns(recs []wire.Record) bool {
	return slices.ContainsFunc(recs, func(rec wire.Record) bool { return rec.Dot.Writer == r.writer.id && !r.vector.Covers(rec.Dot) })
}

// doubtful reports whether there may be hearsay.
func (r *Replica) doubtful() bool {
	return r.doubts > 0 || slices.ContainsFunc(r.pages, func(p pageRef) bool { return p.hearsay > 0 })
}

// deniedBy are the writers of which the device itself says how far they have got: there was no more of them when it was met. A writer that it has not got
// as far as it once announced is left out: the device was put back, and others may have what it lacks. So is one that it has lost.
func (r *Replica) deniedBy(v wire.Vector, src *Source) (out []uint64) {
	for _, a := range r.writers {
		if a.NK == src.NK && !slices.Contains(src.Lost, a.ID) && v.Of(a.ID).Last()>>wire.BlockBits >= a.Block {
			out = append(out, a.ID)
		}
	}
	return out
}

func (r *Replica) deny(writers []uint64, before uint64) {
	for _, id := range writers {
		r.led.Append(r.ns, wire.AppendU64(wire.AppendU64([]byte{itemDenial}, id), before))
		r.setDenied(id, before)
	}
}

func (r *Replica) setDenied(id, before uint64) {
	if a := r.announced(id); a != nil {
		a.denied = before
	}
	r.buryOverheard()
}

// believed is what of a vector the device is believed, and whether that is all.
func (r *Replica) believed(v wire.Vector, src *Source) (out wire.Vector, all bool) {
	all = true
	size, shares := wire.VectorSize(r.vector), shares{}
	for _, e := range v {
		w := r.announced(e.Writer)
		own := w != nil && w.NK == src.NK
		switch {
		case r.vector.CoversAll(wire.Vector{e}):
		case !own && !src.Full, len(e.Tails) > maxTails, w != nil && e.Last()>>wire.BlockBits >= w.Reserved,
			e.Writer == r.writer.id && e.Last()>>wire.BlockBits >= r.unused():
			all = false
		case w == nil && (size > maxOld || len(r.vector)+len(out) >= maxOldWriters), size+wire.ElementSize(&e) > maxVector:
			all = false
		case w != nil && !shares.take(r, w.NK, wire.ElementSize(&e)):
			all = false
		default:
			size += wire.ElementSize(&e)
			out = append(out, e)
		}
	}
	return out, all
}

// shares are how many bytes of the vector the writers of each device take. They are counted when they are first needed.
type shares struct{ of map[[32]byte]int }

// take reports whether an element has room in its device's share, and counts it if it has.
func (s *shares) take(r *Replica, nk [32]byte, size int) bool {
	if s.of == nil {
		s.of = map[[32]byte]int{}
		for i := range r.vector {
			if w := r.announced(r.vector[i].Writer); w != nil {
				s.of[w.NK] += wire.ElementSize(&r.vector[i])
			}
		}
	}
	if s.of[nk]+size > maxShare {
		return false
	}
	s.of[nk] += size
	return true
}

// joined goes by a vector that is more than the one until now.
func (r *Replica) joined(v wire.Vector) {
	r.work.Elements += uint64(len(v))
	r.markSettled(v)
	r.vector = v
	r.buryOverheard()
	var left []uint64
	for _, id := range r.strays {
		if !v.Has(id) {
			left = append(left, id)
		}
	}
	r.strays = left
}

func (r *Replica) buryOverheard() {
	for i := 0; r.doubts > 0 && i < len(r.arrivals); i++ {
		if a := r.arrivals[i]; a.dead == 0 && r.overheard(a) {
			r.bury(a)
		}
	}
}

// overheard reports whether a version was hearsay that was not confirmed: all of its writer's up to it is here, or its device has denied it.
func (r *Replica) overheard(v *version) bool { return v.hearsay && r.unheard(v.dot, v.pos) }

func (r *Replica) unheard(d wire.Dot, pos uint64) bool {
	a := r.announced(d.Writer)
	return r.vector.Covers(d) || a != nil && pos < a.denied
}

// bury makes a version in memory count for nothing.
func (r *Replica) bury(v *version) {
	v.dead = 1
	r.alive--
	r.mem[v.key] = slices.DeleteFunc(slices.Clone(r.mem[v.key]), func(o *version) bool { return o == v })
}

// unconfirmed stages what a vector, and the devices of these writers, make void of what is here by hearsay, of these from before a position.
func (r *Replica) unconfirmed(v wire.Vector, denied []uint64, before uint64) (*stage, error) {
	keys := map[string]struct{}{}
	voids := func(x *version) bool {
		return x.hearsay && (v.Covers(x.dot) || x.pos < before && slices.Contains(denied, x.dot.Writer))
	}
	missing := r.eachHearsay(func(x *version) {
		if voids(x) && !r.overheard(x) {
			keys[x.key] = struct{}{}
		}
	})
	st := r.stage(len(keys))
	st.err = missing
	for _, key := range sorted(keys) {
		st.before(key)
		if x := st.of(key); x != nil {
			x.after = slices.DeleteFunc(slices.Clone(x.after), voids)
		}
	}
	return st, st.err
}

// eachHearsay calls f for all hearsay in memory, but for what is dead, and in pages. ledger.ErrWait: not all pages are loaded.
func (r *Replica) eachHearsay(f func(*version)) (missing error) {
	for i := 0; r.doubts > 0 && i < len(r.arrivals); i++ {
		if a := r.arrivals[i]; a.dead == 0 && a.hearsay {
			f(a)
		}
	}
	for i := range r.pages {
		if r.pages[i].hearsay == 0 {
			continue
		}
		p, err := r.page(i)
		if missing = worse(missing, err); err != nil {
			continue
		}
		for _, vs := range p.versions {
			for _, x := range vs {
				if x.hearsay {
					f(x)
				}
			}
		}
	}
	return missing
}
