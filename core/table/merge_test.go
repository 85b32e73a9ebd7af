package table

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMerge(t *testing.T) {
	pos := uint64(0)
	one := func(key string, writer uint64) Version { pos++; return version(key, writer, firstSeq, pos) }
	d := newDisk(t)
	var sources []Source
	for _, all := range [][]Version{{one("a", 1), one("c", 1)}, nil, {one("a", 2), one("b", 2)}, {one("c", 3)}} {
		sources = append(sources, NewIterator(d.table(d.build(Options{}, all)), d))
	}
	random := rand.New(rand.NewPCG(7, 8))
	d.waits = func() bool { return random.IntN(3) == 0 }
	m := NewMerge(sources...)
	var got []string
	for {
		key, from, ok, err := m.Next()
		if errors.Is(err, errWait) {
			continue
		}
		if !ok {
			break
		}
		line := key
		for i, vs := range from {
			for _, v := range vs {
				line += fmt.Sprint(" ", i, ":", v.Dot.Writer)
			}
		}
		got = append(got, line)
	}
	if want := []string{"a 0:1 2:2", "b 2:2", "c 0:1 3:3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if _, _, ok, err := m.Next(); ok || err != nil {
		t.Errorf("goes on: %v, %v", ok, err)
	}
}

// layer is a table as a store would have it: its keys from trim on count.
type layer struct {
	entries []Entry
	trim    string
}

// store is tables, youngest first, of which some are being merged. What it has is durable; what a merger has in memory is not.
type store struct {
	*disk
	random *rand.Rand
	layers []layer
	out    int // the layer that is being made of the inputs behind it; −1: none
	inputs int

	model map[string][]Version // all that was written
	seq   uint64
}

// newest keeps of each writer the version with the highest number.
func newest(_ string, from [][]Version) (out []Version) {
	all := slices.Concat(from...)
	slices.SortFunc(all, func(a, b Version) int { return compareDots(a.Dot, b.Dot) })
	for i, v := range all {
		if i+1 == len(all) || all[i+1].Dot.Writer != v.Dot.Writer {
			out = append(out, v)
		}
	}
	return out
}

func (s *store) write(n int) {
	var all []Version
	for _, k := range s.random.Perm(6000)[:n] {
		s.seq++
		v := version(fmt.Sprintf("key-%07d", k), 1+s.random.Uint64N(2), firstSeq+s.seq, s.seq)
		v.Value = append(v.Value, make([]byte, s.random.IntN(300))...)
		all = append(all, v)
		s.model[v.Key] = append(s.model[v.Key], v)
	}
	slices.SortFunc(all, func(a, b Version) int {
		if a.Key != b.Key {
			return 2 * min(1, max(-1, cmpStrings(a.Key, b.Key)))
		}
		return compareDots(a.Dot, b.Dot)
	})
	s.layers = slices.Insert(s.layers, 0, layer{entries: s.build(Options{}, all)})
	if s.out >= 0 {
		s.out++
	}
}

func cmpStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s *store) source(l layer) Source {
	x := NewIterator(s.table(l.entries), s.disk)
	x.Seek(l.trim)
	return x
}

// begin begins to merge some layers that are neighbours.
func (s *store) begin() {
	n := 2 + s.random.IntN(3)
	if s.out >= 0 || len(s.layers) < n {
		return
	}
	s.out, s.inputs = s.random.IntN(len(s.layers)-n+1), n
	s.layers = slices.Insert(s.layers, s.out, layer{})
}

// merger is a new one, of what is durable.
func (s *store) merger() *Merger {
	var sources []Source
	for _, l := range s.layers[s.out+1:][:s.inputs] {
		sources = append(sources, s.source(l))
	}
	return NewMerger(NewMerge(sources...), NewBuilder(Options{}), newest)
}

// commit makes a slice durable: its blocks, the cursor of all inputs, and what is not needed any more is deleted.
func (s *store) commit(built []Built, cursor string, done bool) {
	s.layers[s.out].entries = append(s.layers[s.out].entries, s.add(built)...)
	for i := range s.inputs {
		l := &s.layers[s.out+1+i]
		n := s.table(l.entries).Before(cursor)
		for _, e := range l.entries[:n] {
			s.delete(e.Block)
		}
		l.entries, l.trim = l.entries[n:], max(l.trim, cursor)
	}
	if done {
		for _, l := range s.layers[s.out+1:][:s.inputs] {
			if len(l.entries) > 0 {
				s.t.Errorf("%d blocks are left of an input", len(l.entries))
			}
		}
		s.layers, s.out = slices.Delete(s.layers, s.out+1, s.out+1+s.inputs), -1
	}
}

