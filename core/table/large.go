package table

import (
	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/vault"
)

const (
	largeSections = 8
	// LargeBytes is how many bytes of values a block of large values has, but for the last.
	LargeBytes = SealedSize - (30 + 2 + 16) - largeSections*(4+16)
)

// A LargeWriter gathers large values into blocks with consecutive numbers: one value behind the other, each block full but the last. A
// block has sections of 8 KiB and an empty head; the last is longer by zeros, like a table's.
type LargeWriter struct {
	first uint64
	all   []byte
}

// NewLargeWriter returns a LargeWriter whose first block will have a number.
func NewLargeWriter(first uint64) *LargeWriter { return &LargeWriter{first: first} }

// Add takes a value and returns where it will lie, without its term. A Place has room for at most wire.MaxValue bytes, and an empty value
// has none.
func (w *LargeWriter) Add(value []byte) compact.Place {
	at := len(w.all)
	w.all = append(w.all, value...)
	return compact.Place{Block: w.first + uint64(at/LargeBytes), Offset: uint32(at % LargeBytes), Length: uint32(len(value))}
}

// Len is how many bytes of values there are.
func (w *LargeWriter) Len() int { return len(w.all) }

// Finish returns the sections of the blocks, in the order of their numbers. The LargeWriter is not used again.
func (w *LargeWriter) Finish() (blocks [][][]byte) {
	for all := w.all; len(all) > 0; {
		n := min(len(all), LargeBytes)
		blocks = append(blocks, largeBlock(all[:n:n]))
		all = all[n:]
	}
	return blocks
}

func largeBlock(content []byte) (sections [][]byte) {
	n := (len(content) + sectionBytes - 1) / sectionBytes
	size := len(content) + vault.SectionsOverhead(n)
	padded := sealedSize(size)
	if n < largeSections && len(content)+padded-size > n*sectionBytes {
		n++ // the zeros begin a section
		padded = sealedSize(len(content) + vault.SectionsOverhead(n))
	}
	content = append(content, make([]byte, padded-vault.SectionsOverhead(n)-len(content))...)
	for len(content) > sectionBytes {
		sections = append(sections, content[:sectionBytes])
		content = content[sectionBytes:]
	}
	return append(sections, content)
}

// A LargePart is a part of a large value: bytes From to To of a section.
type LargePart struct {
	Block    uint64
	Section  int
	From, To int
}

// LargeParts returns what has to be joined to have the value that lies at p. ErrMalformed: nothing can lie there.
func LargeParts(p compact.Place) ([]LargePart, error) {
	if p.Offset >= LargeBytes || p.Length == 0 {
		return nil, ErrMalformed
	}
	var out []LargePart
	block, at, left := p.Block, int(p.Offset), int(p.Length)
	for left > 0 {
		if at == LargeBytes {
			block, at = block+1, 0
		}
		from := at % sectionBytes
		n := min(left, sectionBytes-from, LargeBytes-at)
		out = append(out, LargePart{Block: block, Section: at / sectionBytes, From: from, To: from + n})
		at, left = at+n, left-n
	}
	return out, nil
}

// Append appends the part of its section's plaintext. ErrMalformed: the section does not have it.
func (p LargePart) Append(b, plain []byte) ([]byte, error) {
	if p.To > len(plain) {
		return b, ErrMalformed
	}
	return append(b, plain[p.From:p.To]...), nil
}
