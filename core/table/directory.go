package table

import (
	"slices"
	"sort"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/wire"
)

// An Entry is what a directory says of one block.
type Entry struct {
	Block         uint64 // its number, at most compact.MaxBlockNumber
	First, Behind string // no key is before First, all are before Behind

	Keys       uint64
	Live       uint64 // keys that have a value
	Tombstones uint64 // versions that are deletions
	Hearsay    uint64 // versions that are
	Dead       uint64 // bytes of versions that are not needed any more: the caller's estimate

	Low, High uint64        // the lowest and the highest position
	Writers   []WriterRange // writers ascending; nil if there are more than MaxRanges: then it may be any

	filter filter
}

// A WriterRange says which of a writer's numbers a block has at most.
type WriterRange struct{ Writer, Low, High uint64 }

const (
	directoryFormat = 1
	maxKeys         = 1 << 14 // of a block: more are only where tombstones are deflated, and their filter has to fit in a directory block

	// MaxDirectory is how long a directory block's plaintext may be.
	MaxDirectory = 32 << 10
	// MaxRanges is for how many writers an entry says which numbers there are.
	MaxRanges = 256
)

// MayHave reports whether a key with this hash may be in the block. Of those that are not, it says so of about one in a hundred.
func (e *Entry) MayHave(key string, hash uint64) bool {
	return e.First <= key && key < e.Behind && e.filter.has(hash)
}

func (e *Entry) append(b []byte) []byte {
	b = wire.AppendVarBytes(wire.AppendVarint(b, e.Block), []byte(e.First))
	b = wire.AppendVarBytes(b, []byte(e.Behind))
	for _, n := range [...]uint64{e.Keys, e.Live, e.Tombstones, e.Hearsay, e.Dead, e.Low, e.High - e.Low} {
		b = wire.AppendVarint(b, n)
	}
	b = append(b, e.filter...)
	if e.Writers == nil {
		return wire.AppendVarint(b, 0)
	}
	b = wire.AppendVarint(b, uint64(len(e.Writers))+1)
	for _, w := range e.Writers {
		b = wire.AppendVarint(wire.AppendVarint(wire.AppendU64(b, w.Writer), w.Low), w.High-w.Low)
	}
	return b
}

// view is an entry as far as a search needs it, without memory of its own.
type view struct {
	block         uint64
	first, behind []byte
	filter        filter
	counts        [7]uint64
}

func readView(r *wire.Reader) (v view) {
	v.block, v.first, v.behind = r.Varint(), r.VarBytes(wire.MaxKey), r.VarBytes(wire.MaxKey+1)
	for i := range v.counts {
		v.counts[i] = r.Varint()
	}
	if v.counts[0] > maxKeys {
		r.Fail()
		return v
	}
	v.filter = r.Bytes(int(filterSize(v.counts[0])))
	return v
}

func readEntry(r *wire.Reader) (e Entry) {
	v := readView(r)
	e = Entry{
		Block: v.block, First: string(v.first), Behind: string(v.behind), Keys: v.counts[0], Live: v.counts[1], Tombstones: v.counts[2],
		Hearsay: v.counts[3], Dead: v.counts[4], Low: v.counts[5], High: v.counts[5] + v.counts[6], filter: v.filter,
	}
	if e.First == "" || e.First >= e.Behind || e.Keys == 0 || e.Live > e.Keys || e.High < e.Low || e.Block > compact.MaxBlockNumber {
		r.Fail()
	}
	n := number(r, MaxRanges+1)
	if n == 0 || r.Err() != nil {
		return e
	}
	e.Writers = make([]WriterRange, n-1)
	for i := range e.Writers {
		w := &e.Writers[i]
		w.Writer, w.Low = r.U64(), r.Varint()
		if w.High = w.Low + r.Varint(); w.High < w.Low || i > 0 && w.Writer <= e.Writers[i-1].Writer {
			r.Fail()
		}
	}
	return e
}

