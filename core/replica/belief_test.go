package replica

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage/mem"
	"github.com/masqdev/masq/core/wire"
)

// circleOf are a writer W, another device X that has heard of it, and what an application peer P is to both.
type trio struct {
	w, x *harness
	p    Source
}

const liar = 9 // P's nk begins with it

func newTrio(t *testing.T) *trio {
	c := &trio{w: newHarness(t, 1, true), x: newHarness(t, 2, true), p: Source{Session: 3, NK: [32]byte{liar}}}
	c.w.put(1, "a", "0")
	sync(c.w, c.x)
	for _, g := range []*harness{c.w, c.x} {
		g.Announce(liarsWriter(1))
	}
	return c
}

func liarsWriter(nonce uint64) *wire.Writer {
	nk := [32]byte{liar}
	return &wire.Writer{ID: wire.WriterID(nk, nonce), NK: nk, Nonce: nonce, Block: 1, Reserved: 3}
}

func record(writer, seq uint64, key, value string, ctx ...wire.Dot) wire.Record {
	return wire.Record{Dot: wire.Dot{Writer: writer, Seq: seq}, Time: 1, Key: key, Kind: wire.JSON, Value: []byte(value), Context: ctx}
}

// last is the last number that W has reserved.
func (c *trio) last() uint64 { return c.w.writer.reserved<<wire.BlockBits - 1 }

// TestLiesOfAPeer: whatever an application peer says of a third device's writing, that device's writes come through, and both have the same.
func TestLiesOfAPeer(t *testing.T) {
	p := liarsWriter(1).ID
	for _, c := range []struct {
		name string
		lie  func(c *trio) // before W writes k
		all  string
	}{
		{"a context that names all that it can", func(c *trio) {
			c.say(c.x, record(p, block, "k", "lie", wire.Dot{Writer: c.w.writer.id, Seq: c.last()}))
		}, "a=0 k=honest/lie"},
		{"a context that names more", func(c *trio) { c.say(c.x, record(p, block, "k", "lie", wire.Dot{Writer: c.w.writer.id, Seq: 1 << 60})) }, "a=0 k=honest/lie"},
		{"told to both", func(c *trio) {
			r := record(p, block, "k", "lie", wire.Dot{Writer: c.w.writer.id, Seq: c.last()})
			c.say(c.x, r)
			c.say(c.w, r)
		}, "a=0 k=honest"},
		{"a record in its name", func(c *trio) { c.say(c.x, record(c.w.writer.id, c.w.writer.next, "k", "lie")) }, "a=0 k=honest"},
		{"a record in its name, of another key", func(c *trio) { c.say(c.x, record(c.w.writer.id, c.w.writer.next, "other", "lie")) }, "a=0 k=honest"},
		{"a record in its name, of the last number", func(c *trio) { c.say(c.x, record(c.w.writer.id, c.last(), "k", "lie")) }, "a=0 k=honest"},
		{"a record in its name, of a number that is not reserved", func(c *trio) { c.say(c.x, record(c.w.writer.id, c.last()+1, "k", "lie")) }, "a=0 k=honest"},
		{"its own name to itself", func(c *trio) { c.say(c.w, record(c.w.writer.id, c.w.writer.next, "k", "lie")) }, "a=0 k=honest"},
		{"a vector", func(c *trio) { c.end(c.x, wire.Vector{{Writer: c.w.writer.id, Settled: 1 << 60}}) }, "a=0 k=honest"},
		{"a vector that can be", func(c *trio) { c.end(c.x, wire.Vector{{Writer: c.w.writer.id, Settled: c.last()}}) }, "a=0 k=honest"},
		{"made-up writers", func(c *trio) {
			for i := range 100 {
				c.say(c.x, record(uint64(1000+i), block, fmt.Sprint("made up", i), "lie"))
			}
			var v wire.Vector
			for i := range uint64(1000) {
				v = append(v, wire.Element{Writer: 1 + i, Settled: 1 << 60})
			}
			c.end(c.x, v)
			if n := len(c.x.strays); n > maxStrays || len(c.x.vector) > 2 {
				t.Errorf("%d strays, vector of %d", n, len(c.x.vector))
			}
		}, ""},
		{"a context that it does not keep to itself", func(c *trio) {
			c.w.put(2, "k", "first")
			c.w.commit()
			recs, _, _ := c.w.next(nil, 0, 0, 1<<20)
			first := recs[len(recs)-1].Dot
			c.w.put(2, "k", "second")
			sync(c.w, c.x)
			v := c.w.mem["k"][0]
			c.say(c.w, record(p, block, "k", "lie", v.dot)) // but not what that had seen
			c.say(c.x, record(p, block, "k", "lie", v.dot))
			if len(v.ctx) == 0 || v.dot == first {
				t.Fatal("it had seen nothing")
			}
		}, ""},
	} {
		for _, kept := range []string{"in memory", "in pages", "opened again"} {
			t.Run(c.name+", "+kept, func(t *testing.T) {
				x := newTrio(t)
				c.lie(x)
				if kept != "in memory" {
					x.x.save()
				}
				if kept == "opened again" {
					x.x.reopen()
					x.x.commit()
				}
				x.w.put(5, "k", "honest")
				for range 2 { // P may have told one of them only, and what W issues anew comes with the next exchange
					sync(x.w, x.x)
				}
				if x.w.all() != x.x.all() {
					t.Errorf("W has %q\nX has %q", x.w.all(), x.x.all())
				}
				if got := x.x.all(); c.all != "" && got != c.all {
					t.Errorf("%q, want %q", got, c.all)
				}
				x.x.save()
				x.x.reopen()
				if got := x.x.all(); got != x.w.all() {
					t.Errorf("opened again: %q, want %q", got, x.w.all())
				}
			})
		}
	}
}

