package table

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/wire"
)

// odd are keys that do not fit where keys usually do.
func odd() map[string][]Version {
	long := strings.Repeat("k", wire.MaxKey-8)
	var shared, many, conflicts, crowd, contexts []Version
	for i := range uint64(2000) {
		front := version(fmt.Sprintf("%s%08d", long, i), writerA, firstSeq+i, i)
		front.Value = []byte("1")
		shared = append(shared, front)
		many = append(many, version(fmt.Sprintf("%05d", i), i*0x9e3779b97f4a7c15, firstSeq+i, 1<<40-i*i))
		crowd = append(crowd, version("k", 7+i, firstSeq, i*7%2000))
	}
	context := make([]wire.Dot, wire.MaxContext)
	for i := range context {
		context[i] = wire.Dot{Writer: uint64(i) << 40, Seq: firstSeq}
	}
	for i := range uint64(3) {
		for k := range uint64(3) {
			v := version(fmt.Sprint("key", k), 100+i, firstSeq, 10*k+i)
			v.Context = context
			contexts = append(contexts, v)
		}
	}
	slices.SortStableFunc(contexts, func(a, b Version) int { return strings.Compare(a.Key, b.Key) })
	for i := range uint64(300) {
		k := fmt.Sprintf("key%03d", i)
		a, b, c := version(k, writerB, firstSeq+i, 3*i), version(k, writerB, firstSeq+i+1, 3*i+2), version(k, writerA, firstSeq+i, 3*i+1)
		a.Kind, a.Value, a.Hearsay = wire.Deleted, nil, true
		b.Value, b.Place, b.Extra = nil, compact.Place{Block: i, Offset: 7, Length: 2000, Term: [16]byte{1}}, []byte("more")
		c.Abridged, c.Context = true, []wire.Dot{{Writer: writerB, Seq: firstSeq + i | wire.BlockOnly}}
		conflicts = append(conflicts, a, b, c)
	}
	high := []Version{version("a", 1, firstSeq, 0), version("b", 1, firstSeq, 1<<64-1), version("c", 1, firstSeq, 1)}
	return map[string][]Version{
		"one": {version("a", 1, firstSeq, 9)}, "in order": versions(inOrder(5000)), "shuffled": versions(shuffled(5000)), "long fronts": shared,
		"2,000 writers": many, "2,000 conflicts": crowd, "long contexts": contexts, "conflicts": conflicts, "far positions": high,
	}
}

// TestBuildAndRead: what was added is there, walked up and down and looked for one by one; blocks are as long as they have to be.
func TestBuildAndRead(t *testing.T) {
	for name, all := range odd() {
		d := newDisk(t)
		entries := d.build(Options{Label: []byte("label")}, all)
		tab, want := d.table(entries), keyed(all)
		if got := up(t, NewIterator(tab, d)); !same(got, want) {
			t.Errorf("%s: %d keys, want %d", name, len(got), len(want))
		}
		x := NewIterator(tab, d)
		x.SeekEnd()
		var down []Keyed
		for k, ok, err := x.Prev(); ok || err != nil; k, ok, err = x.Prev() {
			down = append(down, k)
		}
		if slices.Reverse(down); !same(down, want) {
			t.Errorf("%s, downwards: %d keys, want %d", name, len(down), len(want))
		}
		for i := 0; i < len(want); i += 1 + len(want)/100 {
			if got := d.get(tab, want[i].Key); !same([]Keyed{{want[i].Key, got}}, want[i:i+1]) {
				t.Errorf("%s: %.20s has %d versions", name, want[i].Key, len(got))
			}
		}
		d.checkSizes(name, entries)
		d.checkEntries(name, entries, all)
		d.checkArrivals(name, entries, all)
	}
}

func (d *disk) get(tab *Table, key string) []Version {
	d.t.Helper()
	i, ok := tab.Lookup(key, Hash(key))
	if !ok {
		return nil
	}
	block := tab.Entry(i).Block
	h, err := d.Head(block)
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := d.Section(block, h.Find(key))
	if err != nil {
		d.t.Fatal(err)
	}
	return s.Versions(key)
}

