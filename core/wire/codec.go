package wire

import "encoding/binary"

// A Reader takes fields off the front of bytes that came from outside. After the first failure every further read fails;
// check once, with Done. (cryptobyte would do the same, but brings ASN.1 and big numbers along: 50 kB in a browser.)
type Reader struct {
	s   []byte
	bad bool
}

// NewReader reads b, which it does not copy: what Bytes and its kin return aliases it.
func NewReader(b []byte) Reader { return Reader{s: b} }

// Bytes takes n bytes. Appending to them does not write into the input.
func (r *Reader) Bytes(n int) []byte {
	if r.bad || n < 0 || n > len(r.s) {
		r.bad = true
		return nil
	}
	out := r.s[:n:n]
	r.s = r.s[n:]
	return out
}

// U8 takes a byte.
func (r *Reader) U8() uint8 {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// U16 takes a 16-bit number.
func (r *Reader) U16() uint16 {
	if b := r.Bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// U32 takes a 32-bit number.
func (r *Reader) U32() uint32 {
	if b := r.Bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// U64 takes a 64-bit number.
func (r *Reader) U64() uint64 {
	if b := r.Bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Varint takes a number in base 128, as package encoding/binary writes it. Any form but its shortest fails.
func (r *Reader) Varint() uint64 {
	if len(r.s) > 0 && r.s[0] < 0x80 && !r.bad {
		v := r.s[0]
		r.s = r.s[1:]
		return uint64(v)
	}
	return r.varint()
}

func (r *Reader) varint() (v uint64) {
	for i, c := range r.s[:min(len(r.s), 10)] {
		if v |= uint64(c&0x7f) << (7 * i); c >= 0x80 {
			continue
		}
		if c == 0 || i == 9 && c > 1 || r.bad {
			break
		}
		r.s = r.s[i+1:]
		return v
	}
	r.bad = true
	return 0
}

// LV8, LV and LV32 take bytes behind their length of 8, 16 and 32 bits, at most limit of them.
func (r *Reader) LV8(limit int) []byte { return r.limited(int(r.U8()), limit) }

// LV is documented at LV8.
func (r *Reader) LV(limit int) []byte { return r.limited(int(r.U16()), limit) }

// LV32 is documented at LV8.
func (r *Reader) LV32(limit int) []byte { return r.limited(int(r.U32()), limit) }

// VarBytes takes bytes behind their length as a Varint, at most limit of them.
func (r *Reader) VarBytes(limit int) []byte { return r.limited(int(r.Varint()), limit) }

func (r *Reader) limited(n, limit int) []byte {
	if n > limit {
		r.bad = true
	}
	return r.Bytes(n)
}

// Len is how many bytes are left, 0 after a failure.
func (r *Reader) Len() int {
	if r.bad {
		return 0
	}
	return len(r.s)
}

// Fail marks the input as malformed.
func (r *Reader) Fail() { r.bad = true }

// Err returns ErrMalformed after a failed read.
func (r *Reader) Err() error {
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// Done returns ErrMalformed after a failed read or when bytes are left over.
func (r *Reader) Done() error {
	if r.bad || len(r.s) != 0 {
		return ErrMalformed
	}
	return nil
}

// The Append functions are the Reader's other half: they append a field to b and return it.

// AppendU16 appends a 16-bit number.
func AppendU16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }

// AppendU32 appends a 32-bit number.
func AppendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// AppendU64 appends a 64-bit number.
func AppendU64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// AppendVarint appends a number in base 128, in its shortest form.
func AppendVarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// AppendLV8 appends x behind its length as 8 bits. It panics when x is longer than 255 bytes: a caller's bug.
func AppendLV8(b, x []byte) []byte {
	mustFit(len(x), 1<<8-1)
	return append(append(b, byte(len(x))), x...)
}

// AppendLV appends x behind its length as 16 bits. It panics when x is longer than 65,535 bytes: a caller's bug.
func AppendLV(b, x []byte) []byte {
	mustFit(len(x), 1<<16-1)
	return append(AppendU16(b, uint16(len(x))), x...)
}

// AppendLV32 appends x behind its length as 32 bits.
func AppendLV32(b, x []byte) []byte { return append(AppendU32(b, uint32(len(x))), x...) }

// AppendVarBytes appends x behind its length as a Varint.
func AppendVarBytes(b, x []byte) []byte { return append(AppendVarint(b, uint64(len(x))), x...) }

// AppendTLV appends one field: its tag, its length as 32 bits, its value.
func AppendTLV(b []byte, tag uint8, value []byte) []byte { return AppendLV32(append(b, tag), value) }

// TLV takes the next field. Its value is at most limit bytes.
func (r *Reader) TLV(limit int) (tag uint8, value []byte) {
	tag = r.U8()
	return tag, r.LV32(limit)
}

func mustFit(n, limit int) {
	if n > limit {
		panic("wire: field too long for its length")
	}
}
