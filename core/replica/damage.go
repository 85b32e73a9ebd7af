package replica

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// A value segment may be damaged: it is not there, or it does not open. The index has the keys, dots and contexts of what lies in it, and where
// deletions are, all of them. So only values are lost, and what is lost is known by name. All else is served. A write supersedes what cannot be read.
// The segment stays as it is until nothing in it counts any more: it is not compacted.
//
// That a segment is damaged is noted in a setting of the ledger, and nothing behind it is sent before that is stored: a device that has taken
// what follows resumes behind it, and must not be told then that it has what could not be sent. See ToldTo.
type damage struct {
	marks    uint64 // how many were found in this run
	segments int    // that are damaged and have something that counts
	unlogged bool   // the setting does not say so yet
	survey   *survey
}

// survey looks through the index for what lies in damaged segments, page by page.
type survey struct {
	next  string // keys from this one on are left
	done  bool   // none are
	found map[storage.ID][]*version
}

// MaxNamed is how many keys a Damage names at most.
const MaxNamed = 16

// Damage is what of a replica cannot be read.
type Damage struct {
	Any   bool     // something is damaged, though it may be nothing that anybody misses
	Keys  int      // that have a value which cannot be read; about, while they are being looked for
	Names []string // of these, ascending, at most MaxNamed
}

// ErrLost says that a value cannot be read: the segment in which it lies is damaged. All else goes on.
var ErrLost error = lostError{}

type lostError struct{}

func (lostError) Error() string { return "replica: a value cannot be read" }
func (lostError) Unwrap() error { return ledger.ErrDamaged }

// lostOr is err, or another one in the place of ErrLost.
func lostOr(err, instead error) error {
	if errors.Is(err, ErrLost) {
		return instead
	}
	return err
}

// recordsOf reads all records of a segment. Of one that is damaged it returns those that count, as the index has them: their values are lost.
func (r *Replica) recordsOf(s *segment) (*parsedSegment, error) {
	p, err := r.wholeOf(s)
	if err == nil || !errors.Is(r.segmentError(s.id, err), ErrLost) {
		return p, err
	}
	for s.ruin == nil && s.count > 0 {
		if err := r.Survey(); err != nil {
			return nil, err
		}
	}
	if s.count == 0 {
		return &parsedSegment{}, nil
	}
	return s.ruin, nil
}

// hurts notes that a segment is damaged.
func (r *Replica) hurts(s *segment) {
	if s.hurt {
		return
	}
	s.hurt = true
	r.damage.marks++
	r.damage.unlogged = true
	r.damage.recount(r.segs)
	r.cfg.Hurt()
}

func (d *damage) recount(segs []*segment) {
	was := d.segments
	d.segments = 0
	for _, s := range segs {
		if s.hurts() {
			d.segments++
		}
	}
	d.unlogged = d.unlogged || d.segments < was
}

// hurts reports whether something that counts lies in a damaged segment.
func (s *segment) hurts() bool { return s.hurt && s.count > 0 }

func (r *Replica) damageKey() string { return "damage/" + strconv.Itoa(int(r.ns)) }

// logDamage notes in a setting which segments are damaged.
func (r *Replica) logDamage() {
	if !r.damage.unlogged {
		return
	}
	r.damage.unlogged = false
	var b []byte
	for _, s := range r.segs {
		if s.hurts() {
			b = wire.AppendU64(b, uint64(s.id))
		}
	}
	r.led.SetMeta(r.damageKey(), b)
}

// openDamage goes by what the setting says.
func (r *Replica) openDamage() {
	in := wire.NewReader(r.led.Meta(r.damageKey()))
	for in.Len() >= 8 {
		if s := r.segmentOf(storage.ID(in.U64())); s != nil {
			s.hurt = true
		}
	}
	r.damage.recount(r.segs)
}

// Hurt reports whether a value that counts cannot be read, as far as that was found.
func (r *Replica) Hurt() bool { return r.damage.segments > 0 }

// DamageNoted reports whether the note of all damage that was found is in storage for good.
func (r *Replica) DamageNoted() bool { return r.damage.marks == r.seen.now.marks }

// Surveying reports whether there is damage that Survey has yet to find names for.
func (r *Replica) Surveying() bool {
	return r.damage.segments > 0 && slices.ContainsFunc(r.segs, func(s *segment) bool { return s.hurts() && s.ruin == nil })
}

// pagesAhead is how many pages a survey asks for at once.
const pagesAhead = 8

// Survey finds out what lies in damaged segments. It keeps how far it has got, over ledger.ErrWait and over checkpoints, which move nothing of that.
func (r *Replica) Survey() error {
	if !r.Surveying() {
		return nil
	}
	x := r.damage.survey
	if x == nil {
		x = &survey{found: map[storage.ID][]*version{}}
		for _, s := range r.segs {
			if s.hurts() && s.ruin == nil {
				x.found[s.id] = nil
			}
		}
		r.damage.survey = x
	}
	for i := r.pageOf(x.next); !x.done && i >= 0 && i < len(r.pages); i++ {
		p, err := r.page(i)
		if err != nil {
			for _, o := range r.pages[i:min(len(r.pages), i+pagesAhead)] {
				r.led.Want(o.id)
			}
			return err
		}
		x.look(p)
		if x.done = i+1 == len(r.pages); !x.done {
			x.next = r.pages[i+1].first
		}
	}
	return r.surveyed(x)
}