func (d *disk) checkSizes(name string, entries []Entry) {
	for i, e := range entries {
		n := len(d.blocks[e.Block])
		full := n == SealedSize || e.Keys == 1 && n > SealedSize
		if last := i == len(entries)-1; (n+48)%4096 != 0 || !last && !full || last && n > SealedSize && e.Keys > 1 {
			d.t.Errorf("%s: block %d of %d with %d keys has %d bytes", name, i, len(entries), e.Keys, n)
		}
	}
}

func (d *disk) checkEntries(name string, entries []Entry, all []Version) {
	var keys, tombs, hearsay uint64
	for i, e := range entries {
		keys, tombs, hearsay = keys+e.Keys, tombs+e.Tombstones, hearsay+e.Hearsay
		if i > 0 && entries[i-1].Behind > e.First {
			d.t.Errorf("%s: entry %d begins before the end of the one before", name, i)
		}
	}
	for _, v := range all {
		if v.Kind == wire.Deleted {
			tombs--
		}
		if v.Hearsay {
			hearsay--
		}
		n := 0
		for i := range entries {
			if e := &entries[i]; e.MayHave(v.Key, Hash(v.Key)) {
				n++
				if j := slices.IndexFunc(e.Writers, func(r WriterRange) bool { return r.Writer == v.Dot.Writer }); v.Pos < e.Low || v.Pos > e.High ||
					e.Writers != nil && (j < 0 || v.Dot.Seq < e.Writers[j].Low || v.Dot.Seq > e.Writers[j].High) {
					d.t.Errorf("%s: %v at %d is not in what entry %d says", name, v.Dot, v.Pos, i)
				}
			}
		}
		if n != 1 {
			d.t.Errorf("%s: %d entries may have %.20s", name, n, v.Key)
		}
	}
	if keys != uint64(len(keyed(all))) || tombs != 0 || hearsay != 0 {
		d.t.Errorf("%s: %d keys, %d tombstones and %d hearsay too many", name, keys, tombs, hearsay)
	}
}

// checkArrivals: the heads have all records by their positions, and batches stand at positions that follow each other.
func (d *disk) checkArrivals(name string, entries []Entry, all []Version) {
	byPos := map[uint64]wire.Dot{}
	for _, v := range all {
		byPos[v.Pos] = v.Dot
	}
	for _, e := range entries {
		h, err := d.Head(e.Block)
		if err != nil || string(h.Label) != "label" {
			d.t.Fatalf("%s: label %q, %v", name, h.Label, err)
		}
		d.checkWriters(name, h, e.Block)
		places := h.Arrivals(nil, 0, 1<<64-1)
		if e.High == 1<<64-1 {
			places = append(places, h.Arrivals(nil, 1<<64-1, 0)...)
			delete(byPos, 1<<64-1)
		}
		sections := make([]*Section, h.Sections())
		for i := range sections {
			if sections[i], err = d.Section(e.Block, i); err != nil {
				d.t.Fatal(err)
			}
		}
		for i, p := range places {
			if v := sections[p.Section].Record(p.I); v.Pos != p.Pos || byPos[p.Pos] != v.Dot || i > 0 && p.Pos <= places[i-1].Pos {
				d.t.Fatalf("%s: %v at %d, the head says %d", name, v.Dot, v.Pos, p.Pos)
			}
			delete(byPos, p.Pos)
		}
		if middle := (e.Low + e.High) / 2; len(h.Arrivals(nil, e.Low, middle))+len(h.Arrivals(nil, middle, e.High)) != h.Records()-1 {
			d.t.Errorf("%s: arrivals up to %d and from there are not all", name, middle)
		}
	}
	if len(byPos) > 0 {
		d.t.Errorf("%s: %d positions are missing", name, len(byPos))
	}
}

// checkWriters: a head has the writers of its block, and no others.
func (d *disk) checkWriters(name string, h *Head, block uint64) {
	used := map[uint64]bool{}
	for i := range h.Sections() {
		s, err := d.Section(block, i)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, v := range s.all {
			used[v.Dot.Writer] = true
			for _, p := range v.Context {
				used[p.Writer] = true
			}
		}
	}
	for _, id := range h.writers {
		if !used[id] {
			d.t.Errorf("%s: writer %x is not of block %d", name, id, block)
		}
	}
	if len(used) != len(h.writers) {
		d.t.Errorf("%s: %d writers, want %d", name, len(h.writers), len(used))
	}
}

