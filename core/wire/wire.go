// Package wire holds what Masq's bytes look like: records, vectors, messages and relay frames, with their limits and error codes.
//
// It encodes and parses and does nothing else. Every parser takes bytes from outside: it is bounded, refuses what is
// too short, too long or not in its one canonical form, and never panics. core/PROTOCOL.md is the specification.
package wire

import "errors"

// Limits of the protocol (core/PROTOCOL.md, "Data" and "The Sync Server"). Lengths are in bytes.
const (
	MaxKey         = 1 << 10       // a key
	MaxValue       = 1 << 20       // one value
	MaxBatchOps    = 1000          // records in a batch
	MaxBatch       = 4 << 20       // keys and values of a batch, and 64 for each record
	MaxContext     = 4096          // pairs in a record's context
	MaxWriters     = 4096          // that a namespace takes
	MaxVector      = 4 << 20       // an encoded vector
	MaxMessage     = 4<<20 + 1<<16 // a message inside the session
	MaxFrame       = 1 << 16       // a relay frame, its type byte included
	MaxFramePlain  = 61440         // a padded frame inside the session
	MinFramePlain  = 256           // the smallest padded frame
	CreditWindow   = 256 << 10     // DATA and END bytes out without CREDIT, each direction
	MaxNameRunes   = 40            // a device's name, in characters
	MaxRosterEntry = 4 << 10       // one roster entry
	MaxRoster      = 256           // entries in a roster
)

// MaxRecords is how long the records in one message may be, their contexts included.
const MaxRecords = MaxMessage - 64

// BlockBits is the size of a reserved block of sequence numbers: 1<<BlockBits of them.
const BlockBits = 12

// ErrMalformed is what every parser returns for bytes that are not in its form. It carries no detail on purpose: nothing
// that came from outside goes into an error.
var ErrMalformed = errors.New("malformed message")
