package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestReaderAndAppend(t *testing.T) {
	b := AppendU16(nil, 0x0102)
	b = AppendU32(b, 0x03040506)
	b = AppendU64(b, 0x0708090a0b0c0d0e)
	b = AppendLV8(b, []byte("eight"))
	b = AppendLV(b, []byte("sixteen"))
	b = AppendLV32(b, []byte("thirty-two"))
	b = AppendTLV(b, 9, []byte("nine"))
	b = AppendVarBytes(b, []byte("any"))
	b = AppendLV(b, nil)
	want := "\x01\x02" + "\x03\x04\x05\x06" + "\x07\x08\x09\x0a\x0b\x0c\x0d\x0e" + "\x05eight" + "\x00\x07sixteen" +
		"\x00\x00\x00\x0athirty-two" + "\x09\x00\x00\x00\x04nine" + "\x03any" + "\x00\x00"
	if string(b) != want {
		t.Fatalf("%x", b)
	}
	r := NewReader(b)
	if r.U16() != 0x0102 || r.U32() != 0x03040506 || r.U64() != 0x0708090a0b0c0d0e {
		t.Error("numbers")
	}
	if string(r.LV8(5)) != "eight" || string(r.LV(7)) != "sixteen" || string(r.LV32(10)) != "thirty-two" {
		t.Error("lengths")
	}
	if tag, value := r.TLV(4); tag != 9 || string(value) != "nine" {
		t.Error("field")
	}
	if string(r.VarBytes(3)) != "any" {
		t.Error("length of any size")
	}
	if r.Len() != 2 || r.Done() != ErrMalformed || r.Err() != nil {
		t.Error("before the end")
	}
	if empty := r.LV(0); empty == nil || len(empty) != 0 || r.Done() != nil {
		t.Error("at the end")
	}
}

func TestVarint(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 16383, 16384, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		r := NewReader(AppendVarint(nil, v))
		if got := r.Varint(); got != v || r.Done() != nil {
			t.Errorf("%d became %d, %v", v, got, r.Done())
		}
	}
}

// TestReaderFails: after a failure nothing more is read, and nothing is answered.
func TestReaderFails(t *testing.T) {
	for _, c := range []struct {
		name string
		in   string
		read func(r *Reader) []byte
	}{
		{"U8", "", func(r *Reader) []byte { return make([]byte, r.U8()) }},
		{"U16", "\xff", func(r *Reader) []byte { return make([]byte, r.U16()) }},
		{"U32", "\xff\xff\xff", func(r *Reader) []byte { return make([]byte, r.U32()) }},
		{"U64", "\xff\xff\xff\xff\xff\xff\xff", func(r *Reader) []byte { return make([]byte, r.U64()) }},
		{"Bytes", "four", func(r *Reader) []byte { return r.Bytes(5) }},
		{"Bytes, negative", "four", func(r *Reader) []byte { return r.Bytes(-1) }},
		{"LV8 without a length", "", func(r *Reader) []byte { return r.LV8(255) }},
		{"LV8 too short", "\x05four", func(r *Reader) []byte { return r.LV8(255) }},
		{"LV8 over the limit", "\x04four", func(r *Reader) []byte { return r.LV8(3) }},
		{"LV too short", "\x00\x05four", func(r *Reader) []byte { return r.LV(1 << 16) }},
		{"LV over the limit", "\x00\x04four", func(r *Reader) []byte { return r.LV(3) }},
		{"LV32 too short", "\xff\xff\xff\xfffour", func(r *Reader) []byte { return r.LV32(1 << 40) }},
		{"LV32 over the limit", "\x00\x00\x00\x04four", func(r *Reader) []byte { return r.LV32(3) }},
		{"TLV without a length", "\x01", func(r *Reader) []byte { _, v := r.TLV(100); return v }},
		{"TLV over the limit", "\x01\x00\x00\x00\x04four", func(r *Reader) []byte { _, v := r.TLV(3); return v }},
		{"Varint without an end", strings.Repeat("\xff", 9), func(r *Reader) []byte { return make([]byte, r.Varint()) }},
		{"Varint above 64 bits", strings.Repeat("\xff", 9) + "\x02", func(r *Reader) []byte { return make([]byte, r.Varint()) }},
		{"Varint of 11 bytes", strings.Repeat("\xff", 10) + "\x01", func(r *Reader) []byte { return make([]byte, r.Varint()) }},
		{"Varint not in its shortest form", "\x81\x00", func(r *Reader) []byte { return make([]byte, r.Varint()) }},
		{"VarBytes too short", "\x05four", func(r *Reader) []byte { return r.VarBytes(5) }},
		{"VarBytes over the limit", "\x04four", func(r *Reader) []byte { return r.VarBytes(3) }},
		{"VarBytes longer than there can be", strings.Repeat("\xff", 9) + "\x01four", func(r *Reader) []byte { return r.VarBytes(1 << 40) }},
		{"Fail", "four", func(r *Reader) []byte { r.Fail(); return r.Bytes(4) }},
	} {
		r := NewReader([]byte(c.in))
		if got := c.read(&r); len(got) != 0 {
			t.Errorf("%s: answered %q", c.name, got)
		}
		if r.Err() != ErrMalformed || r.Done() != ErrMalformed || r.Len() != 0 || r.U8() != 0 || r.Bytes(0) != nil {
			t.Errorf("%s: goes on after the failure", c.name)
		}
	}
}

