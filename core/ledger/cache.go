package ledger

import (
	"sort"

	"github.com/masqdev/masq/core/storage"
)

// A Block is an opened block. Parsed is what its reader made of Data, if it had it kept (Ledger.Keep).
type Block struct {
	Data   []byte
	Parsed any

	cost   int // of Parsed
	used   uint64
	pinned bool
}

func (b *Block) size() int { return len(b.Data) + b.cost }

// cache holds opened blocks, and what is wanted from storage.
type cache struct {
	limit  int
	grown  bool // there is more to let go of than at the last trim
	clock  uint64
	blocks map[storage.ID]*Block
	wanted []storage.ID            // to be asked for
	asked  map[storage.ID]struct{} // wanted or on their way
	lost   map[storage.ID]struct{} // storage does not have them, or they do not open
}

func newCache(limit int) cache {
	return cache{limit: limit, blocks: map[storage.ID]*Block{}, asked: map[storage.ID]struct{}{}, lost: map[storage.ID]struct{}{}}
}

func (c *cache) get(id storage.ID) (*Block, error) {
	if b := c.blocks[id]; b != nil {
		c.clock++
		b.used = c.clock
		return b, nil
	}
	if _, ok := c.lost[id]; ok {
		return nil, ErrDamaged
	}
	c.want(id)
	return nil, ErrWait
}

func (c *cache) want(id storage.ID) {
	if _, ok := c.asked[id]; !ok {
		c.asked[id] = struct{}{}
		c.wanted = append(c.wanted, id)
	}
}

func (c *cache) takeWanted() []storage.ID {
	out := c.wanted
	c.wanted = nil
	return out
}

func (c *cache) loaded(id storage.ID) { delete(c.asked, id) }

// missing notes that there is no such block that opens: damage if anybody still wants it, not if it was deleted on the way.
func (c *cache) missing(id storage.ID) {
	c.loaded(id)
	c.lost[id] = struct{}{}
}

func (c *cache) put(id storage.ID, plain []byte) {
	c.loaded(id)
	if c.blocks[id] == nil {
		c.clock++
		c.blocks[id] = &Block{Data: plain, used: c.clock}
		c.grown = true
	}
}

func (c *cache) pin(id storage.ID, pinned bool) {
	if b := c.blocks[id]; b != nil {
		b.pinned = pinned
		c.grown = true
	}
}

func (c *cache) drop(id storage.ID) { delete(c.blocks, id) }

func (c *cache) trim() {
	if !c.grown {
		return
	}
	c.grown = false
	total := 0
	for _, b := range c.blocks {
		total += b.size()
	}
	if total <= c.limit {
		return
	}
	ids := make([]storage.ID, 0, len(c.blocks))
	for id, b := range c.blocks {
		if !b.pinned {
			ids = append(ids, id)
		}
	}
	sort.Slice(ids, func(i, j int) bool { return c.blocks[ids[i]].used < c.blocks[ids[j]].used })
	for _, id := range ids {
		if total <= c.limit*3/4 {
			return
		}
		total -= c.blocks[id].size()
		delete(c.blocks, id)
	}
}
