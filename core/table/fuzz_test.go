package table

import (
	"bytes"
	"testing"

	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/wire"
)

// FuzzBlock: a head is read only as it is written, and so is a section: what is read of it ascends and has a position for each record.
func FuzzBlock(f *testing.F) {
	for _, all := range odd() {
		b := NewBuilder(Options{Label: []byte("x")})
		for _, k := range keyed(all[:min(len(all), 40)]) {
			b.Add(k.Key, k.Versions)
		}
		if x := b.Finish()[0]; len(x.Sections[0]) < 1<<14 {
			f.Add(x.Head, x.Sections[0])
		}
	}
	f.Fuzz(func(t *testing.T, head, plain []byte) {
		h, err := ParseHead(head)
		if err != nil {
			return
		}
		if again := appendHead(nil, h.Label, writersOf(h.writers), h.sections, &h.arrivals); !bytes.Equal(again, head) {
			t.Errorf("read %x, wrote %x", head, again)
		}
		if n := len(h.Arrivals(nil, 0, 1<<64-1)); n != h.Records() && h.positions[n] != 1<<64-1 {
			t.Errorf("%d arrivals of %d records", n, h.Records())
		}
		s, err := h.Section(0, plain, Compression{})
		if err != nil {
			return
		}
		if again := encodeAgain(h.writers, s); !bytes.Equal(again, plain[:len(again)]) || len(again) != h.sections[0].length {
			t.Errorf("read %x, wrote %x", plain, again)
		}
		for i, last := 0, ""; i < s.Len(); i++ {
			k := s.Key(i)
			if k.Key <= last || len(k.Versions) == 0 || len(s.Versions(k.Key)) != len(k.Versions) {
				t.Errorf("key %d is %q, behind %q", i, k.Key, last)
			}
			last = k.Key
		}
	})
}

func writersOf(ids []uint64) *compact.Writers {
	w := new(compact.Writers)
	e := compact.NewEncoder(w)
	for _, id := range ids {
		e.Add(&compact.Record{Record: wire.Record{Dot: wire.Dot{Writer: id, Seq: firstSeq}, Key: "k"}})
	}
	return w
}

func encodeAgain(writers []uint64, s *Section) []byte {
	e := compact.NewEncoder(writersOf(writers))
	for i := range s.all {
		e.Add(&s.all[i].Record)
	}
	return e.Body()
}

// FuzzDirectory: a directory is read only as it is written, and finds what it has.
func FuzzDirectory(f *testing.F) {
	for _, all := range odd() {
		b := NewBuilder(Options{})
		for _, k := range keyed(all) {
			b.Add(k.Key, k.Versions)
		}
		var entries []Entry
		for _, x := range b.Finish() {
			entries = append(entries, x.Entry)
		}
		for _, dir := range Pack(entries) {
			f.Add(dir)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDirectory(b)
		if err != nil {
			return
		}
		var entries []Entry
		for i := range d.Len() {
			e := d.Entry(i)
			if d.find(e.First) != i {
				t.Errorf("entry %d is not found by its first key", i)
			}
			e.MayHave("key", Hash("key"))
			entries = append(entries, e)
		}
		if again := Pack(entries); len(again) != 1 || !bytes.Equal(again[0], b) {
			t.Errorf("read %x, wrote %x", b, again)
		}
		if _, err := NewTable(d); err != nil {
			t.Error(err)
		}
	})
}

// FuzzBits: what is read of bits is written in the same bits.
func FuzzBits(f *testing.F) {
	f.Add([]byte{0xff, 0x0f, 3, 0x80}, []byte{3, 70, 0, 5, 64, 9})
	f.Fuzz(func(t *testing.T, b, widths []byte) {
		r, w := bitReader{b: b}, newBitWriter(nil)
		for _, width := range widths {
			if width > 64 {
				if q := r.unary(); !r.bad {
					w.unary(q)
				}
			} else if v := r.take(int(width)); !r.bad {
				w.put(v, int(width))
			}
			if r.bad {
				return
			}
		}
		if n := r.end(); !r.bad && !bytes.Equal(w.b, b[:n]) {
			t.Errorf("read %x, wrote %x", b[:n], w.b)
		}
	})
}
