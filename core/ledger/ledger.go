// Package ledger keeps one store's sealed blocks in order: a commit log, settings, a manifest, and a bounded cache of the blocks that
// its namespaces are made of.
//
// It does no I/O. Open it until it no longer returns ErrWait, handing Wanted to storage and what comes back to Loaded. After that
// Append, SetMeta, AddBlock and DelBlock fill the next commit; Begin takes it, one commit at a time, and Committed says that it is
// durable. What a Begin took is written as a whole or, after a crash, not at all. When it failed, Recover goes back to what storage has.
// Opening holds up against another engine that takes a checkpoint meanwhile; see reread.
//
// Every commit adds a log record, numbered one higher than the last. A second ledger on the same storage adds the same number
// and fails (storage.ErrExists) with nothing changed: that is the fence between two engines on the same data. So that a checkpoint
// does not take it down, the record with which each run began (Fence) stays, emptied: those of the last 1,024 runs.
//
// A fence has to be at the head of the log. An older engine may have gone on since this one read the log, and a checkpoint may have
// deleted the number that the fence adds. So the fence's commit needs the head that was read (storage.Commit.After): a checkpoint
// deletes that too. It would not if the head were itself a fence, so a second record follows each fence in its commit.
// Later commits need nothing: the head is then this ledger's own, and whoever takes over leaves a fence in place of its next record.
//
// A checkpoint shortens the log: each namespace writes what it has in memory into blocks (AddBlock), hands in its part of the manifest
// (SetPart), and Checkpoint puts the manifest and drops the log records before it, all in one commit.
package ledger

import (
	"errors"
	"slices"
	"sort"
	"strings"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/vault"
	"github.com/masqdev/masq/core/wire"
)

// Errors. After ErrWait, have Wanted loaded and do the same again from its start.
var (
	ErrWait    = errors.New("ledger: blocks are not loaded yet")
	ErrDamaged = errors.New("ledger: what is stored cannot be read")
	ErrVersion = errors.New("ledger: stored by a newer Masq")
)

// Options are for New. The zero value is good.
type Options struct {
	CacheBytes int // of opened blocks that are kept, 16 MiB by default
}

const defaultCache = 16 << 20

// A Ledger is one store. It is for one goroutine.
type Ledger struct {
	v      *vault.Vault
	opened bool
	listed []storage.ID            // what storage had at the start, ascending
	tail   map[storage.ID][]byte   // manifest and log records on their way in
	items  map[uint16][][]byte     // what the log's tail has for each namespace, until it asks
	parts  map[uint16][]byte       // the manifest's part of each namespace
	asleep map[uint16]struct{}     // namespaces with a part that has not been asked for
	meta   map[string][]byte       // settings
	refs   map[storage.ID]struct{} // blocks that namespaces named when they were opened

	first, next       uint64 // log records: the oldest that counts, the next to be written
	nextSeg, nextPage uint64

	fences []uint64 // numbers of the records that Fence asked for, ascending: an engine from before would add that number
	blank  []uint64 // of these, what the next manifest makes superfluous but for its number

	fence    bool            // write a fence even if there is nothing to say
	empty    bool            // the same, and it is no fence
	pending  []byte          // items of the next log record
	adds     []storage.Block // sealed
	added    []storage.ID    // pinned until they are durable
	flying   []storage.ID    // pinned by the commit in flight
	dels     []storage.ID    // to go at the next checkpoint
	manifest []byte          // plain, to be put with the next commit
	gone     []storage.ID    // to go with it
	tight    bool            // a few at a time
	leftOver []storage.ID    // of earlier ones

	logBytes      int // of the log records that count, as they are stored
	manifestBytes int // the same of the manifest

	stored stored
	reread reread
	cache  cache
}

