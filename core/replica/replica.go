// Package replica is one namespace on one device: every key's versions, which of them other devices lack, and how they lie in the
// ledger's blocks. It merges exactly: what one write had not seen of another is never lost by it.
//
// Open it on an opened ledger. Write takes local writes, Apply records of other devices, Join what their END says; Get, Conflicts
// and Range read; Next walks the log for another device. A call that needs blocks which are not loaded returns ledger.ErrWait and has
// changed nothing: have them loaded and call again. The driver calls Begin and Committed around each of the ledger's commits, and
// Checkpoint when NeedsCheckpoint says so, or when it has nothing else to do and a start would have much to read: Arrived and Writes tell.
//
// # How it lies in blocks
//
// A record gets a position for good, in the order of arrival, and goes into the log and into memory. A checkpoint writes the records that
// still count into value segments, in that order, and each key's versions into key-sorted index pages that say where the values lie.
// What memory holds on top of the pages is never looked up in them when the log is replayed: the versions of a key are those of its page and those
// in memory, less the ones that another's context reaches, and that can be reckoned at any time. So opening reads no page.
//
// # What grows
//
// Writing a key again and starting again leave nothing behind that stays, however often, though another device is never heard. A
// device that writes costs about 200 bytes of storage for good: its element in the vector (34 bytes), its announcement, and a pair (16) in
// the context of each key that it wrote; and its marks, 16 bytes for each of its starts that was heard, up to 32 of them.
package replica

import (
	"cmp"
	"crypto/rand"
	"io"
	"slices"

	"github.com/masqdev/masq/core/ledger"
	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/wire"
)

// Config is what a Replica needs besides its ledger.
type Config struct {
	Owner   [32]byte          // the device's nk, to which its writers are bound
	Rand    io.Reader         // of cryptographic quality; nil: crypto/rand
	Was     []*Replica        // what it may have been in this run, before a commit failed: no number and no position is given again
	Watched func(string) bool // whether a change of this key needs its value before the change; nil: none does
	Hurt    func()            // is called when damage is found; may be nil
}

// A Replica is one namespace. It is for one goroutine.
type Replica struct {
	led *ledger.Ledger
	ns  uint16
	cfg Config

	state  // small, in the manifest whole
	writer writerState
	seen   durable

	pages []pageRef
	segs  []*segment

	// What came since the last checkpoint.
	mem      map[string][]*version // the versions of a key that none in mem supersedes
	keys     []string              // of mem, ascending, without late
	late     []string              // and those that came since keys was last asked for
	arrivals []*version            // by position, superseded ones included
	alive    uint64                // of arrivals, how many are not
	memBytes int
	owes     owes
	doubts   int // how many came by hearsay

	revision uint64 // of writers

	past  map[uint64]bool // what this run wrote as before the writer that it has
	freed int             // bytes of what was superseded since the last checkpoint
	tidy  bool            // a checkpoint is due, to clear that away
	tight bool            // a checkpoint has little room
	spare int             // see Spare

	begun       bool   // the last stretch is of this run
	must        bool   // a checkpoint is due before anything else is committed
	checkpoints uint64 // of this run

	everyone wire.Vector // what every device has durably: tombstones that it covers may go
	alone    bool        // there is no other: all may go
	sweep    bool        // a checkpoint is due, to have them go
	places   map[storage.ID]*segment

	sum    sum
	gap    gap
	damage damage
	work   Work
}

// state is what a namespace keeps besides its keys.
type state struct {
	incarnation wire.Incarnation // of this log of positions
	vector      wire.Vector
	count       uint64    // keys that have a value
	nextPos     uint64    // of the next record
	reservedPos uint64    // positions below may be given out
	voids       []void    // since the last checkpoint; not in the manifest
	forgot      uint64    // what a key answers may have changed below this position without a record there: see Follows
	stretches   []stretch // of positions, ascending

	runs    []run          // that wrote, as the writer that it has; the last maxRuns
	writers []*announced   // in the order in which they were
	place   map[uint64]int // in writers, by id
	strays  []uint64       // writers that are not announced and that the vector does not have
	lost    []uint64       // own writers: see noteLost

	marks  map[uint64][]wire.Tail // of settled blocks, by writer
	agreed uint64                 // the own number up to which every device had been heard, when earlier blocks still waited for that
	old    []uint64               // own writers from before that, whose blocks wait for it
}