// say has P bring records. It is cut off when it contradicts itself.
func (c *trio) say(to *harness, recs ...wire.Record) {
	to.do(func() error {
		_, _, err := to.Apply(recs, c.p)
		if errors.Is(err, ErrLie) {
			return nil
		}
		return err
	})
}

func (c *trio) end(to *harness, v wire.Vector) {
	to.do(func() error { _, _, err := to.Join(v, c.p); return err })
}

// TestHearsay: what an application peer passes on is shown and passed on, as such; the word of its writer's device, or a full one's, ends that.
func TestHearsay(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(w, x *harness)
		want string
	}{
		{"nobody says more", func(w, x *harness) {}, "a=0 k=1 new=2"},
		{"its device does", func(w, x *harness) { w.give(x, 1) }, "a=0 k=1 new=2"},
		{"its device, which has deleted it", func(w, x *harness) { w.del(4, "k"); w.give(x, 1) }, "a=0 new=2"},
		{"its device, whose tombstone is collected", func(w, x *harness) {
			w.del(4, "k")
			w.commit()
			w.Collect(w.Vector())
			w.save()
			w.give(x, 1)
		}, "a=0 new=2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, x, y := newHarness(t, 1, true), newHarness(t, 2, true), newHarness(t, 4, true)
			w.put(1, "a", "0")
			sync(w, x)
			w.put(2, "k", "1")
			w.put(3, "new", "2")
			w.commit()
			w.announceTo(x)
			recs, _, _ := w.next(x.Vector(), 0, 0, 1<<20)
			x.applyFrom(Source{Session: 3, NK: [32]byte{liar}}, recs...)
			x.commit()
			if recs, _, _ := x.next(nil, 0, 0, 1<<20); len(recs) != 3 || !recs[2].Hearsay {
				t.Errorf("passed on: %+v", recs)
			}
			c.then(w, x)
			if got := x.all(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			x.save()
			x.reopen()
			if got := x.all(); got != c.want {
				t.Errorf("opened again: %q, want %q", got, c.want)
			}
			x.give(y, 1)
			if y.all() != c.want {
				t.Errorf("passed on: %q, want %q", y.all(), c.want)
			}
		})
	}
}

// What is said in another's name hides what it claims to have replaced, and no more: denied, all is as before.
func TestHearsayThatIsDenied(t *testing.T) {
	for _, kept := range []string{"in memory", "in pages", "opened again"} {
		c := newTrio(t)
		c.w.put(2, "k", "honest")
		sync(c.w, c.x)
		v := c.w.mem["k"][0]
		lie := record(c.w.writer.id, c.last(), "k", "", wire.Dot{Writer: v.dot.Writer, Seq: v.dot.Seq})
		lie.Kind, lie.Value = wire.Deleted, nil
		c.say(c.x, lie)
		if got := c.x.get("k"); got != "-" {
			t.Errorf("%s: %s", kept, got)
		}
		if kept != "in memory" {
			c.x.save()
		}
		if kept == "opened again" {
			c.x.reopen()
			c.x.commit()
		}
		c.w.give(c.x, 1)
		for range 2 {
			if got := c.x.all(); got != c.w.all() {
				t.Errorf("%s: %q, want %q", kept, got, c.w.all())
			}
			c.x.save()
			c.x.reopen()
		}
	}
}

