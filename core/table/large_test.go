package table

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

func random(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 3))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// TestLarge: values come back from sealed blocks, of which all but the last are full.
func TestLarge(t *testing.T) {
	const first = 77
	for _, sizes := range [][]int{
		{1025}, {LargeBytes}, {LargeBytes + 1}, {LargeBytes - 1, 2}, {wire.MaxValue, 1, wire.MaxValue}, {8192, 8192, 8191, 1, 3000},
		{5000, 60_000, 2000, 2000, 2000, 100_000, 1}, {57_344 - 20, 10}, {57_344, 1}, {61_000},
	} {
		w, d := NewLargeWriter(first), newDisk(t)
		d.next = first - 1
		var places []compact.Place
		for i, n := range sizes {
			places = append(places, w.Add(random(n, uint64(i))))
		}
		total := w.Len()
		for i, sections := range w.Finish() {
			d.next++
			b := d.v.SealSections(classTable|storage.ID(d.next), nil, sections)
			d.blocks[d.next] = b
			if last := (i+1)*LargeBytes >= total; (len(b)+48)%4096 != 0 || len(b) > SealedSize || !last && len(b) != SealedSize {
				t.Errorf("%v: block %d has %d bytes", sizes, i, len(b))
			}
		}
		for i, p := range places {
			if got, err := d.large(p); err != nil || !bytes.Equal(got, random(sizes[i], uint64(i))) {
				t.Errorf("%v: value %d at %+v: %d bytes, %v", sizes, i, p, len(got), err)
			}
		}
	}
}

func (d *disk) large(p compact.Place) (out []byte, err error) {
	parts, err := LargeParts(p)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		s, err := d.open(part.Block)
		if err != nil {
			return nil, err
		}
		if part.Section >= s.Len() {
			return nil, ErrMalformed
		}
		plain, err := s.Open(part.Section)
		if err != nil {
			return nil, err
		}
		if out, err = part.Append(out, plain); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TestLargeSizes: whatever is in the last block, it has a length that blocks have.
func TestLargeSizes(t *testing.T) {
	for n := 1; n <= LargeBytes; n += 97 {
		w, size := NewLargeWriter(1), 0
		w.Add(make([]byte, n))
		blocks := w.Finish()
		for _, s := range blocks[0] {
			size += len(s) + 20
			if len(s) > 8192 {
				t.Fatalf("%d bytes: a section of %d", n, len(s))
			}
		}
		if size += 48; len(blocks) != 1 || (size+48)%4096 != 0 || size > SealedSize {
			t.Fatalf("%d bytes: %d blocks, the first of %d bytes", n, len(blocks), size)
		}
	}
}

func TestLargeRefused(t *testing.T) {
	for name, p := range map[string]compact.Place{
		"no bytes":         {Block: 1},
		"behind the block": {Block: 1, Offset: LargeBytes, Length: 1},
	} {
		if parts, err := LargeParts(p); err == nil {
			t.Errorf("%s: %v", name, parts)
		}
	}
	if got, err := (LargePart{From: 5, To: 9}).Append(nil, make([]byte, 8)); err == nil || len(got) > 0 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