// A run is known by the block that it opened first, and the first half of that block's hashes.
type run struct {
	block   uint64
	opening [4]byte
}

// maxRuns is how many runs of the own writer are known. Another device that has heard of none of them is told anew.
const maxRuns = 64

// void says that versions of a writer from a number on, which came before a position, are not what others have under that dot.
type void struct {
	writer, from, before uint64
}

// durable is what storage is known to have for good, and what the commit in flight will add.
type durable struct {
	now, next saved
	strict    bool // the commit in flight is committed with storage.Strict
}

type saved struct {
	pos         uint64 // records below are there
	reservedPos uint64
	writer      uint64
	reservedSeq uint64 // of that writer
	checkpoints uint64
	marks       uint64 // of damage
	vector      wire.Vector
	sum         *wire.Sum // of what the vector covers; nil: it is not known
}

// version is one write to one key.
type version struct {
	key  string
	dot  wire.Dot
	time uint64
	ctx  []wire.Dot
	kind wire.Kind
	pos  uint64
	term term // of the sum; zero: not made yet

	hearsay  bool // see wire.Record
	abridged bool // see wire.Record

	value []byte // in memory; else it is at loc
	loc   location

	from uint32 // the session it came by, 0 if it was written here
	more bool   // the next arrival belongs to the same batch

	dead uint64     // in memory: the position of what superseded it, 0 if nothing has; 1: it is void or collected
	took []*version // in memory: see inherit
}

// Open opens a namespace of an opened ledger: a new one if there is none.
func Open(l *ledger.Ledger, ns uint16, cfg Config) (*Replica, error) {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Watched == nil {
		cfg.Watched = func(string) bool { return false }
	}
	if cfg.Hurt == nil {
		cfg.Hurt = func() {}
	}
	r := &Replica{led: l, ns: ns, cfg: cfg, past: map[uint64]bool{}}
	part, items := l.Part(ns)
	if part == nil && items == nil {
		r.reset()
		r.logReset()
	}
	if part != nil {
		if err := r.readPart(part); err != nil {
			return nil, err
		}
	}
	if err := r.replay(items); err != nil {
		return nil, err
	}
	for _, p := range r.pages {
		l.Refer(p.id)
	}
	for _, s := range r.segs {
		l.Refer(s.id)
	}
	if part != nil || items != nil {
		r.openSum()
	}
	r.openDamage()
	r.openGap()
	r.nextPos = r.reservedPos // none is used twice, also none that was sent and never committed
	for _, w := range cfg.Was {
		if r.nextPos = max(r.nextPos, w.nextPos+1); r.nextPos > r.reservedPos {
			r.reservedPos = (r.nextPos>>positionBits + 1) << positionBits
			r.logReserved()
		}
		if w.writer.id == r.writer.id && w.writer.reserved > r.writer.reserved {
			r.writer.reserved = w.writer.reserved
			r.logReserved() // others are told of what is reserved, and an engine that takes over has to know it
		}
	}
	if len(r.stretches) == 0 || r.stretch().mark == 0 || len(cfg.Was) > 0 {
		r.begin()
	}
	r.cfg.Was = nil
	if r.writer.nonce == 0 {
		r.newWriter() // it wrote before writers were bound to devices
		r.logWriter()
	}
	r.settleEarlier()
	return r, nil
}

// reset makes the namespace an empty one with a writer and an incarnation that nobody knows. Positions go on, behind
// one that is left out. Nothing can be followed from before: whoever calls it begins a stretch.
func (r *Replica) reset() {
	r.state = state{nextPos: max(r.nextPos+1, 1<<positionBits), reservedPos: max(r.reservedPos, 1<<positionBits)}
	if r.nextPos > r.reservedPos {
		r.reservedPos += 1 << positionBits
	}
	r.random(r.incarnation[:])
	r.newWriter()
	r.dropBlocks()
	r.pages = nil
	r.setSegments(nil)
	r.forgetMemory()
	r.sum = sum{unlogged: true}
	r.damage = damage{unlogged: len(r.led.Meta(r.damageKey())) > 0}
	r.setGap(false)
	r.seen = durable{} // nothing of what comes is in storage
}

