// Package storage is the contract between the engine and whatever keeps its blocks: IndexedDB in a browser, a database
// natively, memory, or the simulator's disk that crashes.
//
// Blocks are numbered, opaque and sealed: no application key reaches storage, and the engine owns their format. Everything
// that keeps blocks passes the conformance suite in storage/storagetest.
package storage

import "errors"

// ID numbers a block: its class << 48 | a number of 48 bits. It fits in the 53 bits of a JavaScript number.
type ID uint64

// The classes of block; core/PROTOCOL.md, "At rest".
const (
	Manifest ID = 0 << 48
	Log      ID = 1 << 48
	Segment  ID = 2 << 48
	Page     ID = 3 << 48

	classMask ID = 0xff << 48
)

// Class is the block's class: Manifest, Log, Segment or Page.
func (id ID) Class() ID { return id & classMask }

// N is the block's number within its class.
func (id ID) N() uint64 { return uint64(id &^ classMask) }

// A Block is a numbered piece of opaque bytes, at most MaxBlock of them.
type Block struct {
	ID   ID
	Data []byte
}

// MaxBlock is how long a block may be, in bytes.
const MaxBlock = 16 << 20

// A Commit is committed as a whole or not at all.
type Commit struct {
	Adds []Block // must not exist yet: if one does, nothing of the commit is written and Commit returns ErrExists
	Puts []Block // replace what is there
	Dels []ID    // may be missing

	// After is a block that must be there before the commit: if it is not, nothing is written and Commit returns ErrExists. 0, which
	// is the manifest's number: none has to be.
	After ID

	// What follows is for a Store that holds room back. Others need not look at it.
	Frees bool // it brings nothing but what deletes, and what the engine notes for itself: it may use that room
	Owes  int  // bytes that the checkpoint of all that the log has then writes besides that
}

// Empty reports whether the commit has nothing to do or to check.
func (g *Commit) Empty() bool { return len(g.Adds)+len(g.Puts)+len(g.Dels) == 0 && g.After == 0 }

// Durability says when Commit returns.
type Durability uint8

const (
	Strict  Durability = iota // on stable storage
	Relaxed                   // taken by the operating system; a power cut may lose it, but never reorder it
)

// Errors of Commit and Load. Whatever else went wrong is answered as it came.
var (
	ErrExists = errors.New("storage: another engine wrote to the same data") // a block that is added is there, or the one that must be is not
	ErrQuota  = errors.New("storage: no room left")
	ErrClosed = errors.New("storage: closed")
)

// A Store keeps blocks. Its methods may block, and are called by one goroutine at a time.
type Store interface {
	// Commit makes the commit's changes, all or none. Commits are durable in their order: a later one is never there
	// without an earlier one. It keeps none of the commit's memory.
	Commit(g Commit, d Durability) error
	// Load returns the blocks in the order of ids, with Data nil where there is none.
	Load(ids []ID) ([]Block, error)
	// List returns the numbers of all blocks, ascending.
	List() ([]ID, error)
	// Close lets go of the data. Further calls return ErrClosed.
	Close() error
}