// New makes a ledger over the blocks that storage lists.
func New(v *vault.Vault, ids []storage.ID, opt Options) *Ledger {
	if opt.CacheBytes == 0 {
		opt.CacheBytes = defaultCache
	}
	l := &Ledger{
		v: v, listed: slices.Clone(ids), tail: map[storage.ID][]byte{}, items: map[uint16][][]byte{},
		parts: map[uint16][]byte{}, asleep: map[uint16]struct{}{}, meta: map[string][]byte{}, refs: map[storage.ID]struct{}{},
		first: 1, next: 1, nextSeg: 1, nextPage: 1, cache: newCache(opt.CacheBytes),
	}
	sort.Slice(l.listed, func(i, j int) bool { return l.listed[i] < l.listed[j] })
	for _, id := range l.listed {
		switch id.Class() {
		case storage.Segment:
			l.nextSeg = max(l.nextSeg, id.N()+1)
		case storage.Page:
			l.nextPage = max(l.nextPage, id.N()+1)
		}
	}
	return l
}

// Open reads the manifest and the log's tail. It returns ErrWait until they are loaded, ErrDamaged or ErrVersion when they cannot
// be read. An empty storage is a new store.
func (l *Ledger) Open() error {
	if l.opened {
		return nil
	}
	if l.wantTail() {
		return ErrWait
	}
	if l.guess(); l.wantTail() {
		return ErrWait
	}
	if l.stale() {
		return l.again()
	}
	if l.overtaken() {
		return storage.ErrExists
	}
	if err := l.replay(); err != nil {
		return err
	}
	if err := l.recovered(); err != nil {
		return err
	}
	l.opened, l.tail = true, nil
	return nil
}

// wantTail asks for what Open reads, and reports whether any of it is missing.
func (l *Ledger) wantTail() (waiting bool) {
	for _, id := range l.toRead() {
		if _, ok := l.tail[id]; !ok {
			l.cache.want(id)
			waiting = true
		}
	}
	return waiting
}

// toRead returns the manifest and the log records behind the last gap: only old fences lie before it.
func (l *Ledger) toRead() []storage.ID {
	var out []storage.ID
	for _, id := range l.listed {
		switch id.Class() {
		case storage.Manifest:
			out = append(out, id)
		case storage.Log:
			if n := len(out); n > 0 && out[n-1].Class() == storage.Log && out[n-1]+1 != id {
				out = slices.DeleteFunc(out, func(o storage.ID) bool { return o.Class() == storage.Log })
			}
			out = append(out, id)
		}
	}
	return out
}

func (l *Ledger) replay() error {
	if b, ok := l.tail[storage.Manifest]; ok {
		if err := l.readManifest(b); err != nil {
			return err
		}
		l.manifestBytes = len(b) + vault.Overhead
		if _, ok := l.tail[storage.Log|storage.ID(l.first)]; !ok { // it came in the manifest's commit
			return ErrDamaged
		}
	}
	l.next = l.first
	for _, id := range l.listed {
		if id.Class() != storage.Log || id.N() < l.first && slices.Contains(l.fences, id.N()) {
			continue
		}
		b, ok := l.tail[id]
		if !ok || id.N() != l.next { // none is missing, and a checkpoint deletes those before its own
			return ErrDamaged
		}
		if err := l.readRecord(id.N(), b); err != nil {
			return err
		}
		l.logBytes += len(b) + vault.Overhead
		l.next++
	}
	return nil
}

// Wanted returns the blocks that are missing and have not been asked for yet.
func (l *Ledger) Wanted() []storage.ID { return l.cache.takeWanted() }

// Loaded takes in blocks as storage has them.
func (l *Ledger) Loaded(blocks []storage.Block) error {
	for _, b := range blocks {
		if b.Data == nil {
			if l.opened {
				l.lacks(b.ID)
			} else if err := l.absent(b.ID); err != nil {
				return err
			}
			continue
		}
		if l.stored.another(b) {
			return storage.ErrExists
		}
		if b.ID == storage.Manifest {
			if l.opened {
				if err := l.checked(b.Data); err != nil {
					return err
				}
				continue
			}
			l.reread.manifest = slices.Clone(b.Data)
		}
		plain, err := l.v.Open(b.ID, b.Data)
		if err != nil && l.opened && b.ID.Class() == storage.Segment {
			l.cache.missing(b.ID) // whoever wants it is told; the manifest can be read, so that no newer version has written here
			continue
		}
		if err != nil {
			return err
		}
		if l.opened {
			l.cache.put(b.ID, plain)
			continue
		}
		l.cache.loaded(b.ID)
		l.tail[b.ID] = plain
	}
	return nil
}

