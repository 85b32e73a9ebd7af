package replica

import (
	"bytes"
	"errors"
	"slices"

	"github.com/masqdev/masq/core/wire"
)

// Write is one put or deletion.
type Write struct {
	Key   string
	Kind  wire.Kind
	Value []byte // kept
}

// A Change is a key for which Get or Conflicts returns something else than before.
type Change struct {
	Key      string
	Kind     wire.Kind // Deleted: nothing now
	Value    []byte
	PrevKind wire.Kind // Deleted: nothing before
	Previous []byte    // only of keys that are watched
	Others   int       // how many versions Conflicts returns
}

// aheadTolerance is how far a time may be ahead of the clock and still be adopted, in ms.
const aheadTolerance = 5 * 60_000

// ErrTooBig says that a batch, with what each of its writes has seen, is longer than a message may be.
var ErrTooBig = errors.New("replica: batch is too big")

// Write takes a batch of local writes, one dot in all, at a time by the own clock. Keys must be valid and different. ErrTooBig: nothing
// has changed.
func (r *Replica) Write(now uint64, writes []Write) ([]Change, error) {
	st := r.stage(len(writes))
	for _, w := range writes {
		st.before(w.Key)
	}
	if st.err != nil {
		return nil, st.err
	}
	return r.write(st, now, writes, true, false)
}

// Import takes a batch of writes that were made elsewhere, by somebody who had seen nothing of what is here: a key's other values stay
// beside the new one. A value that is here already is left out, so that an import that was cut can be made again.
// What is here and lost is there again if the import has it. Else it is as Write.
//
// A key has few versions of one writer that stand beside each other: so when there are enough, a new writer is taken.
func (r *Replica) Import(now uint64, writes []Write) ([]Change, error) {
	st := r.stage(len(writes))
	var fresh []Write
	beside := false // the own writer has enough versions of one of the keys
	var mended []*version
	for _, w := range writes {
		st.before(w.Key)
		known, mine := false, 0
		for _, v := range st.after(w.Key) {
			value, err := r.valueOf(v)
			st.err = worse(st.err, lostOr(err, nil))
			known = known || err == nil && v.kind == w.Kind && bytes.Equal(value, w.Value)
			if errors.Is(err, ErrLost) && v.kind == w.Kind && v.termOf(w.Value) == v.term {
				mended, known = append(mended, v.with(w.Value)), true
			}
			if v.dot.Writer == r.writer.id {
				mine++
			}
		}
		if !known {
			fresh = append(fresh, w)
			beside = beside || mine >= maxSiblings-1
		}
	}
	if st.err != nil || len(fresh)+len(mended) == 0 {
		return nil, st.err
	}
	for _, v := range mended {
		st.add(v)
	}
	if len(fresh) > 0 {
		changes, err := r.write(st, now, fresh, false, beside)
		if err == nil {
			r.mend(mended)
		}
		return changes, err
	}
	changes, err := st.changes()
	if err == nil {
		r.turn(st)
		r.mend(mended)
	}
	return changes, err
}

// write writes what is staged, as a new writer if asked for. Unless it replaces what is there, its contexts are empty.
func (r *Replica) write(st *stage, now uint64, writes []Write, replaces, anew bool) ([]Change, error) {
	recs := make([]*version, len(writes))
	time := now
	for i, w := range writes {
		recs[i] = &version{key: w.Key, kind: w.Kind, value: w.Value, more: i < len(writes)-1}
		if !replaces {
			continue
		}
		seen := st.after(w.Key)
		for _, v := range seen {
			if v.time >= time && v.time <= now+aheadTolerance {
				time = v.time + 1
			}
		}
		recs[i].ctx, recs[i].abridged = r.contextOf(seen)
	}
	for !replaces && st.has(time, writes) {
		time++
	}
	size := 0
	for _, v := range recs {
		v.time = time
		st.add(v)
		rec := v.record(v.value)
		size += wire.RecordSize(&rec)
	}
	if size > wire.MaxRecords {
		return nil, ErrTooBig
	}
	changes, err := st.changes()
	if err != nil {
		return nil, err
	}
	if anew {
		r.Renew()
	}
	d := r.nextDot()
	for _, v := range recs {
		v.dot = d
	}
	item := r.arrive(recs, size)
	r.turn(st)
	r.logRecords(item, recs[0].pos, r.wrote(d, item[itemHead:]))
	return changes, nil
}

