package table

import (
	"sort"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// maxBlock is how long a block's content may be.
const maxBlock = storage.MaxBlock

// A Section is keys with their versions, parsed.
type Section struct {
	all    []Version
	starts []int32 // of each key's versions
}

// Section parses the i-th section of the head's block. It keeps plain, unless it is deflated.
func (h *Head) Section(i int, plain []byte, c Compression) (*Section, error) {
	s := &h.sections[i]
	if len(plain) < s.length || len(plain) > s.length && i < len(h.sections)-1 || !zeros(plain[s.length:]) {
		return nil, ErrMalformed
	}
	body := plain[:s.length]
	if s.inflated > 0 {
		var err error
		if c.Inflate == nil {
			return nil, ErrMalformed
		}
		if body, err = c.Inflate(body, s.inflated); err != nil || len(body) != s.inflated {
			return nil, ErrMalformed
		}
	}
	behind := "" // "": nothing is
	if i+1 < len(h.sections) {
		behind = h.sections[i+1].first
	}
	out, err := parseBody(h.writers, body, h.positionsOf(s))
	if err != nil || out.Key(0).Key < s.first || behind != "" && out.Key(out.Len()-1).Key >= behind {
		return nil, ErrMalformed
	}
	return out, nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func parseBody(writers []uint64, body []byte, positions []uint64) (*Section, error) {
	limits := compact.Limits{Records: len(positions), Bytes: maxBlock, Places: true}
	m := compact.MeasureBody(body, limits)
	if m.Records != len(positions) {
		return nil, ErrMalformed
	}
	s := &Section{all: make([]Version, m.Records)}
	d, size := compact.NewBodyDecoder(writers, body, limits, wire.NewRoom(m)), 0
	for i := range s.all {
		v := &s.all[i]
		if v.Pos = positions[i]; !d.Next(&v.Record) {
			return nil, ErrMalformed
		}
		switch size += compact.Size(&v.Record); {
		case i == 0 || s.all[i-1].Key < v.Key:
			s.starts = append(s.starts, int32(i))
		case s.all[i-1].Key > v.Key || compareDots(s.all[i-1].Dot, v.Dot) >= 0:
			return nil, ErrMalformed
		}
	}
	if d.Next(&compact.Record{}) || d.Err() != nil || size > sectionSpread && len(s.starts) > 1 {
		return nil, ErrMalformed
	}
	return s, nil
}

func compareDots(a, b wire.Dot) int {
	switch {
	case a == b:
		return 0
	case a.Writer < b.Writer || a.Writer == b.Writer && a.Seq < b.Seq:
		return -1
	}
	return 1
}

// Len is how many keys there are, at least one.
func (s *Section) Len() int { return len(s.starts) }

// Key returns the i-th key with its versions, which must not be changed.
func (s *Section) Key(i int) Keyed {
	start, end := int(s.starts[i]), len(s.all)
	if i+1 < len(s.starts) {
		end = int(s.starts[i+1])
	}
	return Keyed{Key: s.all[start].Key, Versions: s.all[start:end:end]}
}

// Record returns the i-th version of all, as Head.Arrivals counts them.
func (s *Section) Record(i int) *Version { return &s.all[i] }

// Versions returns the versions of a key, none if it is not there.
func (s *Section) Versions(key string) []Version {
	if i := s.lower(key); i < s.Len() && s.all[s.starts[i]].Key == key {
		return s.Key(i).Versions
	}
	return nil
}

// lower is the first key that is not before key.
func (s *Section) lower(key string) int {
	return sort.Search(len(s.starts), func(i int) bool { return s.all[s.starts[i]].Key >= key })
}