// Pack makes directory blocks of entries, whose keys ascend: their plaintexts, each at most MaxDirectory long.
func Pack(entries []Entry) (out [][]byte) {
	b := []byte{directoryFormat}
	for i := range entries {
		one := wire.AppendVarBytes(nil, entries[i].append(nil))
		if len(b) > 1 && len(b)+len(one) > MaxDirectory {
			out, b = append(out, b), []byte{directoryFormat}
		}
		b = append(b, one...)
	}
	if len(b) > 1 {
		out = append(out, b)
	}
	return out
}

// A Directory is entries as they are stored. They are read when they are asked for.
type Directory struct {
	b  []byte
	at []uint32 // where each begins
}

// ParseDirectory parses what Pack made. It keeps b, which may not change.
func ParseDirectory(b []byte) (*Directory, error) {
	d := &Directory{b: b}
	r := wire.NewReader(b)
	if r.U8() != directoryFormat || r.Len() == 0 || len(b) > MaxDirectory {
		return nil, ErrMalformed
	}
	behind := ""
	for r.Len() > 0 {
		one := wire.NewReader(r.VarBytes(MaxDirectory))
		d.at = append(d.at, uint32(len(b)-r.Len()-one.Len()))
		e := readEntry(&one)
		if one.Done() != nil || r.Err() != nil || e.First < behind {
			return nil, ErrMalformed
		}
		behind = e.Behind
	}
	d.at = slices.Clip(d.at)
	return d, nil
}

// Len is how many entries there are, at least one.
func (d *Directory) Len() int { return len(d.at) }

// Entry returns the i-th entry.
func (d *Directory) Entry(i int) Entry {
	r := wire.NewReader(d.b[d.at[i]:])
	return readEntry(&r)
}

func (d *Directory) view(i int) view {
	r := wire.NewReader(d.b[d.at[i]:])
	return readView(&r)
}

// find is the first entry with a key behind key, or one that may be it.
func (d *Directory) find(key string) int {
	return sort.Search(len(d.at), func(i int) bool { return string(d.view(i).behind) > key })
}

// A Table is the directories of one table, in the order of their keys.
type Table struct {
	dirs []*Directory
	ends []int // how many entries there are up to the end of each
}

// NewTable returns the table that directories make. ErrMalformed: their keys do not ascend.
func NewTable(dirs ...*Directory) (*Table, error) {
	t := &Table{dirs: dirs}
	n, behind := 0, ""
	for _, d := range dirs {
		if string(d.view(0).first) < behind {
			return nil, ErrMalformed
		}
		n, behind = n+d.Len(), string(d.view(d.Len()-1).behind)
		t.ends = append(t.ends, n)
	}
	return t, nil
}

// Len is how many blocks the table has.
func (t *Table) Len() int {
	if len(t.ends) == 0 {
		return 0
	}
	return t.ends[len(t.ends)-1]
}

// at is where the i-th entry is.
func (t *Table) at(i int) (*Directory, int) {
	n := sort.SearchInts(t.ends, i+1)
	return t.dirs[n], i - t.ends[n] + t.dirs[n].Len()
}

// Entry returns the i-th entry.
func (t *Table) Entry(i int) Entry {
	d, j := t.at(i)
	return d.Entry(j)
}

func (t *Table) view(i int) view {
	d, j := t.at(i)
	return d.view(j)
}

// Find is the first entry that may have keys from key on; Len, if none does.
func (t *Table) Find(key string) int {
	n := sort.Search(len(t.dirs), func(i int) bool { return string(t.dirs[i].view(t.dirs[i].Len()-1).behind) > key })
	if n == len(t.dirs) {
		return t.Len()
	}
	return t.ends[n] - t.dirs[n].Len() + t.dirs[n].find(key)
}

// Lookup returns which entry may have a key with this hash. At most one does.
func (t *Table) Lookup(key string, hash uint64) (i int, ok bool) {
	if i = t.Find(key); i == t.Len() {
		return 0, false
	}
	v := t.view(i)
	return i, string(v.first) <= key && v.filter.has(hash)
}