// Apply takes records of another device, in the order in which it sent them. Records that are here already, or were superseded here, are
// left out; that is no error. all is false when there was one that cannot be: it was left out, too. ErrLie: the device's own writing
// cannot be, and its session is to end; nothing has changed.
func (r *Replica) Apply(recs []wire.Record, src Source) (changes []Change, all bool, err error) {
	a := arrivals{r: r, src: &src, st: r.stage(len(recs)), all: true}
	if err := a.look(recs); err != nil {
		return nil, false, err
	}
	for i := 0; i < len(a.recs) && !a.lied; i++ {
		a.take(a.recs[i])
	}
	if a.lied {
		return nil, false, ErrLie
	}
	changes, err = a.st.changes()
	if err != nil || len(a.fresh) == 0 {
		return nil, a.all, err
	}
	for _, id := range a.strays {
		r.addStray(id)
		r.led.Append(r.ns, wire.AppendU64([]byte{itemStray}, id))
	}
	if a.leap || len(a.again) > 0 {
		r.leap()
		for i := range a.again {
			r.issue(a.again[i : i+1])
		}
	}
	item := r.arrive(a.fresh, a.size)
	r.turn(a.st)
	r.opens(a.fresh)
	r.logRecords(item, a.fresh[0].pos, nil)
	return changes, a.all, nil
}

// arrivals is what Apply makes of records.
type arrivals struct {
	r      *Replica
	src    *Source
	st     *stage
	all    bool           // none was refused
	strays []uint64       // writers that nobody has announced
	lied   bool           // the device contradicts itself
	recs   []*wire.Record // that are not known
	leap   bool           // a context names own numbers that nothing was written under
	again  []*version     // own ones, issued anew
	fresh  []*version
	size   int
}

// look weighs records and looks their keys up.
func (a *arrivals) look(recs []wire.Record) error {
	for i := 0; i < len(recs) && !a.lied; i++ {
		rec := &recs[i]
		switch a.weigh(rec) {
		case refused:
			a.refuse(rec)
		case crowded:
			a.all = false
		case taken:
			a.recs = append(a.recs, rec)
			a.st.before(rec.Key)
		}
	}
	a.recs = slices.DeleteFunc(a.recs, func(rec *wire.Record) bool {
		if a.defend(rec) {
			return false
		}
		a.all = false
		return true
	})
	return a.st.err
}

// refuse leaves a record out. Its own device must not send such a one; another may have been told it.
func (a *arrivals) refuse(rec *wire.Record) {
	a.all = false
	w := a.r.announced(rec.Dot.Writer)
	a.lied = a.lied || w != nil && w.NK == a.src.NK
}

// defend issues anew the own versions of a key that a record claims to have seen by naming numbers that nothing was written under. It returns false if
// one of them cannot be read: then the record must not supersede it.
func (a *arrivals) defend(rec *wire.Record) bool {
	r := a.r
	for _, p := range rec.Context {
		if p.Writer != r.writer.id || p.Seq&^wire.BlockOnly <= r.vector.Of(p.Writer).Last() {
			continue
		}
		a.leap = true
		for _, v := range a.st.after(rec.Key) {
			if v.dot.Writer == p.Writer && versionOf(rec).supersedes(v.dot, v.saw()) && !a.issueAgain(v) {
				return false
			}
		}
	}
	return true
}