// Who has dropped what it wrote denies none of it: what only an application peer has of that stays with those that the peer tells.
func TestHearsayOfWhatWasDropped(t *testing.T) {
	for _, kept := range []string{"in memory", "in pages", "opened again", "copied afresh"} {
		c := newTrio(t)
		c.w.put(2, "b", "to all")
		sync(c.w, c.x)
		c.w.put(3, "k", "to the peer")
		c.w.commit()
		recs, _, _ := c.w.next(c.x.Vector(), 0, 0, 4<<10)
		c.say(c.x, recs...)

		w := &harness{t: t, seed: c.w.seed, store: mem.New(), rand: rand.NewChaCha8([32]byte{liar}), strict: true, cache: 1}
		w.reopen()
		w.put(4, "new", "1")
		sync(c.x, w)
		switch kept {
		case "in pages":
			w.save()
		case "opened again":
			w.reopen()
			w.commit()
			w.reopen()
		case "copied afresh":
			fresh := w.copying()
			fresh.take(c.x)
			fresh.over()
		}
		sync(c.x, w)
		w.put(5, "new", "2")
		sync(w, c.x)
		for range 2 {
			if got, want := c.x.all(), "a=0 b=to all k=to the peer new=2"; got != want {
				t.Errorf("%s: %q, want %q", kept, got, want)
			}
			var rec wire.Record
			c.x.do(func() (err error) { rec, _, err = c.x.Get("k"); return err })
			if !rec.Hearsay {
				t.Errorf("%s: it vouches for what it has lost", kept)
			}
			c.x.save()
			c.x.reopen()
		}
	}
}

// The same of who was put back, and has found out: it writes on as another writer.
func TestHearsayOfWhatWasPutBack(t *testing.T) {
	for _, again := range []bool{false, true} {
		c := newTrio(t)
		back := putBack(c.w, 7)
		c.w.reopen()
		c.w.put(2, "b", "to all")
		c.w.give(c.x, 1)
		c.w.put(3, "k", "to the peer")
		c.w.commit()
		recs, _, _ := c.w.next(c.x.Vector(), 0, 0, 4<<10)
		c.say(c.x, recs...)

		back.reopen()
		back.fork(c.x.theirs(back), c.x.Writer(back.writer.id))
		if back.commit(); again {
			back.reopen()
		}
		sync(c.x, back)
		back.put(4, "new", "1")
		sync(back, c.x)
		if got, want := c.x.all(), "a=0 b=to all k=to the peer new=1"; got != want {
			t.Errorf("opened again %v: %q, want %q", again, got, want)
		}
	}
}

// A writer has few versions of a key beside each other, so that a key has no more than there are writers.
func TestSiblings(t *testing.T) {
	c := newTrio(t)
	for i := range uint64(70_000) {
		if i%1000 != 0 {
			continue
		}
		var recs []wire.Record
		for j := range uint64(1000) {
			recs = append(recs, record(liarsWriter(1).ID, block+(i+j)%block, "k", fmt.Sprint(i+j)))
		}
		c.say(c.x, recs...)
	}
	if n := len(c.x.versions("k")); n != 0 { // nothing of a message that is a lie is taken
		t.Errorf("%d versions", n)
	}
	for i := range uint64(10) {
		c.say(c.x, record(liarsWriter(1).ID, block+i, "k", fmt.Sprint(i)))
	}
	if n := len(c.x.versions("k")); n != maxSiblings {
		t.Errorf("%d versions, want %d", n, maxSiblings)
	}
}

