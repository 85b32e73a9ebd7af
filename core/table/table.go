// Package table holds many records in the order of their keys: a sorted table (the field's SSTable) in sealed blocks, with a directory that
// says which block may hold a key. It does no I/O and decides nothing: what to load, when to merge and which versions live is its caller's.
//
//	b := table.NewBuilder(table.Options{})
//	b.Add(key, versions)                        // keys ascending
//	for _, x := range append(b.Take(), b.Finish()...) {
//		x.Entry.Block = number
//		v.SealSections(id, x.Head, x.Sections)  // package vault
//	}
//	dirs := table.Pack(entries)                 // plaintexts of directory blocks
//
//	d, err := table.ParseDirectory(dirs[0])     // and so on
//	t := table.NewTable(d)
//	i, ok := t.Lookup(key, table.Hash(key))     // which block may hold it
//	h, err := table.ParseHead(sections.Head)
//	s, err := h.Section(h.Find(key), plain, table.Compression{})
//	versions := s.Versions(key)
//
// An Iterator walks a table both ways, a Merge walks several, and a Merger makes one table of several in slices. Values above MaxInline lie
// in blocks of their own: see LargeWriter. Whatever bytes a parser gets, it returns ErrMalformed or what an encoder would have written; it
// uses memory in proportion to them, but for keys that share much: see below.
//
// # How it lies in bytes
//
// A block is a head and sections, which package vault seals one by one. A section is a body of package compact: whole keys, each with its
// versions, by writer and number. It has about 8 KiB, or 64 KiB when written out in package wire's form, or one key that takes more. A full
// block is SealedSize long. The last one of a table, and one of 16,384 keys, may be shorter, and one whose only key takes more is longer,
// by steps of 4 KiB. What is missing to that are zeros behind the last section.
//
//	head     = format u8 = 1 ‖ lv(label) ‖ n ‖ writer u64*n ‖ m ‖ section*m ‖ arrivals
//	section  = records ‖ length ‖ length before it was deflated, 0 if it was not ‖ lv(first key)
//	arrivals = lowest position ‖ highest − lowest, unless there is one record ‖ gaps ‖ shuffled u8 ‖ order, if shuffled
//
//	directory = format u8 = 1 ‖ lv(entry)*
//	entry     = block ‖ lv(first) ‖ lv(behind) ‖ keys ‖ live ‖ tombstones ‖ hearsay ‖ dead ‖ lowest position ‖ highest − lowest
//	            ‖ filter(as long as the keys need) ‖ n + 1, or 0 if the writers are not known ‖ (writer u64 ‖ low ‖ high − low)*n
//
// Numbers without a size are varints in their shortest form, and so is the length of lv. The first key of a section or block is cut short:
// behind every key before it, and not behind its own first. Positions are never changed. The gaps between them, less 1, are a Golomb-Rice
// code whose parameter follows from how many there are and how far they reach. order says for each position, ascending, which record in the
// order of keys has it, each in as few bits as the number of records needs. Bits fill bytes from the lowest, zeros the last.
//
// # What grows
//
// Besides what its records take, a block of 550 records of 100 bytes has 0.9 kB: a filter of 10 bits a key in the directory, 20 bytes a
// section, and 2 to 3 bytes a record for arrivals where keys do not come in order. A directory stays as it was read, and takes 4 bytes an
// entry besides. Of keys that have a long front in common a section may take 64 KiB of memory for 8 KiB.
package table

import (
	"github.com/masqdev/masq/core/compact"
	"github.com/masqdev/masq/core/wire"
)

// ErrMalformed is what every parser of this package returns for bytes that are not in its form.
var ErrMalformed = wire.ErrMalformed

const (
	// SealedSize is how long a full block is, sealed: it fits in 15 pages of bbolt with their head, in what Chromium keeps inline, and in 60 KiB.
	SealedSize = 15*sizeStep - sizeSpare
	// MaxInline is how long a value may be that lies with its record.
	MaxInline = 1 << 10
	// MaxLabel is how long the label of a block may be.
	MaxLabel = 255

	sizeStep      = 4 << 10
	sizeSpare     = 48
	sectionBytes  = 8 << 10  // of a body, unless one key takes more
	sectionSpread = 64 << 10 // of its records by compact.Size, likewise
	maxInflated   = 16 << 10
)

// A Version is a record with its position, which it keeps for good.
type Version struct {
	compact.Record
	Pos uint64
}

// A Keyed is a key with its versions.
type Keyed struct {
	Key      string
	Versions []Version // writer and number of their dots ascending
}

// Compression is how sections are deflated; zero: they are not, and one that is cannot be read.
type Compression struct {
	Deflate func(plain []byte) []byte                       // returns nil where it is not worth it
	Inflate func(deflated []byte, size int) ([]byte, error) // returns exactly size bytes
}

// separator is the shortest string that is behind a and not behind b. a is before b.
func separator(a, b string) string {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return b[:i+1]
		}
	}
	return b[:n+1]
}

// after is the first string behind a key: no key has U+0000.
func after(key string) string { return key + "\x00" }

// sealedSize is how long a block is made that would be n bytes long.
func sealedSize(n int) int { return (n+sizeSpare+sizeStep-1)/sizeStep*sizeStep - sizeSpare }
