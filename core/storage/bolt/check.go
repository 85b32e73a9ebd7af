package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// bbolt's file: pages of one size, numbered from 0. The first two are meta pages, of which the valid one with the higher
// transaction counts; it names the root of a B+ tree of buckets, the list of free pages, and how many pages there are.
// A page may overflow into those behind it. Numbers are in the machine's own byte order.
const (
	headerSize  = 16 // number u64, flags u16, count u16, overflow u32
	elementSize = 16 // branch: position u32, key size u32, page u64; leaf: flags u32, position u32, key size u32, value size u32
	metaSize    = 64 // magic u32, version u32, page size u32, flags u32, root u64, sequence u64, free list u64, pages u64, transaction u64, checksum u64
	bucketSize  = 16 // root page u64, sequence u64

	branchPage = 1
	leafPage   = 2
	freePage   = 16

	bucketElement = 1

	magic   = 0xED0CDAED
	version = 2

	minPage  = 1 << 10
	maxPage  = 1 << 24
	maxDepth = 32 // of a tree: with two children to a page this is more than any file has
)

var order = binary.NativeEndian

// checker goes through a file's pages, each once, and says what is wrong with the first that is not as bbolt needs it.
type checker struct {
	f        io.ReaderAt
	pageSize uint64
	pages    uint64 // how many there are
	used     []byte // a bit for each page that was seen
	bucket   []byte // whose tree it is in
	value    visit
}

// visit is told of each value that check comes by: its bucket, its key, and where in the file it is.
type visit func(bucket, key []byte, at, size int64) error

// check returns ErrDamaged if bbolt could read, write or loop where it must not. It reads pages' headers and keys, not values. value may
// be nil.
func check(f *os.File, value visit) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	m, err := findMeta(f)
	if err != nil {
		return err
	}
	c := &checker{f: f, pageSize: uint64(order.Uint32(m[8:])), pages: order.Uint64(m[40:]), value: value}
	if c.pages < 4 || c.pages > uint64(info.Size())/c.pageSize {
		return damaged("it is cut short")
	}
	c.used = make([]byte, c.pages/8+1)
	c.used[0] = 3 // the meta pages
	if err := c.tree(order.Uint64(m[16:]), 0, true, nil, nil); err != nil {
		return err
	}
	return c.free(order.Uint64(m[32:]))
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w (%s)", ErrDamaged, fmt.Sprintf(format, args...))
}

// findMeta returns the meta page that counts, as bbolt finds it: the page size is that of the first valid one, the content
// that of the newer.
func findMeta(f io.ReaderAt) ([]byte, error) {
	first := readMeta(f, 0)
	if first != nil {
		if second := readMeta(f, int64(order.Uint32(first[8:]))); second != nil && order.Uint64(second[48:]) > order.Uint64(first[48:]) {
			return second, sameSize(first, second)
		}
		return first, nil
	}
	for at := int64(minPage); at <= maxPage; at <<= 1 {
		if m := readMeta(f, at); m != nil {
			if int64(order.Uint32(m[8:])) != at {
				break
			}
			return m, nil
		}
	}
	return nil, damaged("it has no beginning")
}

func sameSize(a, b []byte) error {
	if !bytes.Equal(a[8:12], b[8:12]) {
		return damaged("its beginnings differ")
	}
	return nil
}

// readMeta returns the meta page at an offset if it is valid, else nil.
func readMeta(f io.ReaderAt, at int64) []byte {
	b := make([]byte, headerSize+metaSize)
	if _, err := f.ReadAt(b, at); err != nil {
		return nil
	}
	m := b[headerSize:]
	sum := fnv.New64a()
	sum.Write(m[:56])
	size := order.Uint32(m[8:])
	if order.Uint32(m) != magic || order.Uint32(m[4:]) != version || order.Uint64(m[56:]) != sum.Sum64() ||
		size < minPage || size > maxPage || size&(size-1) != 0 {
		return nil
	}
	return m
}

// page is one page with those that it overflows into. Its beginning is in memory, the rest is read when it is asked for.
type page struct {
	c     *checker
	at    int64
	size  uint64
	head  []byte
	flags uint16
	count uint64
}