// What it takes to make a block too long is refused, and what is kept can be read back.
func TestPageFits(t *testing.T) {
	g := newHarness(t, 1, false)
	var writers []uint64
	for i := range uint64(1100) {
		w := liarsWriter(1 + i)
		g.Announce(w)
		writers = append(writers, w.ID)
	}
	slices.Sort(writers)
	var ctx []wire.Dot
	for _, id := range writers[100:] {
		ctx = append(ctx, wire.Dot{Writer: id, Seq: block})
	}
	for i, id := range writers {
		key := "k"
		if i%2 == 0 {
			key = "l"
		}
		g.apply(1, record(id, block+1, key, "1", ctx...))
		if g.NeedsCheckpoint() {
			g.checkpoint()
			g.commit()
		}
	}
	before := len(g.versions("k"))
	g.save()
	g.reopen()
	if n := len(g.versions("k")); n != before || n < 250 {
		t.Errorf("%d versions, then %d", before, n)
	}
}

// A vector grows no longer than can be read back.
func TestVectorFits(t *testing.T) {
	g := newHarness(t, 1, false)
	tailed := func(from uint64, n, tails int) (v wire.Vector) {
		for i := range n {
			e := wire.Element{Writer: from + uint64(i), Settled: 1 << 20}
			for k := range tails {
				e.Tails = append(e.Tails, wire.Tail{Seq: uint64(1000+k) << wire.BlockBits})
			}
			v = append(v, e)
		}
		return v
	}
	for _, v := range []wire.Vector{tailed(1, 65_535, 0), tailed(1, 120, 2000), tailed(1, 10, 1000), tailed(1<<20, 10, 1000), tailed(1<<30, 10, 1000)} {
		g.join(v)
	}
	if n := wire.VectorSize(g.Vector()); n > maxVector || len(g.Vector()) == 0 {
		t.Errorf("a vector of %d bytes", n)
	}
	g.put(1, "k", "1")
	g.save()
	g.reopen()
}

// What a device says of its own writers takes a share of the vector, and what all say fits.
func TestShareOfAVector(t *testing.T) {
	g := newHarness(t, 1, false)
	for device := range 20 {
		src, v := Source{Session: 1, NK: [32]byte{byte(device + 1)}, Full: device%2 == 0}, wire.Vector(nil)
		for i := range 6 {
			e := wire.Element{Writer: wire.WriterID(src.NK, uint64(i+1))}
			g.Announce(&wire.Writer{ID: e.Writer, NK: src.NK, Nonce: uint64(i + 1), Block: 1, Reserved: 1 << 51})
			for k := range 1000 {
				e.Tails = append(e.Tails, wire.Tail{Seq: uint64(1000+k) << wire.BlockBits})
			}
			v = append(v, e)
		}
		slices.SortFunc(v, func(a, b wire.Element) int { return cmp.Compare(a.Writer, b.Writer) })
		before := wire.VectorSize(g.Vector())
		for range 2 {
			g.do(func() error { _, _, err := g.Join(v, src); return err })
		}
		if took := wire.VectorSize(g.Vector()) - before; took > maxShare || device < 4 && took < maxShare/2 {
			t.Errorf("device %d took %d bytes", device, took)
		}
	}
	if n := wire.VectorSize(g.Vector()); n > maxVector || n < maxVector/2 {
		t.Errorf("a vector of %d bytes", n)
	}
	g.save()
	g.reopen()
}

// A replica knows its own runs, and takes another's announcement as that of a copy.
func TestForeign(t *testing.T) {
	g := newHarness(t, 1, true)
	var runs []*wire.Writer
	for i := range maxRuns + 10 {
		g.put(1, "k", fmt.Sprint(i))
		g.commit()
		w := g.Own()
		if w == nil {
			t.Fatal("nothing to announce")
		}
		runs = append(runs, w)
		g.reopen()
	}
	for i, w := range runs {
		if g.Foreign(w) {
			t.Errorf("run %d is foreign", i)
		}
		w.Opening[0]++
		if recent := i >= len(runs)-maxRuns+1; g.Foreign(w) != recent {
			t.Errorf("run %d, opened by another: foreign %v", i, !recent)
		}
	}
}

