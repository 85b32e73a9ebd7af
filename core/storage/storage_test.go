package storage

import "testing"

func TestID(t *testing.T) {
	for _, c := range []struct {
		id, class ID
		n         uint64
	}{
		{0, Manifest, 0},
		{Log, Log, 0},
		{Log | 7, Log, 7},
		{Segment | (1<<48 - 1), Segment, 1<<48 - 1},
		{Page | 1<<32, Page, 1 << 32},
		{1<<53 - 1, 0x1f << 48, 1<<48 - 1},
	} {
		if c.id.Class() != c.class || c.id.N() != c.n {
			t.Errorf("%x: class %x, n %x", c.id, c.id.Class(), c.id.N())
		}
	}
}

func TestCommitEmpty(t *testing.T) {
	for name, c := range map[string]struct {
		commit Commit
		want   bool
	}{
		"nothing": {Commit{}, true},
		"lists":   {Commit{Adds: []Block{}, Puts: []Block{}, Dels: []ID{}}, true},
		"add":     {Commit{Adds: []Block{{}}}, false},
		"put":     {Commit{Puts: []Block{{}}}, false},
		"delete":  {Commit{Dels: []ID{0}}, false},
	} {
		if c.commit.Empty() != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}
