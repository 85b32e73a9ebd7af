package replica

import (
	"slices"

	"github.com/masqdev/masq/core/storage"
)

// A checkpoint is due when so much is in memory, whatever else there is to do, and rewrites at most so many bytes of segments that are mostly dead.
const (
	checkpointBytes   = 1 << 20
	checkpointRecords = 4096
	compactBytes      = 4 << 20
	mustBytes         = 8 << 20 // in memory: no log record gets longer than storage.MaxBlock
)

// NeedsCheckpoint reports whether enough is in memory for a checkpoint.
func (r *Replica) NeedsCheckpoint() bool {
	return r.must || r.tidy || r.sweep || r.memBytes > checkpointBytes || len(r.arrivals) > checkpointRecords || r.strained()
}

// Arrived is how many records came since the last checkpoint.
func (r *Replica) Arrived() int { return len(r.arrivals) }

// Writes is about how many bytes the next checkpoint writes: what still counts of these, and the pages of their keys. It leaves out what is written
// again because more than half of its segment is gone: that is less than what has gone.
func (r *Replica) Writes() int {
	n := r.owes.bytes
	if all := len(r.arrivals); all > 0 {
		n += (r.memBytes/all + VersionRoom) * int(r.alive)
	}
	return n
}

// MustCheckpoint reports whether nothing may be committed before a checkpoint.
func (r *Replica) MustCheckpoint() bool { return r.must || r.memBytes > mustBytes }

// Checkpoint writes what is in memory into the ledger's blocks and hands in this namespace's part of the manifest. Call the
// ledger's Checkpoint in the same Step. ledger.ErrWait: pages are missing, and nothing has changed.
func (r *Replica) Checkpoint() error {
	c := checkpoint{r: r, touched: map[int]struct{}{}}
	if err := c.gather(); err != nil {
		return err
	}
	c.merge()
	c.addTerms()
	c.writeSegments()
	c.writePages()
	r.forgetMemory()
	r.must, r.voids = false, nil
	r.checkpoints++
	r.led.SetPart(r.ns, r.appendPart(nil))
	return nil
}

// Quiet reports whether nothing is in memory that a Checkpoint would write: then HandIn does, when another namespace takes one.
func (r *Replica) Quiet() bool {
	return !r.must && !r.sweep && len(r.arrivals) == 0 && len(r.voids) == 0
}

// HandIn hands in this namespace's part of the manifest as it is. It must be Quiet.
func (r *Replica) HandIn() { r.led.SetPart(r.ns, r.appendPart(nil)) }

type checkpoint struct {
	r       *Replica
	touched map[int]struct{}
	victims []victim
	merged  map[int]*pageWriterInput
	moved   map[location]*version // of the victims, what is to be written again
	scanned []victim              // whose terms are to be added to the sum
	looked  []int                 // pages that were looked through for tombstones that may go
}

type victim struct {
	seg  *segment
	recs *parsedSegment
}

// pageWriterInput is a touched page's keys with what is left of their versions.
type pageWriterInput struct {
	keys     []string
	versions [][]*version
}

// gather has everything that the checkpoint reads loaded.
func (c *checkpoint) gather() error {
	r := c.r
	for _, key := range r.memKeys() {
		c.touch(key)
	}
	err := worse(c.chooseVictims(), c.touchVoided())
	err = worse(err, c.scan())
	err = worse(err, c.sweep())
	c.touchSmall()
	for i := range c.touched {
		_, e := r.page(i)
		err = worse(err, e)
	}
	return err
}

// touchVoided touches the pages of what a void takes away, so that no void outlives the checkpoint.
func (c *checkpoint) touchVoided() (err error) {
	for _, s := range c.r.segs {
		if !slices.ContainsFunc(c.r.voids, s.mayHave) {
			continue
		}
		p, e := c.r.recordsOf(s)
		if err = worse(err, e); e != nil {
			continue
		}
		for i := range p.recs {
			if !s.isDead(p.ord(i)) && c.r.voided(p.recs[i].Dot, p.pos[i]) {
				c.touch(p.recs[i].Key)
			}
		}
	}
	return err
}

// touchSmall touches neighbours that make one page with a touched one, so that pages from which much was deleted do not stay small.
func (c *checkpoint) touchSmall() {
	pages := c.r.pages
	for i := range pages {
		if _, ok := c.touched[i]; !ok || i+1 == len(pages) {
			continue
		}
		if int(pages[i].bytes+pages[i+1].bytes) < pageBytes*3/4 {
			c.touched[i+1] = struct{}{}
		}
	}
	for i := len(pages) - 1; i > 0; i-- {
		if _, ok := c.touched[i]; ok && int(pages[i].bytes+pages[i-1].bytes) < pageBytes*3/4 {
			c.touched[i-1] = struct{}{}
		}
	}
}

func (c *checkpoint) touch(key string) {
	if i := c.r.pageOf(key); i >= 0 {
		c.touched[i] = struct{}{}
	}
}

// chooseVictims picks segments of which less than half counts, and neighbours that make one segment with such a one: what is left of them is
// written again.
func (c *checkpoint) chooseVictims() error {
	var missing error
	total := 0
	segs := c.r.segs
	chosen := make([]bool, len(segs))
	choose := func(i int, yes bool) {
		if s := segs[i]; yes && !chosen[i] && (!s.hurt || s.count == 0) && total+int(s.live) <= c.r.tightly(compactBytes) && (s.count == 0 || !c.r.sum.unsummed.meets(s)) {
			chosen[i] = true
			total += int(s.live)
		}
	}
	fit := func(i, j int) bool {
		return chosen[j] && segs[j].live > 0 && int(segs[i].live+segs[j].live) < segmentBytes*3/4
	}
	for i, s := range segs {
		choose(i, s.live*2 < s.bytes || i > 0 && fit(i, i-1))
	}
	for i := len(segs) - 2; i >= 0; i-- {
		choose(i, fit(i, i+1))
	}
	for i, s := range segs {
		if chosen[i] {
			missing = worse(missing, c.sacrifice(s))
		}
	}
	return missing
}