// check reads all: nothing is lost, and nothing is there twice.
func (s *store) check() {
	s.t.Helper()
	before := s.waits
	s.waits = nil
	var sources []Source
	for _, l := range s.layers {
		sources = append(sources, s.source(l))
	}
	var got []Keyed
	m := NewMerge(sources...)
	for key, from, ok, err := m.Next(); ok || err != nil; key, from, ok, err = m.Next() {
		if err != nil {
			s.t.Fatal(err)
		}
		seen := map[uint64]bool{}
		for _, v := range slices.Concat(from...) {
			if seen[v.Pos] {
				s.t.Fatalf("%s has the record at %d twice", key, v.Pos)
			}
			seen[v.Pos] = true
		}
		got = append(got, Keyed{key, newest(key, from)})
	}
	var want []Keyed
	for key, vs := range s.model {
		want = append(want, Keyed{key, newest(key, [][]Version{vs})})
	}
	slices.SortFunc(want, func(a, b Keyed) int { return cmpStrings(a.Key, b.Key) })
	if !same(got, want) {
		s.t.Fatalf("%d keys, want %d, or other versions", len(got), len(want))
	}
	s.waits = before
}

// TestMergeModel merges random tables in slices, and crashes at any block that is read: whatever the store has between two slices is what
// was written.
func TestMergeModel(t *testing.T) {
	for seed := range uint64(2) {
		s := &store{disk: newDisk(t), random: rand.New(rand.NewPCG(seed, 9)), out: -1, model: map[string][]Version{}}
		slices, crashes := 0, 0
		var m *Merger
		for range 60 {
			switch n := s.random.IntN(4); {
			case n == 0 && len(s.layers) < 8:
				s.write(1 + s.random.IntN(3000))
			case n == 1 || s.out < 0:
				s.begin()
			case s.random.IntN(3) == 0:
				m = nil // the memory goes
				crashes++
			}
			if s.out < 0 {
				m = nil
				continue
			}
			if m == nil {
				m = s.merger()
			}
			if built, cursor, done, ok := s.slice(m); ok {
				s.commit(built, cursor, done)
				if slices++; done {
					m = nil
				}
			} else {
				m = nil
				crashes++
			}
			s.check()
		}
		t.Logf("seed %d: %d slices, %d crashes, %d loads, %d keys", seed, slices, crashes, s.loads, len(s.model))
		if slices < 5 || crashes < 3 {
			t.Errorf("seed %d: %d slices, %d crashes", seed, slices, crashes)
		}
	}
}

// slice does one slice, or crashes.
func (s *store) slice(m *Merger) (built []Built, cursor string, done, ok bool) {
	crash := false
	s.waits = func() bool {
		crash = crash || s.random.IntN(60) == 0
		return crash || s.random.IntN(3) == 0
	}
	defer func() { s.waits = nil }()
	for !crash {
		built, cursor, done, err := m.Slice(1+s.random.IntN(3), 1+s.random.IntN(5000))
		if err == nil {
			return built, cursor, done, true
		}
		if !errors.Is(err, errWait) {
			s.t.Fatal(err)
		}
	}
	return nil, "", false, false
}

// TestMergeToNothing: a merge that keeps nothing has no blocks, and its cursor moves all the same, by as many keys as it may read.
func TestMergeToNothing(t *testing.T) {
	d := newDisk(t)
	tab := d.table(d.build(Options{}, versions(inOrder(2000))))
	m := NewMerger(NewMerge(NewIterator(tab, d)), NewBuilder(Options{}), func(string, [][]Version) []Version { return nil })
	for _, want := range []string{"key-0000899\x00", "key-0001799\x00", Last, Last} {
		built, cursor, done, err := m.Slice(1, 900)
		if len(built) > 0 || cursor != want || done != (want == Last) || err != nil {
			t.Errorf("%d blocks, cursor %q, want %q, %v, %v", len(built), cursor, want, done, err)
		}
	}
}
