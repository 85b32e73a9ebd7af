package replica

import (
	"fmt"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

// copying is a replica with a fresh copy beside it, in one store.
type copying struct {
	*harness
	fresh *Replica
}

const freshPart = 1 | 1<<15

func (g *harness) copying() *copying {
	g.t.Helper()
	c := &copying{harness: g}
	c.open()
	return c
}

func (c *copying) open() {
	c.t.Helper()
	c.do(func() (err error) {
		c.fresh, err = Open(c.led, freshPart, Config{Owner: [32]byte{c.seed}, Rand: c.rand})
		return err
	})
}

// commit commits both.
func (c *copying) commit() {
	c.t.Helper()
	c.Begin(storage.Strict)
	c.fresh.Begin(storage.Strict)
	if err := c.store.Commit(c.led.Begin(), storage.Strict); err != nil {
		c.t.Fatal(err)
	}
	c.led.Committed()
	c.Committed()
	c.fresh.Committed()
}

// take has the copy take all that another has.
func (c *copying) take(from *harness) {
	c.t.Helper()
	from.commit()
	to := *c.harness
	to.Replica, to.strict = c.fresh, false
	from.giveNow(&to, 1)
	c.commit()
}

// over has the copy take the old one's place, and opens it again.
func (c *copying) over() {
	c.t.Helper()
	c.takeOver()
	c.save()
	shown := c.all()
	c.reopen()
	if c.all() != shown {
		c.t.Errorf("opened again it has %s, not %s", c.all(), shown)
	}
	if part, items := c.led.Part(freshPart); part != nil || items != nil {
		c.t.Error("the copy's part is still there")
	}
}

func (c *copying) takeOver() {
	c.t.Helper()
	c.do(func() error { return c.fresh.TakeOver(c.Replica) })
	c.Replica = c.fresh
}

// collectAll has every deletion go.
func (g *harness) collectAll() {
	g.t.Helper()
	g.CollectAll()
	g.Sweep()
	g.save()
}

// W is mended from S; Z is a third device. What W shows in the end is what S shows, with what only W had.
func TestFreshCopy(t *testing.T) {
	cases := []struct {
		name string
		// before is done at first, and put W back if that is meant; during when the copy has taken what S had until then.
		before, during func(w, s, z *harness)
		want           string
	}{
		{"nothing differs", func(w, s, z *harness) { s.put(1, "k", "1"); sync(w, s) }, nil, "k=1"},
		{"put back to before a deletion that all have forgotten", func(w, s, z *harness) {
			s.put(1, "k", "1")
			s.put(1, "l", "1")
			sync(w, s)
			s.del(2, "k")
			s.collectAll()
			s.give(w, 1)
		}, nil, "l=1"},
		{"put back to before a deletion of what it wrote itself", func(w, s, z *harness) {
			w.put(1, "k", "1")
			sync(w, s)
			s.del(2, "k")
			s.collectAll()
			s.give(w, 1)
		}, nil, ""},
		{"what S has of its own", func(w, s, z *harness) { w.put(1, "k", "1"); sync(w, s); s.put(2, "s", "2") }, nil, "k=1 s=2"},
		{"what only W wrote", func(w, s, z *harness) { w.put(1, "k", "1"); sync(w, s); w.put(2, "k", "2"); w.put(2, "w", "2") }, nil, "k=2 w=2"},
		{"what only W has of Z", func(w, s, z *harness) { z.put(1, "k", "1"); z.give(w, 1) }, nil, "k=1"},
		{"what W writes meanwhile", nil, func(w, s, z *harness) { w.put(1, "k", "1") }, "k=1"},
		{"what Z writes meanwhile, and only W hears", nil, func(w, s, z *harness) { z.put(1, "k", "1"); z.give(w, 1) }, "k=1"},
		{"W deletes meanwhile", func(w, s, z *harness) { w.put(1, "k", "1"); sync(w, s) }, func(w, s, z *harness) { w.del(2, "k") }, ""},
		{"Z deletes meanwhile, and S has let it go", func(w, s, z *harness) { s.put(1, "k", "1"); sync(w, s); s.give(z, 1) },
			func(w, s, z *harness) {
				z.del(2, "k")
				z.give(w, 1)
				z.give(s, 1)
				s.collectAll()
			}, ""},
		{"W and S beside each other", func(w, s, z *harness) { w.put(1, "k", "w"); s.put(2, "k", "s") }, nil, "k=s/w"},
		{"what W wrote and S has seen through Z", func(w, s, z *harness) {
			w.put(1, "k", "1")
			w.give(z, 1)
			z.put(2, "k", "2")
			z.give(s, 1)
		}, nil, "k=2"},
		{"many beside each other", func(w, s, z *harness) {
			for i := range 10 {
				w.do(func() error { _, err := w.Import(1, []Write{set("k", fmt.Sprint(i))}); return err })
			}
		}, nil, "k=9/8/7/6/5/4/3/2/1/0"},
	}
	for _, cold := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprint(c.name, cold), func(t *testing.T) {
				small(t, 200)
				w, s, z := newHarness(t, 1, cold), newHarness(t, 2, false), newHarness(t, 3, false)
				if c.before != nil {
					c.before(w, s, z)
				}
				w.save()
				copy := w.copying()
				copy.take(s)
				if c.during != nil {
					c.during(w, s, z)
				}
				copy.commit()
				copy.take(s)
				mark, pos := w.Mark(), w.Position()
				copy.over()
				if got := w.all(); got != c.want {
					t.Errorf("it shows %q", got)
				}
				if w.Follows(mark) || w.Position() <= pos {
					t.Errorf("a mark from before is followed, or positions go back from %d to %d", pos, w.Position())
				}
				z.give(w, 1) // covers what is of Z's
				for range 2 {
					sync(w, s)
					sync(w, z)
				}
				for name, o := range map[string]*harness{"S": s, "Z": z} {
					if o.all() != w.all() || o.Summed() == nil || w.Summed() == nil || *o.Summed() != *w.Summed() || !o.Vector().Same(w.Vector()) {
						t.Errorf("W has %s with %v, %s %s with %v", w.all(), w.Vector(), name, o.all(), o.Vector())
					}
				}
			})
		}
	}
}