// Block returns an opened block, or ErrWait. It must not be changed.
func (l *Ledger) Block(id storage.ID) (*Block, error) { return l.cache.get(id) }

// Keep keeps with a block what its reader made of it, until the block goes. It weighs cost bytes.
func (l *Ledger) Keep(b *Block, parsed any, cost int) {
	b.Parsed, b.cost = parsed, cost
	l.cache.grown = true
}

// Want asks for a block that will be needed.
func (l *Ledger) Want(id storage.ID) {
	if _, ok := l.cache.blocks[id]; !ok {
		l.cache.want(id)
	}
}

// Trim lets go of blocks beyond the cache's bound, those not used for longest first. Nothing else does, so that an operation which is
// tried again finds all that it waited for.
func (l *Ledger) Trim() { l.cache.trim() }

// Meta returns a setting, nil if there is none. It must not be changed.
func (l *Ledger) Meta(key string) []byte { return l.meta[key] }

// MetaKeys returns the names of the settings that begin with prefix, ascending.
func (l *Ledger) MetaKeys(prefix string) []string {
	var out []string
	for key := range l.meta {
		if strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
	}
	sort.Strings(out)
	return out
}

// SetMeta changes a setting; an empty value deletes it. Keys are at most 65,535 bytes. Settings stay in memory: keep them small.
func (l *Ledger) SetMeta(key string, value []byte) {
	l.pending = appendMeta(append(l.pending, itemMeta), key, value)
	l.setMeta(key, value)
}

func (l *Ledger) setMeta(key string, value []byte) {
	if len(value) == 0 {
		delete(l.meta, key)
		return
	}
	l.meta[key] = slices.Clone(value)
}

// Append adds an item of a namespace to the next log record.
func (l *Ledger) Append(ns uint16, item []byte) {
	l.pending = wire.AppendU16(append(l.pending, itemNamespace), ns)
	l.pending = wire.AppendLV32(l.pending, item)
}

// Part returns a namespace's part of the manifest, nil if there is none, and the items that the log has for it since. It is for
// opening the namespace, once.
func (l *Ledger) Part(ns uint16) (part []byte, items [][]byte) {
	items = l.items[ns]
	delete(l.items, ns)
	delete(l.asleep, ns)
	return l.parts[ns], items
}

// Forget drops a namespace: its part, and what the log has for it. Its blocks are its own to delete, if it was opened.
func (l *Ledger) Forget(ns uint16) {
	delete(l.parts, ns)
	delete(l.items, ns)
	delete(l.asleep, ns)
}

// Refer says that a namespace's blocks name id. What nobody names is deleted at the first checkpoint.
func (l *Ledger) Refer(id storage.ID) { l.refs[id] = struct{}{} }

// SetPart hands in a namespace's part for the next Checkpoint.
func (l *Ledger) SetPart(ns uint16, part []byte) { l.parts[ns] = part }

// AddBlock seals a new block of class storage.Segment or storage.Page into the next commit. It can be read at once.
func (l *Ledger) AddBlock(class storage.ID, plain []byte) storage.ID {
	n := &l.nextSeg
	if class == storage.Page {
		n = &l.nextPage
	}
	id := class | storage.ID(*n)
	*n++
	l.adds = append(l.adds, storage.Block{ID: id, Data: l.v.Seal(id, plain)})
	l.added = append(l.added, id)
	l.cache.put(id, plain)
	l.cache.pin(id, true)
	return id
}

// DelBlock has a block deleted with the next Checkpoint, not before: until then the manifest in storage names it.
func (l *Ledger) DelBlock(id storage.ID) {
	l.dels = append(l.dels, id)
	l.cache.drop(id)
}

// Checkpoint has the next commit put a manifest of how everything stands now, and delete the log before it. Every namespace that has
// something in memory must have handed in its part. What belongs to a namespace that was not opened stays as it is.
func (l *Ledger) Checkpoint() {
	for len(l.fences) > maxFences {
		if n := l.fences[0]; n < l.first {
			l.gone = append(l.gone, storage.Log|storage.ID(n))
		}
		l.fences = l.fences[1:]
	}
	for n := l.first; n < l.next; n++ {
		if slices.Contains(l.fences, n) {
			l.blank = append(l.blank, n)
		} else {
			l.gone = append(l.gone, storage.Log|storage.ID(n))
		}
	}
	l.first = l.next
	l.dropOrphans()
	l.gone = append(l.gone, l.dels...)
	l.dels = nil
	l.pending = nil // the manifest says it all
	for _, ns := range sorted(l.items) {
		for _, item := range l.items[ns] {
			l.Append(ns, item)
		}
	}
	l.manifest = l.appendManifest(nil)
}

