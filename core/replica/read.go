package replica

import (
	"errors"
	"slices"
	"sort"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/wire"
)

// Get returns the version of a key that counts, and whether there is one. ErrLost: there is, and its value cannot be read.
func (r *Replica) Get(key string) (wire.Record, bool, error) {
	vs, err := r.lookup(key)
	if err != nil {
		return wire.Record{}, false, err
	}
	w := winner(vs)
	if w == nil {
		return wire.Record{}, false, nil
	}
	value, err := r.valueOf(w)
	return w.record(value), err == nil, err
}

// Conflicts returns the versions of a key that Get does not choose, newest first; deletions are left out. ErrLost: one of them cannot be read.
func (r *Replica) Conflicts(key string) ([]wire.Record, error) {
	vs, err := r.lookup(key)
	if err != nil {
		return nil, err
	}
	w := winner(vs)
	rest := slices.DeleteFunc(slices.Clone(visible(vs)), func(v *version) bool { return v == w || v.kind == wire.Deleted })
	sort.Slice(rest, func(i, j int) bool { return later(rest[i], rest[j]) })
	recs, lost, err := r.records(rest, false)
	if err == nil && len(lost) > 0 {
		err = ErrLost
	}
	return recs, err
}

// records returns versions with their values, and apart from them those whose value cannot be read. It asks for all that is missing at once.
func (r *Replica) records(vs []*version, keysOnly bool) (out []wire.Record, lost []*version, missing error) {
	out = make([]wire.Record, 0, len(vs))
	values := valueReader{r: r}
	for _, v := range vs {
		var value []byte
		if !keysOnly {
			b, err := values.of(v)
			switch {
			case err == nil:
				value = b
			case errors.Is(err, ErrLost):
				lost = append(lost, v)
				continue
			case errors.Is(err, ledger.ErrWait):
				missing = err
			default:
				return nil, nil, err
			}
		}
		out = append(out, v.record(value))
	}
	return out, lost, missing
}

// Query selects keys: those with Prefix, ≥ Gte, < Lt (empty: no bound) and behind After (before it, when Reverse).
type Query struct {
	Prefix, Gte, Lt, After string
	Reverse, KeysOnly      bool
	Limit                  int // records, 0: no limit
	MaxBytes               int // of keys and values about; at least one record is answered; 0: no limit
}

// bounds are the lowest key and the one behind the highest; an empty hi is none.
func (q *Query) bounds() (lo, hi string) {
	lo, hi = max(q.Prefix, q.Gte), q.Lt
	tighten := func(b string) {
		if b != "" && (hi == "" || b < hi) {
			hi = b
		}
	}
	tighten(prefixEnd(q.Prefix))
	if q.After != "" {
		if q.Reverse {
			tighten(q.After)
		} else {
			lo = max(lo, q.After+"\x00")
		}
	}
	return lo, hi
}

// prefixEnd is the least text behind all that begins with p, "" if there is none.
func prefixEnd(p string) string {
	b := []byte(p)
	for len(b) > 0 {
		if b[len(b)-1] != 0xff {
			b[len(b)-1]++
			return string(b)
		}
		b = b[:len(b)-1]
	}
	return ""
}

// Range returns the keys that q selects, in their order, with what Get returns for each, and whether there are more. Those are left out whose
// value cannot be read: Scan names them.
func (r *Replica) Range(q Query) (recs []wire.Record, more bool, err error) {
	s, err := r.Scan(q)
	return s.Records, s.More, err
}

// A Scanned is what Scan has found.
type Scanned struct {
	Records []wire.Record
	Lost    []string // keys whose value cannot be read
	More    bool     // there are others behind Last
	Last    string   // the last key of all these
}

// Scan is Range that says what it has left out.
func (r *Replica) Scan(q Query) (out Scanned, err error) {
	found, more, err := r.find(&q)
	if err != nil {
		return Scanned{}, err
	}
	recs, lost, err := r.records(found, q.KeysOnly)
	out = Scanned{Records: recs, More: more}
	for _, v := range lost {
		out.Lost = append(out.Lost, v.key)
	}
	if n := len(found); n > 0 {
		out.Last = found[n-1].key
	}
	return out, err
}

