package storagetest

import (
	"strings"

	"github.com/masqdev/masq/core/storage"
)

// step is one commit and what it returns. After each, everything that is stored is compared with what must be there.
type step struct {
	commit storage.Commit
	err    error
}

const (
	log1 = storage.Log | 1
	log2 = storage.Log | 2
	seg1 = storage.Segment | 1
	page = storage.Page | 1

	maxN  storage.ID = 1<<48 - 1
	maxID storage.ID = 1<<53 - 1 // the greatest whole number that JavaScript counts exactly
)

// watched are ids that are loaded at each comparison whether or not they are there.
var watched = []storage.ID{page, log2, storage.Manifest, maxID, log1, seg1, maxID - 1}

// cases are sequences of commits. Each runs strict and relaxed, and is compared once more after reopening.
var cases = []struct {
	name  string
	steps []step
}{
	{"new", nil},
	{"empty commit", []step{{}, {}}},
	{"add", []step{
		{commit: storage.Commit{Adds: blocks(log1, "one")}},
		{commit: storage.Commit{Adds: blocks(log2, "two", seg1, "three")}},
	}},
	{"put", []step{
		{commit: storage.Commit{Puts: blocks(storage.Manifest, "first")}},
		{commit: storage.Commit{Puts: blocks(storage.Manifest, "second, which is longer")}},
		{commit: storage.Commit{Puts: blocks(storage.Manifest, "3rd")}},
	}},
	{"put over an added block", []step{
		{commit: storage.Commit{Adds: blocks(page, "added")}},
		{commit: storage.Commit{Puts: blocks(page, "put")}},
	}},
	{"delete", []step{
		{commit: storage.Commit{Adds: blocks(log1, "one", log2, "two")}},
		{commit: storage.Commit{Dels: []storage.ID{log1}}},
		{commit: storage.Commit{Dels: []storage.ID{log1}}},
		{commit: storage.Commit{Dels: []storage.ID{seg1, log2, maxID}}},
	}},
	{"delete what was never there", []step{{commit: storage.Commit{Dels: []storage.ID{log1, storage.Manifest}}}}},
	{"add again after a deletion", []step{
		{commit: storage.Commit{Adds: blocks(log1, "one")}},
		{commit: storage.Commit{Dels: []storage.ID{log1}}},
		{commit: storage.Commit{Adds: blocks(log1, "another")}},
	}},
	{"checkpoint", []step{ // everything at once, as the engine does it
		{commit: storage.Commit{Adds: blocks(log1, "one", page, "old page"), Puts: blocks(storage.Manifest, "old")}},
		{commit: storage.Commit{
			Adds: blocks(log2, "two", seg1, "segment", page+1, "new page"),
			Puts: blocks(storage.Manifest, "new"),
			Dels: []storage.ID{log1, page},
		}},
	}},
	{"added block exists", []step{
		{commit: storage.Commit{Adds: blocks(log1, "one")}},
		{commit: storage.Commit{Adds: blocks(log1, "another")}, err: storage.ErrExists},
		{commit: storage.Commit{Adds: blocks(log1, "one")}, err: storage.ErrExists}, // the same bytes, too
		{commit: storage.Commit{Adds: blocks(log2, "two")}},                         // and it goes on
	}},
	{"put block exists for add", []step{
		{commit: storage.Commit{Puts: blocks(log1, "one")}},
		{commit: storage.Commit{Adds: blocks(log1, "another")}, err: storage.ErrExists},
	}},
	{"empty block exists for add", []step{
		{commit: storage.Commit{Adds: blocks(log1, "")}},
		{commit: storage.Commit{Adds: blocks(log1, "another")}, err: storage.ErrExists},
	}},
	{"nothing of a refused commit, its add first", refused(blocks(log1, "2nd", log2, "new", page, "new"))},
	{"nothing of a refused commit, its add last", refused(blocks(page, "new", log2, "new", log1, "2nd"))},
	{"behind a block that is there", []step{
		{commit: storage.Commit{Adds: blocks(log1, "one")}},
		{commit: storage.Commit{Adds: blocks(log2, "two"), After: log1}},
		{commit: storage.Commit{Puts: blocks(log1, ""), After: log2}},
		{commit: storage.Commit{Adds: blocks(seg1, "three"), After: log1}}, // an empty one is there
		{commit: storage.Commit{Dels: []storage.ID{log1}, After: log1}},    // and goes in the same commit
		{commit: storage.Commit{Dels: []storage.ID{log2}}},
	}},
	{"behind a block that is not there", []step{
		{commit: storage.Commit{Adds: blocks(log1, "one", seg1, "stays"), Puts: blocks(storage.Manifest, "old")}},
		{commit: storage.Commit{Adds: blocks(page, "new"), After: log2}, err: storage.ErrExists},
		{
			commit: storage.Commit{
				Adds: blocks(page, "new"), Puts: blocks(storage.Manifest, "new", maxID, "new"), Dels: []storage.ID{seg1}, After: log2,
			},
			err: storage.ErrExists,
		},
		{commit: storage.Commit{Adds: blocks(log2, "its own"), After: log2}, err: storage.ErrExists},
		{commit: storage.Commit{Puts: blocks(log2, "its own"), After: log2}, err: storage.ErrExists},
		{commit: storage.Commit{Dels: []storage.ID{seg1}, After: maxID}, err: storage.ErrExists},
		{commit: storage.Commit{After: log2}, err: storage.ErrExists}, // with nothing else to do, too
		{commit: storage.Commit{Dels: []storage.ID{log1}}},
		{commit: storage.Commit{Adds: blocks(log2, "two"), After: log1}, err: storage.ErrExists}, // it has gone
		{commit: storage.Commit{Adds: blocks(log2, "two"), After: seg1}},                         // and it goes on
	}},
	{"empty block is not a missing one", []step{
		{commit: storage.Commit{Adds: blocks(log1, ""), Puts: blocks(storage.Manifest, "")}},
		{commit: storage.Commit{Adds: []storage.Block{{ID: log2, Data: nil}}}}, // nil is as empty as any
		{commit: storage.Commit{Puts: blocks(log1, "full")}},
		{commit: storage.Commit{Puts: blocks(log1, "")}},
		{commit: storage.Commit{Dels: []storage.ID{log1}}},
	}},
	{"any bytes", []step{{commit: storage.Commit{Adds: blocks(
		log1, "\x00", log2, "\xff\xfe\xfd", seg1, strings.Repeat("\x00", 1000), page, everyByte())}}}},
	{"ids as numbers, not as text", []step{{commit: storage.Commit{Adds: blocks(
		storage.Log|10, "10", storage.Log|9, "9", storage.Log|256, "256", storage.Log|255, "255", storage.Log|65536, "65536",
		storage.Log, "0", storage.Log|1<<31, "31", storage.Log|1<<32, "32", storage.Log|1<<32|9, "32 and 9")}}}},
	{"classes apart", []step{{commit: storage.Commit{Adds: blocks(
		storage.Page|7, "page", storage.Segment|7, "segment", storage.Log|7, "log", storage.Manifest|7, "manifest")}}}},
	{"ids at the edges", []step{
		{commit: storage.Commit{Adds: blocks(
			storage.Manifest, "0", storage.Log-1, "last of a class", storage.Log, "first of the next",
			storage.Page|maxN, "last page", maxID-1, "last but one", maxID, "last")}},
		{commit: storage.Commit{Adds: blocks(maxID-1, "again")}, err: storage.ErrExists},
		{commit: storage.Commit{Puts: blocks(maxID, "put")}},
		{commit: storage.Commit{Dels: []storage.ID{maxID - 1}}},
	}},
}

// refused is a commit with adds, one of which exists, beside a put and a deletion that must not happen either.
func refused(adds []storage.Block) []step {
	return []step{
		{commit: storage.Commit{Adds: blocks(log1, "one", seg1, "stays"), Puts: blocks(storage.Manifest, "old")}},
		{
			commit: storage.Commit{Adds: adds, Puts: blocks(storage.Manifest, "new", maxID, "new"), Dels: []storage.ID{seg1}},
			err:    storage.ErrExists,
		},
	}
}

// blocks makes blocks of pairs: an id, then its data as a string.
func blocks(pairs ...any) []storage.Block {
	var out []storage.Block
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, storage.Block{ID: pairs[i].(storage.ID), Data: []byte(pairs[i+1].(string))})
	}
	return out
}

func everyByte() string {
	var b []byte
	for i := range 256 {
		b = append(b, byte(i))
	}
	return string(b)
}
