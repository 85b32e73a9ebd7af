package table

import (
	"bytes"
	"sort"
	"strings"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// Options are for a Builder. The zero value is good.
type Options struct {
	Label       []byte // stands in the head of each block, at most MaxLabel: what the block belongs to, should the directory be lost
	Compression Compression
}

// A Built is a block to seal, and its entry, which lacks the block's number.
type Built struct {
	Head     []byte
	Sections [][]byte
	Entry    Entry
}

// A Builder makes the blocks of one table. It holds at most one of them that is not full.
type Builder struct {
	opt   Options
	built []Built
	last  string // the key before

	// Of the block that is not full.
	writers  compact.Writers
	enc      *compact.Encoder
	bodies   [][]byte
	sections []section
	now      section // that enc has
	nowSize  int     // of its records, by compact.Size
	content  int     // bytes of bodies
	headSize int     // of sections in the head

	firstKey  string
	entry     Entry // its counts
	hashes    []uint64
	positions []uint64
	reach     spread // of positions
	ranges    map[uint64]*WriterRange
}

// NewBuilder returns a Builder of a table without keys.
func NewBuilder(o Options) *Builder {
	if len(o.Label) > MaxLabel {
		panic("table: label too long")
	}
	b := &Builder{opt: o}
	b.enc = compact.NewEncoder(&b.writers)
	b.reset()
	return b
}

// reset begins a block.
func (b *Builder) reset() {
	b.writers.Cut(0)
	b.enc.Reset()
	// The encoder has the address of the writers.
	*b = Builder{opt: b.opt, built: b.built, last: b.last, writers: b.writers, enc: b.enc, ranges: map[uint64]*WriterRange{}}
}

// Add adds a key with its versions, of which there is at least one, by writer and number of their dots. The key is behind all that were
// added. Anything else is a caller's bug, and panics. It keeps the key, and nothing else.
func (b *Builder) Add(key string, versions []Version) {
	if key <= b.last || len(versions) == 0 {
		panic("table: keys do not ascend, or one has no versions")
	}
	size := 0
	for i := range versions {
		if v := &versions[i]; v.Key != key || i > 0 && compareDots(versions[i-1].Dot, v.Dot) >= 0 {
			panic("table: versions of another key, or not in their order")
		}
		size += compact.Size(&versions[i].Record)
	}
	for !b.try(key, versions, size) {
	}
	b.nowSize += size
	b.now.records += len(versions)
	b.count(key, versions)
	b.last = key
}

// try encodes a key behind what the section has. It returns false if there is no room: then the section, or the block, has been closed before it.
func (b *Builder) try(key string, versions []Version, size int) bool {
	start, writers := b.enc.Len(), len(b.writers.List())
	if start == 0 {
		b.begin(key)
	}
	reach := b.reach
	for i := range versions {
		b.enc.Add(&versions[i].Record)
		reach.add(versions[i].Pos)
	}
	switch {
	case start > 0 && (b.enc.Len() > sectionBytes || b.nowSize+size > sectionSpread):
		b.writers.Cut(writers)
		b.closeSection(start)
	case b.entry.Keys == maxKeys:
		b.writers.Cut(writers)
		b.closeSection(start)
		b.closeBlock(separator(b.last, key), false)
	case b.entry.Keys > 0 && b.size(&reach) > SealedSize:
		b.writers.Cut(writers)
		b.closeSection(start)
		if b.opt.Compression.Deflate == nil || start < sectionBytes/4 {
			b.closeBlock(separator(b.last, key), true)
		} // else there may be room now
	default:
		return true
	}
	return false
}

// begin begins a section with a key, and with the first one the block.
func (b *Builder) begin(key string) {
	b.now = section{first: key}
	if b.last != "" {
		b.now.first = separator(b.last, key)
	}
	if b.entry.Keys == 0 {
		b.entry.First, b.firstKey = b.now.first, key
	}
}

// size is how long the block is at most, sealed, with what enc has and with these positions.
func (b *Builder) size(reach *spread) int {
	head := 1 + 2 + len(b.opt.Label) + 3 + 8*len(b.writers.List()) + 3 + b.headSize + b.now.size() + reach.bytes()
	return vault.SectionsOverhead(len(b.sections)+1) + head + b.content + b.enc.Len()
}

// closeSection ends the section behind the first n bytes of what enc has, if there are any.
func (b *Builder) closeSection(n int) {
	if n > 0 {
		body := bytes.Clone(b.enc.Body()[:n])
		if b.opt.Compression.Deflate != nil && n <= maxInflated {
			if d := b.opt.Compression.Deflate(body); d != nil {
				body, b.now.inflated = d, n
			}
		}
		b.now.length = len(body)
		b.bodies, b.sections = append(b.bodies, body), append(b.sections, b.now)
		b.content += len(body)
		b.headSize += len(b.now.append(nil))
	}
	b.enc.Reset()
	b.nowSize, b.now = 0, section{}
}

// closeBlock ends the block, all of whose keys are before behind. A full one is made SealedSize long.
func (b *Builder) closeBlock(behind string, full bool) {
	arrivals := arrivalsOf(b.positions)
	head := appendHead(nil, b.opt.Label, &b.writers, b.sections, &arrivals)
	n := vault.SectionsOverhead(len(b.sections)) + len(head) + b.content
	size := sealedSize(n)
	if full {
		size = max(size, SealedSize)
	}
	last := &b.bodies[len(b.bodies)-1]
	*last = append(*last, make([]byte, size-n)...)
	e := b.entry
	e.First, e.Behind = strings.Clone(e.First), strings.Clone(behind)
	e.Low, e.High, e.filter = b.reach.low, b.reach.high, newFilter(b.hashes)
	if len(b.ranges) <= MaxRanges {
		for _, r := range b.ranges {
			e.Writers = append(e.Writers, *r)
		}
		sort.Slice(e.Writers, func(i, j int) bool { return e.Writers[i].Writer < e.Writers[j].Writer })
	}
	b.built = append(b.built, Built{Head: head, Sections: b.bodies, Entry: e})
	b.reset()
}

// count notes what the block has more with a key.
func (b *Builder) count(key string, versions []Version) {
	b.entry.Keys++
	b.hashes = append(b.hashes, Hash(key))
	live := uint64(0)
	for i := range versions {
		v := &versions[i]
		if v.Kind == wire.Deleted {
			b.entry.Tombstones++
		} else {
			live = 1
		}
		if v.Hearsay {
			b.entry.Hearsay++
		}
		b.positions = append(b.positions, v.Pos)
		b.reach.add(v.Pos)
		if r := b.ranges[v.Dot.Writer]; r == nil {
			b.ranges[v.Dot.Writer] = &WriterRange{v.Dot.Writer, v.Dot.Seq, v.Dot.Seq}
		} else {
			r.Low, r.High = min(r.Low, v.Dot.Seq), max(r.High, v.Dot.Seq)
		}
	}
	b.entry.Live += live
}

// Take takes the blocks that are full.
func (b *Builder) Take() []Built {
	out := b.built
	b.built = nil
	return out
}

// Full is how many blocks Take takes.
func (b *Builder) Full() int { return len(b.built) }

// First is the first key that no full block has; false if they have all that were added.
func (b *Builder) First() (string, bool) { return b.firstKey, b.entry.Keys > 0 }

// Finish ends the table and takes the blocks that are left. The Builder is not used again.
func (b *Builder) Finish() []Built {
	if b.entry.Keys > 0 {
		b.closeSection(b.enc.Len())
		b.closeBlock(after(b.last), false)
	}
	return b.Take()
}
