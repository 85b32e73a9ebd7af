package replica

import (
	"slices"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// A checkpoint is due when so much is in memory, and rewrites at most so many bytes of segments that are mostly dead.
const (
	checkpointBytes   = 1 << 20
	checkpointRecords = 4096
	compactBytes      = 4 << 20
	mustBytes         = 8 << 20 // in memory: no log record gets longer than storage.MaxBlock
)

// NeedsCheckpoint reports whether enough is in memory for a checkpoint.
func (r *Replica) NeedsCheckpoint() bool {
	return r.must || r.tidy || r.memBytes > checkpointBytes || len(r.arrivals) > checkpointRecords
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
func (r *Replica) Quiet() bool { return !r.must && len(r.arrivals) == 0 && len(r.voids) == 0 }

// HandIn hands in this namespace's part of the manifest as it is. It must be Quiet.
func (r *Replica) HandIn() { r.led.SetPart(r.ns, r.appendPart(nil)) }

type checkpoint struct {
	r       *Replica
	touched map[int]struct{}
	victims []victim
	merged  map[int]*pageWriterInput
	moved   map[location]*version // of the victims, what is to be written again
	scanned []victim              // whose terms are to be added to the sum
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
	c.sweep()
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
			if !s.isDead(uint32(i)) && c.r.voided(p.recs[i].Dot, p.pos[i]) {
				c.touch(p.recs[i].Key)
			}
		}
	}
	return err
}

// sweep touches the next page that has tombstones, in case everyone has them by now.
func (c *checkpoint) sweep() {
	r := c.r
	if len(r.everyone) == 0 {
		return
	}
	for range r.pages {
		r.broom = (r.broom + 1) % len(r.pages)
		if r.pages[r.broom].tombs > 0 {
			c.touched[r.broom] = struct{}{}
			return
		}
	}
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

// chooseVictims picks segments of which less than half counts: what is left of them goes to the end of the log.
func (c *checkpoint) chooseVictims() error {
	var missing error
	total := 0
	for _, s := range c.r.segs {
		if s.live*2 >= s.bytes || s.count > 0 && c.r.sum.unsummed.meets(s) || total+int(s.live) > compactBytes {
			continue
		}
		if s.count == 0 {
			c.victims = append(c.victims, victim{s, &parsedSegment{}})
			continue
		}
		total += int(s.live)
		p, err := c.r.recordsOf(s)
		if missing = worse(missing, err); err != nil {
			continue
		}
		c.victims = append(c.victims, victim{s, p})
		for i := range p.recs {
			if !s.isDead(uint32(i)) {
				c.touch(p.recs[i].Key)
			}
		}
	}
	return missing
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

// collected reports whether v is a tombstone that may go: everyone has it, and nobody takes in any more what it had seen. Such a thing
// could still be on its way, from a device that did not have the tombstone when it sent it.
func (c *checkpoint) collected(v *version) bool {
	known := func(d wire.Dot) bool {
		d.Seq &^= wire.BlockOnly
		return c.r.everyone.Covers(d) && c.r.vector.Covers(d)
	}
	yes := v.kind == wire.Deleted && known(v.dot) && !slices.ContainsFunc(v.ctx, func(d wire.Dot) bool { return !known(d) })
	if yes {
		c.r.unfollow(v.pos)
	}
	return yes
}

// writeSegments writes what is in memory, in its order, and then what is left of the victims.
func (c *checkpoint) writeSegments() {
	r := c.r
	alive := slices.DeleteFunc(slices.Clone(r.arrivals), func(v *version) bool { return v.dead != 0 })
	w := segmentWriter{r: r}
	for i, v := range alive {
		v.more = i+1 < len(alive) && alive[i+1].dot == v.dot
		w.add(v, v.pos, v.value)
	}
	c.index()
	for _, x := range c.victims {
		var rest []*version
		for i := range x.recs.recs {
			if v := c.moved[location{seg: x.seg.id, ord: uint32(i)}]; v != nil && !x.seg.isDead(uint32(i)) {
				rest = append(rest, v)
			}
		}
		for i, v := range rest {
			v.more = i+1 < len(rest) && rest[i+1].dot == v.dot
			w.add(v, r.newPos(), x.recs.recs[v.loc.ord].Value)
		}
	}
	w.close()
	for _, x := range c.victims {
		r.segs = slices.DeleteFunc(r.segs, func(s *segment) bool { return s == x.seg })
		r.led.DelBlock(x.seg.id)
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
