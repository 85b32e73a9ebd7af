package table

import (
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

const (
	classTable storage.ID = 5 << 48

	writerA, writerB = 0x8000_0000_1111_2222, 0x1000_0000_3333_4444
	firstSeq         = 37 << wire.BlockBits
	firstTime        = 1_790_000_000_000
)

func version(key string, writer, seq, pos uint64) Version {
	v := Version{Pos: pos}
	v.Record.Record = wire.Record{
		Dot: wire.Dot{Writer: writer, Seq: seq}, Time: firstTime + seq, Key: key, Kind: wire.JSON, Value: []byte(fmt.Sprintf("%d of %s", seq, key)),
	}
	return v
}

// versions are of n keys, one each, written in batches of 1,000 in the order that perm gives. They come in the order of keys.
func versions(perm []int) []Version {
	out := make([]Version, 0, len(perm))
	for i, k := range perm {
		n := uint64(i / 1000)
		v := version(fmt.Sprintf("key-%07d", k), writerA, firstSeq+n, 5_000+uint64(i))
		v.Time = firstTime + 130*n
		v.Value = make([]byte, 100)
		for j := range v.Value {
			v.Value[j] = byte(k + j)
		}
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Version) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func inOrder(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func shuffled(n int) []int { return mrand.New(mrand.NewPCG(1, 2)).Perm(n) }

// disk has sealed blocks, and opens them as they are asked for.
type disk struct {
	t      testing.TB
	v      *vault.Vault
	c      Compression
	next   uint64
	blocks map[uint64][]byte
	waits  func() bool // whether what is asked for has to be loaded first
	loads  int
	heads  map[uint64]*Head
	parsed map[[2]uint64]*Section
}

func newDisk(t testing.TB) *disk {
	return &disk{
		t: t, v: vault.New([32]byte{1}, rand.Reader), blocks: map[uint64][]byte{}, heads: map[uint64]*Head{}, parsed: map[[2]uint64]*Section{},
	}
}

var errWait = errors.New("not loaded")

// add seals blocks and returns their entries.
func (d *disk) add(built []Built) (out []Entry) {
	for _, b := range built {
		d.next++
		b.Entry.Block = d.next
		d.blocks[d.next] = d.v.SealSections(classTable|storage.ID(d.next), b.Head, b.Sections)
		out = append(out, b.Entry)
	}
	return out
}

func (d *disk) open(block uint64) (*vault.Sections, error) {
	b, ok := d.blocks[block]
	if !ok {
		d.t.Fatalf("block %d is not there", block)
	}
	return d.v.OpenSections(classTable|storage.ID(block), b)
}

// load reports whether what is asked for is loaded.
func (d *disk) load() bool {
	d.loads++
	return d.waits == nil || !d.waits()
}

func (d *disk) Head(block uint64) (*Head, error) {
	if !d.load() {
		return nil, errWait
	}
	if h := d.heads[block]; h != nil {
		return h, nil
	}
	s, err := d.open(block)
	if err != nil {
		return nil, err
	}
	d.heads[block], err = ParseHead(s.Head)
	return d.heads[block], err
}

func (d *disk) Section(block uint64, i int) (*Section, error) {
	h, err := d.Head(block)
	if err != nil {
		return nil, err
	}
	at := [2]uint64{block, uint64(i)}
	if s := d.parsed[at]; s != nil {
		return s, nil
	}
	s, err := d.open(block)
	if err != nil {
		return nil, err
	}
	plain, err := s.Open(i)
	if err != nil {
		return nil, err
	}
	d.parsed[at], err = h.Section(i, plain, d.c)
	return d.parsed[at], err
}

func (d *disk) delete(block uint64) {
	delete(d.blocks, block)
	delete(d.heads, block)
}

// table reads a table back from its entries.
func (d *disk) table(entries []Entry) *Table {
	d.t.Helper()
	var dirs []*Directory
	for _, b := range Pack(entries) {
		dir, err := ParseDirectory(b)
		if err != nil {
			d.t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	t, err := NewTable(dirs...)
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

// build makes a table of versions that are in the order of keys.
func (d *disk) build(o Options, all []Version) []Entry {
	b := NewBuilder(o)
	var out []Entry
	for _, k := range keyed(all) {
		b.Add(k.Key, k.Versions)
		out = append(out, d.add(b.Take())...)
	}
	return append(out, d.add(b.Finish())...)
}

func keyed(all []Version) (out []Keyed) {
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].Key == all[0].Key {
			n++
		}
		out = append(out, Keyed{Key: all[0].Key, Versions: all[:n:n]})
		all = all[n:]
	}
	return out
}

// up are all keys of a source.
func up(t testing.TB, s Source) (out []Keyed) {
	t.Helper()
	for {
		k, ok, err := s.Next()
		switch {
		case errors.Is(err, errWait):
		case err != nil:
			t.Fatal(err)
		case !ok:
			return out
		default:
			out = append(out, k)
		}
	}
}

// same reports whether two lists are the same keys with the same versions.
func same(a, b []Keyed) bool {
	return slices.EqualFunc(a, b, func(x, y Keyed) bool {
		return x.Key == y.Key && slices.EqualFunc(x.Versions, y.Versions, func(v, w Version) bool {
			return v.Pos == w.Pos && v.Key == w.Key && v.Dot == w.Dot && v.Time == w.Time && slices.Equal(v.Context, w.Context) && v.Kind == w.Kind &&
				v.Hearsay == w.Hearsay && v.Abridged == w.Abridged && string(v.Value) == string(w.Value) && string(v.Extra) == string(w.Extra) && v.Place == w.Place
		})
	})
}