// TestBytes: what a table takes besides keys and values does not grow.
func TestBytes(t *testing.T) {
	for _, c := range []struct {
		name string
		perm []int
		most float64 // bytes a record
	}{
		{"in order", inOrder(50_000), -3.3},
		{"shuffled", shuffled(50_000), 3},
	} {
		all := versions(c.perm)
		d := newDisk(t)
		entries := d.build(Options{}, all)
		blocks, dirs, plain := 0, 0, 0
		for _, b := range d.blocks {
			blocks += len(b)
		}
		for _, b := range Pack(entries) {
			dirs += len(b)
		}
		for _, v := range all {
			plain += len(v.Key) + len(v.Value)
		}
		n := float64(len(all))
		each := float64(blocks+dirs-plain) / n
		t.Logf("%-10s %6.2f bytes a record besides key and value, %.2f of them in the directory; %d blocks", c.name, each, float64(dirs)/n, len(entries))
		if each > c.most {
			t.Errorf("%s: %.2f bytes a record, want at most %.2f", c.name, each, c.most)
		}
	}
}

func TestSeek(t *testing.T) {
	var perm []int
	for i := range 4000 {
		perm = append(perm, 2*i)
	}
	d := newDisk(t)
	all := versions(perm)
	tab, want := d.table(d.build(Options{}, all)), keyed(all)
	random := rand.New(rand.NewPCG(5, 6))
	d.waits = func() bool { return random.IntN(3) == 0 }
	x := NewIterator(tab, d)
	next := func(f func() (Keyed, bool, error)) (k Keyed, ok bool) {
		err := errWait
		for err == errWait {
			k, ok, err = f()
		}
		if err != nil {
			t.Fatal(err)
		}
		return k, ok
	}
	for range 300 {
		at := random.IntN(8100)
		x.Seek(fmt.Sprintf("key-%07d", at))
		i := min((at+1)/2, len(want))
		for range 100 { // a walk up and down
			if i < len(want) && random.IntN(5) > 0 {
				if k, ok := next(x.Next); !ok || k.Key != want[i].Key {
					t.Fatalf("from %d: %q, %v, want %q", at, k.Key, ok, want[i].Key)
				}
				i++
			} else if i > 0 {
				i--
				if k, ok := next(x.Prev); !ok || k.Key != want[i].Key {
					t.Fatalf("from %d, down: %q, %v, want %q", at, k.Key, ok, want[i].Key)
				}
			}
		}
		x.Seek("zzz")
		if _, ok := next(x.Next); ok {
			t.Fatal("a key behind the last")
		}
		x.Seek("")
		if _, ok := next(x.Prev); ok {
			t.Fatal("a key before the first")
		}
	}
}