// What others have seen of a writer from before this replica was put back is no lie.
func TestSeenOfAnEarlierWriter(t *testing.T) {
	g := newHarness(t, 1, true)
	g.put(1, "k", "old")
	g.commit()
	old := g.writer.id
	g.Announce(g.Own())
	g.fork(elsewhere(g.Replica), byAnother(g.Replica))
	g.commit()
	g.apply(1, record(99, block, "k", "new", wire.Dot{Writer: old, Seq: 2*block - 1}, wire.Dot{Writer: g.writer.id, Seq: block}))
	if got := g.versions("k"); fmt.Sprint(got) != "[new]" {
		t.Errorf("%q", got)
	}
}

// TestMadeUpNames: however many writers the contexts of a key name that nobody knows, what is written over them reaches all, and stands alone.
func TestMadeUpNames(t *testing.T) {
	for _, c := range []struct {
		name           string
		versions, each int // how many versions each of two devices is told, and how many names are in each one's context
		kept           bool
	}{
		{"few", 1, 10, true},
		{"as many as one may name", 1, maxUnknown, true},
		{"together more", 3, maxUnknown, false},
		{"more than a context has", maxSiblings, maxNamed, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTrio(t)
			p, made := liarsWriter(1).ID, uint64(0)
			for _, g := range []*harness{x.w, x.x} { // each is told something else under the same dots
				for i := range c.versions {
					var ctx []wire.Dot
					for range c.each {
						made++
						ctx = append(ctx, wire.Dot{Writer: 1 + made, Seq: block})
					}
					x.say(g, record(p, block+uint64(i), "k", "lie", ctx...))
				}
			}
			x.x.put(5, "k", "mine")
			if v := x.x.mem["k"][0]; v.abridged == c.kept || len(x.x.mem["k"]) != 1 {
				t.Errorf("%d pairs, abridged %v; %d versions", len(v.ctx), v.abridged, len(x.x.mem["k"]))
			}
			sync(x.w, x.x)
			x.w.put(6, "k", "all")
			for range 2 {
				sync(x.w, x.x)
				for _, g := range []*harness{x.w, x.x} {
					if got := g.all(); got != "a=0 k=all" {
						t.Errorf("%q", got)
					}
					g.save()
					g.reopen()
				}
			}
		})
	}
}

// TestNamesWithoutRoom: a device has no room for the writers that nobody announced and others have. What it writes over their writes names them all the
// same, so that it replaces what those had replaced.
func TestNamesWithoutRoom(t *testing.T) {
	for _, c := range []struct {
		name        string
		pairs, each int // of devices that have the same
		full        bool
	}{
		{"one pair", 1, maxStrays, false},
		{"two pairs", 2, maxStrays, false},
		{"eight pairs", 8, maxStrays, false},
		{"one pair, told by a full device", 1, maxOldWriters - 4, true},
		{"three pairs, told by a full device", 3, maxOldWriters - 4, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			seed, made := byte(1), uint64(0)
			device := func(strays []wire.Record) *harness {
				g := newHarness(t, seed, true)
				g.guest, seed = !c.full, seed+1
				g.do(func() error {
					_, _, err := g.Apply(strays, Source{Session: 90, NK: [32]byte{liar}, Full: c.full})
					return err
				})
				return g
			}
			some := func() (out []wire.Record) {
				for range c.each {
					made++
					out = append(out, record(1<<40+made, block, "k", "lie"))
				}
				return out
			}
			last := device(some())
			all := []*harness{last}
			for range c.pairs {
				strays := some()
				silent, writer := device(strays), device(strays)
				writer.put(5, "k", "over them")
				sync(writer, last)
				all = append(all, silent, writer)
			}
			last.put(6, "k", "last")
			for range 2 {
				for i := range all { // the silent ones hear of that before they hear of what it has seen
					for _, g := range all[:i] {
						sync(g, all[i])
					}
				}
			}
			for i, g := range all {
				if got := g.all(); got != "k=last" {
					t.Errorf("device %d: %.100q", i, got)
				}
			}
		})
	}
}

// A writer that is not announced here is one of which others may leave out what a context says.
func TestNamesThatOthersLeaveOut(t *testing.T) {
	for name, beyond := range map[string]uint64{"a number": 1 << 60, "one block alone": 1<<60 | wire.BlockOnly} {
		c := newTrio(t)
		p, other := liarsWriter(1).ID, liarsWriter(2)
		c.w.Announce(other)
		lie := record(p, block, "k", "lie", wire.Dot{Writer: other.ID, Seq: beyond})
		lie.Abridged = true
		c.say(c.x, lie)
		c.x.put(5, "k", "mine")
		c.say(c.w, record(p, block+1, "k", "another", wire.Dot{Writer: other.ID, Seq: block + 5}))
		sync(c.x, c.w)
		c.w.put(6, "k", "all")
		for range 2 {
			sync(c.w, c.x)
			for _, g := range []*harness{c.w, c.x} {
				if got := g.all(); got != "a=0 k=all" {
					t.Errorf("%s: %q", name, got)
				}
				g.save()
				g.reopen()
			}
		}
	}
}

