package sim

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/masqdev/masq/core/wire"
)

// book is what the users wrote, and what each write had seen: what the oracle compares the devices with.
type book struct {
	writes []*write          // by id
	last   map[string]*write // of each key
}

// write is one put or deletion. Its id stands in its value, so that no two values are the same.
type write struct {
	id    int
	key   string
	kind  wire.Kind
	value []byte
	by    *device
	app   string
	batch []*write // those that were written with it, itself included
	saw   []*write // the values that the key had when it was written
	after []*write // the writes that saw this one

	strict    bool
	acked     bool // the engine said that it is done: durable, when strict
	rewritten bool // there was a later write to the key, which may have replaced a deletion and be still to come

	excused bool // its user discarded it, or its disk went back to before it
	probe   bool // of a wild key, after the hostile member was shut out
}

// exact reports whether nothing but honest writes can have touched what x says.
func (x *write) exact() bool { return x.probe || !x.by.w.wild(x.key) }

// add makes a write of size bytes, at least those that its id needs. A deletion has none.
func (b *book) add(by *device, key string, kind wire.Kind, size int) *write {
	x := &write{id: len(b.writes), key: key, kind: kind, by: by}
	switch kind {
	case wire.JSON:
		head := `{"w":` + strconv.Itoa(x.id) + `,"x":"`
		x.value = []byte(head + strings.Repeat("x", max(0, size-len(head)-2)) + `"}`)
	case wire.Bytes:
		x.value = binary.BigEndian.AppendUint64(nil, uint64(x.id))
		x.value = append(x.value, bytes.Repeat([]byte{byte(x.id)}, max(0, size-8))...)
	}
	if last := b.last[key]; last != nil {
		last.rewritten = true
	}
	if b.last == nil {
		b.last = map[string]*write{}
	}
	b.last[key] = x
	b.writes = append(b.writes, x)
	return x
}

// find returns the write of a value, nil if nobody ever wrote that to this key.
func (b *book) find(key string, kind wire.Kind, value []byte) *write {
	id := -1
	switch kind {
	case wire.JSON:
		digits, _, _ := strings.Cut(strings.TrimPrefix(string(value[:min(len(value), 40)]), `{"w":`), ",")
		if n, err := strconv.Atoi(digits); err == nil {
			id = n
		}
	case wire.Bytes:
		if len(value) >= 8 {
			id = int(binary.BigEndian.Uint64(value))
		}
	}
	if id < 0 || id >= len(b.writes) {
		return nil
	}
	if x := b.writes[id]; x.key == key && x.kind == kind && bytes.Equal(x.value, value) {
		return x
	}
	return nil
}

// sees notes that x was written where s was to be seen.
func (x *write) sees(s *write) {
	x.saw = append(x.saw, s)
	s.after = append(s.after, x)
}

// content is what a device shows: for each key the values that it has, the one that get returns first.
type content struct {
	lost   map[string][]*write // keys that may be unreadable
	keys   []string
	values map[string][]*write
}

func (c *content) add(key string, x *write) {
	if c.values == nil {
		c.values = map[string][]*write{}
	}
	if _, ok := c.values[key]; !ok {
		c.keys = append(c.keys, key)
	}
	c.values[key] = append(c.values[key], x)
}

func (c *content) has(x *write) bool {
	for _, y := range c.values[x.key] {
		if x == y {
			return true
		}
	}
	return false
}

// loses reports whether the key may be unreadable.
func (c *content) loses(key string) bool { _, yes := c.lost[key]; return yes }

// conflicting is how many keys have several values.
func (c *content) conflicting() (n int) {
	for _, values := range c.values {
		if len(values) > 1 {
			n++
		}
	}
	return n
}

// inconsistent returns what must never be seen together: a value with one that it has replaced, or half a batch. It is "" if
// there is none. Values of devices that went back in time are left out.
func (c *content) inconsistent() string {
	for _, key := range c.keys {
		for _, x := range c.values[key] {
			if s := c.replacedBy(x); s != nil {
				return "shows " + s.String() + " beside " + x.String() + ", which has replaced it"
			}
			if y := c.missingOf(x); y != nil {
				return "shows " + x.String() + " without " + y.String() + " of the same batch"
			}
		}
	}
	return ""
}

// replacedBy returns a value here that x has replaced.
func (c *content) replacedBy(x *write) *write {
	for _, s := range x.saw {
		if c.has(s) && !s.by.shaky && !x.by.shaky && s.exact() && x.exact() {
			return s
		}
	}
	return nil
}

// missingOf returns a part of x's batch that is neither here nor replaced.
func (c *content) missingOf(x *write) *write {
	if x.by.shaky {
		return nil
	}
	for _, y := range x.batch {
		switch {
		case !y.exact() || c.loses(y.key):
		case y.kind == wire.Deleted && !y.rewritten && c.replacedBy(y) != nil:
			return y
		case y.kind != wire.Deleted && len(y.after) == 0 && !c.has(y):
			return y
		}
	}
	return nil
}

func (x *write) String() string {
	what := "write "
	if x.kind == wire.Deleted {
		what = "deletion "
	}
	return what + strconv.Itoa(x.id) + " of " + x.key + " by " + x.by.name
}