func TestSeparator(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"a", "b", "b"}, {"abc", "abd", "abd"}, {"abc", "abdef", "abd"}, {"ab", "abcd", "abc"}, {"", "xyz", "x"}, {"k1999", "k2000", "k2"},
	} {
		if got := separator(c.a, c.b); got != c.want || got <= c.a || got > c.b {
			t.Errorf("between %q and %q: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// TestFilter: a filter has what it was made of, and about one in a hundred of the rest. Its hash is FNV-1a with a finalizer.
func TestFilter(t *testing.T) {
	for _, n := range []int{0, 1, 25, 26, 550, 5000} {
		var hashes []uint64
		for i := range n {
			hashes = append(hashes, Hash(fmt.Sprint("key-", i)))
		}
		f := newFilter(hashes)
		for i, h := range hashes {
			if !f.has(h) {
				t.Errorf("of %d keys, %d is missing", n, i)
			}
		}
		wrong := 0
		for i := range 20_000 {
			if f.has(Hash(fmt.Sprint("other-", i))) {
				wrong++
			}
		}
		t.Logf("%d keys, %d bytes: %.2f%% wrong", n, len(f), float64(wrong)/200)
		if wrong > 400 {
			t.Errorf("of %d keys: %d of 20,000 others", n, wrong)
		}
	}
	for _, key := range []string{"", "a", "key-0000017"} {
		fnv1a := fnv.New64a()
		fnv1a.Write([]byte(key))
		h := fnv1a.Sum64()
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		if want := h ^ h>>31; Hash(key) != want {
			t.Errorf("hash of %q: %x, want %x", key, Hash(key), want)
		}
	}
}

func TestDirectory(t *testing.T) {
	d := newDisk(t)
	entries := d.build(Options{}, versions(inOrder(60_000)))
	for i := range entries {
		entries[i].Dead = uint64(i)
	}
	tab := d.table(entries)
	if tab.Len() != len(entries) || len(tab.dirs) < 2 {
		t.Fatalf("%d entries in %d directories, want %d", tab.Len(), len(tab.dirs), len(entries))
	}
	for i, e := range entries {
		got := tab.Entry(i)
		if got.Block != e.Block || got.First != e.First || got.Behind != e.Behind || got.Keys != e.Keys || got.Dead != e.Dead || !slices.Equal(got.Writers, e.Writers) {
			t.Errorf("entry %d is %+v, want %+v", i, got, e)
		}
		if j := tab.Find(e.First); j != i {
			t.Errorf("the first key of entry %d is in %d", i, j)
		}
		if n := tab.Before(e.Behind); n != i+1 {
			t.Errorf("%d entries are before the end of entry %d", n, i)
		}
	}
	if n := tab.Find(Last); n != len(entries) {
		t.Errorf("entry %d of %d is behind all keys", n, len(entries))
	}
	bytes := 0
	for _, dir := range tab.dirs {
		bytes += len(dir.b) + 4*cap(dir.at)
	}
	t.Logf("%d bytes of memory for 60,000 keys", bytes)
	if bytes > 60_000*3/2 {
		t.Errorf("%d bytes of memory for 60,000 keys", bytes)
	}
	if allocs := testing.AllocsPerRun(100, func() { tab.Lookup("key-0033333", Hash("key-0033333")) }); allocs > 0 {
		t.Errorf("%v allocations to look a key up", allocs)
	}
	if _, err := NewTable(tab.dirs[1], tab.dirs[0]); err == nil {
		t.Error("a table of directories that do not ascend")
	}
}

// TestBlockElsewhere: a block that is not the one that the directory has is not read.
func TestBlockElsewhere(t *testing.T) {
	d := newDisk(t)
	entries := d.build(Options{}, versions(inOrder(2000)))
	entries[0].Block, entries[1].Block = entries[1].Block, entries[0].Block
	x := NewIterator(d.table(entries), d)
	if k, ok, err := x.Next(); err != ErrMalformed {
		t.Errorf("%q, %v, %v", k.Key, ok, err)
	}
	x.SeekEnd()
	if k, ok, err := x.Prev(); ok && k.Key < entries[len(entries)-1].First {
		t.Errorf("%q, %v", k.Key, err)
	}
}

func TestBuilderRefuses(t *testing.T) {
	a, b := version("a", 1, firstSeq, 1), version("b", 1, firstSeq, 2)
	for name, add := range map[string]func(x *Builder){
		"no versions":          func(x *Builder) { x.Add("c", nil) },
		"keys that descend":    func(x *Builder) { x.Add("b", []Version{b}); x.Add("a", []Version{a}) },
		"a key twice":          func(x *Builder) { x.Add("a", []Version{a}); x.Add("a", []Version{a}) },
		"versions of another":  func(x *Builder) { x.Add("a", []Version{b}) },
		"a dot twice":          func(x *Builder) { x.Add("a", []Version{a, a}) },
		"dots that descend":    func(x *Builder) { x.Add("a", []Version{version("a", 2, firstSeq, 1), a}) },
		"numbers that descend": func(x *Builder) { x.Add("a", []Version{version("a", 1, firstSeq+1, 3), a}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("takes %s", name)
				}
			}()
			add(NewBuilder(Options{}))
		}()
	}
}