func (r *Replica) forgetMemory() {
	clear(r.mem)
	r.keys, r.late, r.arrivals, r.alive, r.memBytes, r.doubts, r.freed, r.tidy, r.sweep = nil, nil, nil, 0, 0, 0, 0, false, false
	r.owes = owes{}
}

func (r *Replica) random(b []byte) {
	if _, err := io.ReadFull(r.cfg.Rand, b); err != nil {
		panic("replica: no randomness") // crypto/rand never fails
	}
}

// Begin notes what the ledger's commit that is about to be taken contains, and returns how it must be committed: as asked for, or
// storage.Strict when it reserves numbers or has a checkpoint.
func (r *Replica) Begin(d storage.Durability) storage.Durability {
	r.logSum()
	r.logDamage()
	r.snapshot()
	r.logGap()
	n, m := &r.seen.next, &r.seen.now
	if n.writer != m.writer || n.reservedSeq != m.reservedSeq || n.reservedPos != m.reservedPos || n.checkpoints != m.checkpoints || n.marks != m.marks {
		d = storage.Strict
	}
	r.seen.strict = d == storage.Strict
	return d
}

// Committed says that the commit of the last Begin is committed as it was answered. A relaxed commit may yet be lost: it counts with the
// next strict one.
func (r *Replica) Committed() {
	if r.seen.strict {
		r.seen.now = r.seen.next
		r.settleLeft()
	}
}

func (r *Replica) snapshot() {
	r.seen.next = saved{
		pos: r.nextPos, reservedPos: r.reservedPos, writer: r.writer.id, reservedSeq: r.writer.reserved << wire.BlockBits,
		checkpoints: r.checkpoints, marks: r.damage.marks, vector: r.vector, sum: r.summedAs(&r.seen.next),
	}
}

// Vector is what this replica has, its writes that are still being committed included.
func (r *Replica) Vector() wire.Vector { return r.vector }

// DurableVector is what it has in storage for good.
func (r *Replica) DurableVector() wire.Vector { return r.seen.now.vector }

// Told is what may be said that this replica has: of its own writing only what is in storage for good.
func (r *Replica) Told() wire.Vector {
	out := r.vector
	for i := range r.vector {
		if id := r.vector[i].Writer; id == r.writer.id || r.past[id] {
			out = out.Set(r.seen.now.vector.Of(id))
		}
	}
	return out
}

// SetOwner says that the device has taken new keys.
func (r *Replica) SetOwner(nk [32]byte) { r.cfg.Owner = nk }

// Incarnation names this log of positions: a cursor of another one means nothing here.
func (r *Replica) Incarnation() wire.Incarnation { return r.incarnation }

// Position is behind the last record of the log.
func (r *Replica) Position() uint64 { return r.nextPos }

// Count is how many keys have a value.
func (r *Replica) Count() uint64 { return r.count }

// Bytes is about how much room the namespace takes in storage.
func (r *Replica) Bytes() uint64 {
	n := uint64(r.memBytes)
	for _, s := range r.segs {
		n += uint64(s.bytes)
	}
	for i := range r.pages {
		n += uint64(r.pages[i].bytes)
	}
	return n
}

// CountAfter is how many records that count lie at pos or behind it, estimated within a segment. It is not 0 when there are some.
func (r *Replica) CountAfter(pos uint64) uint64 {
	var n uint64
	for i := len(r.segs) - 1; i >= 0 && r.segs[i].behind > pos; i-- {
		n += r.segs[i].countAfter(pos)
	}
	if len(r.arrivals) == 0 || pos <= r.arrivals[0].pos {
		return n + r.alive
	}
	i, _ := slices.BinarySearchFunc(r.arrivals, pos, func(v *version, p uint64) int { return cmp.Compare(v.pos, p) })
	for _, v := range r.arrivals[i:] {
		if v.dead == 0 {
			n++
		}
	}
	return n
}