// dropOrphans has the blocks deleted that were there at the start and that no namespace names, once all of those have been opened.
func (l *Ledger) dropOrphans() {
	if len(l.asleep) > 0 {
		return
	}
	for _, id := range l.listed {
		if c := id.Class(); c == storage.Segment || c == storage.Page {
			if _, ok := l.refs[id]; !ok {
				l.dels = append(l.dels, id)
			}
		}
	}
	l.listed, l.refs = nil, map[storage.ID]struct{}{}
}

// maxFences is how many of the records that Fence asked for are kept: an engine that was frozen before the oldest of these is
// not kept out any more.
const maxFences = 1024

// Fence has a log record written even if there is nothing else to write: from then on any earlier engine on the same data fails.
func (l *Ledger) Fence() { l.fence = true }

// Write has a log record written even if there is nothing else to write: a strict commit makes all before it durable.
func (l *Ledger) Write() { l.empty = true }

// Tail is how many log records the next Open would have to read.
func (l *Ledger) Tail() int { return int(l.next - l.first) }

// LogBytes is how many bytes these have in storage.
func (l *Ledger) LogBytes() int { return l.logBytes }

// ManifestBytes is how many bytes the last checkpoint wrote for the manifest, 0 if there was none.
func (l *Ledger) ManifestBytes() int { return l.manifestBytes }

// Pending reports whether there is something to write.
func (l *Ledger) Pending() bool {
	return l.fence || l.empty || len(l.pending) > 0 || len(l.adds) > 0 || l.manifest != nil || len(l.leftOver) > 0
}

// Begin takes the next commit. The ledger waits for Committed before it takes another.
func (l *Ledger) Begin() storage.Commit {
	first := l.next
	g := storage.Commit{After: l.head()}
	if l.manifest != nil {
		l.logBytes, l.manifestBytes = 0, len(l.manifest)+vault.Overhead
		l.stored.nextFirst = first
	}
	g.Adds = append(l.adds, l.records()...)
	if l.manifest != nil {
		g.Puts = []storage.Block{l.sealed(storage.Manifest, l.manifest)}
		for _, n := range l.blank {
			g.Puts = append(g.Puts, l.sealed(storage.Log|storage.ID(n), []byte{recordFormat}))
		}
		l.blank = nil
	}
	g.Dels = l.toDelete(l.gone)
	l.flying = l.added
	l.fence, l.empty, l.pending, l.adds, l.added, l.manifest, l.gone = false, false, nil, nil, nil, nil, nil
	return g
}

// head is the record that must be there for the next commit, 0 if none has to.
func (l *Ledger) head() storage.ID {
	if !l.fence || l.next == 1 {
		return 0
	}
	return storage.Log | storage.ID(l.next-1)
}

// records are the next log record and, behind a fence, one that says nothing.
func (l *Ledger) records() []storage.Block {
	bodies := [][]byte{append([]byte{recordFormat}, l.pending...)}
	if l.fence {
		l.fences = append(l.fences, l.next)
		bodies = [][]byte{append([]byte{recordFormat, itemFence}, l.pending...), {recordFormat}}
	}
	var out []storage.Block
	for _, b := range bodies {
		r := l.sealed(storage.Log|storage.ID(l.next), b)
		out = append(out, r)
		l.logBytes += len(r.Data)
		l.next++
	}
	l.stored.begin(out, l.fence)
	return out
}

func (l *Ledger) sealed(id storage.ID, plain []byte) storage.Block {
	return storage.Block{ID: id, Data: l.v.Seal(id, plain)}
}

// Committed says that what Begin took is durable.
func (l *Ledger) Committed() {
	for _, id := range l.flying {
		l.cache.pin(id, false)
	}
	l.flying = nil
	l.stored.committed()
	l.reread.mine = true
	l.giveUp()
}
