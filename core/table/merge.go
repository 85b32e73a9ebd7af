package table

// A Merge hands out the keys of several sources, ascending, each with what every source has of it.
type Merge struct {
	sources []Source
	heads   []Keyed
	state   []uint8 // of each head: see below
	from    [][]Version
}

const (
	unread = iota
	read
	ended
)

// NewMerge returns a Merge of sources, in an order that is its caller's: by their age, for example.
func NewMerge(sources ...Source) *Merge {
	n := len(sources)
	return &Merge{sources: sources, heads: make([]Keyed, n), state: make([]uint8, n), from: make([][]Version, n)}
}

// Next returns the next key, and its versions by source, nil where a source does not have it; false at the end. The slice is good until the
// next call. After an error of a source it can be called again.
func (m *Merge) Next() (key string, from [][]Version, ok bool, err error) {
	for i := range m.sources {
		if e := m.read(i); e != nil && err == nil {
			err = e // the other sources go on: so all that has to be loaded is asked for at once
		}
	}
	if err != nil {
		return "", nil, false, err
	}
	for i, s := range m.state {
		if k := m.heads[i].Key; s == read && (!ok || k < key) {
			key, ok = k, true
		}
	}
	for i := range m.from {
		m.from[i] = nil
		if ok && m.state[i] == read && m.heads[i].Key == key {
			m.from[i], m.state[i] = m.heads[i].Versions, unread
		}
	}
	return key, m.from, ok, nil
}

func (m *Merge) read(i int) error {
	if m.state[i] != unread {
		return nil
	}
	k, ok, err := m.sources[i].Next()
	if err != nil {
		return err
	}
	m.heads[i], m.state[i] = k, read
	if !ok {
		m.state[i] = ended
	}
	return nil
}

// A Merger makes one table of several, in slices.
//
// The state between two slices is: the blocks that were handed out, and a cursor key. Of the table that is being made all keys before the
// cursor count, of the tables that it is made of those from the cursor on. Any such state is whole: nothing is missing and nothing is there
// twice, whatever happens after. So a slice is good if its blocks and its cursor are committed together. A block of a source all of whose
// keys are before the cursor is not needed any more: see Table.Before.
//
// To go on behind a crash, make a new Merger of sources that begin at the cursor. What was merged behind it is merged once more.
type Merger struct {
	merge *Merge
	b     *Builder
	keep  func(key string, from [][]Version) []Version
	last  string // the key that was read last
	done  bool
}

// NewMerger returns a Merger. Keep chooses which versions of a key stay, by writer and number of their dots; none, if the key goes.
func NewMerger(m *Merge, b *Builder, keep func(key string, from [][]Version) []Version) *Merger {
	return &Merger{merge: m, b: b, keep: keep}
}

// Slice merges until there are so many more blocks, or it has read so many keys, or nothing is left: then done is true and the cursor
// behind all keys. The cursor moves with the blocks, and where no key stays. After an error it can be called again, and what was merged
// before the error is not lost.
func (x *Merger) Slice(blocks, keys int) (out []Built, cursor string, done bool, err error) {
	for ; x.b.Full() < blocks && keys > 0 && !x.done; keys-- {
		key, from, ok, err := x.merge.Next()
		if err != nil {
			return nil, "", false, err
		}
		if !ok {
			x.done = true
			break
		}
		x.last = key
		if vs := x.keep(key, from); len(vs) > 0 {
			x.b.Add(key, vs)
		}
	}
	if x.done {
		return x.b.Finish(), Last, true, nil
	}
	if cursor, ok := x.b.First(); ok {
		return x.b.Take(), cursor, false, nil
	}
	return x.b.Take(), after(x.last), false, nil
}

// Last is behind every key.
const Last = "\xff"

// Before is how many entries, the first ones, have no key from a cursor on.
func (t *Table) Before(cursor string) int { return t.Find(cursor) }