// TestReaderIsNotAppendedInto: what was taken aliases the input, but appending to it leaves the rest alone.
func TestReaderIsNotAppendedInto(t *testing.T) {
	in := []byte("\x03onetwo")
	r := NewReader(in)
	one := r.LV8(3)
	_ = append(one, "!!!"...)
	if string(in) != "\x03onetwo" || string(r.Bytes(3)) != "two" {
		t.Errorf("%q", in)
	}
	if clear(one); bytes.Contains(in, []byte("one")) {
		t.Error("it was copied")
	}
}

func TestAppendTooLong(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		add  func(b, x []byte) []byte
	}{
		{"LV8", 1 << 8, AppendLV8},
		{"LV", 1 << 16, AppendLV},
	} {
		x := []byte(strings.Repeat("x", c.n))
		if got := c.add(nil, x[1:]); !bytes.HasSuffix(got, x[1:]) {
			t.Errorf("%s: the longest", c.name)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: appended what its length cannot say", c.name)
				}
			}()
			c.add(nil, x)
		}()
	}
}

// FuzzReader takes fields in the order that ops says. It never panics, never answers more than there was, and never recovers.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8}, []byte("some bytes, of which the fields are taken, one after another, until none is left"))
	f.Add([]byte{4, 5, 6, 7}, []byte("\x01a\x00\x02bc\x00\x00\x00\x03def\x09\x00\x00\x00\x04ghij"))
	f.Fuzz(func(t *testing.T, ops, in []byte) {
		r := NewReader(in)
		taken, failed := 0, false
		for _, op := range ops {
			left := r.Len()
			n := 0
			switch op % 11 {
			case 0:
				r.U8()
			case 1:
				r.U16()
			case 2:
				r.U32()
			case 3:
				r.U64()
			case 4:
				n = len(r.LV8(int(op)))
			case 5:
				n = len(r.LV(int(op) * 4))
			case 6:
				n = len(r.LV32(int(op) * 64))
			case 7:
				_, v := r.TLV(int(op))
				n = len(v)
			case 8:
				n = len(r.Bytes(int(op) - 20))
			case 9:
				r.Varint()
			case 10:
				n = len(r.VarBytes(int(op)))
			}
			if failed && (r.Err() == nil || n > 0) || n > left || r.Len() > left {
				t.Fatalf("op %d after %d bytes: took %d, %d left of %d", op, taken, n, r.Len(), left)
			}
			failed = r.Err() != nil
			taken += left - r.Len()
		}
		if (r.Done() == nil) != (!failed && taken == len(in)) {
			t.Fatalf("Done %v after %d of %d bytes", r.Done(), taken, len(in))
		}
	})
}
