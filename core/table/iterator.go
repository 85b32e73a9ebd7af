package table

// A Loader has a table's blocks. What it returns may be an error that says to call again later: then what was called has changed nothing.
type Loader interface {
	Head(block uint64) (*Head, error)
	Section(block uint64, i int) (*Section, error)
}

// A Source hands out keys one by one.
type Source interface {
	// Next returns the next key with its versions; false at the end. After an error it can be called again.
	Next() (Keyed, bool, error)
}

// An Iterator stands between two keys of a table: Next returns the one behind it and goes past that, Prev the one before.
type Iterator struct {
	t *Table
	l Loader

	bound string // where it stands: before it, all keys are before, and behind it, none is
	end   bool   // it stands behind all keys

	sec *Section // nil: it has to be found by the bound
	i   int      // stands before the i-th key of sec
	at  string   // no key of sec is before it
	to  string   // all are before it
}

// NewIterator returns an Iterator that is before the table's first key.
func NewIterator(t *Table, l Loader) *Iterator { return &Iterator{t: t, l: l} }

// Seek goes to before the first key that is not before key. Where only the keys from a trim key on count, Seek it, or the cursor if that is
// behind it.
func (x *Iterator) Seek(key string) { x.bound, x.end, x.sec = key, false, nil }

// SeekEnd goes to behind the last key.
func (x *Iterator) SeekEnd() { x.bound, x.end, x.sec = "", true, nil }

// Next returns the next key with its versions, which must not be changed; false at the end.
func (x *Iterator) Next() (Keyed, bool, error) {
	for {
		if x.sec == nil {
			i := x.t.Find(x.bound)
			if x.end || i == x.t.Len() {
				return Keyed{}, false, nil
			}
			if err := x.open(i, x.bound); err != nil {
				return Keyed{}, false, err
			}
			x.i = x.sec.lower(x.bound)
		}
		if x.i < x.sec.Len() {
			x.i++
			return x.sec.Key(x.i - 1), true, nil
		}
		x.Seek(x.to)
	}
}

// Prev returns the key before with its versions, which must not be changed; false if there is none.
func (x *Iterator) Prev() (Keyed, bool, error) {
	for {
		if x.sec == nil {
			i := x.before()
			if i < 0 {
				return Keyed{}, false, nil
			}
			if err := x.openBefore(i); err != nil {
				return Keyed{}, false, err
			}
		}
		if x.i > 0 {
			x.i--
			return x.sec.Key(x.i), true, nil
		}
		x.Seek(x.at)
	}
}

// before is the last entry with keys before the bound; −1 if there is none.
func (x *Iterator) before() int {
	if x.end {
		return x.t.Len() - 1
	}
	i := x.t.Find(x.bound)
	if i < x.t.Len() && string(x.t.view(i).first) < x.bound {
		return i
	}
	return i - 1
}

// open opens the section of an entry's block that may have key.
func (x *Iterator) open(entry int, key string) error {
	v := x.t.view(entry)
	h, err := x.l.Head(v.block)
	if err != nil {
		return err
	}
	return x.section(h, &v, h.Find(key))
}

// openBefore opens the last section of an entry's block that has keys before the bound.
func (x *Iterator) openBefore(entry int) error {
	v := x.t.view(entry)
	h, err := x.l.Head(v.block)
	if err != nil {
		return err
	}
	i := h.Sections() - 1
	for !x.end && i > 0 && h.First(i) >= x.bound {
		i--
	}
	if err := x.section(h, &v, i); err != nil {
		return err
	}
	if x.i = x.sec.Len(); !x.end {
		x.i = x.sec.lower(x.bound)
	}
	return nil
}

func (x *Iterator) section(h *Head, v *view, i int) error {
	s, err := x.l.Section(v.block, i)
	if err != nil {
		return err
	}
	if s.Key(0).Key < string(v.first) || s.Key(s.Len()-1).Key >= string(v.behind) {
		return ErrMalformed // it is another block than the directory has
	}
	x.sec, x.at, x.to = s, string(v.first), string(v.behind)
	if i > 0 {
		x.at = h.First(i)
	}
	if i+1 < h.Sections() {
		x.to = h.First(i + 1)
	}
	return nil
}
