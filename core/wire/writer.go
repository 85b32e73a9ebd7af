package wire

import (
	"crypto/sha256"
	"encoding/binary"
)

// A Writer announces a writer: whose it is, and which of its numbers may be in use. Its device signs that, and others pass it on.
type Writer struct {
	ID       uint64   // WriterID of NK and Nonce; not sent
	NK       [32]byte // its device's
	Nonce    uint64   // random, not 0
	Block    uint64   // the first block of the newest run that wrote, 1 or higher
	Opening  [4]byte  // the first half of that block's hashes
	Reserved uint64   // above Block; numbers from this block on are not in use
	Sig      [64]byte // by its device's ik, over Signed
}

const (
	writerSize  = 32 + 8 + 8 + 4 + 8 + 64
	labelWriter = "masq-writer/1"
	tailSize    = 16
)

// WriterID is the id of a device's writer: no other device can have one with this id.
func WriterID(nk [32]byte, nonce uint64) uint64 {
	sum := sha256.Sum256(AppendU64(append([]byte(labelWriter+" id"), nk[:]...), nonce))
	return binary.BigEndian.Uint64(sum[:8])
}

// Signed is what the announcement's signature is over, in the namespace ns.
func (w *Writer) Signed(ns [32]byte) []byte {
	return w.appendBody(append([]byte(labelWriter), ns[:]...))
}

func (w *Writer) appendBody(b []byte) []byte {
	b = AppendU64(AppendU64(append(b, w.NK[:]...), w.Nonce), w.Block)
	return AppendU64(append(b, w.Opening[:]...), w.Reserved)
}

// AppendWriter appends w in its one form.
func AppendWriter(b []byte, w *Writer) []byte { return append(w.appendBody(b), w.Sig[:]...) }

// ReadWriter takes an announcement off r. It checks no signature.
func ReadWriter(r *Reader) *Writer {
	w := new(Writer)
	copy(w.NK[:], r.Bytes(len(w.NK)))
	w.Nonce, w.Block = r.U64(), r.U64()
	copy(w.Opening[:], r.Bytes(len(w.Opening)))
	w.Reserved = r.U64()
	copy(w.Sig[:], r.Bytes(len(w.Sig)))
	w.ID = WriterID(w.NK, w.Nonce)
	if w.Nonce == 0 || w.ID == 0 || w.Block == 0 || w.Reserved <= w.Block || w.Reserved > BlockOnly>>BlockBits {
		r.Fail()
	}
	return w
}

// Writers are announcements of writers of a namespace.
type Writers struct {
	Number uint16 // the sender's own for the namespace
	List   []*Writer
	Marks  []Marks // of writers that are the receiver's
}

// Marks are how far a device has, or had when they were settled, blocks of a writer. See core/PROTOCOL.md, R6.35.
type Marks struct {
	Writer uint64
	Tails  []Tail // blocks ascending
}

// AppendWriters appends the message, with at most MaxWritersSent announcements.
func AppendWriters(b []byte, m *Writers) []byte {
	start := len(b)
	b = appendU16Field(beginMessage(b, MsgWriters), 1, m.Number)
	for _, w := range m.List {
		b = AppendWriter(AppendU32(append(b, 2), writerSize), w)
	}
	for _, x := range m.Marks {
		b = AppendU64(AppendU32(append(b, 3), uint32(8+tailSize*len(x.Tails))), x.Writer)
		for _, t := range x.Tails {
			b = append(AppendU64(b, t.Seq), t.Hash[:]...)
		}
	}
	return endMessage(b, start)
}

// ParseWriters parses the message's fields.
func ParseWriters(fields []byte) (Writers, error) {
	var m Writers
	err := parseFields(fields, tagSet(1), 0, tagSet(2, 3), func(tag uint8, v *Reader) {
		switch {
		case tag == 1:
			m.Number = v.U16()
		case tag == 2 && len(m.List) < MaxWritersSent:
			m.List = append(m.List, ReadWriter(v))
		case tag == 3 && len(m.Marks) < MaxWritersSent:
			m.Marks = append(m.Marks, readMarks(v))
		default:
			v.Fail()
		}
	})
	if err != nil {
		return Writers{}, err
	}
	return m, nil
}

func readMarks(r *Reader) Marks {
	m := Marks{Writer: r.U64()}
	if r.Len()%tailSize != 0 || r.Len() > MaxMarks*tailSize {
		r.Fail()
	}
	for r.Len() > 0 && r.Err() == nil {
		t := Tail{Seq: r.U64(), Hash: Hash(r.Bytes(8))}
		if n := len(m.Tails); block(Dot{Seq: t.Seq}) == 0 || t.Seq >= BlockOnly || n > 0 && m.Tails[n-1].Seq>>BlockBits >= t.Seq>>BlockBits {
			r.Fail()
		}
		m.Tails = append(m.Tails, t)
	}
	return m
}