// find returns the versions that q selects.
func (r *Replica) find(q *Query) (found []*version, more bool, err error) {
	lo, hi := q.bounds()
	if hi != "" && hi <= lo {
		return nil, false, nil
	}
	size, expected, waiting := 0, 0, false
	for _, span := range r.spans(lo, hi, q.Reverse) {
		keys, err := r.shownIn(span)
		if err != nil && !errors.Is(err, ledger.ErrWait) {
			return nil, false, err
		}
		if err != nil { // ask for the pages behind it too, as far as they will be needed
			waiting = true
			n := r.expected(span)
			if expected += n; q.Limit != 0 && len(found)+expected > q.Limit+n {
				return nil, false, ledger.ErrWait
			}
			continue
		}
		if waiting {
			continue
		}
		if q.Reverse {
			slices.Reverse(keys)
		}
		for _, k := range keys {
			w := winner(r.living(k.key, k.stored))
			if w == nil {
				continue
			}
			size += len(k.key)
			if !q.KeysOnly {
				size += len(w.value) + int(w.loc.size)
			}
			if len(found) > 0 && (q.Limit != 0 && len(found) >= q.Limit || q.MaxBytes != 0 && size > q.MaxBytes) {
				return found, true, nil
			}
			found = append(found, w)
		}
	}
	if waiting {
		return nil, false, ledger.ErrWait
	}
	return found, false, nil
}

// expected is about how many keys of a span have a value, as far as that can be told without its page.
func (r *Replica) expected(s span) int {
	n, mem := int(r.pages[s.page].values), r.memKeys()
	i, j := within(mem, s.lo, s.hi)
	for _, key := range mem[i:j] {
		if winner(r.mem[key]) == nil {
			n--
		}
	}
	return max(n, 0)
}

// span is a part of the key space that one page covers.
type span struct {
	page   int // -1: there are no pages
	lo, hi string
}

func (r *Replica) spans(lo, hi string, reverse bool) []span {
	if len(r.pages) == 0 {
		return []span{{-1, lo, hi}}
	}
	var out []span
	for i := r.pageOf(lo); i < len(r.pages); i++ {
		s := span{page: i, lo: lo, hi: hi}
		if i > 0 {
			s.lo = max(lo, r.pages[i].first)
		}
		if i+1 < len(r.pages) && (hi == "" || r.pages[i+1].first < hi) {
			s.hi = r.pages[i+1].first
		}
		if hi != "" && s.lo >= hi {
			break
		}
		out = append(out, s)
	}
	if reverse {
		slices.Reverse(out)
	}
	return out
}

// keyed is a key with its versions in its page, if it has any there.
type keyed struct {
	key    string
	stored []*version
}

// bare reports whether nothing in a page can be shown, nor hides anything: only deletions are in it that are no hearsay.
func (p *pageRef) bare() bool { return p.values == 0 && p.hearsay == 0 }

// shownIn returns the keys of a span that may have a value, ascending. A page that has none is not read.
func (r *Replica) shownIn(s span) ([]keyed, error) {
	if s.page >= 0 && r.pages[s.page].bare() {
		s.page = -1
	}
	return r.keysIn(s)
}

// keysIn returns the keys of a span, in memory and in its page, ascending.
func (r *Replica) keysIn(s span) ([]keyed, error) {
	mem := r.memKeys()
	i, j := within(mem, s.lo, s.hi)
	mem = mem[i:j]
	if s.page < 0 {
		return merged(mem, nil, nil), nil
	}
	p, err := r.page(s.page)
	if err != nil {
		return nil, err
	}
	i, j = within(p.keys, s.lo, s.hi)
	return merged(mem, p.keys[i:j], p.versions[i:j]), nil
}

// memKeys returns the keys that are in memory, ascending. Only who reads a range needs their order: writing keeps none, because to
// insert each key where it belongs moves half of all.
func (r *Replica) memKeys() []string {
	late := r.late
	if len(late) == 0 {
		return r.keys
	}
	if !slices.IsSorted(late) {
		sort.Slice(late, func(i, j int) bool { return late[i] < late[j] })
	}
	i := len(r.keys)
	keys := append(r.keys, late...)
	for k := len(keys); len(late) > 0; { // from the end, so that what is before the first of them stays where it is
		k--
		if last := late[len(late)-1]; i == 0 || keys[i-1] < last {
			keys[k], late = last, late[:len(late)-1]
		} else {
			i--
			keys[k] = keys[i]
		}
	}
	r.keys, r.late = keys, nil
	return keys
}

// within returns where the keys from lo on and below hi are.
func within(keys []string, lo, hi string) (i, j int) {
	i, _ = slices.BinarySearch(keys, lo)
	j = len(keys)
	if hi != "" {
		j, _ = slices.BinarySearch(keys, hi)
	}
	return i, max(i, j)
}

func merged(mem, keys []string, versions [][]*version) []keyed {
	out := make([]keyed, 0, len(mem)+len(keys))
	for i, key := range keys {
		for len(mem) > 0 && mem[0] < key {
			out, mem = append(out, keyed{key: mem[0]}), mem[1:]
		}
		if len(mem) > 0 && mem[0] == key {
			mem = mem[1:]
		}
		out = append(out, keyed{key, versions[i]})
	}
	for _, key := range mem {
		out = append(out, keyed{key: key})
	}
	return out
}
