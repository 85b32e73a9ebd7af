// Package compact encodes a sequence of records in few bytes: those of a sorted table, in the order of their keys, and those of a log or of a
// message, in the order of arrival.
//
//	var e compact.Encoder
//	e.Add(&rec)
//	b := e.Append(nil)
//
//	d := compact.NewDecoder(b, limits, wire.NewRoom(compact.Measure(b, limits)))
//	for rec := (compact.Record{}); d.Next(&rec); {
//	}
//	err := d.Err()
//
// A sequence has one form, and a Decoder takes no other: what it reads, an Encoder writes in the same bytes. It takes the records that
// package wire takes, and whatever bytes it gets, it uses no more memory than its Limits and four times the bytes.
//
// # How it lies in bytes
//
//	sequence = n ‖ writer u64*n ‖ body, or the body alone where the writers stand elsewhere
//	body     = record*
//	record   = flags u8 ‖ dot, unless it is the one before ‖ shared ‖ length ‖ the rest of the key, of that length
//	           ‖ context, if there is one ‖ (length ‖ bytes) of Extra, if there is any ‖ value, unless it is a deletion
//	flags    = kind, 2 bits ‖ 4: dot and time are those of the record before ‖ 8: a context ‖ 16: hearsay ‖ 32: abridged ‖ 64: Extra
//	           ‖ 128: the value lies elsewhere
//	dot      = writer, by its number in the list ‖ ±(seq − last seq of that writer) ‖ ±(time − time of the record before)
//	context  = n ‖ (2·writer + BlockOnly ‖ ±(seq − the last that a pair named of that writer, or else its last seq))*n
//	value    = length ‖ bytes, or ±(block − that of the place before) ‖ offset ‖ length ‖ term(16)
//
// Writers are listed in the order in which records and pairs use them. Numbers without a size are varints (base 128, as in package
// encoding/binary), in their shortest form. ± is the zigzag form of a signed number. What has no number before it counts from 0. shared is
// how many bytes the key has in common with the key before, all of them. A batch is the records with one dot that stand next to each other:
// nothing else marks it.
//
// # What it costs
//
// Besides key and value: 4 bytes a record of a batch and 7 of single writes, less what a key shares with the one before. A context of one or two
// pairs takes 3 to 7 bytes. The first record of each writer takes up to 17 more.
package compact

import "github.com/masqdev/masq/core/wire"

// A Record is a record of package wire, with what is known of it at rest. More is not encoded: see Limits.
type Record struct {
	wire.Record
	Extra []byte // what later versions say of the value, which this one keeps and passes on: at most MaxExtra bytes
	Place Place  // where the value lies if it is not in Value
}

// A Place is where a large value lies: Length bytes at an offset of a block, going on in the blocks of the next numbers. With Length 0 it
// is none.
type Place struct {
	Block  uint64 // its number within its class, at most MaxBlockNumber
	Offset uint32
	Length uint32   // at most wire.MaxValue
	Term   [16]byte // of the sum, which is made of the value
}

const (
	// MaxExtra is how long a record's Extra may be, in bytes.
	MaxExtra = 1 << 10
	// MaxBlockNumber is the highest number that a block may have.
	MaxBlockNumber = 1<<48 - 1
)

// Limits are what a Decoder takes at most.
type Limits struct {
	Records int // of the sequence
	Bytes   int // what they come to by Size

	Batches bool // records with one dot that stand next to each other are a batch: at most wire.MaxBatchOps. Decoder sets More.
	Places  bool // values may lie elsewhere
}

// Size is what a record counts for Limits.Bytes: the length that package wire gives it, with Extra. A value that lies elsewhere counts nothing.
func Size(r *Record) int { return wire.RecordSize(&r.Record) + len(r.Extra) }

const (
	kindBits     = 3
	sameFlag     = 1 << 2
	contextFlag  = 1 << 3
	hearsayFlag  = 1 << 4
	abridgedFlag = 1 << 5
	extraFlag    = 1 << 6
	placeFlag    = 1 << 7
)

// last is what a sequence has said last of a writer.
type last struct{ dot, pair uint64 }

// base is what the number of a pair is told from.
func (l *last) base() uint64 {
	if l.pair != 0 {
		return l.pair
	}
	return l.dot
}

func zigzag(delta uint64) uint64 { return delta<<1 ^ uint64(int64(delta)>>63) }

func unzigzag(z uint64) uint64 { return z>>1 ^ -(z & 1) }
