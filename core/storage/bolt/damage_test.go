package bolt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/masqdev/masq/core/storage"
	"github.com/masqdev/masq/core/storage/bolt"
)

const pageSize = 4096

// written returns the file of a store with branches, leaves, overflowing values, free pages and both meta pages in use, without the reserve behind it.
func written(t testing.TB) []byte {
	path := filepath.Join(t.TempDir(), "masq.db")
	s := open(t, path)
	var g storage.Commit
	for i := range storage.ID(300) {
		g.Adds = append(g.Adds, storage.Block{ID: storage.Log | i, Data: bytes.Repeat([]byte{byte(i)}, int(i%7)*90)})
	}
	commit(t, s, g)
	commit(t, s, storage.Commit{Adds: []storage.Block{{ID: storage.Segment, Data: make([]byte, 3*pageSize)}}})
	commit(t, s, storage.Commit{Dels: []storage.ID{storage.Log | 1, storage.Log | 2, storage.Log | 200}})
	commit(t, s, put(storage.Manifest, "manifest"))
	s.Close()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pages := uint64(0)
	for _, meta := range [][]byte{file[16:80], file[pageSize+16 : pageSize+80]} {
		pages = max(pages, binary.NativeEndian.Uint64(meta[40:]))
	}
	return file[:pages*pageSize]
}

// resealed returns file with the checksums of its meta pages made to fit what they say.
func resealed(file []byte) []byte {
	for at := 0; at+80 <= len(file) && at <= pageSize; at += pageSize {
		sum := fnv.New64a()
		sum.Write(file[at+16 : at+72])
		binary.NativeEndian.PutUint64(file[at+72:], sum.Sum64())
	}
	return file
}

// use opens a file, and if that is possible reads and writes with it. It returns Open's error, and fails t at a panic, at
// errors that do not say that the file is damaged, and if a file that cannot be opened was changed.
func use(t testing.TB, file []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "masq.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(path)
	if err != nil {
		if !errors.Is(err, bolt.ErrDamaged) && !errors.Is(err, bolt.ErrVersion) {
			t.Errorf("Open: %v", err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, file) {
			t.Error("a file that was refused has changed")
		}
		return err
	}
	for _, err := range exercise(s) {
		if err != nil && !errors.Is(err, bolt.ErrDamaged) && !errors.Is(err, storage.ErrExists) {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	return nil
}

func exercise(s *bolt.Store) []error {
	ids, listErr := s.List()
	_, loadErr := s.Load(ids)
	g := put(storage.Manifest, "new")
	for i := range storage.ID(100) {
		g.Puts = append(g.Puts, storage.Block{ID: storage.Log | i, Data: make([]byte, 500)})
	}
	g.Dels = append(ids[:len(ids)/2:len(ids)/2], storage.Segment)
	return []error{
		listErr, loadErr,
		s.Commit(storage.Commit{Adds: []storage.Block{{ID: storage.Page | 1<<40}}}, storage.Strict),
		s.Commit(g, storage.Strict),
	}
}

func TestDamaged(t *testing.T) {
	file := written(t)
	if err := use(t, file); err != nil {
		t.Fatal(err)
	}
	r := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, len(file))
	r.Read(noise)
	edit := func(f func(file []byte)) []byte { out := bytes.Clone(file); f(out); return out }
	for name, c := range map[string][]byte{
		"empty":                     {},
		"one byte":                  {0},
		"text":                      []byte("this is not a database"),
		"noise":                     noise,
		"zeros":                     make([]byte, len(file)),
		"cut in the meta page":      file[:100],
		"cut behind a meta page":    file[:pageSize],
		"cut behind both":           file[:2*pageSize],
		"cut in the middle":         file[:len(file)/4],
		"both meta pages flipped":   edit(func(f []byte) { f[20] ^= 1; f[pageSize+20] ^= 1 }),
		"all but the meta pages":    edit(func(f []byte) { clear(f[2*pageSize:]) }),
		"noise but the meta pages":  edit(func(f []byte) { copy(f[2*pageSize:], noise) }),
		"a page size of nothing":    resealed(edit(func(f []byte) { clear(f[24:28]); clear(f[pageSize+24:][:4]) })),
		"more pages than there are": resealed(edit(func(f []byte) { f[16+43] = 1; f[pageSize+16+43] = 1 })),
		"no list of free pages": resealed(edit(func(f []byte) {
			for i := range 8 {
				f[16+32+i], f[pageSize+16+32+i] = 0xff, 0xff
			}
		})),
	} {
		if err := use(t, c); !errors.Is(err, bolt.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOneMetaPage: with either meta page gone the other one serves.
func TestOneMetaPage(t *testing.T) {
	for _, at := range []int{0, pageSize} {
		file := written(t)
		clear(file[at : at+pageSize])
		if err := use(t, file); err != nil {
			t.Errorf("without the one at %d: %v", at, err)
		}
	}
}

// TestDamagedAnywhere flips bits of the pages' headers and elements, and bits anywhere. FuzzOpen goes further.
func TestDamagedAnywhere(t *testing.T) {
	file := written(t)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 250 {
		bad := bytes.Clone(file)
		at := r.IntN(len(bad))
		if i%2 == 0 {
			at = at/pageSize*pageSize + r.IntN(100)
		}
		bad[at] ^= byte(1 << r.IntN(8))
		use(t, resealed(bad))
	}
}

// TestCutWhileOpen: another program cuts the file short while it is in use. That is an error, not the end of the program.
func TestCutWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "masq.db")
	if err := os.WriteFile(path, written(t), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if err := os.Truncate(path, 2*pageSize); err != nil {
		t.Fatal(err)
	}
	_, err := s.List()
	if !errors.Is(err, bolt.ErrDamaged) {
		t.Errorf("List: %v", err)
	}
	if err := s.Commit(put(storage.Manifest, "x"), storage.Strict); !errors.Is(err, bolt.ErrDamaged) {
		t.Errorf("Commit after damage: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := bolt.Open(path); !errors.Is(err, bolt.ErrDamaged) { // and not locked
		t.Errorf("opened again: %v", err)
	}
}

// FuzzOpen changes some bytes of a file, makes its checksums fit, cuts it, and uses it.
func FuzzOpen(f *testing.F) {
	file := written(f)
	for _, at := range []uint32{0, 26, 3 * pageSize, 5*pageSize + 8} {
		f.Add(at, []byte{1}, at+16, []byte{0xff, 0}, uint32(len(file)), true)
	}
	f.Add(uint32(0), file[pageSize:pageSize+80], uint32(9), []byte{}, uint32(1000), false)
	f.Fuzz(func(t *testing.T, at uint32, b []byte, at2 uint32, b2 []byte, size uint32, reseal bool) {
		bad := bytes.Clone(file)
		copy(bad[int(at)%len(bad):], b)
		copy(bad[int(at2)%len(bad):], b2)
		if reseal {
			resealed(bad)
		}
		use(t, bad[:min(int(size), len(bad))])
	})
}

// BenchmarkOpen opens databases of blocks of 64 KiB, which is mostly going through their structure.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{16, 1024, 4096} {
		b.Run(fmt.Sprintf("%dMiB", n/16), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "masq.db")
			s := open(b, path)
			for i := range n {
				commit(b, s, storage.Commit{Adds: []storage.Block{{ID: storage.Segment | storage.ID(i), Data: make([]byte, 64<<10)}}})
			}
			s.Close()
			for b.Loop() {
				open(b, path).Close()
			}
		})
	}
}