// sacrifice makes a segment a victim, unless it is damaged: what cannot be read is not written again.
func (c *checkpoint) sacrifice(s *segment) error {
	if s.count == 0 {
		c.victims = append(c.victims, victim{s, &parsedSegment{}})
		return nil
	}
	p, err := c.r.wholeOf(s)
	if err != nil {
		return lostOr(c.r.segmentError(s.id, err), nil)
	}
	c.victims = append(c.victims, victim{s, p})
	for i := range p.recs {
		if !s.isDead(uint32(i)) {
			c.touch(p.recs[i].Key)
		}
	}
	return nil
}

// merge reckons what is left of each key's versions.
func (c *checkpoint) merge() {
	r := c.r
	c.merged = map[int]*pageWriterInput{}
	for i := range c.touched {
		s := span{page: i}
		if i > 0 {
			s.lo = r.pages[i].first
		}
		if i+1 < len(r.pages) {
			s.hi = r.pages[i+1].first
		}
		c.mergeSpan(i, s)
	}
	if len(r.pages) == 0 {
		c.mergeSpan(-1, span{page: -1})
	}
}

func (c *checkpoint) mergeSpan(i int, s span) {
	keys, _ := c.r.keysIn(s) // the page is loaded: gather saw to it
	in := &pageWriterInput{keys: make([]string, len(keys)), versions: make([][]*version, len(keys))}
	for k, x := range keys {
		key := x.key
		in.keys[k] = key
		mem := c.r.mem[key]
		var kept []*version
		for _, v := range x.stored {
			if c.r.gone(v) || c.r.superseded(key, v.dot, v.saw(), ever) || c.collected(v) {
				if seg := c.r.segmentOf(v.loc.seg); seg != nil {
					seg.kill(v.loc.ord, v.loc.size)
				}
				continue
			}
			kept = append(kept, v)
		}
		for _, v := range mem {
			if c.collected(v) {
				v.dead = 1
				continue
			}
			kept = append(kept, v)
		}
		in.versions[k] = kept
	}
	c.merged[i] = in
}

// writeSegments writes what is left of the victims in their place, and what is in memory behind all. No position changes: who asks for what
// came since one is told of each change once.
func (c *checkpoint) writeSegments() {
	r := c.r
	c.index()
	w, victims := segmentWriter{r: r}, c.victims // which are in the order of the segments
	for _, s := range r.segs {
		switch {
		case len(victims) > 0 && victims[0].seg == s:
			c.rewrite(&w, victims[0])
			victims = victims[1:]
			r.led.DelBlock(s.id)
		case s.count == 0:
			r.led.DelBlock(s.id)
		default:
			w.close()
			w.out = append(w.out, s)
		}
	}
	w.close()
	alive := slices.DeleteFunc(slices.Clone(r.arrivals), func(v *version) bool { return v.dead != 0 })
	for i, v := range alive {
		v.more = i+1 < len(alive) && alive[i+1].dot == v.dot
		w.add(v, v.value)
	}
	w.close()
	r.setSegments(w.out)
}

// rewrite writes what is left of a victim.
func (c *checkpoint) rewrite(w *segmentWriter, x victim) {
	var rest []*version
	for i := range x.recs.recs {
		if v := c.moved[location{seg: x.seg.id, ord: uint32(i)}]; v != nil && !x.seg.isDead(uint32(i)) {
			rest = append(rest, v)
		}
	}
	for i, v := range rest {
		v.more = i+1 < len(rest) && rest[i+1].dot == v.dot
		w.add(v, x.recs.recs[v.loc.ord].Value)
	}
}

// index finds the versions that lie in the victims.
func (c *checkpoint) index() {
	c.moved = map[location]*version{}
	if len(c.victims) == 0 {
		return
	}
	dying := map[storage.ID]struct{}{}
	for _, x := range c.victims {
		dying[x.seg.id] = struct{}{}
	}
	for _, in := range c.merged {
		for _, vs := range in.versions {
			for _, v := range vs {
				if _, ok := dying[v.loc.seg]; ok {
					c.moved[location{seg: v.loc.seg, ord: v.loc.ord}] = v
				}
			}
		}
	}
}

// writePages writes the touched pages anew, neighbours together.
func (c *checkpoint) writePages() {
	r := c.r
	c.see()
	if len(r.pages) == 0 {
		w := pageWriter{}
		w.take(c.merged[-1])
		r.pages = w.write(r.led)
		return
	}
	var out []pageRef
	for i := 0; i < len(r.pages); {
		if c.merged[i] == nil {
			out = append(out, r.pages[i])
			i++
			continue
		}
		w := pageWriter{}
		for ; i < len(r.pages) && c.merged[i] != nil; i++ {
			w.take(c.merged[i])
			r.led.DelBlock(r.pages[i].id)
		}
		out = append(out, w.write(r.led)...)
	}
	r.pages = out
}

func (w *pageWriter) take(in *pageWriterInput) {
	w.keys = slices.Grow(w.keys, len(in.keys))
	w.body = slices.Grow(w.body, len(in.keys)*(minEntry+usualKey))
	for i, key := range in.keys {
		w.add(key, in.versions[i])
	}
}