// A copy that is cut anywhere is still one: both replicas open as they were stored, and the old one shows what it did.
func TestFreshCopyIsCut(t *testing.T) {
	small(t, 200)
	for _, saved := range []bool{false, true} {
		w, s := newHarness(t, 1, false), newHarness(t, 2, false)
		for i := range 20 {
			s.put(1, fmt.Sprint("s", i), "s")
		}
		w.put(1, "w", "1")
		w.commit()
		shown := w.all()
		c := w.copying()
		c.take(s)
		if saved {
			c.do(c.Replica.Checkpoint)
			c.do(c.fresh.Checkpoint)
			c.led.Checkpoint()
			c.commit()
		}
		c.takeOver() // and no commit
		c.reopen()
		c.open()
		if w.all() != shown {
			t.Errorf("the old one has %s", w.all())
		}
		c.over()
		if n := len(strings.Fields(w.all())); n != 21 {
			t.Errorf("it has %s", w.all())
		}
	}
}

// A copy that is given up leaves nothing behind.
func TestDiscardedCopy(t *testing.T) {
	small(t, 200)
	for _, reopened := range []bool{false, true} {
		w, s := newHarness(t, 1, false), newHarness(t, 2, false)
		for i := range 20 {
			s.put(1, fmt.Sprint("s", i), "s")
		}
		w.put(1, "w", "1")
		w.save()
		before, _ := w.store.List()
		c := w.copying()
		c.take(s)
		c.do(c.fresh.Checkpoint)
		c.do(c.Replica.Checkpoint)
		c.led.Checkpoint()
		c.commit()
		if reopened {
			c.reopen()
			c.led.Forget(freshPart)
		} else {
			c.fresh.Discard()
		}
		w.save()
		w.save()
		if after, _ := w.store.List(); len(after) > len(before)+1 {
			t.Errorf("opened again: %v: there were %d blocks, and now %d", reopened, len(before), len(after))
		}
		if w.all() != "w=1" {
			t.Errorf("it has %s", w.all())
		}
	}
}
