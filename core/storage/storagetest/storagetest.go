// Package storagetest checks that a storage.Store keeps its contract. Everything that keeps blocks runs it:
//
//	func TestStore(t *testing.T) {
//		open := func(t *testing.T) storage.Store { return mem.New() }
//		reopen := func(t *testing.T, s storage.Store) storage.Store { s.Close(); return s.(*mem.Store).Reopen() }
//		storagetest.Run(t, open, reopen)
//	}
//
// It needs nothing but the Store, so that it also runs in a browser.
package storagetest

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/masqdev/masq/core/storage"
)

// Run runs the suite, each part on a new Store. open returns one that is empty and no other part's; reopen closes s, which is
// still open, and opens the same data again. Both fail t when they cannot. Run closes what it was given.
func Run(t *testing.T, open func(t *testing.T) storage.Store, reopen func(t *testing.T, s storage.Store) storage.Store) {
	start := func(t *testing.T) *checked {
		c := &checked{t: t, s: open(t), reopen: reopen, want: map[storage.ID][]byte{}}
		t.Cleanup(func() { c.s.Close() })
		return c
	}
	for _, c := range cases {
		for name, d := range map[string]storage.Durability{"strict": storage.Strict, "relaxed": storage.Relaxed} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				s := start(t)
				s.check()
				for i, step := range c.steps {
					s.step = i + 1
					s.commit(step.commit, d, step.err)
					s.check()
				}
				s.again()
			})
		}
	}
	for _, p := range parts {
		t.Run(p.name, func(t *testing.T) { p.run(start(t)) })
	}
}

// parts are what does not fit a table of commits.
var parts = []struct {
	name string
	run  func(*checked)
}{
	{"load in any order", loadInAnyOrder},
	{"commit's memory is not kept", memoryNotKept},
	{"loaded data stays as it was", loadedStays},
	{"large blocks", largeBlocks},
	{"many blocks", manyBlocks},
	{"random commits", randomCommits},
	{"closed", closed},
}

// checked is a Store beside a map that says what must be in it.
type checked struct {
	t      *testing.T
	s      storage.Store
	reopen func(t *testing.T, s storage.Store) storage.Store
	want   map[storage.ID][]byte
	step   int
}

// commit commits g and expects want; only when that is nil is anything changed.
func (c *checked) commit(g storage.Commit, d storage.Durability, want error) {
	c.t.Helper()
	if err := c.s.Commit(g, d); !errors.Is(err, want) {
		c.t.Fatalf("step %d: Commit: %v, want %v", c.step, err, want)
	}
	if want != nil {
		return
	}
	for _, b := range slices.Concat(g.Adds, g.Puts) {
		c.want[b.ID] = append([]byte{}, b.Data...)
	}
	for _, id := range g.Dels {
		delete(c.want, id)
	}
}

// check compares everything that is stored, and that nothing else is.
func (c *checked) check() {
	c.t.Helper()
	ids := slices.Sorted(maps.Keys(c.want))
	got, err := c.s.List()
	if err != nil || !slices.Equal(got, ids) {
		c.t.Fatalf("step %d: List: %x, %v; want %x", c.step, got, err, ids)
	}
	c.load(append(ids, watched...))
}

// load loads ids and compares what comes back, in their order.
func (c *checked) load(ids []storage.ID) []storage.Block {
	c.t.Helper()
	blocks, err := c.s.Load(ids)
	if err != nil || len(blocks) != len(ids) {
		c.t.Fatalf("step %d: Load answered %d blocks for %d ids, %v", c.step, len(blocks), len(ids), err)
	}
	for i, b := range blocks {
		want, ok := c.want[ids[i]]
		switch {
		case b.ID != ids[i]:
			c.t.Fatalf("step %d: Load answered block %x in the place of %x", c.step, b.ID, ids[i])
		case (b.Data != nil) != ok:
			c.t.Fatalf("step %d: block %x: there %v, want %v", c.step, b.ID, b.Data != nil, ok)
		case !bytes.Equal(b.Data, want):
			c.t.Fatalf("step %d: block %x: %d bytes, not the %d that were stored", c.step, b.ID, len(b.Data), len(want))
		}
	}
	return blocks
}

// again reopens the data and compares it.
func (c *checked) again() {
	c.t.Helper()
	c.s = c.reopen(c.t, c.s)
	c.check()
}

func loadInAnyOrder(c *checked) {
	a, b, missing := storage.Log|1, storage.Page|9, storage.Segment|5
	c.commit(storage.Commit{Adds: []storage.Block{{ID: a, Data: []byte("a")}, {ID: b, Data: []byte("b")}}}, storage.Strict, nil)
	for _, ids := range [][]storage.ID{nil, {}, {a}, {missing}, {b, a}, {a, missing, b}, {missing, missing}, {b, b, a, b}} {
		c.load(ids)
	}
}