// issueAgain stages an own version anew, under a number that no context names. It returns false if its value cannot be read.
func (a *arrivals) issueAgain(v *version) bool {
	r := a.r
	value, err := r.valueOf(v)
	if errors.Is(err, ErrLost) {
		return false
	}
	a.st.err = worse(a.st.err, err)
	anew := *v
	anew.dot = wire.Dot{Writer: r.writer.id, Seq: r.writer.reserved<<wire.BlockBits + uint64(len(a.again))}
	anew.ctx, anew.abridged = over(v)
	anew.value, anew.loc, anew.dead, anew.more, anew.from, anew.hearsay = value, location{}, 0, false, 0, false
	a.again = append(a.again, &anew)
	a.st.add(&anew)
	return true
}

func (a *arrivals) take(rec *wire.Record) {
	v := versionOf(rec)
	v.from, v.hearsay = a.src.Session, a.r.hearsay(rec, a.src)
	switch a.st.news(v, a.src.NK) {
	case refused:
		a.refuse(rec)
		return
	case crowded:
		a.all = false
		return
	case known:
		return
	}
	if n := len(a.fresh); n > 0 && a.fresh[n-1].dot == v.dot {
		a.fresh[n-1].more = true
	}
	a.fresh = append(a.fresh, v)
	a.size += wire.RecordSize(rec)
	a.st.add(v)
}

// stage is a set of keys with their versions as they are and as they will be. Nothing is changed before all is known to be here.
type stage struct {
	r     *Replica
	err   error
	count uint64
	blind bool           // a value that goes cannot be read, so that its term is not known
	keys  []staged       // in the order in which they came
	place map[string]int // in keys; nil while there are few of them
}

type staged struct {
	key        string
	was, after []*version
}

// fewKeys are found faster one by one than by a map, and most writes have one.
const fewKeys = 4

func (r *Replica) stage(keys int) *stage {
	s := &stage{r: r, count: r.count, keys: make([]staged, 0, keys)}
	if keys > fewKeys {
		s.place = make(map[string]int, keys)
	}
	return s
}

// has reports whether a version of one of the keys has this time. One beside it with the same would come before it or behind it by its writer and
// number, which are drawn last.
func (s *stage) has(time uint64, writes []Write) bool {
	return slices.ContainsFunc(writes, func(w Write) bool {
		return slices.ContainsFunc(s.after(w.Key), func(v *version) bool { return v.time == time })
	})
}

// of returns a key's place, nil if it was not looked up.
func (s *stage) of(key string) *staged {
	if s.place != nil {
		if i, ok := s.place[key]; ok {
			return &s.keys[i]
		}
		return nil
	}
	for i := range s.keys {
		if s.keys[i].key == key {
			return &s.keys[i]
		}
	}
	return nil
}

// before looks a key up. It goes on after ledger.ErrWait, so that all that is missing is asked for at once.
func (s *stage) before(key string) {
	if s.of(key) != nil {
		return
	}
	vs, err := s.r.lookup(key)
	if err != nil {
		s.err = worse(s.err, err)
		return
	}
	if s.place != nil {
		s.place[key] = len(s.keys)
	}
	s.keys = append(s.keys, staged{key, vs, vs})
}

// after returns a key's versions as they will be.
func (s *stage) after(key string) []*version {
	if x := s.of(key); x != nil {
		return x.after
	}
	return nil
}

// versionsOf returns a key's versions as they will be, also if it was not looked up.
func (s *stage) versionsOf(key string) ([]*version, error) {
	if x := s.of(key); x != nil {
		return x.after, nil
	}
	return s.r.lookup(key)
}

// news reports whether a version that a device brought is to be taken: it is neither here nor superseded by what is, and there is room for it. What came by
// hearsay gives way to what did not.
func (s *stage) news(v *version, by [32]byte) verdict {
	siblings, size, superseded := 0, versionSize(v), false
	s.r.work.Versions += uint64(len(s.after(v.key)))
	for _, o := range s.after(v.key) {
		if o.dot == v.dot {
			if o.hearsay && !v.hearsay {
				return taken
			}
			return known
		}
		superseded = superseded || !o.hearsay && o.supersedes(v.dot, v.saw())
		if o.dot.Writer == v.dot.Writer && !v.supersedes(o.dot, o.saw()) {
			siblings++
		}
		if !v.replaces(o) {
			size += versionSize(o)
		}
	}
	if superseded {
		return known
	}
	if w := s.r.announced(v.dot.Writer); siblings >= maxSiblings && (w == nil || v.hearsay || w.NK == by) {
		return refused
	}
	if size > maxKeyBytes {
		return crowded
	}
	return taken
}