// TestNamesBeyondWhatIsReserved: a device that has taken over from a lie what its writer cannot have written, because it does not know that
// writer, is no liar: what it writes is taken, and one write later all is whole.
func TestNamesBeyondWhatIsReserved(t *testing.T) {
	for name, seq := range map[string]uint64{"a number": 1 << 60, "one block alone": 1<<60 | wire.BlockOnly, "the first that is not reserved": 3 * block} {
		c := newTrio(t)
		other := liarsWriter(2)
		c.w.Announce(other)
		c.say(c.x, record(liarsWriter(1).ID, block, "k", "lie", wire.Dot{Writer: other.ID, Seq: seq}))
		c.x.put(5, "k", "honest")
		c.x.commit()
		c.x.Announce(c.x.Own())
		c.w.Announce(c.x.Own())
		recs, _, _ := c.x.next(c.w.Vector(), 0, 0, 1<<20)
		c.w.do(func() error { _, _, err := c.w.Apply(recs, Source{Session: 4, NK: c.x.cfg.Owner}); return err })
		if got := c.w.get("k"); got != "honest" {
			t.Errorf("%s: %s", name, got)
		}
		c.x.Announce(other)
		c.x.put(6, "k", "knowing")
		for _, v := range c.x.mem["k"] {
			if slices.ContainsFunc(v.ctx, func(p wire.Dot) bool { return p.Writer == other.ID }) {
				t.Errorf("%s: written with %v", name, v.ctx)
			}
		}
		sync(c.x, c.w)
		c.w.put(7, "k", "whole")
		for range 2 {
			sync(c.w, c.x)
			for _, g := range []*harness{c.w, c.x} {
				if got := g.all(); got != "a=0 k=whole" {
					t.Errorf("%s: %q", name, got)
				}
				g.save()
				g.reopen()
			}
		}
	}
}

// TestAbridgedOverPages: what an abridged version has replaced in a page stays away when that is replaced in its turn by one that names less or
// more, or is whole: what the changes tell is what Get returns.
func TestAbridgedOverPages(t *testing.T) {
	stray := wire.Dot{Writer: 70, Seq: block}
	for name, c := range map[string]struct {
		first, second []wire.Dot
		whole         bool // the second
	}{
		"names less":      {[]wire.Dot{stray}, nil, false},
		"names more":      {[]wire.Dot{stray}, []wire.Dot{stray, {Writer: 80, Seq: block}}, false},
		"is not abridged": {[]wire.Dot{stray}, []wire.Dot{stray}, true},
	} {
		x, w := newHarness(t, 2, true), newHarness(t, 1, true)
		w.put(1, "a", "0")
		sync(w, x)
		lie := record(stray.Writer, stray.Seq, "k", "lie", wire.Dot{Writer: 80, Seq: 2 * block})
		x.apply(1, lie)
		x.save()
		id := w.writer.id
		for i, ctx := range [][]wire.Dot{c.first, c.second} {
			if i > 0 || c.whole { // both name the same writers then
				ctx = append(slices.Clone(ctx), wire.Dot{Writer: id, Seq: w.writer.next - 1 + uint64(i)})
				slices.SortFunc(ctx, func(a, b wire.Dot) int { return cmp.Compare(a.Writer, b.Writer) })
			}
			rec := record(id, w.writer.next+uint64(i), "k", fmt.Sprint(i), ctx...)
			rec.Abridged = i == 0 || !c.whole
			x.apply(1, rec)
		}
		for range 2 {
			if got := x.all(); got != "a=0 k=1" {
				t.Errorf("%s: %q", name, got)
			}
			x.save()
			x.reopen()
		}
	}
}