func memoryNotKept(c *checked) {
	added, put := []byte("added"), []byte("put")
	g := storage.Commit{
		Adds: []storage.Block{{ID: storage.Log | 1, Data: added}},
		Puts: []storage.Block{{ID: storage.Manifest, Data: put}},
		Dels: []storage.ID{storage.Log},
	}
	c.commit(g, storage.Relaxed, nil)
	clear(added)
	clear(put)
	g.Adds[0], g.Puts[0], g.Dels[0] = storage.Block{}, storage.Block{}, storage.Manifest
	c.check()
	c.again()
}

func loadedStays(c *checked) {
	id := storage.Manifest
	first := bytes.Repeat([]byte("first"), 1000)
	c.commit(storage.Commit{Puts: []storage.Block{{ID: id, Data: first}}}, storage.Strict, nil)
	loaded := c.load([]storage.ID{id})
	for i := range 20 {
		c.commit(storage.Commit{Puts: []storage.Block{{ID: id, Data: bytes.Repeat([]byte{byte(i)}, 5000)}}}, storage.Strict, nil)
	}
	c.commit(storage.Commit{Dels: []storage.ID{id}}, storage.Strict, nil)
	c.check()
	c.again()
	if !bytes.Equal(loaded[0].Data, first) {
		c.t.Error("what Load had answered has changed")
	}
}

func largeBlocks(c *checked) {
	r := rand.NewChaCha8([32]byte{1})
	g := storage.Commit{Adds: []storage.Block{{ID: storage.Log | 1, Data: random(r, 100)}}}
	for i, n := range []int{4 << 20, 4<<20 + 41, 1 << 16, storage.MaxBlock} {
		g.Adds = append(g.Adds, storage.Block{ID: storage.Segment | storage.ID(i), Data: random(r, n)})
	}
	c.commit(g, storage.Strict, nil)
	c.check()
	c.again()
}

func manyBlocks(c *checked) {
	const n = 3000
	var g storage.Commit
	for i := range storage.ID(n) {
		g.Adds = append(g.Adds, storage.Block{ID: storage.Page | i*2654435761%n, Data: []byte{byte(i), byte(i >> 8)}})
	}
	c.commit(g, storage.Strict, nil)
	c.check()
	g = storage.Commit{}
	for i := range storage.ID(n / 3) {
		g.Dels = append(g.Dels, storage.Page|3*i)
	}
	c.commit(g, storage.Strict, nil)
	c.again()
}

// randomCommits makes commits over few ids, so that adds meet blocks that exist, and compares everything after each.
func randomCommits(c *checked) {
	r := rand.New(rand.NewPCG(1, 2))
	src := rand.NewChaCha8([32]byte{2})
	for c.step = 1; c.step <= 150; c.step++ {
		var g storage.Commit
		var want error
		for _, n := range r.Perm(12)[:r.IntN(6)] { // an id at most once in a commit
			id := storage.ID(n%4)<<48 | storage.ID(n)
			b := storage.Block{ID: id, Data: random(src, r.IntN(300))}
			switch r.IntN(3) {
			case 0:
				g.Adds = append(g.Adds, b)
				if _, ok := c.want[id]; ok {
					want = storage.ErrExists
				}
			case 1:
				g.Puts = append(g.Puts, b)
			case 2:
				g.Dels = append(g.Dels, id)
			}
		}
		if r.IntN(3) == 0 {
			n := 1 + r.IntN(11)
			g.After = storage.ID(n%4)<<48 | storage.ID(n)
			if _, ok := c.want[g.After]; !ok {
				want = storage.ErrExists
			}
		}
		c.commit(g, storage.Durability(r.IntN(2)), want)
		c.check()
		if c.step%25 == 0 {
			c.again()
		}
	}
}

func closed(c *checked) {
	c.commit(storage.Commit{Adds: []storage.Block{{ID: storage.Log, Data: []byte("x")}}}, storage.Strict, nil)
	again := c.reopen(c.t, c.s)
	_, loadErr := c.s.Load([]storage.ID{storage.Log})
	_, listErr := c.s.List()
	for name, err := range map[string]error{
		"Commit": c.s.Commit(storage.Commit{Dels: []storage.ID{storage.Log}}, storage.Strict),
		"Load":   loadErr,
		"List":   listErr,
		"Close":  c.s.Close(),
	} {
		if !errors.Is(err, storage.ErrClosed) {
			c.t.Errorf("%s of a closed store: %v, want %v", name, err, storage.ErrClosed)
		}
	}
	c.s = again
	c.check()
}

func random(r *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	return b
}