// versionSize is how many bytes a version takes in a page, at most.
func versionSize(v *version) int { return minVersion + 16*len(v.ctx) + len(v.term) }

// add adds a version of a key that was looked up.
func (s *stage) add(v *version) {
	x := s.of(v.key)
	s.r.work.Versions += uint64(len(x.after))
	kept := make([]*version, 0, len(x.after)+1)
	for _, o := range x.after {
		if !v.replaces(o) {
			kept = append(kept, o)
		}
	}
	x.after = append(kept, v)
}

// changes tells what is different for Get, and counts keys. ledger.ErrWait: a value that belongs in there is not loaded.
func (s *stage) changes() ([]Change, error) {
	out := make([]Change, 0, len(s.keys))
	for i := range s.keys {
		x := &s.keys[i]
		was, is := winner(x.was), winner(x.after)
		others := valuesBeside(x.after, is)
		if was == is && slices.Equal(others, valuesBeside(x.was, was)) {
			continue
		}
		switch {
		case was == nil:
			s.count++
		case is == nil:
			s.count--
		}
		c, err := s.r.change(x.key, was, is)
		if errors.Is(err, ErrLost) {
			continue // nobody can be told what there is now
		}
		s.err = worse(s.err, err)
		c.Others = len(others)
		out = append(out, c)
	}
	s.terms()
	return out, s.err
}

// valuesBeside are the versions that Conflicts returns, w being the winner.
func valuesBeside(vs []*version, w *version) []*version {
	var out []*version
	for _, v := range visible(vs) {
		if v != w && v.kind != wire.Deleted {
			out = append(out, v)
		}
	}
	return out
}

func (r *Replica) change(key string, was, is *version) (c Change, err error) {
	c.Key = key
	watched := r.cfg.Watched(key)
	if is != nil {
		c.Kind = is.kind
		if watched || is.loc.seg == 0 {
			c.Value, err = r.valueOf(is)
		}
	}
	if was != nil {
		c.PrevKind = was.kind
		if watched {
			var e error
			if c.Previous, e = r.valueOf(was); errors.Is(e, ErrLost) {
				c.PrevKind, e = wire.Deleted, nil // nobody can be told what there was
			}
			err = worse(err, e)
		}
	}
	return c, err
}

// arrive gives versions their positions, puts them into memory, and returns the log's item with them, without its head. They have
// about size bytes encoded.
func (r *Replica) arrive(vs []*version, size int) []byte {
	item := make([]byte, itemHead, itemHead+size)
	for _, v := range vs {
		v.pos = r.newPos()
		r.remember(v)
		rec := v.record(v.value)
		item = wire.AppendRecord(item, &rec)
	}
	return item
}

const versionBytes = 80 // of a version in memory and in the log, besides its key, value and context

// remember puts a version into memory, over those in memory that it has seen.
func (r *Replica) remember(v *version) {
	old, ok := r.mem[v.key]
	if !ok {
		r.late = append(r.late, v.key)
		r.owe(v.key)
	}
	r.work.Versions += uint64(len(old))
	var kept []*version
	for _, o := range old {
		switch {
		case v.replaces(o):
			o.dead = v.pos
			r.alive--
			v.inherit(o)
		case kept == nil:
			kept = append(make([]*version, 0, len(old)+1), o)
		default:
			kept = append(kept, o)
		}
	}
	if v.hearsay {
		r.doubts++
	}
	r.arrivals = append(r.arrivals, v)
	if last := len(r.arrivals) - 1; kept == nil {
		r.mem[v.key] = r.arrivals[last : last+1 : last+1] // no memory of its own: arrivals only grow
	} else {
		r.mem[v.key] = append(kept, v)
	}
	r.alive++
	r.memBytes += len(v.key) + len(v.value) + versionBytes + 16*len(v.ctx)
}