// open reads a page's beginning and marks it as used, with what it overflows into.
func (c *checker) open(n uint64) (*page, error) {
	if n < 2 || n >= c.pages {
		return nil, damaged("it has no page %d", n)
	}
	p := &page{c: c, at: int64(n * c.pageSize), head: make([]byte, c.pageSize)}
	if _, err := c.f.ReadAt(p.head, p.at); err != nil {
		return nil, err
	}
	p.flags, p.count = order.Uint16(p.head[8:]), uint64(order.Uint16(p.head[10:]))
	overflow := uint64(order.Uint32(p.head[12:]))
	if order.Uint64(p.head) != n || overflow >= c.pages-n {
		return nil, damaged("page %d is not one", n)
	}
	p.size = (overflow + 1) * c.pageSize
	for i := n; i <= n+overflow; i++ {
		if err := c.use(i); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (c *checker) use(n uint64) error {
	if c.used[n/8]&(1<<(n%8)) != 0 {
		return damaged("page %d is used twice", n)
	}
	c.used[n/8] |= 1 << (n % 8)
	return nil
}

// bytes returns n bytes at an offset of the page.
func (p *page) bytes(at, n uint64) ([]byte, error) {
	if at > p.size || n > p.size-at {
		return nil, damaged("a page leads out of itself")
	}
	if at+n <= uint64(len(p.head)) {
		return p.head[at : at+n], nil
	}
	b := make([]byte, n)
	_, err := p.c.f.ReadAt(b, p.at+int64(at))
	return b, err
}

// tree goes through the tree below page n. Its keys are at least low and less than high, where these are not nil. Above are
// the buckets, in their trees are the values.
func (c *checker) tree(n uint64, depth int, above bool, low, high []byte) error {
	p, err := c.open(n)
	switch {
	case err != nil:
		return err
	case depth > maxDepth:
		return damaged("it is too deep")
	case p.flags == branchPage && p.count > 0:
		return c.branch(p, depth, above, low, high)
	case p.flags == leafPage && (p.count > 0 || depth == 0):
		return c.leaf(p, above, low, high)
	}
	return damaged("page %d is of the wrong kind", n)
}

func (c *checker) branch(p *page, depth int, above bool, low, high []byte) error {
	var child uint64
	var key []byte
	for i := range p.count {
		e, err := p.bytes(headerSize+i*elementSize, elementSize)
		if err != nil {
			return err
		}
		at, size, next := order.Uint32(e), order.Uint32(e[4:]), order.Uint64(e[8:])
		nextKey, err := p.key(i, at, size, low, high)
		if err != nil {
			return err
		}
		if i > 0 {
			if err := c.tree(child, depth+1, above, key, nextKey); err != nil {
				return err
			}
		}
		child, key = next, nextKey
		low = append(bytes.Clone(key), 0) // the next is greater
	}
	return c.tree(child, depth+1, above, key, high)
}

func (c *checker) leaf(p *page, above bool, low, high []byte) error {
	for i := range p.count {
		e, err := p.bytes(headerSize+i*elementSize, elementSize)
		if err != nil {
			return err
		}
		flags, at, size, valueSize := order.Uint32(e), order.Uint32(e[4:]), order.Uint32(e[8:]), uint64(order.Uint32(e[12:]))
		key, err := p.key(i, at, size, low, high)
		if err != nil {
			return err
		}
		low = append(bytes.Clone(key), 0)
		value := headerSize + i*elementSize + uint64(at) + uint64(size)
		switch {
		case value+valueSize > p.size:
			err = damaged("a value leads out of its page")
		case above && flags == bucketElement:
			c.bucket = key
			err = c.below(p, value, valueSize)
		case above || flags != 0:
			err = damaged("it has buckets in the wrong place")
		case c.value != nil:
			err = c.value(c.bucket, key, p.at+int64(value), int64(valueSize))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// key returns the key of element i, whose position counts from the element itself.
func (p *page) key(i uint64, at, size uint32, low, high []byte) ([]byte, error) {
	from := headerSize + i*elementSize + uint64(at)
	if size == 0 || from < headerSize+p.count*elementSize {
		return nil, damaged("a key is in the wrong place")
	}
	key, err := p.bytes(from, uint64(size))
	if err == nil && (low != nil && bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0) {
		err = damaged("its keys are out of order")
	}
	return key, err
}

// below goes through a bucket: its tree, or the one page that a small bucket has instead, inside of its value.
func (c *checker) below(p *page, at, size uint64) error {
	b, err := p.bytes(at, size)
	if err != nil {
		return err
	}
	if size < bucketSize {
		return damaged("a bucket is too short")
	}
	if root := order.Uint64(b); root != 0 {
		return c.tree(root, 0, false, nil, nil)
	}
	b = b[bucketSize:]
	if len(b) < headerSize {
		return damaged("a bucket is too short")
	}
	in := &page{c: c, at: p.at + int64(at) + bucketSize, size: uint64(len(b)), head: b, flags: order.Uint16(b[8:]), count: uint64(order.Uint16(b[10:]))}
	if in.flags != leafPage {
		return damaged("a bucket is of the wrong kind")
	}
	return c.leaf(in, false, nil, nil)
}

// free goes through the list of free pages: count numbers, ascending, none of them in use. A count of 65,535 says that the real
// one stands before the numbers.
func (c *checker) free(n uint64) error {
	p, err := c.open(n)
	if err != nil {
		return err
	}
	if p.flags != freePage {
		return damaged("its list of free pages is of the wrong kind")
	}
	at := uint64(headerSize)
	if p.count == 0xffff {
		b, err := p.bytes(at, 8)
		if err != nil {
			return err
		}
		p.count, at = order.Uint64(b), at+8
	}
	if p.count > p.size/8 {
		return damaged("its list of free pages is too long")
	}
	list, err := p.bytes(at, p.count*8)
	if err != nil {
		return err
	}
	for last := uint64(1); len(list) > 0; list = list[8:] {
		n := order.Uint64(list)
		if n <= last || n >= c.pages {
			return damaged("its list of free pages is out of order")
		}
		if err := c.use(n); err != nil {
			return err
		}
		last = n
	}
	return nil
}