// TestAbridgedOverHearsay: what hearsay hides in a page is there again when that is replaced by an abridged version which has not seen it.
func TestAbridgedOverHearsay(t *testing.T) {
	c := newTrio(t)
	other, p := liarsWriter(2), liarsWriter(1)
	c.x.Announce(other)
	c.x.apply(1, record(70, block, "k", "hidden"))
	c.x.save()
	c.x.applyFrom(Source{Session: 7, NK: [32]byte{liar + 1}}, record(p.ID, block, "k", "hearsay", wire.Dot{Writer: 70, Seq: block}))
	if got := c.x.get("k"); got != "hearsay" {
		t.Fatal(got)
	}
	rec := record(p.ID, block+1, "k", "", wire.Dot{Writer: p.ID, Seq: block})
	rec.Kind, rec.Abridged = wire.Deleted, true
	c.say(c.x, rec)
	for range 2 {
		if got := c.x.all(); got != "a=0 k=hidden" {
			t.Errorf("%q", got)
		}
		c.x.save()
		c.x.reopen()
	}
}

// TestHearsayBesideTheRecord: what was said in a writer's name is gone with the record that its device has under the same dot, also where a
// page still has it: what the changes tell is what Get returns.
func TestHearsayBesideTheRecord(t *testing.T) {
	for _, kept := range []string{"in memory", "in pages", "opened again"} {
		c := newTrio(t)
		w := c.w.writer.id
		hearsay := record(w, c.w.writer.next, "k", "lie", wire.Dot{Writer: liarsWriter(1).ID, Seq: block})
		hearsay.Time = 1 << 40
		c.say(c.x, hearsay)
		if kept != "in memory" {
			c.x.save()
		}
		if kept == "opened again" {
			c.x.reopen()
			c.x.commit()
		}
		for i, value := range []string{"first", "second"} { // without END
			c.w.put(uint64(2+i), "k", value)
			if dot := c.w.mem["k"][0].dot; i == 0 && dot != hearsay.Dot {
				t.Fatal("another dot")
			}
			c.w.commit()
			recs, _, _ := c.w.next(c.x.Vector(), 0, 0, 1<<20)
			c.x.applyFrom(Source{Session: 1, NK: c.w.cfg.Owner, Full: true}, recs...)
			c.x.commit()
		}
		for range 2 {
			if got := c.x.all(); got != "a=0 k=second" {
				t.Errorf("%s: %q", kept, got)
			}
			c.x.save()
			c.x.reopen()
		}
	}
}

// TestHearsayOfOwnWriting: what others say that this replica wrote, by hearsay, is not taken: it settles its own blocks without looking for what that
// denies. A full device that passes it on has it from a liar.
func TestHearsayOfOwnWriting(t *testing.T) {
	c := newTrio(t)
	own := c.w.writer.id
	for range 2 {
		c.w.put(2, "b", "1")
		c.w.save()
		c.w.reopen() // so that there is an earlier block
	}
	lie := record(own, c.w.vector.Of(own).Last()+1, "k", "lie")
	lie.Hearsay = true
	full := Source{Session: 4, NK: c.x.cfg.Owner, Full: true}
	c.w.do(func() error {
		_, all, err := c.w.Apply([]wire.Record{lie}, full)
		if all {
			t.Error("it is taken")
		}
		return err
	})
	if !c.w.Disowns([]wire.Record{lie}) {
		t.Error("it is not denied")
	}
	c.w.put(3, "a", "2")
	c.w.commit()
	if got, n := c.w.all(), c.w.Count(); got != "a=2 b=1" || n != 2 {
		t.Errorf("%d keys: %s", n, got)
	}
}

// TestSeenBeforeItWasAnnounced: what is written over a version replaces it, also if its writer announces later that it has not got as far.
func TestSeenBeforeItWasAnnounced(t *testing.T) {
	c := newTrio(t)
	late := liarsWriter(2)
	for _, g := range []*harness{c.w, c.x} {
		g.applyFrom(c.p, record(late.ID, 5*block, "k", "lie"), record(late.ID, 5*block, "l", "lie"))
		g.Announce(late)
	}
	c.w.put(5, "k", "mine")
	c.x.put(5, "l", "mine")
	sync(c.w, c.x)
	for _, g := range []*harness{c.w, c.x} {
		if got := g.all(); got != "a=0 k=mine l=mine" {
			t.Errorf("%q", got)
		}
	}
}