// look gathers the versions of a page that lie in the segments. It keeps none of the page's memory.
func (x *survey) look(p *page) {
	from, _ := slices.BinarySearch(p.keys, x.next)
	for _, vs := range p.versions[from:] {
		for _, v := range vs {
			if found, ok := x.found[v.loc.seg]; ok {
				c := *v
				c.key = strings.Clone(v.key)
				x.found[v.loc.seg] = append(found, &c)
			}
		}
	}
}

// surveyed has the segments say what was found.
func (r *Replica) surveyed(x *survey) error {
	var missing error
	ruins := map[*segment]*parsedSegment{}
	for id, vs := range x.found {
		if s := r.segmentOf(id); s != nil {
			p, err := r.rebuilt(vs)
			missing = worse(missing, err)
			ruins[s] = p
		}
	}
	if missing != nil {
		return missing
	}
	for s, p := range ruins {
		s.ruin = p
	}
	r.damage.survey = nil
	return nil
}

// rebuilt is a damaged segment's records, of the versions that lie in it.
func (r *Replica) rebuilt(vs []*version) (*parsedSegment, error) {
	slices.SortFunc(vs, func(a, b *version) int { return cmp.Compare(a.loc.ord, b.loc.ord) })
	n := len(vs)
	p := &parsedSegment{pos: make([]uint64, n), recs: make([]wire.Record, n), ords: make([]uint32, n), lost: make([]bool, n)}
	var missing error
	for i, v := range vs {
		value, err := r.valueOf(v)
		p.lost[i] = errors.Is(err, ErrLost)
		missing = worse(missing, lostOr(err, nil))
		p.pos[i], p.recs[i], p.ords[i] = v.pos, v.record(value), v.loc.ord
	}
	return p, missing
}

// eachHurt calls f for every record in damaged segments that nothing which came before a position has superseded. known is false if the segment is
// not surveyed: then f is called for that once, without a record.
func (r *Replica) eachHurt(before uint64, f func(s *segment, rec *wire.Record, lost, known bool)) {
	if r.damage.segments == 0 {
		return
	}
	for _, s := range r.segs {
		switch {
		case !s.hurts():
		case s.ruin == nil:
			f(s, nil, true, false)
		default:
			p := s.ruin
			for i := range p.recs {
				rec := &p.recs[i]
				if !s.isDead(p.ord(i)) && !r.endsHere(rec, p.pos[i]) && !r.superseded(rec.Key, rec.Dot, saw(rec), before) {
					f(s, rec, p.isLost(i), true)
				}
			}
		}
	}
}

// endsHere reports whether a stored record counts for nothing any more, though nothing has superseded it.
func (r *Replica) endsHere(rec *wire.Record, pos uint64) bool {
	return r.voided(rec.Dot, pos) || rec.Hearsay && r.unheard(rec.Dot, pos)
}

// Damaged is what cannot be read, as far as that was found.
func (r *Replica) Damaged() (d Damage) {
	keys := map[string]struct{}{}
	r.eachHurt(ever, func(s *segment, rec *wire.Record, lost, known bool) {
		d.Any = true
		switch {
		case !known:
			d.Keys += int(s.count)
		case lost:
			keys[rec.Key] = struct{}{}
		}
	})
	d.Keys += len(keys)
	if names := sorted(keys); len(names) > 0 {
		d.Names = slices.Clip(names[:min(len(names), MaxNamed)])
	}
	return d
}

// Unsendable is how many records a device with this vector lacks that cannot be sent, because their values are lost.
func (r *Replica) Unsendable(peer wire.Vector) (n uint64) {
	r.eachHurt(ever, func(s *segment, rec *wire.Record, lost, known bool) {
		switch {
		case !known && s.lackedBy(peer):
			n += uint64(s.count)
		case known && lost && !peer.Covers(rec.Dot):
			n++
		}
	})
	return n
}

// ToldTo is Told, as END may say it to a device that has, or was sent, what a vector says. It says nothing of a writer of whom that may lack something
// in a damaged segment, even if it can be sent: a device that resumes behind the segment is not sent it.
func (r *Replica) ToldTo(peer wire.Vector) wire.Vector {
	out := r.Told()
	held := map[uint64]struct{}{}
	r.eachHurt(r.seen.now.pos, func(s *segment, rec *wire.Record, _, known bool) {
		if known {
			if !peer.Covers(rec.Dot) {
				held[rec.Dot.Writer] = struct{}{}
			}
			return
		}
		for _, w := range s.writers {
			if w.lackedBy(peer) {
				held[w.writer] = struct{}{}
			}
		}
	})
	if len(held) == 0 {
		return out
	}
	return slices.DeleteFunc(slices.Clone(out), func(e wire.Element) bool { _, yes := held[e.Writer]; return yes })
}

// with is a version whose value is lost, with that value.
func (v *version) with(value []byte) *version {
	c := *v
	c.value, c.loc, c.more, c.from = value, location{}, false, 0
	return &c
}

// mend writes versions again that are here, and whose values were lost. Nothing else about them changes.
func (r *Replica) mend(vs []*version) {
	for _, v := range vs {
		r.logRecords(r.arrive([]*version{v}, 0), v.pos, nil)
	}
}
